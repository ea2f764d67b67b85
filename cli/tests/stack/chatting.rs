//! `chat`: an answer as it comes and whole, what it costs, and each way in which there is none.

use serde_json::Value;

use crate::harness::{CommandOutput, Folder, failure};

/// By the rate card: nine tokens of the prompt and three of the answer.
const COST: &str = "0.000378";

#[test]
fn chat_of_the_page_is_answered() {
    let page = include_str!("../../../docs/cli.md");
    let command = page.lines().find(|line| line.starts_with("cargo run -q -- chat ")).expect("a command");
    let folder = Folder::new();
    let _stack = folder.start();
    let CommandOutput { code, stdout, .. } = folder.shell(command);
    assert_eq!((code, stdout.as_str()), (Some(0), "You wrote: hello\n"));
}

#[test]
fn answer_is_printed_and_paid_for() {
    let folder = Folder::new();
    let _stack = folder.start();
    let CommandOutput { code, stdout, stderr } = folder.run(&["chat", "hello"]);
    assert_eq!((code, stdout.as_str()), (Some(0), "You wrote: hello\n"));
    assert_eq!(stderr, "hookledger: gpt-4o-mini: 9 + 3 tokens\n");

    let whole: Value =
        serde_json::from_str(&folder.stdout_of(&["chat", "hello", "--no-stream", "--json"])).expect("an object");
    assert_eq!(whole["text"], "You wrote: hello");
    assert_eq!((&whole["promptTokens"], &whole["completionTokens"]), (&Value::from(9), &Value::from(3)));
    assert_eq!((&whole["cost"], &whole["isFallback"]), (&Value::from(COST), &Value::from(false)));
    let shown = folder.stdout_of(&["account", "show", "demo"]);
    assert!(shown.contains("balance    999.999244"), "{shown}");
}

#[test]
fn refusal_has_its_exit_code() {
    let folder = Folder::new();
    let line = folder.fails(69, &["chat", "hello"]);
    assert!(line.contains("is `cargo run` running?"), "{line}");
    let _stack = folder.start();
    let line = folder.refused(&["chat", "hello", "--model", "no-one-knows-me"]);
    assert!(line.contains("(400 model_not_found)"), "{line}");
    let line = folder.fails(75, &["chat", "fail-429"]);
    assert!(line.contains("(429 upstream_rate_limited)"), "{line}");
    let mut other = folder.command(&["chat", "hello"]);
    let line = failure(1, crate::harness::output_of(other.env("HOOKLEDGER_API_KEY", "hk_of_no_one")));
    assert!(line.contains("(401 invalid_api_key)"), "{line}");
    let mut plain = folder.command(&["chat", "hello", "--url", "http://chat.example/v1"]);
    let line = failure(2, crate::harness::output_of(plain.env("HOOKLEDGER_API_KEY", "hk_of_no_one")));
    assert!(line.contains("is no address of an API"), "{line}");
}
