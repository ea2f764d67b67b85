//! `order accept` and `order clear`: an operator's decisions about refused payments.

use serde_json::{Value, json};

use crate::buying::demo_key;
use crate::harness::{Folder, failure, field, refusal};

#[test]
fn refused_payments_are_accepted_and_cleared() {
    let folder = Folder::new();
    let stack = folder.start();
    let made = stack.call("POST", "/api/pay/checkout", &demo_key(&folder), &json!({ "product": "credits-100" }));
    let number = made.body["orderNumber"].as_str().unwrap();
    stack.pay(&made.body["url"], "4242424242424242");
    let order = |action: &str, args: &[&str]| {
        let always = ["order", action, number, "--reason", "the buyer asked", "--author", "ann"];
        folder.run(&[&always, args].concat())
    };
    let done = |action: &str, args: &[&str], expected: &str| {
        let ended = order(action, args);
        assert_eq!(ended.code, Some(0), "{args:?}: {}", ended.stderr);
        assert!(ended.stdout.starts_with(expected), "{args:?}: {}", ended.stdout);
        ended.stdout
    };
    let line = refusal(order("accept", &["--payment", "pi_a2"]));
    assert!(line.contains("the order has refused no payment of this name"), "{line}");
    let about = |event: &str, settings: &[&str]| {
        let settings = settings.iter().flat_map(|setting| ["--set", setting]);
        let args: Vec<&str> = ["send", event, "--order", number].into_iter().chain(settings).collect();
        let ended = folder.run(&args);
        assert!(ended.stdout.starts_with("200  "), "{args:?}: {}{}", ended.stdout, ended.stderr);
    };
    for id in ["pi_a2", "pi_a3", "pi_a4"] {
        about("stripe/payment_intent_succeeded", &[&format!("data.object.id={id}")]);
    }
    let output = folder.stdout_of(&["order", "show", number]);
    let lines: Vec<&str> = output.lines().filter_map(|line| line.trim().strip_prefix("duplicate_payment: ")).collect();
    assert_eq!(lines.len(), 3, "{output}");
    for (line, id) in lines.iter().zip(["pi_a2", "pi_a3", "pi_a4"]) {
        assert!(line.starts_with(&format!("stripe#{id} paid 9.99 USD; it was paid by stripe#pi_")), "{line}");
        assert!(line.ends_with("refunded 0 USD"), "{line}");
    }

    done("accept", &["--payment", "stripe#pi_a2", "--id", "one"], "done: manual#one");
    done("accept", &["--payment", "stripe#pi_a2", "--id", "one"], "already done: manual#one");
    let line = refusal(order("accept", &["--payment", "pi_a2", "--credits", "7", "--id", "one"]));
    assert!(line.contains("names another change"), "{line}");
    let line = refusal(order("accept", &["--payment", "pi_a2"]));
    assert!(line.contains("the payment is booked already"), "{line}");
    for (credits, expected) in [("0.1.2", "must be a plain decimal"), ("0", "moves nothing")] {
        let line = failure(2, order("accept", &["--payment", "pi_a3", "--credits", credits]));
        assert!(line.contains(expected), "{line}");
    }
    done("accept", &["--payment", "pi_a3", "--credits", "50", "--id", "two"], "done: manual#two");
    let cleared = done("clear", &["--anomaly", "duplicate_payment", "--id", "three"], "done: manual#three");
    let states = ["[accepted]", "[accepted]", "[cleared]"];
    for (line, state) in cleared.lines().filter(|line| line.contains("duplicate_payment: ")).zip(states) {
        assert!(line.ends_with(state), "{line}");
    }
    about("stripe/payment_intent_succeeded", &["data.object.id=pi_a5"]);
    let ended = order("clear", &["--payment", "pi_a5"]);
    let id = ended.stderr.split_whitespace().skip_while(|word| *word != "--id").nth(1).unwrap_or_default();
    assert!(!id.is_empty() && ended.stdout.starts_with(&format!("done: manual#{id}")), "{}", ended.stderr);
    let line = refusal(order("clear", &[]));
    assert!(line.contains("no open anomaly of"), "{line}");
    let line = failure(2, order("clear", &["--anomaly", "anything"]));
    assert!(line.contains("anything is not the name of an anomaly"), "{line}");
    assert_eq!(field(&folder.stdout_of(&["account", "show", "demo"]), "balance"), "1250");
    assert_eq!(field(&folder.stdout_of(&["audit"]), "differences"), "0");

    about("stripe/payment_intent_succeeded", &["data.object.id=pi_a2"]);
    assert_eq!(field(&folder.stdout_of(&["account", "show", "demo"]), "balance"), "1250", "its webhook is a repeat");
    let settings = ["data.object.payment_intent=pi_a3", "data.object.amount_refunded=999"];
    about("stripe/charge_refunded", &settings);
    assert_eq!(
        field(&folder.stdout_of(&["account", "show", "demo"]), "balance"),
        "1200",
        "its refund takes back its credits"
    );
    assert_eq!(field(&folder.stdout_of(&["audit"]), "differences"), "0");
    let of = |key: &str| -> Vec<Value> {
        let rows = stack.journal(key);
        rows.iter()
            .map(|row| json!([row["amount_units"]["N"].is_null(), row["order"]["S"], row["status"]["S"]]))
            .collect()
    };
    let line = json!([false, number, "processed"]);
    assert_eq!((of("payment#stripe#pi_a2"), of("payment#stripe#pi_a3")), (vec![line.clone()], vec![line]));
    let rows = stack.journal("manual#");
    for id in ["one", "two", "three"] {
        let row = rows.iter().find(|row| row["id"]["S"] == format!("manual#{id}")).unwrap();
        let fact = |name: &str| row["facts"]["M"][name]["S"].clone();
        assert_eq!((fact("author"), fact("reason")), (json!("ann"), json!("the buyer asked")), "{row}");
    }
}
