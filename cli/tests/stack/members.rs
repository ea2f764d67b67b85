//! Members by the command line: who pays, what is listed, and what a wrong command changes.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::harness::{Folder, Stack};

fn document(output: &str) -> Value {
    serde_json::from_str(output).unwrap_or_else(|error| panic!("{error}: {output}"))
}

/// The team has 50 credits, alice 10 with the keys 42 and 43, of which the second is revoked, and bob the key 44 and 5.
fn team(folder: &Folder) -> Stack<'_> {
    let stack = folder.start();
    let because = ["--reason", "trial"];
    for words in [
        ["account", "credit", "team", "50", "--new"].as_slice(),
        &["account", "credit", "alice", "10", "--new"],
        &["account", "credit", "bob", "5", "--new"],
        &["account", "key", "alice", "42"],
        &["account", "key", "alice", "43"],
        &["account", "key", "bob", "44"],
        &["account", "key", "team", "45"],
        &["account", "revoke", "alice", "gateway-43"],
    ] {
        folder.stdout_of(&[words, &because].concat());
    }
    stack
}

/// Everything that the books have of the three.
fn shown(folder: &Folder) -> Vec<String> {
    let of = |owner| folder.stdout_of(&["account", "show", owner, "--json"]);
    let keys = |owner| folder.stdout_of(&["account", "keys", owner, "--json"]);
    ["team", "alice", "bob"].into_iter().flat_map(|owner| [of(owner), keys(owner)]).collect()
}

fn used(folder: &Folder, id: &str, key: &str, cost: &str) {
    let [key, cost] = [format!("data.remoteKeyId={key}"), format!("data.creditCost={cost}")];
    // The sample is older than the membership.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let sent = format!("timestamp={now}");
    folder.stdout_of(&["send", "usage", "--id", id, "--set", &key, "--set", &cost, "--set", &sent]);
}

#[test]
fn team_pays_for_its_members_until_they_leave() {
    let folder = Folder::new();
    let _stack = team(&folder);
    let add = ["member", "add", "team", "alice", "gateway-42", "--day", "5", "--id", "m1", "--reason", "trial"];
    let added = folder.stdout_of(&add);
    assert!(added.contains("gateway-42 of alice draws on team/credits\n"), "{added}");
    assert!(folder.stdout_of(&add).starts_with("already done: manual#m1"), "the same again");
    let other = ["member", "add", "team", "alice", "gateway-42", "--day", "6", "--id", "m1", "--reason", "trial"];
    assert_eq!(folder.run(&other).code, Some(1), "another change under the same id");

    used(&folder, "evt_1", "42", "4");
    let hold = ["hold", "open", "alice", "1", "--key", "gateway-42", "--id", "h1", "--reason", "trial"];
    assert!(folder.stdout_of(&hold).contains("team/credits\n"));
    folder.stdout_of(&["hold", "settle", "h1", "0.5", "--reason", "trial"]);
    let of_team = document(&folder.stdout_of(&["account", "show", "team", "--json"]));
    assert_eq!(of_team["state"]["balance"], json!("45.5"));
    let tie = |tie: &Value| [tie["owner"].clone(), tie["key"].clone()];
    assert_eq!(tie(&of_team["members"][0]), [json!("alice"), json!("gateway-42")]);
    let lines = of_team["lines"].as_array().expect("lines");
    let users: Vec<_> = lines
        .iter()
        .filter(|line| line["kind"] == "usage")
        .map(|line| (line["receipt"].clone(), line["member"].clone(), line["key"].clone()))
        .collect();
    let by_alice = |receipt: &str| (json!(receipt), json!("alice"), json!("gateway-42"));
    assert_eq!(users, [by_alice("usage#hold.h1"), by_alice("usage#evt_1")]);
    let of_alice = document(&folder.stdout_of(&["account", "show", "alice", "--json"]));
    assert_eq!(of_alice["state"]["balance"], json!("10"));
    assert_eq!(tie(&of_alice["teams"][0]), [json!("team"), json!("gateway-42")]);
    let shown = folder.stdout_of(&["account", "show", "team"]);
    assert!(shown.contains("used by") && shown.contains("\n\nmember "), "{shown}");
    assert!(folder.stdout_of(&["member", "list", "team"]).starts_with("member "));

    let remove = ["member", "remove", "team", "alice", "gateway-42", "--id", "m2", "--reason", "trial"];
    assert!(folder.stdout_of(&remove).contains("alice pays for its uses"));
    assert!(folder.stdout_of(&remove).starts_with("already done: manual#m2"), "the same again");
    assert!(folder.stdout_of(&["member", "list", "team"]).contains("team has no members"));
    folder.stdout_of(&add[..5].iter().copied().chain(["--unlimited", "--reason", "trial"]).collect::<Vec<_>>());
    let revoked = folder.stdout_of(&["account", "revoke", "alice", "gateway-42", "--reason", "trial"]);
    assert!(revoked.contains("It was a member of team, and is none any more."), "{revoked}");
    assert!(folder.stdout_of(&["member", "list", "team"]).contains("team has no members"));
    let audit = document(&folder.stdout_of(&["audit", "--json"]));
    assert_eq!(audit["differences"], json!([]));
}

