//! Confirmation prompts: `script`, of util-linux, runs the command at a pseudo-terminal and types its own input there.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::process::Command;

use crate::harness::{CommandOutput, Folder, field, output_of};

const QUESTION: &str = "Create it? Type yes:";

/// Runs the command at a terminal with this input and no more. A terminal merges stdout and stderr.
fn at_terminal(folder: &Folder, args: &[&str], typed: &str) -> CommandOutput {
    let command = folder.command(args);
    let quoted = |text: &std::ffi::OsStr| format!("'{}'", text.to_str().unwrap().replace('\'', r"'\''"));
    let line: Vec<String> = std::iter::once(command.get_program()).chain(command.get_args()).map(quoted).collect();
    let mut keyboard: File = tempfile::tempfile().unwrap();
    keyboard.write_all(typed.as_bytes()).unwrap();
    keyboard.rewind().unwrap();
    let mut script = Command::new("script");
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    script.args(["--quiet", "--return", "--command", &line.join(" "), "/dev/null"]).stdin(keyboard);
    output_of(&mut script)
}

#[test]
fn account_is_created_at_a_terminal_only_after_yes() {
    let folder = Folder::new();
    let _stack = folder.start();
    let commands: [(&str, &[&str]); 3] = [
        ("credit", &["account", "credit", "dmeo", "5"]),
        ("overdraft", &["account", "overdraft", "dmoe", "5"]),
        ("policy", &["account", "policy", "edmo", "prepaid"]),
    ];
    for (name, command) in commands {
        let owner = command[2];
        let with_reason = [command, &["--reason", "trial"]].concat();
        // The input at a terminal, or `None` without one.
        let rows = [(Some("no\n"), 1), (Some("y\n"), 1), (Some("\n"), 1), (Some(""), 1), (None, 1), (Some("yes\n"), 0)];
        for (typed, code) in rows {
            let ended = match typed {
                Some(typed) => at_terminal(&folder, &with_reason, typed),
                None => folder.run(&with_reason),
            };
            let output = format!("{}{}", ended.stdout, ended.stderr);
            assert_eq!(ended.code, Some(code), "{name} {typed:?}: {output}");
            assert_eq!(output.contains(QUESTION), typed.is_some(), "{name} {typed:?}: {output}");
            let refusal = format!("there is no account {owner}/credits: check the name, or add --new");
            assert_eq!(output.contains(&refusal), code == 1, "{name} {typed:?}: {output}");
            assert_eq!(folder.run(&["account", "show", owner]).code, Some(code), "{name} {typed:?}");
        }
        // The account exists now, so there is no prompt.
        let again = at_terminal(&folder, &with_reason, "");
        assert!(again.code == Some(0) && !again.stdout.contains(QUESTION), "{name}: {}", again.stdout);
    }
    assert_eq!(field(&folder.stdout_of(&["account", "show", "dmeo"]), "balance"), "10");
}
