//! `hold` on the books of a running stack, and of a folder without one.

use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{CommandOutput, Folder, Stack, failure, field, output_of, refusal};

const BECAUSE: [&str; 2] = ["--reason", "a stream"];
/// A minute, the rate of the sweep.
const LOOKS_MAX: u32 = 600;

fn document(output: &str) -> Value {
    serde_json::from_str(output).unwrap_or_else(|error| panic!("{error}: {output}"))
}

fn hold(folder: &Folder, args: &[&str]) -> CommandOutput {
    folder.run(&[&["hold"], args, &BECAUSE].concat())
}

/// The output of a change of a hold that must succeed.
fn done(folder: &Folder, args: &[&str]) -> String {
    let ended = hold(folder, args);
    assert_eq!(ended.code, Some(0), "{args:?}: {}{}", ended.stdout, ended.stderr);
    ended.stdout
}

/// What `hold show` has under these names.
fn shown<const N: usize>(folder: &Folder, id: &str, names: [&str; N]) -> [Value; N] {
    let found = document(&folder.stdout_of(&["hold", "show", id, "--json"]));
    names.map(|name| found[name].clone())
}

/// Balance, available and held.
fn sums(folder: &Folder, owner: &str) -> [String; 3] {
    let found = document(&folder.stdout_of(&["account", "show", owner, "--json"]));
    ["balance", "available", "held"].map(|name| found["state"][name].as_str().unwrap().to_owned())
}

fn fund(folder: &Folder, owner: &str, amount: &str) {
    folder.stdout_of(&["account", "credit", owner, amount, "--reason", "trial", "--new"]);
}

/// The books agree with each other, and add up to nothing.
fn assert_books(folder: &Folder) {
    let audit = document(&folder.stdout_of(&["audit", "--json"]));
    assert_eq!(audit["differences"], json!([]));
    folder.stdout_of(&["trial-balance"]);
}

#[test]
fn hold_is_opened_settled_and_released_once() {
    let folder = Folder::new();
    let stack = folder.start();
    fund(&folder, "alice", "10");
    let open = ["open", "alice", "4", "--id", "h1"];
    let first = done(&folder, &open);
    assert!(first.starts_with("done: 4 is held by h1\n  until "), "{first}");
    assert!(first.contains(", for usage#hold.h1\nalice/credits\n"), "{first}");
    assert!(done(&folder, &open).starts_with("already done: 4 is held by h1, at "));
    assert_eq!(sums(&folder, "alice"), ["10", "6", "4"]);
    let account = folder.stdout_of(&["account", "show", "alice"]);
    assert_eq!(field(&account, "held"), "4", "{account}");
    let row = account.lines().find(|line| line.starts_with("h1 ")).unwrap();
    assert!(row.contains("  release    usage#hold.h1") && row.split_whitespace().nth(1) == Some("4"), "{account}");
    let line = folder.refused(&["account", "debit", "alice", "7", "--reason", "r", "--id", "d1"]);
    assert!(line.contains("alice/credits has 6 available, not 7"), "{line}");

    let settle = ["settle", "h1", "2.5"];
    let settled = done(&folder, &settle);
    assert!(settled.starts_with("done: h1 is settled, and usage#hold.h1 charges 2.5\nalice/credits\n"), "{settled}");
    assert!(done(&folder, &settle).starts_with("already done: h1 is settled, and usage#hold.h1 charges 2.5, at "));
    assert_eq!(sums(&folder, "alice"), ["7.5", "7.5", "0"]);
    let row = stack.journal("usage#hold.").pop().unwrap();
    let facts = ["author", "reason", "hold", "cost"].map(|name| row["facts"]["M"][name]["S"].as_str().unwrap());
    assert_eq!(facts, ["tester", "a stream", "h1", "2.5"], "{row}");

    // Above the hold, and above the balance.
    done(&folder, &["open", "alice", "7.5", "--id", "h2"]);
    let above = done(&folder, &["settle", "h2", "8"]);
    assert!(
        above.contains("  7.5 was held: 0.5 beyond it is charged too, and owed where the balance is short\n"),
        "{above}"
    );
    assert_eq!(sums(&folder, "alice"), ["-0.5", "-0.5", "0"]);

    // Released, without a stack.
    fund(&folder, "alice", "10");
    assert!(stack.stop("INT").success());
    let opened = document(&done(&folder, &["open", "alice", "3", "--id", "h3", "--ttl", "24h", "--json"]));
    let members = [&opened["status"], &opened["receipt"], &opened["account"], &opened["state"]["available"]];
    assert_eq!(members, [&json!("done"), &Value::Null, &json!("alice/credits"), &json!("6.5")], "{opened}");
    let list = folder.stdout_of(&["hold", "list", "alice"]);
    assert!(list.lines().count() == 2 && list.contains("h3    3       "), "{list}");
    assert!(done(&folder, &["release", "h3"]).starts_with("done: h3 is released, and 3 is free\n"));
    assert!(done(&folder, &["release", "h3"]).starts_with("already done: h3 is released"));
    assert_eq!(folder.stdout_of(&["hold", "list", "alice"]), "alice/credits has no open holds\n");
    let [state, charged, note] = shown(&folder, "h3", ["state", "charged", "note"]);
    assert_eq!([state, charged], [json!("released"), Value::Null]);
    assert_eq!(note, "tester: a stream; released by tester: a stream");

    // Without an id, the command makes one and prints it first.
    let ended = hold(&folder, &["open", "alice", "1"]);
    let id = ended.stderr.trim_start_matches("hookledger: --id ").split(' ').next().unwrap();
    assert!(ended.stderr.ends_with(" names this hold\n"), "{}", ended.stderr);
    done(&folder, &["settle", id, "0"]);
    // The charge of a hold is given back as any other.
    let back = folder.stdout_of(&["reverse", "usage#hold.h1", "--amount", "0.5", "--reason", "too much"]);
    assert!(back.starts_with("done: manual#"), "{back}");
    assert_eq!(sums(&folder, "alice"), ["10", "10", "0"]);
    assert_books(&folder);
}

