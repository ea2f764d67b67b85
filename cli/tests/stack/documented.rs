//! Runs the commands of the README, the quickstart and docs/cli.md, and compares their output with the page. Every other
//! page with commands is listed, with the file that runs them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::{Folder, field};

/// Printed after each command, with its exit code.
const MARK: &str = "@@ ";
const BASE: &str = "http://127.0.0.1:9000";

/// What runs the commands of each page.
const RUN_BY: [(&str, &str); 18] = [
    ("README.md", HERE),
    ("README.zh.md", HERE),
    ("docs/quickstart.md", HERE),
    ("docs/cli.md", HERE),
    ("docs/books.md", "cli/tests/stack/account_transfers.rs"),
    ("docs/codes.md", "cli/tests/stack/codes.rs"),
    ("docs/deploy.md", "tests/deploy/deployment.py"),
    ("docs/local-lambda.md", "tests/deploy/watch.py"),
    ("docs/operate.md", "cli/tests/stack/repairing.rs"),
    ("docs/fulfilment.md", "cli/tests/stack/operator.rs"),
    ("docs/orders.md", "cli/tests/stack/rates.rs"),
    ("docs/providers/epay.md", "cli/tests/stack/epay.rs"),
    ("docs/providers/fireblocks.md", "cli/tests/stack/fireblocks.rs"),
    ("docs/providers/usage.md", "cli/tests/stack/accounts.rs"),
    ("docs/providers/wechat.md", "cli/tests/stack/wechat.rs"),
    ("tests/README.md", ".ci/run"),
    ("CONTRIBUTING.md", ".ci/run"),
    // Each instrument's own command, printed with its result.
    ("PROOF.md", "xtask/src/proof.rs"),
];
const HERE: &str = "cli/tests/stack/documented.rs";

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

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// The commands of a page in blocks of either kind, without comments and reasons, which are in the page's language.
fn commands_of(page: &str) -> Vec<String> {
    let text = blocks(page, "sh").concat() + &blocks(page, "console").concat();
    let lines = text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split(" #").next().unwrap());
    let without_reason = |line: &str| match line.split_once("--reason \"") {
        Some((before, rest)) => format!("{before}{}", rest.split_once('"').unwrap().1),
        None => line.to_owned(),
    };
    lines.map(|line| without_reason(line).trim_end().to_owned()).collect()
}

/// The names of all pages, from the root.
fn pages() -> BTreeSet<String> {
    let folders = ["", "docs", "docs/providers", "tests", "examples", ".github"];
    let files = folders.into_iter().flat_map(|folder| {
        let files = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().file_name());
        files.map(move |file| Path::new(folder).join(file))
    });
    let pages = files.filter(|file| file.extension().is_some_and(|ending| ending == "md"));
    pages.map(|file| file.display().to_string()).collect()
}

/// The code blocks of a page in this language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    page.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
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
        let expected = ["  booked  ", "  repeat  ", "  balance    999.99766\n"];
        assert_eq!(outputs.len(), expected.len(), "{name}: {commands:?}");
        for (output, expected) in outputs.iter().zip(expected) {
            assert!(output.contains(expected), "{name}: {output}");
        }
    }
}

#[test]
fn page_with_commands_names_what_runs_them() {
    let is_translation = |name: &String| name.ends_with(".zh.md") && name.as_str() != "README.zh.md";
    let with_commands = pages().into_iter().filter(|name| !commands_of(&page(name)).is_empty());
    let listed: BTreeSet<String> = RUN_BY.iter().map(|(name, _)| (*name).to_owned()).collect();
    let originals: BTreeSet<String> = with_commands.filter(|name| !is_translation(name)).collect();
    assert_eq!(originals, listed);
    for (name, by) in RUN_BY {
        assert!(root().join(by).is_file(), "{name}: {by} does not exist");
    }
}

#[test]
fn translated_page_has_the_same_commands() {
    let translated: Vec<String> = pages().into_iter().filter(|name| name.ends_with(".zh.md")).collect();
    assert!(translated.len() > 5, "{translated:?}");
    for name in translated {
        let original = name.replace(".zh.md", ".md");
        assert_eq!(commands_of(&page(&name)), commands_of(&page(&original)), "{name}");
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
