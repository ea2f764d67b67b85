//! The newest of all: deliveries from the log lines, lines of all owners, and payments as comma-separated values.

use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use crate::buying::demo_key;
use crate::harness::Folder;

/// Lines are kept within a fraction of a second.
const TICK: Duration = Duration::from_millis(50);
const TICKS_MAX: u32 = 200;

fn document(folder: &Folder, args: &[&str]) -> Value {
    serde_json::from_str(&folder.stdout_of(&[args, &["--json"]].concat())).unwrap()
}

fn texts(list: &Value, name: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|one| one[name].as_str().unwrap_or_default().to_owned()).collect()
}

/// Booked and refused usage, a purchase, and a gift.
fn books(folder: &Folder) -> String {
    let stack = folder.start();
    for id in ["evt_1", "evt_2", "evt_3"] {
        folder.stdout_of(&["send", "usage", "--id", id]);
    }
    folder.run(&["send", "usage", "--id", "evt_4", "--set", "data.remoteKeyId=k9"]);
    let made = stack.call("POST", "/api/pay/checkout", &demo_key(folder), &json!({ "product": "credits-100" })).body;
    assert_eq!(stack.pay(&made["url"], "4242 4242 4242 4242").status, 303);
    folder.stdout_of(&["account", "credit", "demo", "1", "--reason", "a gift"]);
    for tick in 0.. {
        let usage = document(folder, &["events", "--log", "--source", "usage"]);
        if usage["events"].as_array().unwrap().len() == 4 {
            break;
        }
        assert!(tick < TICKS_MAX, "{usage}");
        sleep(TICK);
    }
    made["orderNumber"].as_str().unwrap().to_owned()
}

#[test]
fn newest_deliveries_and_lines_have_booked_usage_too() {
    let folder = Folder::new();
    let number = books(&folder);
    // Without a stack.
    let logged = document(&folder, &["events", "--log", "--source", "usage"]);
    assert_eq!(texts(&logged["events"], "event"), ["evt_4", "evt_3", "evt_2", "evt_1"], "the newest first");
    assert_eq!(texts(&logged["events"], "status"), ["unknown_key", "booked", "booked", "booked"]);
    let failed = document(&folder, &["events", "--log", "--failed"]);
    assert_eq!(texts(&failed["events"], "event"), ["evt_4"]);
    // The log itself picks them: behind a page of booked ones it is found all the same.
    let stack = folder.start();
    folder.stdout_of(&["send", "usage", "--count", "3"]);
    drop(stack);
    let failed = document(&folder, &["events", "--log", "--failed", "--limit", "1"]);
    assert_eq!((texts(&failed["events"], "event"), &failed["more"]), (vec!["evt_4".to_owned()], &json!(false)));
    let some = document(&folder, &["events", "--log", "--limit", "2"]);
    assert_eq!((some["events"].as_array().unwrap().len(), &some["more"]), (2, &json!(true)));
    folder.fails(2, &["events", "--log", "--follow"]);
    let unknown = folder.fails(2, &["events", "--source", "strip"]);
    assert!(unknown.contains("stripe") && unknown.contains("manual"), "a mistyped one hides nothing: {unknown}");
    assert_eq!(texts(&document(&folder, &["events", "--source", "manual"])["events"], "source")[0], "manual");
    assert!(folder.fails(2, &["events", "--since", "2x"]).contains("give 24h"));

    let lines = document(&folder, &["statement", "--all"]);
    let receipts = texts(&lines["lines"], "receipt");
    for expected in ["usage#evt_1", "usage#evt_2", "usage#evt_3"] {
        assert!(receipts.contains(&expected.to_owned()), "{expected}: {receipts:?}");
    }
    assert!(!receipts.contains(&"usage#evt_4".to_owned()), "it moved nothing");
    for prefix in ["payment#stripe#", "manual#"] {
        assert!(receipts.iter().any(|receipt| receipt.starts_with(prefix)), "{prefix}: {receipts:?}");
    }
    let times = texts(&lines["lines"], "processedAt");
    assert!(times.is_sorted_by(|one, other| one >= other), "the newest first: {times:?}");
    let paid = lines["lines"].as_array().unwrap().iter().find(|line| line["change"] == "100");
    assert_eq!(paid.unwrap_or_else(|| panic!("{lines}"))["account"], "demo/credits");
    let few = document(&folder, &["statement", "--all", "--limit", "2", "--since", "1h"]);
    assert_eq!((few["lines"].as_array().unwrap().len(), &few["more"]), (2, &json!(true)));
    assert!(folder.stdout_of(&["statement", "--all"]).contains("usage#evt_1"));
    for wrong in [vec!["statement"], vec!["statement", "demo", "--all"], vec!["statement", "demo", "--since", "1h"]] {
        folder.fails(2, &wrong);
    }
    assert!(folder.stdout_of(&["explain", &number]).contains("paid"));
}

#[test]
fn payments_are_exported_each_once() {
    let folder = Folder::new();
    let number = books(&folder);
    let printed = folder.stdout_of(&["export", "--since", "1d"]);
    let mut lines = printed.split("\r\n");
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert_eq!((lines.next(), lines.next()), (Some(""), None), "one payment, whatever reported it: {printed}");
    let field = |name: &str| row[head.iter().position(|column| *column == name).unwrap()];
    for (name, value) in [
        ("order", number.as_str()),
        ("owner", "demo"),
        ("product", "credits-100"),
        ("quantity", "1"),
        ("provider", "stripe"),
        ("amount", "9.99"),
        ("currency", "USD"),
        ("refunded", "0.00"),
        ("payment_state", "paid"),
        ("fulfilment", "done"),
        ("disputed", "false"),
        ("credits", "100"),
        ("kind", "payment"),
        ("refund", ""),
    ] {
        assert_eq!(field(name), value, "{name}");
    }
    assert!(field("payment").starts_with("pi_") && field("paid_at").starts_with("20"), "{printed}");
    assert_eq!(folder.stdout_of(&["export", "--since", "2099-01-01T00:00:00Z"]).lines().count(), 1, "the head alone");
    assert_eq!(folder.stdout_of(&["export", "--since", "2099-01-01"]).lines().count(), 1, "a date");
    assert_eq!(folder.stdout_of(&["export", "--since", "2026-01-01"]), printed);
    folder.fails(2, &["export", "--since", "2026-02-30"]);
    folder.fails(2, &["export", "--since", "1d", "--json"]);
    folder.fails(2, &["export"]);
}
