//! `code` on the books of a running stack, and of a folder without one.

use serde_json::{Value, json};

use crate::harness::{Folder, failure, field, refusal};

fn printed(folder: &Folder, args: &[&str]) -> Value {
    serde_json::from_str(&folder.stdout_of(&[args, &["--json"]].concat())).unwrap()
}

fn make(folder: &Folder, args: &[&str]) -> Vec<(String, String)> {
    let made = printed(folder, &[&["code", "make"], args, &["--reason", "spring sale"]].concat());
    let text = |code: &Value, name: &str| code[name].as_str().unwrap().to_owned();
    made["codes"].as_array().unwrap().iter().map(|code| (text(code, "code"), text(code, "name"))).collect()
}

/// The uses left and the state of each code, by its name.
fn states(folder: &Folder) -> Vec<String> {
    let list = printed(folder, &["code", "list", "spring"]);
    let codes = list["codes"].as_array().unwrap();
    let mut states: Vec<String> =
        codes.iter().map(|code| format!("{} {}", code["usesLeft"], code["state"]).replace('"', "")).collect();
    states.sort();
    states
}

#[test]
fn code_is_printed_once_and_redeemed_once() {
    let folder = Folder::new();
    assert!(folder.start().stop("INT").success());
    let codes = make(&folder, &["spring", "5", "--count", "2", "--uses", "2", "--id", "m1"]);
    let again = printed(
        &folder,
        &["code", "make", "spring", "5", "--count", "2", "--uses", "2", "--id", "m1", "--reason", "r"],
    );
    assert_eq!((&again["status"], &again["codes"]), (&"already_done".into(), &Value::Null), "printed once");
    let [(first, _), (second, name)] = &*codes else { panic!("{codes:?}") };
    assert_eq!(states(&folder), ["2 live", "2 live"]);
    let redeem = |owner: &str, code: &str| folder.run(&["code", "redeem", owner, code, "--new"]);
    let receipt = |owner: &str, code: &str| {
        let ended = redeem(owner, code);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        ended.stdout.lines().next().unwrap().split('#').next().unwrap().to_owned()
    };
    assert_eq!(receipt("alice", first), "done: redeem");
    // With a stack, in another spelling, and with the same pepper after a restart.
    let stack = folder.start();
    assert_eq!(receipt("alice", &first.to_lowercase().replace('-', " ")), "already done: redeem");
    assert_eq!(receipt("bob", first), "done: redeem");
    assert!(refusal(redeem("carol", first)).contains("can no longer be redeemed"));
    assert_eq!(receipt("alice", first), "already done: redeem", "also after its last use");
    assert_eq!(field(&folder.stdout_of(&["account", "show", "alice"]), "balance"), "5");
    assert_eq!(states(&folder), ["0 used_up", "2 live"]);

    // From stdin, where no list of processes shows it.
    let piped = |owner: &str| {
        let ended = folder.shell(&format!("echo {second} | cargo run -q -- code redeem {owner} - --new"));
        (ended.code, ended.stdout.split('#').next().unwrap().to_owned())
    };
    assert_eq!(piped("dora"), (Some(0), "done: redeem".to_owned()));
    assert_eq!(piped("dora"), (Some(0), "already done: redeem".to_owned()));
    assert!(refusal(folder.shell("cargo run -q -- code redeem dora - </dev/null")).contains("is not valid"));

    folder.stdout_of(&["code", "revoke", "spring", name, "--reason", "leaked", "--id", "r1"]);
    assert!(refusal(redeem("carol", second)).contains("can no longer be redeemed"));
    assert_eq!(states(&folder), ["0 used_up", "1 revoked"]);
    make(&folder, &["spring", "1"]);
    let revoked = printed(&folder, &["code", "revoke", "spring", "--all", "--reason", "over", "--id", "r2"]);
    assert_eq!((&revoked["revoked"], &revoked["left"]), (&2.into(), &0.into()));
    assert_eq!(states(&folder), ["0 revoked", "1 revoked", "1 revoked"]);

    // Neither the text of a code nor the pepper is in the store.
    let stored = Value::from(stack.journal("")).to_string();
    assert!(!stored.contains(first.as_str()) && !stored.contains(&first.replace('-', "")));
    assert_eq!(folder.run(&["audit"]).code, Some(0));
}

