//! Output that cannot be written, to a full disk, a closed stdout or a pipe that is no longer read; and that of a command
//! that is interrupted.

use std::fs::OpenOptions;
use std::io::pipe;
use std::process::{Command, Stdio};

use crate::harness::{CommandOutput, Folder, output_of};

/// Each write to it fails as on a full disk.
const FULL: &str = "/dev/full";

fn on_a_full_disk(folder: &Folder, args: &[&str]) -> CommandOutput {
    into(folder, args, OpenOptions::new().write(true).open(FULL).unwrap())
}

/// A pipe whose reader has ended, as `head` does.
fn into_a_closed_pipe(folder: &Folder, args: &[&str]) -> CommandOutput {
    let (_, writer) = pipe().unwrap();
    into(folder, args, writer)
}

fn into(folder: &Folder, args: &[&str], stdout: impl Into<Stdio>) -> CommandOutput {
    let child = folder.command(args).stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
    let ended = child.wait_with_output().unwrap();
    CommandOutput { code: ended.status.code(), stdout: String::new(), stderr: String::from_utf8(ended.stderr).unwrap() }
}

fn with_stdout_closed(folder: &Folder, args: &[&str]) -> CommandOutput {
    let command = folder.command(args);
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$0\" \"$@\" >&-"]).arg(command.get_program()).args(command.get_args());
    output_of(shell.env("USER", "tester"))
}

#[test]
fn output_on_a_full_disk_is_an_error() {
    let folder = Folder::new();
    let stack = folder.start();
    let commands: [&[&str]; 18] = [
        &["account", "show", "demo"],
        &["--json", "orders"],
        &["orders"],
        &["export", "--since", "30d"],
        &["audit"],
        &["events"],
        &["events", "--json"],
        &["stats"],
        &["explain", "demo"],
        &["statement", "--all"],
        &["statement", "--all", "--json"],
        &["doctor"],
        &["man"],
        &["completions", "bash"],
        &["send", "usage"],
        &["catalog", "check"],
        &["--help"],
        &["--version"],
    ];
    for args in commands {
        let ended = on_a_full_disk(&folder, args);
        assert_eq!(ended.code, Some(69), "{args:?}: {}", ended.stderr);
        let lines: Vec<&str> = ended.stderr.lines().collect();
        assert!(
            matches!(lines.as_slice(), [line] if line.contains("the output cannot be written")),
            "{args:?}: {lines:?}"
        );
    }
    // What the command itself has to say stays.
    let refused = on_a_full_disk(&folder, &["account", "show", "dmeo"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("there is no account"), "{}", refused.stderr);
    drop(stack);
}

#[test]
fn lost_secret_is_named_with_the_command_that_revokes_it() {
    let folder = Folder::new();
    assert!(folder.start().stop("INT").success());
    let reason = ["--reason", "x"];
    let commands: [(&[&str], &str); 3] = [
        (&["code", "make", "lost", "5"], "`code revoke lost "),
        (&["key", "make", "shop", "--scopes", "read"], "`key revoke service-"),
        (&["account", "api-key", "demo"], "`account revoke demo api-"),
    ];
    for (command, revoke) in commands {
        for json in [&[][..], &["--json"]] {
            let args = [command, &reason, json].concat();
            let lost = [
                on_a_full_disk(&folder, &args),
                with_stdout_closed(&folder, &args),
                into_a_closed_pipe(&folder, &args),
            ];
            for ended in lost {
                assert_eq!(ended.code, Some(69), "{args:?}: {}", ended.stderr);
                assert!(ended.stderr.contains("lost"), "{args:?}: {}", ended.stderr);
                let words = ended.stderr.split_once(revoke).unwrap_or_else(|| panic!("{args:?}: {}", ended.stderr)).1;
                let name = words.split(' ').next().unwrap();
                let revoke = revoke.trim_start_matches('`').to_owned() + name;
                let revoke: Vec<&str> = revoke.split(' ').chain(reason).collect();
                folder.stdout_of(&revoke);
            }
        }
    }
    let many = on_a_full_disk(&folder, &["code", "make", "many", "5", "--count", "30", "--reason", "x", "--id", "c1"]);
    assert!(many.stderr.contains("`code list many`") && many.stderr.contains("manual#c1"), "{}", many.stderr);
}

#[test]
fn closed_pipe_is_no_error() {
    let folder = Folder::new();
    let _stack = folder.start();
    for args in [&["completions", "bash"][..], &["man"], &["--help"], &["account", "show", "demo"]] {
        let ended = into_a_closed_pipe(&folder, args);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{args:?}");
    }
}

/// Many events, and a person who has seen enough.
#[test]
fn interrupt_prints_what_was_sent_until_then() {
    for (args, expected) in [(&[][..], "booked "), (&["--json"], "\"booked\": ")] {
        // Of its own: a stack goes on to book what an interrupted command has sent.
        let folder = Folder::new();
        let stack = folder.start();
        let mut command = folder.command(&[&["send", "usage", "--count", "100000"], args].concat());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        while stack.journal("usage#").is_empty() {}
        let interrupt = format!("kill -INT {}", child.id());
        assert!(Command::new("sh").args(["-c", &interrupt]).status().unwrap().success());
        let ended = child.wait_with_output().unwrap();
        let [stdout, stderr] = [ended.stdout, ended.stderr].map(|text| String::from_utf8(text).unwrap());
        assert_eq!(ended.status.code(), Some(130), "{stdout}{stderr}");
        let count = stdout.split_once(expected).unwrap_or_else(|| panic!("{stdout}")).1;
        assert!(!count.starts_with('0') && stderr.contains("--id evt_"), "{stdout}{stderr}");
    }
}
