//! `rate` on the books of a running stack, and of a folder without one.

use crate::harness::{Folder, failure, refusal};

const PAIR: &str = "MNT/CNY";

fn list(folder: &Folder) -> serde_json::Value {
    serde_json::from_str(&folder.stdout_of(&["rate", "list", "--json"])).unwrap()
}

fn states(folder: &Folder) -> Vec<String> {
    let list = list(folder);
    let rates = list["pairs"][PAIR].as_array().unwrap();
    rates.iter().map(|rate| format!("{} {}", rate["rate"], rate["state"]).replace('"', "")).collect()
}

#[test]
fn rate_is_set_once_listed_and_revoked() {
    let folder = Folder::new();
    assert!(folder.start().stop("INT").success());
    assert_eq!(states(&folder), ["0.00204 in_force"], "the demo's");
    let change = |args: &[&str], id: &str| {
        let ended = folder.run(&[&["rate"], args, &["--reason", "the bank's", "--author", "ann", "--id", id]].concat());
        assert_eq!(ended.code, Some(0), "{args:?}: {}", ended.stderr);
        ended.stdout
    };
    let ahead = "2026-12-31T00:00:00+08:00";
    assert!(change(&["set", PAIR, "0.0021"], "r1").starts_with("done: manual#r1\n"));
    assert_eq!(states(&folder), ["0.0021 in_force", "0.00204 ended"]);
    // Once more under its id, with and without a stack.
    assert!(change(&["set", PAIR, "0.0021"], "r1").starts_with("already done: manual#r1"));
    let stack = folder.start();
    assert!(change(&["set", PAIR, "0.0021"], "r1").starts_with("already done: manual#r1"));
    assert!(change(&["set", PAIR, "0.003", "--from", ahead], "r2").starts_with("done: manual#r2\n"));
    assert!(change(&["set", PAIR, "0.003", "--from", ahead], "r2").starts_with("already done: manual#r2"));
    assert_eq!(states(&folder), ["0.003 ahead", "0.0021 in_force", "0.00204 ended"]);
    change(&["revoke", PAIR, "--from", ahead], "r3");
    assert!(change(&["revoke", PAIR, "--from", ahead], "r3").starts_with("already done: manual#r3"));
    assert_eq!(states(&folder), ["0.003 revoked", "0.0021 in_force", "0.00204 ended"]);
    // Another command under an id that is taken, also where the rates alone refuse it.
    let others: [&[&str]; 4] = [
        &["set", PAIR, "0.0042", "--id", "r1"],
        &["set", PAIR, "0.004", "--from", ahead, "--id", "r2"],
        &["revoke", PAIR, "--from", ahead, "--id", "r2"],
        &["revoke", "USD/CNY", "--from", ahead, "--id", "r3"],
    ];
    for other in others {
        let line = refusal(folder.run(&[&["rate"], other, &["--reason", "r"]].concat()));
        assert!(line.contains("names another change already"), "{other:?}: {line}");
    }
    assert_eq!(states(&folder), ["0.003 revoked", "0.0021 in_force", "0.00204 ended"]);
    let row = stack.journal("manual#").into_iter().find(|row| row["id"]["S"] == "manual#r2").unwrap();
    let fact = |name: &str| row["facts"]["M"][name]["S"].as_str().unwrap().to_owned();
    let facts = ["author", "reason", "pair", "rate", "from"].map(fact);
    assert_eq!(facts, ["ann", "the bank's", PAIR, "0.003", "2026-12-30T16:00:00.000Z"]);
    drop(stack);

    // A restart leaves a person's rates as they are, and so does one without a rate in force.
    let in_force = list(&folder)["pairs"][PAIR][1]["from"].as_str().unwrap().to_owned();
    change(&["revoke", PAIR, "--from", &in_force], "r4");
    let first = list(&folder)["pairs"][PAIR][2]["from"].as_str().unwrap().to_owned();
    assert!(change(&["revoke", PAIR, "--from", &first], "r5").contains("MNT/CNY has no rate in force"));
    assert!(folder.start().stop("INT").success());
    assert_eq!(states(&folder), ["0.003 revoked", "0.0021 revoked", "0.00204 revoked"]);
}

#[test]
fn bad_rate_is_refused_and_changes_nothing() {
    let folder = Folder::new();
    let _stack = folder.start();
    let set = |args: &[&str]| folder.run(&[&["rate", "set"], args, &["--reason", "r"]].concat());
    let ahead = "2026-12-31T00:00:00Z";
    assert_eq!(set(&[PAIR, "0.003", "--from", ahead]).code, Some(0));
    let before = (list(&folder), folder.stdout_of(&["account", "show", "demo", "--json"]));
    let rows: &[(&[&str], i32, &str)] = &[
        (&[PAIR, "0"], 2, "must not be 0"),
        (&[PAIR, "-1"], 2, "must not be negative"),
        (&[PAIR, "1e-3"], 2, "must be a plain decimal number"),
        (&[PAIR, "0.0000000001"], 2, "must have at most 9 decimals"),
        (&["MNT", "1"], 2, "must be two different currencies"),
        (&["MNT/MNT", "1"], 2, "must be two different currencies"),
        (&["mnt/cny", "1"], 2, "must be two different currencies"),
        (&[PAIR, "1", "--from", "noon"], 2, "is not a time"),
        (&[PAIR, "1", "--from", "2026-01-01T00:00:00Z"], 1, "cannot begin in the past"),
        (&[PAIR, "1", "--from", "2036-01-01T00:00:00Z"], 1, "more than a year ahead"),
        (&[PAIR, "1", "--from", ahead], 1, "0.003 is the rate from 2026-12-31T00:00:00.000Z already"),
    ];
    for (args, code, message) in rows {
        let line = failure(*code, set(args));
        assert!(line.contains(message), "{args:?}: {line}");
    }
    let revoked = folder.run(&["rate", "revoke", PAIR, "--from", "2026-12-31T00:00:01Z", "--reason", "r"]);
    assert!(refusal(revoked).contains("no rate begins at 2026-12-31T00:00:01.000Z"));
    assert_eq!((list(&folder), folder.stdout_of(&["account", "show", "demo", "--json"])), before);
}