#[test]
fn one_code_of_a_campaign_for_each_owner() {
    let folder = Folder::new();
    let _stack = folder.start();
    let codes = make(&folder, &["spring", "5", "--count", "2", "--once-per-campaign"]);
    let [(first, _), (second, _)] = &*codes else { panic!("{codes:?}") };
    assert!(
        folder
            .stdout_of(&["code", "redeem", "alice", first, "--new"])
            .starts_with("done: redeem#campaign.spring#alice")
    );
    assert!(folder.stdout_of(&["code", "redeem", "alice", second]).starts_with("already done"));
    assert!(folder.stdout_of(&["code", "redeem", "bob", second, "--new"]).starts_with("done"), "it has its use still");
    assert_eq!(states(&folder), ["0 used_up", "0 used_up"]);
}

#[test]
fn redeemed_credits_expire_as_the_code_says() {
    let folder = Folder::new();
    let _stack = folder.start();
    let args = ["spring", "5", "--uses", "2", "--id", "m1", "--expires", "90d", "--priority", "3", "--kind", "free"];
    let [(dated, _)] = &*make(&folder, &args) else { panic!("one code") };
    let [(paid, _)] = &*make(&folder, &["autumn", "2", "--expires", "1d"]) else { panic!("one code") };
    let other = ["code", "make", "spring", "5", "--uses", "2", "--id", "m1", "--reason", "r"];
    assert!(failure(1, folder.run(&other)).contains("another change"), "the terms are a part of the command");
    let terms = |campaign: &str| {
        let list = printed(&folder, &["code", "list", campaign]);
        Value::from(["expires", "priority", "kind"].map(|name| list["codes"][0][name].clone()).to_vec())
    };
    assert_eq!(terms("spring"), json!(["90d", 3, "free"]));
    assert_eq!(terms("autumn"), json!(["1d", 5, "paid"]));
    assert!(folder.stdout_of(&["code", "list", "spring"]).contains("90d, priority 3, free"));
    folder.stdout_of(&["code", "redeem", "alice", dated, "--new"]);
    folder.stdout_of(&["code", "redeem", "alice", paid]);
    let shown = printed(&folder, &["account", "show", "alice"]);
    let lots: Vec<(&str, &str)> = shown["lots"]
        .as_array()
        .unwrap()
        .iter()
        .map(|lot| (lot["remaining"].as_str().unwrap(), lot["kind"].as_str().unwrap()))
        .collect();
    assert_eq!(lots, [("5", "free"), ("2", "paid")], "{shown}");
    assert_eq!(folder.run(&["audit"]).code, Some(0));
}

/// A row of a code was altered: the audit names the command that repairs it.
#[test]
fn altered_uses_are_repaired_by_the_printed_command() {
    let folder = Folder::new();
    let stack = folder.start();
    let [(code, name)] = &*make(&folder, &["spring", "5", "--uses", "3"]) else { panic!("one code") };
    folder.stdout_of(&["code", "redeem", "alice", code, "--new"]);
    assert_eq!(folder.run(&["audit"]).code, Some(0));
    let key = json!({ "TableName": "hookledger-local-accounts", "FilterExpression": "begins_with(id, :code)",
        "ExpressionAttributeValues": { ":code": { "S": "code#" } } });
    let id = stack.store("Scan", &key)["Items"][0]["id"].clone();
    let altered = json!({
        "TableName": "hookledger-local-accounts", "Key": { "id": id }, "UpdateExpression": "SET uses_left = :n",
        "ExpressionAttributeValues": { ":n": { "N": "3" } },
    });
    stack.store("UpdateItem", &altered);
    let audited = folder.run(&["audit"]);
    assert_eq!(audited.code, Some(1), "{}", audited.stdout);
    let row: Vec<&str> =
        audited.stdout.lines().find(|line| line.starts_with("uses")).unwrap().split_whitespace().collect();
    assert_eq!(row, ["uses", &format!("spring/{name}"), "-", "-", "0", "1", "1", "0"]);
    let command = format!("code repair spring {name} --used 1");
    assert!(audited.stdout.contains(&format!("  repair: {command} --reason R")), "{}", audited.stdout);
    let repair: Vec<&str> = command.split(' ').chain(["--reason", "altered", "--id", "r1"]).collect();
    let repaired = folder.stdout_of(&repair);
    assert!(repaired.starts_with("done: repair#r1"), "{repaired}");
    assert!(
        repaired.contains("before  3 of 3 uses left") && repaired.contains("after   2 of 3 uses left"),
        "{repaired}"
    );
    assert!(folder.stdout_of(&repair).starts_with("already done: repair#r1"));
    let again = folder.run(&["code", "repair", "spring", name, "--used", "1", "--reason", "r"]);
    assert!(again.code == Some(1) && again.stderr.contains("there is nothing to repair"), "{}", again.stderr);
    assert_eq!((folder.run(&["audit"]).code, &*states(&folder)), (Some(0), &["2 live".to_owned()][..]));
}

