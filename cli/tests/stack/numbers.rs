//! `stats` on the running stack: what its lines add up to, after a kill and a restart too, and what waits.

use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use crate::buying::demo_key;
use crate::harness::Folder;

/// Lines are kept within a fraction of a second.
const TICK: Duration = Duration::from_millis(50);
const TICKS_MAX: u32 = 200;

fn stats(folder: &Folder, args: &[&str]) -> Value {
    serde_json::from_str(&folder.stdout_of(&[&["stats", "--json"], args].concat())).unwrap()
}

fn source(stats: &Value, name: &str) -> Value {
    let sources = stats["sources"].as_array().unwrap();
    sources.iter().find(|source| source["source"] == name).cloned().unwrap_or_default()
}

/// The numbers of usage, once so many events are counted.
fn usage(folder: &Folder, events: u64) -> Value {
    for _ in 0..TICKS_MAX {
        let found = source(&stats(folder, &[]), "usage");
        if found["events"].as_u64().unwrap_or_default() >= events {
            return found;
        }
        sleep(TICK);
    }
    panic!("{}", stats(folder, &[]));
}

/// Once so many orders are counted: the log keeps its metrics some moments later.
fn with_payments(folder: &Folder, options: &[&str], orders: u64, paid: u64) -> Value {
    for _ in 0..TICKS_MAX {
        let found = stats(folder, options);
        if (&found["payments"]["orders"], &found["payments"]["paid"]) == (&json!(orders), &json!(paid)) {
            return found;
        }
        sleep(TICK);
    }
    panic!("{}", stats(folder, options));
}

#[test]
fn numbers_are_those_of_what_was_sent_and_outlast_a_kill() {
    let folder = Folder::new();
    let stack = folder.start();
    assert_eq!(source(&stats(&folder, &[]), "usage"), Value::Null);
    folder.stdout_of(&["send", "usage", "--count", "5"]);
    folder.stdout_of(&["send", "usage", "--id", "evt_1"]);
    folder.stdout_of(&["send", "usage", "--id", "evt_1"]);
    folder.run(&["send", "usage", "--id", "evt_2", "--set", "data.remoteKeyId=k9"]);
    let key = demo_key(&folder);
    let made = stack.call("POST", "/api/pay/checkout", &key, &json!({ "product": "credits-100" })).body;
    assert_eq!(stack.pay(&made["url"], "4242 4242 4242 4242").status, 303);
    let made = stack.call("POST", "/api/pay/checkout", &key, &json!({ "product": "credits-100" })).body;
    let wrong = ["--order", made["orderNumber"].as_str().unwrap(), "--set", "data.object.amount_received=1"];
    folder.run(&[&["send", "stripe/payment_intent_succeeded"], wrong.as_slice()].concat());

    let found = usage(&folder, 8);
    assert_eq!((&found["events"], &found["repeats"]), (&json!(8), &json!(1)));
    assert_eq!(found["successPercent"], "87.50");
    assert_eq!(found["perMinute"], "0.13");
    assert!(found["p50Ms"].is_string() && found["p99Ms"].is_string() && found["latest"].is_string(), "{found}");
    let all = with_payments(&folder, &["--by", "source,status,reason"], 2, 1);
    let is_refused = |count: &Value| count["status"] == "refused" && count["reason"] == "unknown_key";
    let refused = all["counts"].as_array().unwrap().iter().find(|count| is_refused(count)).cloned();
    assert_eq!(refused.unwrap_or_else(|| panic!("{all}"))["events"], 1);
    assert_eq!(all["payments"]["successPercent"], "50.00");
    let waiting = all["waiting"].as_array().unwrap();
    let waits = |what: &str, of: &str| waiting.iter().find(|found| found["what"] == what && found["of"] == of);
    assert_eq!(waits("lanes", "usage").unwrap_or_else(|| panic!("{all}"))["count"], 1);
    assert_eq!(waits("unpaid", "stripe").unwrap_or_else(|| panic!("{all}"))["count"], 1);
    assert!(waiting.iter().all(|found| found["since"].is_string()), "{all}");
    assert_eq!(all["sync"]["orders"], 1, "the paid one: {all}");
    assert_eq!(all["anomalies"][0]["reason"], "amount_mismatch");
    let lines = folder.stdout_of(&["stats", "--since", "24h", "--by", "status"]);
    for expected in [
        "87.50 %",
        "events by status",
        "orders: 2 made, 1 paid",
        "amount_mismatch",
        "stripe: orders, until they are paid",
        "usage: keys, owners and models whose usage waits",
    ] {
        assert!(lines.contains(expected), "{expected}: {lines}");
    }

    stack.kill();
    assert_eq!(source(&stats(&folder, &[]), "usage"), found, "without a stack");
    let stack = folder.start();
    folder.stdout_of(&["send", "usage"]);
    assert_eq!(usage(&folder, 9)["events"], 9);
    drop(stack);
    folder.fails(2, &["stats", "--since", "90d"]);
    folder.fails(2, &["stats", "--by", "colour"]);
}

#[test]
fn stack_in_memory_has_numbers_of_its_own() {
    let folder = Folder::new();
    let stack = folder.start();
    folder.stdout_of(&["send", "usage"]);
    usage(&folder, 1);
    drop(stack);
    let stack = folder.start_with(&["--memory"], &[]);
    folder.stdout_of(&["send", "usage", "--count", "2"]);
    assert_eq!(usage(&folder, 2)["events"], 2);
    stack.kill();
    assert_eq!(usage(&folder, 1)["events"], 1, "those of the books on disk");
}

/// Beside those that functions book, while a stack serves.
#[test]
fn payment_that_a_command_books_is_counted() {
    let folder = Folder::new();
    let stack = folder.start();
    let made = stack.call("POST", "/api/pay/checkout", &demo_key(&folder), &json!({ "product": "credits-100" })).body;
    let number = made["orderNumber"].as_str().unwrap();
    let wrong = ["--order", number, "--set", "data.object.amount_received=1"];
    folder.run(&[&["send", "stripe/payment_intent_succeeded"], wrong.as_slice()].concat());
    assert_eq!(stats(&folder, &[])["payments"]["paid"], 0);
    let (payment, id) = (format!("pi_3{number}"), "accepted-once");
    let accept = ["order", "accept", number, "--payment", &payment, "--reason", "a test", "--id", id];
    for _ in 0..2 {
        folder.stdout_of(&accept);
        // A repeat of the command is not counted again.
        assert_eq!(stats(&folder, &[])["payments"]["paid"], 1);
    }
}
