//! A question at a terminal: `script`, of util-linux, gives the command a terminal of its own and types what it reads.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::process::Command;

use crate::harness::{Ended, Folder, ended, shown};

const QUESTION: &str = "Make it? Type yes:";

/// What the command prints at a terminal at which this is typed; nothing is typed after it. Its two outputs are one there.
fn at_terminal(folder: &Folder, args: &[&str], typed: &str) -> Ended {
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
    ended(&mut script)
}

#[test]
fn account_is_made_at_a_terminal_after_yes_alone() {
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
        // At a terminal, what is typed; without one, nothing can be.
        let rows = [(Some("no\n"), 1), (Some("y\n"), 1), (Some("\n"), 1), (Some(""), 1), (None, 1), (Some("yes\n"), 0)];
        for (typed, code) in rows {
            let ended = match typed {
                Some(typed) => at_terminal(&folder, &with_reason, typed),
                None => folder.run(&with_reason),
            };
            let said = format!("{}{}", ended.stdout, ended.stderr);
            assert_eq!(ended.code, Some(code), "{name} {typed:?}: {said}");
            assert_eq!(said.contains(QUESTION), typed.is_some(), "{name} {typed:?}: {said}");
            let refusal = format!("there is no account {owner}/credits: check the name, or add --new");
            assert_eq!(said.contains(&refusal), code == 1, "{name} {typed:?}: {said}");
            assert_eq!(folder.run(&["account", "show", owner]).code, Some(code), "{name} {typed:?}");
        }
        // It is there now: nothing to ask.
        let again = at_terminal(&folder, &with_reason, "");
        assert!(again.code == Some(0) && !again.stdout.contains(QUESTION), "{name}: {}", again.stdout);
    }
    assert_eq!(shown(&folder.told(&["account", "show", "dmeo"]), "balance"), "10");
}
