//! `explain`, `event show` and `replay` on the running stack: one question, its answer, and the command that corrects it.

use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use crate::buying::demo_key;
use crate::harness::{CommandOutput, Folder, Stack};

/// The sweep runs each minute.
const TICKS_MAX: u32 = 150;

pub(crate) fn explain(folder: &Folder, args: &[&str]) -> CommandOutput {
    folder.run(&[&["explain"], args].concat())
}

pub(crate) fn document(folder: &Folder, args: &[&str]) -> Value {
    serde_json::from_str(&explain(folder, &[args, &["--json"]].concat()).stdout).unwrap()
}

/// The number and the page of a new order.
pub(crate) fn checkout(stack: &Stack<'_>, key: &str) -> (String, Value) {
    let made = stack.call("POST", "/api/pay/checkout", key, &json!({ "product": "credits-100" })).body;
    (made["orderNumber"].as_str().unwrap().to_owned(), made["url"].clone())
}

#[test]
fn order_is_explained_from_its_page_to_its_credits() {
    let folder = Folder::new();
    let stack = folder.start();
    let (number, url) = checkout(&stack, &demo_key(&folder));

    let unpaid = explain(&folder, &[&number]);
    assert_eq!(unpaid.code, Some(1), "{}", unpaid.stdout);
    assert!(unpaid.stdout.contains("stopped before paid: unpaid: no payment has been reported"), "{}", unpaid.stdout);
    let data = folder.data().display().to_string();
    let query = format!("hookledger replay {number} --reason R --data {data}\n");
    assert!(unpaid.stdout.contains(&query), "{}", unpaid.stdout);
    let asked = explain(&folder, &[&number, "--ask"]);
    assert!(asked.stdout.contains("stripe: "), "{}{}", asked.stdout, asked.stderr);
    // No row has the name of its page, and Stripe knows whose it is.
    let page = url.as_str().unwrap().split(['/', '?', '#']).find(|part| part.starts_with("cs_")).unwrap();
    let led = explain(&folder, &[page, "--ask"]);
    let says = format!("stripe: it has it: checkout.session, open; it leads to {number}\norder {number} of demo");
    assert!(led.stdout.contains(&says), "{}{}", led.stdout, led.stderr);
    let led = document(&folder, &[page, "--ask"]);
    assert_eq!((&led["found"], &led["leadsTo"]), (&json!("missing"), &json!(number)), "{led}");

    assert_eq!(stack.pay(&url, "4242 4242 4242 4242").status, 303);
    let paid = explain(&folder, &[&number]);
    assert_eq!((paid.code, paid.stdout.lines().last()), (Some(0), Some("all is well")), "{}", paid.stdout);
    let chinese = explain(&folder, &[&number, "--lang", "zh"]);
    assert_eq!((chinese.code, chinese.stdout.lines().last()), (Some(0), Some("一切正常")), "{}", chinese.stdout);
    let answer = document(&folder, &[&number]);
    assert_eq!((&answer["found"], &answer["well"], &answer["kind"]), (&json!("one"), &json!(true), &json!("order")));
    let stages: Vec<&str> =
        answer["chain"].as_array().unwrap().iter().filter_map(|link| link["stage"].as_str()).collect();
    assert!(stages.contains(&"paid") && stages.contains(&"granted") && stages.contains(&"fulfilled"), "{stages:?}");

    let missing = explain(&folder, &["evt_never_seen"]);
    assert_eq!(missing.code, Some(1));
    assert!(missing.stdout.contains("Event deliveries"), "{}", missing.stdout);
    let looks = document(&folder, &["evt_never_seen"]);
    assert!(looks["where"][0].as_str().unwrap().starts_with("Stripe: "), "{looks}");
    assert!(folder.fails(2, &["explain", " "]).contains("ANYTHING is empty"));
    folder.fails(1, &["explain", "nothing-here", "--ask"]);
    let asked = explain(&folder, &["evt_never_seen", "--ask"]);
    assert!(asked.stdout.contains("stripe: it has none of this name either"), "{}{}", asked.stdout, asked.stderr);
    let of_account = explain(&folder, &["demo", "--ask"]);
    assert!(of_account.stdout.contains("demo") && of_account.stderr.contains("--ask"), "{}", of_account.stdout);
    assert_eq!(of_account.code, Some(1));
    folder.fails(2, &["explain", &number, "--lang", "fr"]);
    // A key is found by its text, which is not printed.
    let key = demo_key(&folder);
    let found = explain(&folder, &[&key]);
    assert!(found.stdout.contains("of demo") && !found.stdout.contains(&key), "{}", found.stdout);
}

