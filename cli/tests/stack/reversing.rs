//! `reverse` on the books of a running stack, and of a folder without one.

use serde_json::Value;

use crate::harness::{Folder, failure, field, refusal};

fn spend(folder: &Folder, id: &str, cost: &str) {
    let cost = format!("data.creditCost={cost}");
    folder.stdout_of(&["send", "usage", "--id", id, "--set", "data.remoteKeyId=sk-7", "--set", &cost]);
}

fn balance(folder: &Folder) -> String {
    field(&folder.stdout_of(&["account", "show", "alice"]), "balance").to_owned()
}

#[test]
fn usage_is_reversed_once() {
    let folder = Folder::new();
    let stack = folder.start();
    folder.stdout_of(&["account", "credit", "alice", "10", "--reason", "trial", "--new"]);
    folder.stdout_of(&["account", "key", "alice", "sk-7", "--reason", "trial"]);
    spend(&folder, "part", "3");
    spend(&folder, "whole", "5");
    let reverse = |args: &[&str]| folder.run(&[&["reverse"], args, &["--reason", "a wrong price"]].concat());
    let expect = |args: &[&str], first: &str| {
        let ended = reverse(args);
        assert_eq!(ended.code, Some(0), "{args:?}: {}", ended.stderr);
        assert!(ended.stdout.starts_with(first), "{args:?}: {}", ended.stdout);
    };
    expect(&["usage#part", "--amount", "2", "--id", "r1"], "done: manual#r1");
    assert_eq!(balance(&folder), "4");
    // Under its id and under another: the first reversal stands.
    expect(&["usage#part", "--amount", "2", "--id", "r1"], "already done: reversed#usage#part");
    expect(&["usage#part", "--amount", "2"], "already done: reversed#usage#part");
    // Another amount, or all of it, is another reversal.
    for other in [&["usage#part", "--amount", "1"] as &[&str], &["usage#part"]] {
        let line = refusal(reverse(other));
        assert!(line.contains("usage#part is reversed already, by 2"), "{other:?}: {line}");
    }
    assert_eq!(balance(&folder), "4");
    let row = stack.journal("manual#").into_iter().find(|row| row["id"]["S"] == "manual#r1").unwrap();
    let facts = ["reason", "usage", "amount"].map(|name| row["facts"]["M"][name]["S"].as_str().unwrap().to_owned());
    assert_eq!(facts, ["a wrong price", "usage#part", "2"]);
    assert!(stack.stop("INT").success());

    // Without a stack.
    expect(&["usage#whole", "--id", "r2"], "done: manual#r2");
    assert_eq!(balance(&folder), "9");
    let _stack = folder.start();
    // The sender repeats the event: it is booked, and not charged once more.
    assert!(
        folder
            .run(&["send", "usage", "--id", "whole", "--set", "data.remoteKeyId=sk-7", "--set", "data.creditCost=5"])
            .stdout
            .contains("repeat")
    );
    assert_eq!(balance(&folder), "9");
    let audit: Value = serde_json::from_str(&folder.stdout_of(&["audit", "--json"])).unwrap();
    assert_eq!(audit["differences"], Value::Array(Vec::new()));
}

#[test]
fn bad_reversal_is_refused_and_changes_nothing() {
    let folder = Folder::new();
    let _stack = folder.start();
    folder.stdout_of(&["account", "credit", "alice", "10", "--reason", "trial", "--new", "--id", "c1"]);
    folder.stdout_of(&["account", "key", "alice", "sk-7", "--reason", "trial"]);
    spend(&folder, "e1", "3");
    spend(&folder, "free", "0");
    folder.run(&["send", "usage", "--id", "refused", "--set", "data.remoteKeyId=sk-7", "--set", "data.creditCost=99"]);
    let rows: &[(&[&str], i32, &str)] = &[
        (&["usage#none"], 1, "no usage event usage#none is booked"),
        (&["usage#refused"], 1, "no usage event usage#refused is booked"),
        (&["usage#free"], 1, "it cost nothing"),
        (&["usage#e1", "--amount", "3.000000001"], 1, "it charged 3"),
        (&["usage#e1", "--amount", "0"], 2, "moves nothing"),
        (&["usage#e1", "--amount", "-1"], 2, "must not be negative"),
        (&["usage#e1", "--amount", "1e1"], 2, "must be a plain decimal number"),
        (&["usage#e1", "--amount", "0.0000000001"], 2, "must have at most 9 decimals"),
        (&["manual#c1"], 2, "is not the key of a usage event"),
        (&["e1"], 2, "is not the key of a usage event"),
        (&["usage#"], 2, "is not the key of a usage event"),
        (&["usage#a#b"], 2, "is not the key of a usage event"),
    ];
    let before = folder.stdout_of(&["account", "show", "alice", "--json"]);
    for (args, code, message) in rows {
        let line = failure(*code, folder.run(&[&["reverse"], *args, &["--reason", "r"]].concat()));
        assert!(line.contains(message), "{args:?}: {line}");
    }
    assert_eq!(folder.stdout_of(&["account", "show", "alice", "--json"]), before);
}