#[test]
fn bad_code_is_refused_and_changes_nothing() {
    let folder = Folder::new();
    let _stack = folder.start();
    let codes = make(&folder, &["spring", "5"]);
    let rows: &[(&[&str], i32, &str)] = &[
        (&["make", "a b", "5"], 2, "the campaign \"a b\""),
        (&["make", "spring", "0"], 2, "moves nothing"),
        (&["make", "spring", "-1"], 2, "must not be negative"),
        (&["make", "spring", "0.0000000001"], 2, "must have at most 9 decimals"),
        (&["make", "spring", "5", "--count", "0"], 2, "give a whole number from 1 to 90"),
        (&["make", "spring", "5", "--count", "91"], 2, "give a whole number from 1 to 90"),
        (&["make", "spring", "5", "--uses", "0"], 2, "give a whole number from 1 to 1000000"),
        (&["make", "spring", "5", "--until", "noon"], 2, "is not a time"),
        (&["make", "spring", "5", "--until", "2020-01-01T00:00:00Z"], 2, "give a time from now on"),
        (&["make", "spring", "5", "--until", "2099-01-01T00:00:00Z"], 2, "at most ten years ahead"),
        (&["make", "spring", "5", "--expires", "0d"], 2, "--expires 0d must be a number of days from 1d to 3653d"),
        (
            &["make", "spring", "5", "--expires", "3654d"],
            2,
            "--expires 3654d must be a number of days from 1d to 3653d",
        ),
        (&["make", "spring", "5", "--expires", "90"], 2, "--expires 90 must be a number of days"),
        (&["make", "spring", "5", "--expires", "2020-01-01"], 2, "--expires 2020-01-01 must be a number of days"),
        (&["make", "spring", "5", "--expires=-1d"], 2, "--expires -1d must be a number of days"),
        (&["make", "spring", "5", "--expires", "1d", "--priority", "10"], 2, "give a whole number from 0 to 9"),
        (&["make", "spring", "5", "--expires", "1d", "--kind", "cheap"], 2, "give free or paid"),
        (&["make", "spring", "5", "--priority", "1"], 2, "--expires"),
        (&["make", "spring", "5", "--kind", "paid"], 2, "--expires"),
        (&["repair", "spring", "000000000000", "--used", "1"], 1, "has no code 000000000000"),
        (&["repair", "spring", "000000000000"], 2, "--used"),
        (&["repair", "spring", "000000000000", "--used=-1"], 2, "give a whole number from 0 to 1000000"),
        (&["revoke", "spring", "000000000000"], 1, "has no code 000000000000"),
    ];
    let before = (states(&folder), folder.stdout_of(&["account", "show", "demo", "--json"]));
    for (args, code, message) in rows {
        let line = failure(*code, folder.run(&[&["code"], *args, &["--reason", "r"]].concat()));
        assert!(line.contains(message), "{args:?}: {line}");
    }
    // A mistyped owner gets no account, and the code keeps its use.
    let line = refusal(folder.run(&["code", "redeem", "demmo", &codes[0].0]));
    assert!(line.contains("there is no account demmo/credits"), "{line}");
    assert_eq!(folder.run(&["account", "show", "demmo"]).code, Some(1));
    // An unknown code and one that cannot be one read alike.
    for code in ["0000-0000-0000-0000", "0000", "hello", "UUUU-UUUU-UUUU-UUUU"] {
        let line = refusal(folder.run(&["code", "redeem", "demo", code]));
        assert!(line.ends_with("this code is not valid, or it can no longer be redeemed\n"), "{code}: {line}");
    }
    assert_eq!((states(&folder), folder.stdout_of(&["account", "show", "demo", "--json"])), before);
}