#[test]
fn wrong_member_changes_nothing() {
    let folder = Folder::new();
    let _stack = team(&folder);
    let because = ["--reason", "trial"];
    let member = ["member", "add", "team", "bob", "gateway-44", "--month", "9"];
    folder.stdout_of(&[member.as_slice(), &because].concat());
    let before = shown(&folder);
    let rows: [(&[&str], i32); 22] = [
        // No limit, and wrong ones.
        (&["add", "team", "alice", "gateway-42"], 2),
        (&["add", "team", "alice", "gateway-42", "--zone", "+08:00"], 2),
        (&["add", "team", "alice", "gateway-42", "--day", "none"], 2),
        (&["add", "team", "alice", "gateway-42", "--day", "-1"], 2),
        (&["add", "team", "alice", "gateway-42", "--day", "much"], 2),
        (&["add", "team", "alice", "gateway-42", "--day", "0.0000000001"], 2),
        (&["add", "team", "alice", "gateway-42", "--day", "1", "--zone", "+15:00"], 2),
        (&["add", "team", "alice", "gateway-42", "--day", "1", "--unlimited"], 2),
        // Wrong owners and keys.
        (&["add", "te am", "alice", "gateway-42", "--unlimited"], 2),
        (&["add", "team", "", "gateway-42", "--unlimited"], 2),
        (&["add", "tema", "alice", "gateway-42", "--unlimited"], 1),
        (&["add", "team", "alice", "gateway-43", "--unlimited"], 1),
        (&["add", "team", "alice", "gateway-44", "--unlimited"], 1),
        (&["add", "team", "alice", "42", "--unlimited"], 1),
        // A circle, a chain, oneself, and twice.
        (&["add", "bob", "team", "gateway-45", "--unlimited"], 1),
        (&["add", "alice", "team", "gateway-45", "--unlimited"], 1),
        (&["add", "bob", "alice", "gateway-42", "--unlimited"], 1),
        (&["add", "alice", "alice", "gateway-42", "--unlimited"], 1),
        (&["add", "team", "bob", "gateway-44", "--unlimited"], 1),
        (&["remove", "team", "alice", "gateway-42"], 1),
        (&["remove", "alice", "bob", "gateway-44"], 1),
        (&["remove", "team", "bob", "gateway-42"], 1),
    ];
    for (words, code) in rows {
        let command = [&["member"], words, &because].concat();
        let ended = folder.run(&command);
        assert_eq!(ended.code, Some(code), "{command:?}: {}{}", ended.stdout, ended.stderr);
        assert_eq!(shown(&folder), before, "{command:?}");
    }
}