fn on_aws(folder: &Folder, stack: &Stack<'_>, args: &[&str]) -> String {
    let mut command = folder.command(&[args, &["--aws", "--stage", "local"]].concat());
    command.env("AWS_ENDPOINT_URL_DYNAMODB", format!("http://{}", stack.address()));
    command.envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_REGION", "us-east-1")]);
    let ended = output_of(&mut command);
    assert_eq!(ended.code, Some(0), "{args:?}: {}{}", ended.stdout, ended.stderr);
    ended.stdout
}

/// The stack's own store serves as a stage on AWS.
#[test]
fn use_is_charged_once_by_its_event_or_its_hold() {
    let folder = Folder::new();
    let stack = folder.start();
    let aws = |args: &[&str]| on_aws(&folder, &stack, &[&["hold"], args].concat());
    let sent = |id: &str, cost: &str| {
        let cost = format!("data.creditCost={cost}");
        folder.run(&["send", "usage", "--id", id, "--set", &cost]).stdout
    };
    // The event first.
    let open =
        ["open", "demo", "5", "--use", "evt_1", "--id", "h1", "--charge", "5", "--reason", "r", "--author", "ann"];
    assert!(aws(&open).contains(", for usage#evt_1\n"));
    assert!(sent("evt_1", "2").contains("  booked"));
    let settled = aws(&["settle", "h1", "3", "--reason", "r"]);
    assert!(settled.starts_with("done: h1 is settled with 3, and 5 is free\n"), "{settled}");
    assert!(settled.contains("  usage#evt_1 was charged before, so nothing is charged twice\n"), "{settled}");
    let text = aws(&["show", "h1"]);
    assert_eq!(
        ["state", "at expiry", "charged", "note"].map(|name| field(&text, name)),
        ["settled", "charge 5", "before, by usage#evt_1", "ann: r"]
    );
    assert_eq!(sums(&folder, "demo"), ["998", "998", "0"]);
    // The hold first.
    aws(&["open", "demo", "5", "--use", "evt_2", "--id", "h2", "--reason", "r"]);
    let settled = document(&aws(&["settle", "h2", "3", "--reason", "r", "--json"]));
    assert_eq!([&settled["receipt"], &settled["hold"]["charged"]], ["usage#evt_2", "3"], "{settled}");
    let repeat = sent("evt_2", "2");
    assert!(repeat.contains("  repeat"), "{repeat}");
    assert_eq!(sums(&folder, "demo"), ["995", "995", "0"]);
    let held = document(&aws(&["list", "demo", "--json"]));
    assert_eq!(held, json!({ "account": "demo/credits", "holds": [] }));
    assert_books(&folder);
}

