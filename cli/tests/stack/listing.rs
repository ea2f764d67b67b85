//! `events` on the running stack: what was refused, paid and changed, the newest first.

use serde_json::{Value, json};

use crate::buying::demo_key;
use crate::harness::{Folder, Stack};

fn listed(folder: &Folder, args: &[&str]) -> Vec<(String, String)> {
    let printed = folder.stdout_of(&[&["events", "--json"], args].concat());
    let document: Value = serde_json::from_str(&printed).unwrap();
    let text = |event: &Value, name: &str| event[name].as_str().unwrap().to_owned();
    let events = document["events"].as_array().unwrap();
    let times: Vec<String> = events.iter().map(|event| text(event, "receivedAt")).collect();
    assert!(times.is_sorted_by(|one, other| one >= other), "the newest first: {times:?}");
    events.iter().map(|event| (text(event, "kind"), text(event, "status"))).collect()
}

fn pay(stack: &Stack<'_>, key: &str) {
    let made = stack.call("POST", "/api/pay/checkout", key, &json!({ "product": "credits-100" })).body;
    assert_eq!(stack.pay(&made["url"], "4242 4242 4242 4242").status, 303);
}

#[test]
fn events_lists_what_a_person_looks_for() {
    let folder = Folder::new();
    let stack = folder.start();
    let before = listed(&folder, &[]).len();
    folder.run(&["send", "usage", "--id", "evt_1", "--set", "data.remoteKeyId=k9"]);
    folder.stdout_of(&["send", "usage", "--id", "evt_2"]);
    pay(&stack, &demo_key(&folder));
    folder.stdout_of(&["account", "credit", "demo", "1", "--reason", "a gift"]);

    let all = listed(&folder, &[]);
    let new: Vec<&str> = all.iter().rev().skip(before).map(|(kind, _)| kind.as_str()).collect();
    assert!(new.contains(&"usage") && new.contains(&"order") && new.contains(&"credit"), "{all:?}");
    assert!(new.iter().any(|kind| kind.contains("checkout.session") || kind.contains("payment_intent")), "{all:?}");
    assert_eq!(new.iter().filter(|kind| **kind == "usage").count(), 1, "only the refused one: {all:?}");
    assert_eq!(listed(&folder, &["--failed"]), [("usage".to_owned(), "unknown_key".to_owned())]);
    assert_eq!(listed(&folder, &["--failed", "--source", "stripe"]), []);
    assert_eq!(listed(&folder, &["--limit", "1"]).len(), 1);
    let lines = folder.stdout_of(&["events", "--limit", "1"]);
    assert!(lines.contains("there are more"), "{lines}");
    assert_eq!(listed(&folder, &["--since", "2020-01-01T00:00:00Z"]).len(), all.len());
    folder.fails(2, &["events", "--since", "yesterday"]);
    folder.fails(2, &["events", "--limit", "0"]);
}
