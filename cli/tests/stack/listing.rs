//! `events` and `orders` on the running stack: what was refused, paid and changed, the newest first, and what waits.

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

pub(crate) fn pay(stack: &Stack<'_>, key: &str) {
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

fn orders(folder: &Folder, args: &[&str]) -> Vec<Value> {
    let printed = folder.stdout_of(&[&["orders", "--json"], args].concat());
    let document: Value = serde_json::from_str(&printed).unwrap();
    document["orders"].as_array().unwrap().clone()
}

#[test]
fn orders_are_listed_by_what_a_person_looks_for() {
    let folder = Folder::new();
    let stack = folder.start();
    let key = demo_key(&folder);
    assert_eq!(folder.stdout_of(&["orders"]), "no such orders\n");
    pay(&stack, &key);
    let made = stack.call("POST", "/api/pay/checkout", &key, &json!({ "product": "credits-100" })).body;
    let number = made["orderNumber"].as_str().unwrap();
    let wrong = ["--set", "data.object.amount_received=1"];
    folder.run(&[&["send", "stripe/payment_intent_succeeded", "--order", number], wrong.as_slice()].concat());

    let all = orders(&folder, &[]);
    assert_eq!(all.len(), 2, "{all:?}");
    assert_eq!(all[0]["orderNumber"], number, "the newest first");
    let (owner, product, amount, currency) = ("demo", "credits-100", "9.99", "USD");
    let paid = orders(&folder, &["--status", "paid"]);
    assert_eq!(paid.len(), 1, "{paid:?}");
    for (name, value) in [("owner", owner), ("product", product), ("amount", amount), ("currency", currency)] {
        assert_eq!(paid[0][name], value);
    }
    assert_eq!((&paid[0]["payment"], &paid[0]["fulfilment"]), (&json!("paid"), &json!("done")));
    let flagged = orders(&folder, &["--anomalies"]);
    assert_eq!(flagged.len(), 1, "{flagged:?}");
    assert_eq!((&flagged[0]["orderNumber"], &flagged[0]["anomaly"]), (&json!(number), &json!("amount_mismatch")));
    assert!(flagged[0]["flaggedSince"].as_str().unwrap() >= flagged[0]["createdAt"].as_str().unwrap());
    let lines = folder.stdout_of(&["orders", "--anomalies"]);
    assert!(lines.contains("amount_mismatch  since 2"), "{lines}");
    assert_eq!(orders(&folder, &["--owner", "demo"]), orders(&folder, &[]));
    assert_eq!(orders(&folder, &["--owner", "demo", "--since", "2099-01-01T00:00:00Z"]), Vec::<Value>::new());
    assert_eq!(orders(&folder, &["--stuck"]), Vec::<Value>::new());
    assert_eq!(orders(&folder, &["--anomalies", "--owner", "demo"]), flagged);
    assert_eq!(orders(&folder, &["--anomalies", "--owner", "no-one"]), Vec::<Value>::new());
    assert!(folder.stdout_of(&["orders", "--limit", "1"]).contains("there are more"));
    for wrong in [["--status", "on-fire"], ["--since", "yesterday"], ["--limit", "0"], ["--stuck", "--anomalies"]] {
        folder.fails(2, &[&["orders"], wrong.as_slice()].concat());
    }
}
