//! Budgets by the command line: what is set, what is counted, what is refused, and what a wrong command changes.

use embedded::Engine;

use crate::harness::{Folder, Stack};

/// Everything that the books have, before and after a command that must change nothing.
fn shown(folder: &Folder) -> String {
    folder.stdout_of(&["account", "show", "alice", "--json"])
}

#[test]
fn key_counts_holds_and_usage_up_to_its_limits() {
    let folder = Folder::new();
    let _stack = folder.start();
    folder.stdout_of(&["account", "credit", "alice", "50", "--reason", "trial", "--new"]);
    folder.stdout_of(&["account", "key", "alice", "42", "--reason", "trial"]);
    let set = ["account", "budget", "alice", "gateway-42", "--day", "5", "--id", "b1", "--reason", "trial"];
    assert!(folder.stdout_of(&set).contains("0 of 5"));
    assert!(folder.stdout_of(&set).contains("b1"), "the same change again");
    let hold = |id: &str, sum: &str| {
        let words = ["hold", "open", "alice", sum, "--key", "gateway-42", "--id", id, "--reason", "trial"];
        folder.run(&words)
    };
    assert_eq!(hold("h1", "4").code, Some(0));
    let refused = hold("h2", "2");
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("would exceed the day limit of its key"), "{}", refused.stderr);
    folder.stdout_of(&["hold", "settle", "h1", "1.5", "--reason", "trial"]);
    let usage = ["send", "usage", "--id", "evt_1", "--set", "data.remoteKeyId=42", "--set", "data.creditCost=4"];
    folder.stdout_of(&usage);
    let shown = folder.stdout_of(&["account", "show", "alice"]);
    assert!(shown.contains("5.5 of 5") || shown.contains("0 of 5"), "unless the day has just ended: {shown}");
    assert!(shown.contains("balance    44.5"), "{shown}");
}

/// By the row of the key, since no test can set the clock: its newest day is years before this machine's.
#[test]
fn hold_of_a_clock_that_may_be_ahead_takes_a_confirmation() {
    let folder = Folder::new();
    let stack = folder.start();
    folder.stdout_of(&["account", "credit", "alice", "50", "--reason", "trial", "--new"]);
    folder.stdout_of(&["account", "key", "alice", "42", "--reason", "trial"]);
    folder.stdout_of(&["account", "budget", "alice", "gateway-42", "--total", "5", "--reason", "trial"]);
    let hold = |id: &str, more: &[&str]| {
        let words = ["hold", "open", "alice", "1", "--key", "gateway-42", "--id", id, "--reason", "trial"];
        folder.run(&[&words, more].concat())
    };
    assert_eq!(hold("h1", &[]).code, Some(0), "a key without any use");
    assert!(Stack::stop(stack, "INT").success());
    let row = serde_json::json!({
        "TableName": "hookledger-local-accounts", "Key": { "id": { "S": "budget#key#remote#42" } },
        "UpdateExpression": "SET #day = :day, #month = :month",
        "ExpressionAttributeNames": { "#day": "day", "#month": "month" },
        "ExpressionAttributeValues": { ":day": { "S": "2024-01-01" }, ":month": { "S": "2024-01" } },
    });
    Engine::open(&folder.file("store.db")).unwrap().request("UpdateItem", &row).unwrap();
    let refused = hold("h2", &[]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("was last used on 2024-01-01"), "{}", refused.stderr);
    assert_eq!(hold("h2", &["--clock-checked"]).code, Some(0));
    assert_eq!(hold("h3", &[]).code, Some(0), "its newest day is today");
}

#[test]
fn wrong_budget_changes_nothing() {
    let folder = Folder::new();
    let _stack = folder.start();
    folder.stdout_of(&["account", "credit", "alice", "50", "--reason", "trial", "--new"]);
    folder.stdout_of(&["account", "key", "alice", "42", "--reason", "trial"]);
    folder.stdout_of(&["account", "key", "alice", "43", "--reason", "trial"]);
    folder.stdout_of(&["account", "revoke", "alice", "gateway-43", "--reason", "trial"]);
    folder.stdout_of(&["account", "budget", "alice", "gateway-42", "--day", "5", "--reason", "trial"]);
    let before = shown(&folder);
    let rows: [(&[&str], i32); 14] = [
        (&["gateway-42"], 2),
        (&["gateway-42", "--day", ""], 2),
        (&["gateway-42", "--day", "-1"], 2),
        (&["gateway-42", "--day", "1e3"], 2),
        (&["gateway-42", "--day", "five"], 2),
        (&["gateway-42", "--day", "0.0000000001"], 2),
        (&["gateway-42", "--month", "99999999999999999999"], 2),
        (&["gateway-42", "--total", "None"], 2),
        (&["gateway-42", "--zone", "8"], 2),
        (&["gateway-42", "--zone", "+15:00"], 2),
        (&["gateway-42", "--zone", "Asia/Shanghai"], 2),
        (&["gateway-43", "--day", "5"], 1),
        (&["gateway-44", "--day", "5"], 1),
        (&["42", "--day", "5"], 1),
    ];
    for (words, code) in rows {
        let command = [&["account", "budget", "alice"], words, &["--reason", "trial"]].concat();
        let ended = folder.run(&command);
        assert_eq!(ended.code, Some(code), "{command:?}: {}", ended.stderr);
        assert_eq!(shown(&folder), before, "{command:?}");
    }
    assert_eq!(folder.run(&["account", "budget", "bob", "gateway-42", "--day", "1", "--reason", "r"]).code, Some(1));
    assert_eq!(shown(&folder), before);
}
