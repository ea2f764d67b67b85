//! The commands of the README, the quickstart and the page of the command line, run as they stand there.

use std::fs;
use std::path::Path;

use crate::harness::Folder;

/// Printed after each command, with its exit code.
const MARK: &str = "@@ ";
const BASE: &str = "http://127.0.0.1:9000";

struct Shown {
    command: String,
    /// What the page shows below it; empty where it shows nothing.
    output: String,
}

struct Printed {
    output: String,
    code: String,
}

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)).unwrap()
}

/// The code blocks of a page in this language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    page.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// What stands after a prompt, each with the lines below it.
fn shown(page: &str) -> Vec<Shown> {
    let text = blocks(page, "console").concat();
    let commands = text.split("$ ").skip(1).map(|part| part.split_once('\n').unwrap());
    // A `$ ` inside of a command would be taken for a prompt: none has one.
    commands.map(|(command, output)| Shown { command: command.to_owned(), output: output.trim().to_owned() }).collect()
}

/// All commands in one shell, so that its variables and the last exit code stay.
fn run(folder: &Folder, base: &str, commands: &[String]) -> Vec<Printed> {
    let marked = |command: &String| format!("{command}\ncode=$?; printf '\\n{MARK}%s\\n' $code; (exit $code)\n");
    let script: String = commands.iter().map(marked).collect();
    let ended = folder.shell(&script.replace(BASE, base));
    let stdout = ended.stdout.replace(base, BASE);
    let mut printed = Vec::new();
    let mut output = String::new();
    for line in stdout.lines() {
        if let Some(code) = line.strip_prefix(MARK) {
            printed.push(Printed { output: output.trim().to_owned(), code: code.to_owned() });
            output.clear();
        } else {
            output.push_str(line);
            output.push('\n');
        }
    }
    assert_eq!(printed.len(), commands.len(), "{}", ended.stderr);
    printed
}

/// Its lines without what differs from run to run: times, durations and generated ids. Replies of equal number come in any order.
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
fn commands_of_the_pages_print_what_the_pages_show() {
    for (name, commands_min) in [("docs/quickstart.md", 14), ("docs/cli.md", 2)] {
        let folder = Folder::new();
        let stack = folder.start();
        let documented = shown(&page(name));
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
fn commands_of_the_readme_do_what_their_comments_say() {
    for name in ["README.md", "README.zh.md"] {
        let folder = Folder::new();
        let _stack = folder.start();
        let text = blocks(&page(name), "sh").concat();
        let commands: Vec<String> =
            text.lines().filter(|line| line.starts_with("cargo run -q --")).map(str::to_owned).collect();
        let outputs: Vec<String> = run(&folder, BASE, &commands).into_iter().map(|printed| printed.output).collect();
        let expected = ["  booked  ", "  repeat  ", "  balance    999.99766\n"];
        assert_eq!(outputs.len(), expected.len(), "{name}: {commands:?}");
        for (output, expected) in outputs.iter().zip(expected) {
            assert!(output.contains(expected), "{name}: {output}");
        }
    }
}
