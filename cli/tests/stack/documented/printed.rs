//! Runs the commands of the README, the quickstart and docs/cli.md, and compares their output with the page.

use super::page::{blocks, page};
use crate::harness::{Folder, field};

/// Printed after each command, with its exit code.
const MARK: &str = "@@ ";
const BASE: &str = "http://127.0.0.1:9000";

/// A command of a page with its documented output.
struct DocumentedCommand {
    command: String,
    /// Empty if the page shows no output.
    output: String,
}

/// The output and exit code of a command.
struct CommandResult {
    output: String,
    code: String,
}

/// The commands after each prompt, with the lines below them.
fn documented_commands(page: &str) -> Vec<DocumentedCommand> {
    let text = blocks(page, "console").concat();
    let commands = text.split("$ ").skip(1).map(|part| part.split_once('\n').unwrap());
    // No command may contain `$ `, which would count as a prompt.
    commands
        .map(|(command, output)| DocumentedCommand { command: command.to_owned(), output: output.trim().to_owned() })
        .collect()
}

/// Runs all commands in one shell, which keeps variables and the last exit code.
fn run(folder: &Folder, base: &str, commands: &[String]) -> Vec<CommandResult> {
    let marked = |command: &String| format!("{command}\ncode=$?; printf '\\n{MARK}%s\\n' $code; (exit $code)\n");
    let script: String = commands.iter().map(marked).collect();
    let ended = folder.shell(&script.replace(BASE, base));
    let stdout = ended.stdout.replace(base, BASE);
    let mut printed = Vec::new();
    let mut output = String::new();
    for line in stdout.lines() {
        if let Some(code) = line.strip_prefix(MARK) {
            printed.push(CommandResult { output: output.trim().to_owned(), code: code.to_owned() });
            output.clear();
        } else {
            output.push_str(line);
            output.push('\n');
        }
    }
    assert_eq!(printed.len(), commands.len(), "{}", ended.stderr);
    printed
}

/// The sorted lines, with times, durations and generated ids masked. Replies of equal count come in any order.
fn masked(output: &str) -> Vec<String> {
    let mut lines: Vec<String> = output.lines().map(masked_line).filter(|line| !line.is_empty()).collect();
    lines.sort();
    lines
}

fn masked_line(line: &str) -> String {
    let is_timed = line.contains(" ms") || line.ends_with(" s");
    let is_generated = |word: &str| {
        let is_time = word.starts_with("20") && word.contains('T') && word.ends_with('Z');
        let is_id = (word.starts_with("HL") && word.len() == 28)
            || word.starts_with("cs_test_")
            || word.starts_with("pi_")
            || word.strip_prefix("evt_").is_some_and(|id| id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit()));
        let is_duration = is_timed && word.contains('.') && word.parse::<f32>().is_ok();
        is_time || is_id || is_duration
    };
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
    let mut masked = String::new();
    let mut rest = line.trim_end();
    while let Some(first) = rest.chars().next() {
        let word = rest.split(|c| !is_of_word(c)).next().unwrap();
        let taken = if word.is_empty() { rest.get(..first.len_utf8()).unwrap() } else { word };
        masked.push_str(if is_generated(taken) { "_" } else { taken });
        rest = rest.strip_prefix(taken).unwrap();
    }
    masked
}

#[test]
fn documented_commands_print_the_documented_output() {
    for (name, commands_min) in [("docs/quickstart.md", 14), ("docs/cli.md", 2)] {
        let folder = Folder::new();
        let stack = folder.start();
        let documented = documented_commands(&page(name));
        assert!(documented.len() >= commands_min, "{name} is read: {}", documented.len());
        let commands: Vec<String> = documented.iter().map(|shown| shown.command.clone()).collect();
        let printed = run(&folder, &format!("http://{}", stack.address()), &commands);
        for (shown, printed) in documented.iter().zip(&printed) {
            if shown.output.is_empty() {
                assert_eq!(printed.code, "0", "{name}: {}", shown.command);
            } else {
                assert_eq!(masked(&printed.output), masked(&shown.output), "{name}: {}", shown.command);
            }
        }
    }
}

#[test]
fn readme_commands_print_the_commented_result() {
    for name in ["README.md", "README.zh.md"] {
        let folder = Folder::new();
        let _stack = folder.start();
        let text = blocks(&page(name), "sh").concat();
        let commands: Vec<String> =
            text.lines().filter(|line| line.starts_with("cargo run -q --")).map(str::to_owned).collect();
        let outputs: Vec<String> = run(&folder, BASE, &commands).into_iter().map(|printed| printed.output).collect();
        let expected = ["  booked  ", "  repeat  ", "  balance    999.99766\n", "\nall is well"];
        assert_eq!(outputs.len(), expected.len(), "{name}: {commands:?}");
        for (output, expected) in outputs.iter().zip(expected) {
            assert!(output.contains(expected), "{name}: {output}");
        }
    }
}

/// The two blocks of the quickstart around the kill. Whenever it comes, the balance is exact at the end.
#[test]
fn documented_crash_leaves_the_balance_exact() {
    let page = page("docs/quickstart.md");
    let of_crash: Vec<String> = blocks(&page, "sh").into_iter().filter(|block| block.contains("--id crash")).collect();
    let [killing, again] = of_crash.as_slice() else { panic!("{of_crash:?}") };
    let folder = Folder::new();
    let stack = folder.start();
    let killed = folder.shell(killing);
    assert!(killed.stdout.contains("no reply "), "{}{}", killed.stdout, killed.stderr);
    drop(stack);

    let _stack = folder.start();
    let ended = folder.shell(again);
    let printed = &ended.stdout;
    assert_eq!(ended.code, Some(0), "{printed}{}", ended.stderr);
    assert!(printed.contains("no reply 0;"), "{printed}");
    assert!(printed.contains("differences  0\n"), "{printed}");
    // 1000 - 2,000 x 0.00234.
    assert_eq!(field(printed, "balance"), "995.32", "{printed}");
}

#[test]
fn batches_are_counted_event_by_event() {
    let folder = Folder::new();
    let stack = folder.start();
    let send = |words: &[&str]| folder.run(&[&["send", "usage", "--batch"], words].concat());
    let shown = send(&["--count", "2", "--id", "b"]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    assert!(shown.stdout.contains("b-1  booked") && shown.stdout.contains("b-2  booked"), "{}", shown.stdout);
    let again = send(&["--count", "250", "--id", "b"]);
    assert!(again.stdout.contains("booked 248, repeats 2, refused 0"), "{}", again.stdout);
    let refused = send(&["--count", "3", "--set", "data.creditCost=400", "--standard"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stdout.contains("refused insufficient_credits"), "{}", refused.stdout);
    assert_eq!(send(&["--secret", "another"]).code, Some(1));
    assert_eq!(stack.journal("usage#b-").len(), 250);
    let none = folder.run(&["send", "stripe", "--batch"]);
    assert_eq!((none.code, none.stderr.contains("stripe has no batches")), (Some(2), true), "{}", none.stderr);
}