#[test]
fn hold_that_expires_is_released_or_charged() {
    let folder = Folder::new();
    assert!(folder.start().stop("INT").success());
    for (id, more) in [("h1", ["--charge", "1.5"].as_slice()), ("h2", &[]), ("h3", &[])] {
        done(&folder, &[&["open", "demo", "4", "--id", id, "--ttl", "1s"], more].concat());
    }
    sleep(Duration::from_millis(1_100));
    // The sweep runs when a stack starts, and then every minute.
    let _stack = folder.start();
    let mut looks = 0_u32;
    while sums(&folder, "demo")[2] != "0" {
        looks += 1;
        assert!(looks < LOOKS_MAX, "{}", folder.stdout_of(&["account", "show", "demo"]));
        sleep(Duration::from_millis(100));
    }
    assert_eq!(sums(&folder, "demo"), ["998.5", "998.5", "0"]);
    let states = ["h1", "h2"].map(|id| shown(&folder, id, ["state", "charged"]));
    assert_eq!(states, [[json!("expired"), json!("1.5")], [json!("expired"), Value::Null]]);

    let first = done(&folder, &["settle", "h1", "2"]);
    assert!(first.starts_with("already done: h1 expired at ") && first.contains("usage#hold.h1 charges 1.5, at "));
    assert!(first.contains("  the first cost of a use stands, and not 2: correct it with `account debit`"), "{first}");
    let same = done(&folder, &["settle", "h1", "1.5"]);
    assert!(same.starts_with("already done: ") && !same.contains("stands"), "{same}");
    let late = done(&folder, &["settle", "h2", "2"]);
    assert!(late.starts_with("done: h2 is settled, and usage#hold.h2 charges 2\n  it expired at "), "{late}");
    assert!(done(&folder, &["settle", "h2", "2"]).contains(": the use is charged late\n"));
    assert!(done(&folder, &["release", "h3"]).starts_with("already done: h3 expired at "));
    for (id, word) in [("h1", "expired"), ("h2", "settled")] {
        let line = refusal(hold(&folder, &["release", id]));
        let expected =
            format!("the hold {id} is {word}, and its use is charged: give that back with `reverse usage#hold.{id}`");
        assert!(line.contains(&expected), "{line}");
    }
    assert_eq!(sums(&folder, "demo"), ["996.5", "996.5", "0"]);
    assert_books(&folder);
}

