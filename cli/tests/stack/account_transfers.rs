//! `transfer` on the books of a running stack, and of a folder without one.

use serde_json::Value;

use crate::harness::{Folder, failure, field, refusal};

fn balance(folder: &Folder, account: &str) -> String {
    field(&folder.stdout_of(&["account", "show", account]), "balance").to_owned()
}

#[test]
fn transfer_is_made_once_with_the_terms_of_its_lots() {
    let folder = Folder::new();
    let stack = folder.start();
    folder.stdout_of(&["account", "credit", "alice", "10", "--reason", "trial", "--new"]);
    folder.stdout_of(&["account", "credit", "alice", "5", "--expires", "30d", "--reason", "trial"]);
    let transfer = |args: &[&str]| folder.run(&[&["transfer"], args, &["--reason", "a gift"]].concat());
    let first = transfer(&["alice", "bob", "7", "--new", "--id", "t1"]);
    assert!(first.stdout.starts_with("done: manual#t1"), "{}{}", first.stdout, first.stderr);
    let again = transfer(&["alice", "bob", "7", "--id", "t1"]);
    assert!(again.stdout.starts_with("already done: manual#t1"), "{}{}", again.stdout, again.stderr);
    for other in [&["alice", "bob", "8", "--id", "t1"], &["alice", "carol", "7", "--id", "t1"]] {
        let line = refusal(transfer(&[other.as_slice(), &["--new"]].concat()));
        assert!(line.contains("--id t1 names another change already"), "{line}");
    }
    assert_eq!(["alice", "bob"].map(|owner| balance(&folder, owner)), ["8", "7"]);
    let shown: Value = serde_json::from_str(&folder.stdout_of(&["account", "show", "bob", "--json"])).unwrap();
    let lots: Vec<_> = shown["lots"].as_array().unwrap().iter().map(|lot| &lot["remaining"]).collect();
    assert_eq!(lots, ["5", "2"], "{shown}");
    assert!(shown["lots"][0]["expiresAt"].is_string() && shown["lots"][1]["expiresAt"].is_null(), "{shown}");
    let row = stack.journal("manual#").into_iter().find(|row| row["id"]["S"] == "manual#t1").unwrap();
    let facts = ["reason", "account", "to", "amount"].map(|name| row["facts"]["M"][name]["S"].as_str().unwrap());
    assert_eq!(facts, ["a gift", "alice/credits", "bob/credits", "7"]);
    assert_eq!(row["posting"]["M"]["credit"]["S"], "house/transfers");
    assert!(stack.stop("INT").success());

    // Without a stack, and round in a circle.
    for (from, to) in [("bob", "carol"), ("carol", "alice")] {
        let ended = transfer(&[from, to, "7", "--new", "--json"]);
        let made: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{}", ended.stderr));
        assert_eq!([&made["from"]["state"]["balance"], &made["status"]], ["0", "done"], "{made}");
    }
    assert_eq!(["alice", "bob", "carol"].map(|owner| balance(&folder, owner)), ["15", "0", "0"]);
    let _stack = folder.start();
    let audit: Value = serde_json::from_str(&folder.stdout_of(&["audit", "--json"])).unwrap();
    assert_eq!(audit["differences"], Value::Array(Vec::new()));
}

#[test]
fn bad_transfer_is_refused_and_changes_nothing() {
    let folder = Folder::new();
    let _stack = folder.start();
    for owner in ["alice", "bob"] {
        folder.stdout_of(&["account", "credit", owner, "10", "--reason", "trial", "--new"]);
    }
    let rows: &[(&[&str], i32, &str)] = &[
        (&["alice", "alice", "1"], 2, "both accounts are the same"),
        (&["alice", "alice/commission-usd", "1"], 2, "must have the same asset"),
        (&["alice/POSX", "bob/credits", "1"], 2, "must have the same asset"),
        (&["house", "bob", "1"], 2, "neither sends nor receives"),
        (&["alice", "house", "1"], 2, "neither sends nor receives"),
        (&["house/transfers", "bob", "1"], 2, "there is no asset transfers"),
        (&["alice", "bob/gold", "1"], 2, "there is no asset gold"),
        (&["nemo", "bob", "1"], 1, "there is no account nemo/credits"),
        (&["alice", "nemo", "1"], 1, "add --new to create it"),
        (&["alice", "a b", "1"], 2, "an owner is 1 to 64 letters"),
        (&["alice", "bob", "0"], 2, "moves nothing"),
        (&["alice", "bob", "-1"], 2, "must not be negative"),
        (&["alice", "bob", "1e1"], 2, "must be a plain decimal number"),
        (&["alice", "bob", "0.0000000001"], 2, "must have at most 9 decimals"),
        (&["alice", "bob", "10.000000001"], 1, "alice/credits has 10 available, not 10.000000001"),
    ];
    let books = || ["alice", "bob"].map(|owner| folder.stdout_of(&["account", "show", owner, "--json"]));
    let before = books();
    for (args, code, message) in rows {
        let line = failure(*code, folder.run(&[&["transfer"], *args, &["--reason", "r", "--id", "bad"]].concat()));
        assert!(line.contains(message), "{args:?}: {line}");
    }
    assert_eq!(books(), before);
}

/// The newest lines of all owners have both sides of each.
#[test]
fn transfers_are_among_the_newest_lines_of_all() {
    let folder = Folder::new();
    let stack = folder.start();
    folder.stdout_of(&["account", "credit", "alice", "10", "--reason", "trial", "--new"]);
    folder.stdout_of(&["account", "credit", "alice/POSX", "12.5", "--reason", "trial", "--new"]);
    for (from, to, amount, id) in
        [("alice", "bob", "7", "t1"), ("bob", "carol", "2.5", "t2"), ("alice/POSX", "bob/POSX", "0.5", "t3")]
    {
        folder.stdout_of(&["transfer", from, to, amount, "--new", "--id", id, "--reason", "a gift"]);
    }
    let lines = |folder: &Folder| {
        let listed: Value = serde_json::from_str(&folder.stdout_of(&["statement", "--all", "--json"])).unwrap();
        assert_eq!(listed["more"], false);
        let text = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
        let line = |line: &Value| ["receipt", "account", "change"].map(|name| text(line, name)).join(" ");
        let mut lines: Vec<String> = listed["lines"].as_array().unwrap().iter().map(line).collect();
        lines.sort();
        lines
    };
    let expected: Vec<String> =
        ["manual#t1 alice/credits -7", "manual#t2 bob/credits -2.5", "manual#t3 alice/POSX -0.5"]
            .map(str::to_owned)
            .to_vec();
    let found = lines(&folder);
    assert!(expected.iter().all(|line| found.contains(line)), "{found:?}");
    for received in [" bob/credits 7", " carol/credits 2.5", " bob/POSX 0.5"] {
        assert_eq!(found.iter().filter(|line| line.ends_with(received)).count(), 1, "{received}: {found:?}");
    }
    assert!(stack.stop("INT").success());
    assert_eq!(lines(&folder), found, "without a stack too");
    // A token is in its own decimals, which the catalog has.
    let explained = folder.run(&["explain", "manual#t3"]).stdout;
    assert!(explained.contains("-0.5 to alice/POSX"), "{explained}");
}