/// One event without a delivery keeps no other one waiting.
#[test]
fn events_that_cannot_be_tried_again_are_left_out_of_a_batch() {
    let folder = Folder::new();
    let stack = folder.start();
    for id in ["evt_1", "evt_2"] {
        assert_eq!(folder.run(&["send", "usage", "--id", id, "--set", "data.remoteKeyId=k9"]).code, Some(1));
    }
    let table = "hookledger-local-bodies";
    let bodies = stack.store("Scan", &json!({ "TableName": table }));
    let ids = bodies["Items"].as_array().unwrap().iter().map(|row| &row["id"]);
    let of_first: Vec<&Value> = ids.filter(|id| id["S"].as_str().unwrap().contains("evt_1")).collect();
    assert!(!of_first.is_empty(), "{bodies}");
    for id in of_first {
        stack.store("DeleteItem", &json!({ "TableName": table, "Key": { "id": id } }));
    }
    let of_usage = ["replay", "--failed", "--source", "usage", "--yes", "--reason", "bound"];
    let none = folder.fails(1, &[of_usage.as_slice(), &["--since", "2030-01-01T00:00:00Z"]].concat());
    assert!(none.contains("no refused event"), "{none}");
    let some = folder.run(&[of_usage.as_slice(), &["--since", "1h"]].concat());
    assert_eq!(some.code, Some(1), "some were not: {}{}", some.stdout, some.stderr);
    assert!(some.stdout.contains("due now: 1") && some.stdout.contains("left out: usage#evt_1"), "{}", some.stdout);
    assert!(some.stderr.contains("usage#evt_1 has no delivery that is still kept"), "{}", some.stderr);
}

#[test]
fn refused_event_is_shown_corrected_and_tried_again() {
    let folder = Folder::new();
    let stack = folder.start();
    let sent = folder.run(&["send", "usage", "--id", "evt_1", "--set", "data.remoteKeyId=k9"]);
    assert_eq!(sent.code, Some(1), "{}", sent.stdout);
    let stopped = explain(&folder, &["evt_1"]);
    assert_eq!(stopped.code, Some(1), "{}", stopped.stdout);
    assert!(stopped.stdout.contains("unknown_key: no owner has this key"), "{}", stopped.stdout);
    assert!(stopped.stdout.contains("account key OWNER k9 --reason R"), "{}", stopped.stdout);

    let shown = folder.stdout_of(&["event", "show", "evt_1"]);
    assert!(shown.contains("unknown_key") && !shown.contains("remoteKeyId"), "{shown}");
    folder.fails(2, &["event", "show", "evt_1", "--body"]);
    let body = folder.stdout_of(&["event", "show", "evt_1", "--body", "--reason", "support", "--author", "ada"]);
    assert!(body.contains("\"remoteKeyId\""), "{body}");
    let notes = stack.journal("manual#");
    let is_note = |row: &Value| row["kind"]["S"] == "show_body" && row["facts"]["M"]["author"]["S"] == "ada";
    assert!(notes.iter().any(is_note), "{notes:?}");

    let asked = folder.run(&["replay", "evt_1", "--reason", "bound"]);
    assert!(asked.code == Some(1) && asked.stderr.contains("unknown_key"), "{}", asked.stderr);
    folder.stdout_of(&["account", "key", "demo", "k9", "--reason", "bound"]);
    let due = folder.stdout_of(&["replay", "evt_1", "--yes", "--reason", "bound"]);
    assert!(due.contains("due now: 1"), "{due}");
    for tick in 0.. {
        if explain(&folder, &["evt_1"]).code == Some(0) {
            break;
        }
        assert!(tick < TICKS_MAX, "{}", explain(&folder, &["evt_1"]).stdout);
        sleep(Duration::from_secs(1));
    }
    folder.fails(1, &["replay", "evt_1", "--yes", "--reason", "again"]);
    folder.fails(1, &["replay", "--failed", "--source", "usage", "--yes", "--reason", "none"]);
    assert_eq!(stack.journal("usage#evt_1").len(), 1, "booked once");
}

/// The name by which other commands know a key. No row is found by a part of a hash.
#[test]
fn short_name_of_a_key_leads_to_the_commands_that_take_it() {
    let folder = Folder::new();
    assert!(folder.start().stop("INT").success());
    let makes: [&[&str]; 2] = [&["account", "api-key", "demo"], &["key", "make", "shop", "--scopes", "read"]];
    for make in makes {
        let made = folder.stdout_of(&[make, &["--reason", "r", "--json"]].concat());
        let made: Value = serde_json::from_str(&made).unwrap();
        let name = made["key"].as_str().unwrap();
        for lang in ["en", "zh"] {
            let answer = explain(&folder, &[name, "--lang", lang]);
            let lines: Vec<&str> = answer.stdout.lines().collect();
            assert_eq!((answer.code, lines.len()), (Some(1), 3), "{}", answer.stdout);
            assert!(lines[0].starts_with(name), "{}", answer.stdout);
            // Once: a key is revoked once.
            for line in lines.iter().skip(1).filter(|_| lang == "en") {
                let (_, command) = line.split_once("hookledger ").unwrap_or_else(|| panic!("{line}"));
                let command = command.replace("OWNER", "demo");
                let ended = folder.shell(&format!("cargo run -q -- {command}"));
                assert_eq!(ended.code, Some(0), "{command}: {}", ended.stderr);
            }
        }
        assert!(document(&folder, &[name])["where"][1].as_str().unwrap().contains("revoke"));
    }
    let other = explain(&folder, &["api-of-something"]).stdout;
    assert!(other.contains("no row has the name api-of-something"), "{other}");
}