#[test]
fn bad_hold_is_refused_and_changes_nothing() {
    let folder = Folder::new();
    let stack = folder.start();
    fund(&folder, "alice", "10");
    fund(&folder, "bob", "10");
    for (id, closing) in
        [("open", None), ("paid", Some(["settle", "paid", "2.5"].as_slice())), ("free", Some(&["release", "free"]))]
    {
        done(&folder, &["open", "alice", "3", "--id", id]);
        closing.map(|closing| done(&folder, closing));
    }
    // An event of bob's has the id of the use.
    done(&folder, &["open", "bob", "1", "--use", "evt_1", "--id", "bobs"]);
    done(&folder, &["settle", "bobs", "1"]);
    done(&folder, &["open", "alice", "1", "--use", "evt_1", "--id", "mixed"]);
    let long = "a".repeat(65);
    let rows: &[(&[&str], i32, &str)] = &[
        (&["open", "alice", "0"], 2, "the amount 0 holds nothing: give one above 0"),
        (&["open", "alice", "-1"], 2, "the amount -1 must not be negative"),
        (&["open", "alice", "1e1"], 2, "must be a plain decimal number"),
        (&["open", "alice", "0.0000000001"], 2, "must have at most 9 decimals"),
        (&["open", "alice", "1000000000000"], 2, "the amount 1000000000000 is too large"),
        (&["open", "alice", "3.500000001"], 1, "alice/credits has 3.5 available, not 3.500000001"),
        (&["open", "alice/POSX", "1"], 2, "an owner is 1 to 64 letters"),
        (&["open", "nemo", "1"], 1, "there is no account nemo/credits"),
        (&["open", "alice", "1", "--ttl", "0s"], 2, "--ttl 0s is wrong: give 1s to 24h"),
        (&["open", "alice", "1", "--ttl", "25h"], 2, "--ttl 25h is wrong: give 1s to 24h"),
        (&["open", "alice", "1", "--ttl", "86401s"], 2, "--ttl 86401s is wrong"),
        (&["open", "alice", "1", "--ttl", "10"], 2, "--ttl 10 is wrong: give 1s to 24h, as 30s, 10m or 24h"),
        (&["open", "alice", "1", "--ttl", "-1m"], 2, "there is no option -1"),
        (&["open", "alice", "1", "--charge", "1.000000001"], 2, "--charge 1.000000001 is more than is held"),
        (&["open", "alice", "1", "--charge", "0"], 2, "the amount 0 moves nothing"),
        (&["open", "alice", "1", "--charge", "-1"], 2, "the amount -1 must not be negative"),
        (&["open", "alice", "1", "--use", "usage#evt_1"], 2, "must be 1 to 128 visible ASCII characters without #"),
        (&["open", "alice", "1", "--use", ""], 2, "give the eventId of a usage event"),
        (&["open", "alice", "1", "--id", "a b"], 2, "the hold \"a b\" must be 1 to 64 letters"),
        (&["open", "alice", "1", "--id", &long], 2, "must be 1 to 64 letters, digits or - _ ."),
        (&["open", "alice", "4", "--id", "open"], 1, "the hold open exists with other terms"),
        (&["open", "alice", "3", "--ttl", "11m", "--id", "open"], 1, "the hold open exists with other terms"),
        (&["open", "alice", "3", "--charge", "1", "--id", "open"], 1, "the hold open exists with other terms"),
        (&["open", "alice", "3", "--use", "evt_9", "--id", "open"], 1, "the hold open exists with other terms"),
        (&["open", "bob", "3", "--id", "open"], 1, "the hold open exists with other terms"),
        (&["open", "alice", "3", "--id", "paid"], 1, "the hold paid is settled already: choose another --id"),
        (&["open", "alice", "3", "--id", "free"], 1, "the hold free is released already"),
        (&["settle", "nine", "1"], 1, "there is no hold nine"),
        (&["settle", "a#b", "1"], 2, "the hold \"a#b\" must be"),
        (&["settle", "open", "-1"], 2, "must not be negative"),
        (&["settle", "open", "0.0000000001"], 2, "must have at most 9 decimals"),
        (&["settle", "open", "much"], 2, "must be a plain decimal number"),
        (&["settle", "paid", "2.6"], 1, "the hold paid is settled with 2.5, and the first cost stands"),
        (&["settle", "free", "1"], 1, "the hold free is released, so nothing is charged"),
        (&["settle", "mixed", "1"], 1, "usage#evt_1, the use of the hold mixed, is of another owner"),
        (&["release", "nine"], 1, "there is no hold nine"),
        (&["release", "paid"], 1, "the hold paid is settled, and its use is charged: give that back with `reverse"),
        (&["open", "alice", "1", "--reason", ""], 2, "--reason"),
    ];
    let books = || {
        let show = |owner: &str| folder.stdout_of(&["account", "show", owner, "--json"]);
        let holds = stack.store("Scan", &json!({ "TableName": "hookledger-local-holds" }));
        (show("alice"), show("bob"), stack.journal(""), holds)
    };
    let before = books();
    for (args, code, message) in rows {
        let id: &[&str] = if args[0] == "open" && !args.contains(&"--id") { &["--id", "bad"] } else { &[] };
        let line = failure(*code, hold(&folder, &[args, id].concat()));
        assert!(line.contains(message), "{args:?}: {line}");
        assert_eq!(books(), before, "{args:?}");
    }
    let line = folder.fails(1, &["hold", "show", "nine"]);
    assert!(line.contains("there is no hold nine: check its id"), "{line}");
}
