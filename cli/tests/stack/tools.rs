//! The tools of an operator on one machine: `doctor`, `smoke`, completions and man pages.

use serde_json::Value;

use crate::harness::{Folder, failure, output_of};

fn report(folder: &Folder, code: i32) -> Value {
    let ended = folder.run(&["doctor", "--json"]);
    assert_eq!(ended.code, Some(code), "{}{}", ended.stdout, ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap()
}

fn found<'r>(report: &'r Value, check: &str) -> &'r Value {
    let mut findings = report["findings"].as_array().unwrap().iter();
    findings.find(|finding| finding["check"] == check).unwrap_or_else(|| panic!("no {check}: {report}"))
}

#[test]
fn doctor_is_green_on_a_running_stack_and_red_without_one() {
    let folder = Folder::new();
    let stack = folder.start();
    let healthy = report(&folder, 0);
    assert_eq!((&healthy["stage"], &healthy["grade"]), (&"local".into(), &"green".into()), "{healthy}");
    assert!(found(&healthy, "api")["says"].as_str().unwrap().contains(&stack.address()), "{healthy}");
    assert!(found(&healthy, "secrets")["says"].as_str().unwrap().contains("stripe"), "{healthy}");

    folder.stdout_of(&["pause", "fulfil", "--reason", "the operator is down", "--author", "ann"]);
    let paused = report(&folder, 0);
    assert_eq!(paused["grade"], "yellow");
    assert!(found(&paused, "paused")["says"].as_str().unwrap().contains("the operator is down (by ann"), "{paused}");
    drop(stack);

    let stopped = report(&folder, 1);
    let finding = found(&stopped, "api");
    let data = folder.data().display().to_string();
    assert_eq!(finding["says"], format!("no stack runs on {data}"), "another folder's stack may have the usual port");
    let start = format!("start the stack: cargo run -- --data {data}");
    assert_eq!((&finding["grade"], &finding["fix"]), (&"red".into(), &start.into()));
    let fix = format!("`hookledger resume fulfil --reason R --data {data}` once its cause is gone");
    assert_eq!(found(&stopped, "paused")["fix"], fix);
    let lines = folder.run(&["doctor"]);
    assert!(lines.stdout.contains("RED     api") && lines.stdout.contains("-> start the stack"), "{}", lines.stdout);
}

/// A real key of the other mode, in the environment of a machine.
#[test]
fn doctor_finds_a_placeholder_and_a_live_key() {
    let folder = Folder::new();
    let _stack = folder.start();
    for (setting, value, expected) in [
        ("WEBHOOK_SECRET", "changeme", "holds a placeholder"),
        ("STRIPE_SECRET_KEY", "sk_live_0123456789abcdefghijklmnop", "must be a key of test mode"),
    ] {
        let ended = output_of(folder.command(&["doctor"]).env(setting, value));
        assert_eq!(ended.code, Some(1), "{}", ended.stdout);
        assert!(ended.stdout.contains(expected) && !ended.stdout.contains(value), "{setting}: {}", ended.stdout);
    }
}

/// A program that reads the output gets no colours and no progress, and a person at a terminal may refuse them.
#[test]
fn colours_and_progress_are_for_a_terminal_alone() {
    const IN_A_TERMINAL: &str = "import pty, sys; pty.spawn(sys.argv[1:])";
    const GREEN: &str = "\u{1b}[32m";
    let folder = Folder::new();
    let _stack = folder.start();
    let at_terminal = |args: &[&str], no_color: &str| {
        let inner = folder.command(args);
        let mut outer = std::process::Command::new("python3");
        outer.args(["-c", IN_A_TERMINAL]).arg(inner.get_program()).args(inner.get_args());
        output_of(outer.env("NO_COLOR", no_color).env("TERM", "xterm").stdin(std::process::Stdio::null())).stdout
    };
    let piped = folder.run(&["doctor"]);
    assert!(piped.stdout.contains("ok      api") && !piped.stdout.contains('\u{1b}'), "{}", piped.stdout);
    assert!(!piped.stderr.contains('\u{1b}'), "{}", piped.stderr);
    let shown = at_terminal(&["doctor"], "");
    assert!(shown.contains(&format!("{GREEN}ok    ")), "{shown:?}");
    let explained = at_terminal(&["explain", "demo"], "");
    assert!(explained.contains(&format!("{GREEN}all is well")), "{explained:?}");
    let plain = at_terminal(&["doctor"], "1");
    assert!(plain.contains("ok      api") && !plain.contains(GREEN), "{plain:?}");
    let document = at_terminal(&["doctor", "--json"], "");
    assert!(document.contains("\"green\"") && !document.contains('\u{1b}'), "{document:?}");
}

#[test]
fn smoke_goes_from_end_to_end_and_back() {
    let folder = Folder::new();
    let stack = folder.start();
    let ended = folder.run(&["smoke", "--author", "ann"]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert!(!ended.stdout.contains("FAILED") && ended.stdout.lines().count() == 9, "{}", ended.stdout);
    // Nothing is left that could be spent, and the books agree.
    let owner = ended.stdout.split_whitespace().find(|word| word.starts_with("smoke-")).unwrap().to_owned();
    assert!(folder.stdout_of(&["account", "show", &owner]).contains("balance    0\n"), "{owner}");
    assert!(folder.stdout_of(&["audit"]).contains("differences  0"));
    // A live stage would refuse the payment, with an alarm: nothing is bought there.
    let ended = output_of(folder.command(&["smoke", "--author", "ann"]).env("STRIPE_LIVEMODE", "true"));
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let left_out = ended.stdout.lines().find(|line| line.starts_with("left")).unwrap_or_default();
    assert!(left_out.contains("StripeLivemode is true") && !ended.stdout.contains("order is made"), "{}", ended.stdout);
    drop(stack);
    let line = failure(69, folder.run(&["smoke", "--author", "ann"]));
    assert!(line.contains("no stack is running"), "{line}");
}

#[test]
fn completions_and_man_pages_have_every_command() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = folder.stdout_of(&["completions", shell]);
        assert!(script.contains("trial-balance") && script.contains("accept-loss"), "{shell}");
    }
    let page = folder.stdout_of(&["man"]);
    assert!(page.contains(".TH hookledger 1") && page.contains("doctor"), "{page}");
    let pages = folder.file("man1");
    let written = folder.stdout_of(&["man", "--to", &pages.display().to_string()]);
    let entries = std::fs::read_dir(&pages).unwrap();
    let names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    for name in ["hookledger.1", "hookledger-account-show.1", "hookledger-pause.1", "hookledger-dlq-redrive.1"] {
        assert!(names.iter().any(|found| found == name), "{name}: {names:?}");
    }
    assert!(written.starts_with(&format!("{} pages in ", names.len())), "{written}");
}

#[test]
fn tools_of_a_deployed_stage_say_so_on_one_machine() {
    let folder = Folder::new();
    assert!(folder.start().stop("INT").success());
    for args in [
        &["dlq", "list"][..],
        &["dlq", "redrive", "fulfil"],
        &["secrets", "rotate", "usage", "--reason", "r"],
        &["secrets", "retire", "epay", "--reason", "r"],
    ] {
        let line = failure(2, folder.run(args));
        assert!(line.contains("add --aws --stage STAGE"), "{args:?}: {line}");
    }
    // Who and why come first, as with every other change.
    let line = folder.run(&["secrets", "rotate", "usage"]).stderr;
    assert!(line.contains("--reason"), "{line}");
}
