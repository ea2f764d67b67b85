//! Fulfilment of paid orders: latency, exactly-once delivery, commissions, and every result of a top-up.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::buying::demo_key;
use crate::harness::{Folder, Stack, field};
use crate::operator::Operator;

pub(crate) const TICK: Duration = Duration::from_millis(5);
/// Half a minute, for a busy machine.
const TICKS_MAX: u32 = 6_000;
pub(crate) const WALLET: &str = "0x52908400098527886E0F7030069857D2E4169EE7";

/// An order and its payment page.
pub(crate) struct Bought {
    pub(crate) number: String,
    pub(crate) url: Value,
}

impl Stack<'_> {
    pub(crate) fn buy(&self, key: &str, product: &Value) -> Bought {
        let made = self.call("POST", "/api/pay/checkout", key, product).body;
        Bought {
            number: made["orderNumber"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned(),
            url: made["url"].clone(),
        }
    }

    pub(crate) fn order(&self, number: &str) -> Value {
        let request =
            json!({ "TableName": "hookledger-local-orders", "Key": { "id": { "S": number } }, "ConsistentRead": true });
        self.store("GetItem", &request)["Item"].clone()
    }

    pub(crate) fn fulfilment(&self, number: &str) -> String {
        self.order(number)["fulfilment"]["S"].as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the fulfilment is one of these.
    pub(crate) fn becomes(&self, number: &str, expected: &[&str]) -> String {
        for _ in 0..TICKS_MAX {
            let fulfilment = self.fulfilment(number);
            if expected.contains(&fulfilment.as_str()) {
                return fulfilment;
            }
            sleep(TICK);
        }
        panic!("{number} is not {expected:?}: {}", self.order(number));
    }

    pub(crate) fn balance(&self, account: &str) -> String {
        self.account(account)["balance_units"]["N"].as_str().unwrap_or("0").to_owned()
    }
}

pub(crate) fn airtime(phone: &str) -> Value {
    json!({ "product": "unitel-sd5000", "phoneNumber": phone })
}

fn by(args: &[&str]) -> Vec<String> {
    args.iter().chain(&["--author", "ann", "--reason", "asked the operator"]).map(|arg| (*arg).to_owned()).collect()
}

/// Runs a change with an author and a reason, and returns its output.
pub(crate) fn run_by_ann(folder: &Folder, args: &[&str]) -> String {
    folder.stdout_of(&by(args).iter().map(String::as_str).collect::<Vec<_>>())
}

fn refused(folder: &Folder, args: &[&str]) -> String {
    fails(folder, 1, args)
}

fn fails(folder: &Folder, code: i32, args: &[&str]) -> String {
    folder.fails(code, &by(args).iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn paid_order_is_delivered_and_its_referrers_earn() {
    let (folder, operator) = (Folder::new(), Operator::new());
    let stack = folder.start_with(&[], &operator.environment());
    let key = demo_key(&folder);
    run_by_ann(&folder, &["account", "referrer", "demo", "bob"]);
    run_by_ann(&folder, &["account", "referrer", "bob", "carol"]);
    let rows = [
        (json!({ "product": "full-report" }), "grant#1       1 of 1, on demo/report-full"),
        (json!({ "product": "posx-10", "wallet": WALLET }), "grant#1     10 of 10, on demo/POSX"),
        (airtime("88000000"), "top-up      done, claimed at "),
    ];
    for (product, expected) in rows {
        let bought = stack.buy(&key, &product);
        assert_eq!(stack.pay(&bought.url, "4242424242424242").status, 303);
        stack.becomes(&bought.number, &["done"]);
        let output = folder.stdout_of(&["order", "show", &bought.number]);
        assert!(output.contains(expected), "{output}");
        if product["product"] == "unitel-sd5000" {
            assert_eq!(operator.calls(&bought.number).calls, 1);
            assert!(field(&output, "receipt").contains("\"billId\":\"000000000000000000000000000000001\""), "{output}");
            assert_eq!(field(&output, "seq"), "t00000001");
        }
    }
    let balances = ["demo/report-full", "demo/POSX", "bob/commission-usd", "carol/commission-usd"];
    assert_eq!(balances.map(|account| stack.balance(account)), ["1", "0", "199", "39"]);
    let output = balances.map(|account| field(&folder.stdout_of(&["account", "show", account]), "balance").to_owned());
    assert_eq!(output, ["1", "0", "1.99", "0.39"]);
    let tokens = folder.stdout_of(&["account", "show", "demo/POSX"]);
    for (amount, key) in [("10", "grant#"), ("-10", "sent#")] {
        let is_line = |line: &&str| {
            let [receipt, change] = [line.split_whitespace().last(), line.split_whitespace().rev().nth(1)];
            change == Some(amount) && receipt.is_some_and(|receipt| receipt.starts_with(key))
        };
        assert_eq!(tokens.lines().filter(is_line).count(), 1, "{amount}: {tokens}");
    }
    let unknown = folder.fails(2, &["account", "show", "demo/NONE"]);
    assert!(unknown.contains("there is no asset NONE"), "{unknown}");
}

/// Measured from the payment at the provider, with its webhooks in between.
#[test]
fn paid_order_is_delivered_within_a_second() {
    let (folder, operator) = (Folder::new(), Operator::new());
    let stack = folder.start_with(&[], &operator.environment());
    let key = demo_key(&folder);
    let mut took: Vec<Duration> = Vec::new();
    for n in 0..21 {
        let product = [json!({ "product": "full-report" }), airtime("88000000")][n % 2].clone();
        let bought = stack.buy(&key, &product);
        let paid_at = Instant::now();
        assert_eq!(stack.pay(&bought.url, "4242424242424242").status, 303);
        stack.becomes(&bought.number, &["done"]);
        took.push(paid_at.elapsed());
    }
    took.sort_unstable();
    let p50 = took[10];
    assert!(p50 < Duration::from_secs(1), "{took:?}");
}

/// An operator that never answers delays only orders of the same lane.
#[test]
fn hanging_operator_delays_no_other_order() {
    let (folder, operator) = (Folder::new(), Operator::new());
    let stack = folder.start_with(&[], &operator.environment());
    let key = demo_key(&folder);
    let hangs = stack.buy(&key, &airtime("88000005"));
    assert_eq!(stack.pay(&hangs.url, "4242424242424242").status, 303);
    let paid_at = Instant::now();
    let others: Vec<Bought> = (0..16)
        .map(|_| {
            let bought = stack.buy(&key, &json!({ "product": "full-report" }));
            assert_eq!(stack.pay(&bought.url, "4242424242424242").status, 303);
            bought
        })
        .collect();
    // Orders of the same lane wait, about a fifth of them. More than twelve of sixteen is a chance of one in millions.
    let done = || others.iter().filter(|bought| stack.fulfilment(&bought.number) == "done").count();
    while done() < 4 {
        assert!(paid_at.elapsed() < Duration::from_secs(15), "{} are done", done());
        sleep(TICK);
    }
    assert_eq!(stack.fulfilment(&hangs.number), "pending");
}

#[test]
fn unknown_top_up_is_resolved_by_hand() {
    let (folder, operator) = (Folder::new(), Operator::new());
    let stack = folder.start_with(&[], &operator.environment());
    let key = demo_key(&folder);
    let bought = |phone: &str, expected: &str| {
        let bought = stack.buy(&key, &airtime(phone));
        assert_eq!(stack.pay(&bought.url, "4242424242424242").status, 303);
        stack.becomes(&bought.number, &[expected]);
        bought.number
    };
    let resolve = |number: &str, verdict: &str| run_by_ann(&folder, &["order", "resolve", number, "--as", verdict]);

    let unknown = bought("88000004", "unknown");
    let output = folder.stdout_of(&["order", "show", &unknown]);
    assert_eq!(field(&output, "top_up_unknown:"), "status 503");
    let output = run_by_ann(&folder, &["order", "resolve", &unknown, "--as", "done", "--seq", "77"]);
    assert_eq!((field(&output, "fulfilment"), field(&output, "seq")), ("done", "77"));
    assert!(!output.contains("top_up_unknown"), "{output}");
    let [row] = <[_; 1]>::try_from(stack.journal(&format!("resolve#{unknown}."))).unwrap();
    assert_eq!(row["facts"]["M"]["author"]["S"], "ann");
    assert_eq!(row["facts"]["M"]["verdict"]["S"], "done");
    let line = refused(&folder, &["order", "resolve", &unknown, "--as", "failed"]);
    assert!(line.contains(&format!("there is nothing to resolve about {unknown}: it is done")), "{line}");
    assert_eq!(operator.calls(&unknown).calls, 1);

    let failed = bought("88000007", "unknown");
    let output = resolve(&failed, "failed");
    assert_eq!((field(&output, "fulfilment"), output.contains("top_up_failed")), ("failed", true), "{output}");
    assert_eq!(operator.calls(&failed).calls, 1);

    // Each `again` is one more call.
    let again = bought("88000007", "unknown");
    resolve(&again, "again");
    stack.becomes(&again, &["unknown"]);
    assert_eq!(operator.calls(&again).calls, 2);

    let pending = bought("88000003", "pending");
    while stack.order(&pending)["top_up_call"]["M"]["state"]["S"] != "pending" {
        sleep(TICK);
    }
    assert_eq!(field(&resolve(&pending, "done"), "fulfilment"), "done");

    let hangs = stack.buy(&key, &airtime("88000005"));
    assert_eq!(stack.pay(&hangs.url, "4242424242424242").status, 303);
    while operator.calls(&hangs.number).calls == 0 {
        sleep(TICK);
    }
    let rows = [
        (hangs.number.as_str(), "done", "the call may still be under way: wait two minutes"),
        (failed.as_str(), "again", "it has failed"),
        ("HLnone", "done", "there is no order HLnone in these books"),
    ];
    for (number, verdict, expected) in rows {
        let line = refused(&folder, &["order", "resolve", number, "--as", verdict]);
        assert!(line.contains(expected), "{line}");
    }
    let line = fails(&folder, 2, &["order", "resolve", &again, "--as", "failed", "--seq", "7"]);
    assert!(line.contains("--seq 7 is not the operator's number of a finished top-up"), "{line}");
}

#[test]
fn referrer_is_set_removed_and_never_in_a_circle() {
    let folder = Folder::new();
    let _stack = folder.start();
    for [owner, referrer] in [["demo", "bob"], ["bob", "carol"], ["carol", "dave"]] {
        let output = run_by_ann(&folder, &["account", "referrer", owner, referrer]);
        assert!(output.contains(&format!("{owner} has the referrer {referrer}")), "{output}");
    }
    for [owner, referrer] in [["demo", "demo"], ["carol", "demo"], ["dave", "demo"]] {
        let line = refused(&folder, &["account", "referrer", owner, referrer]);
        assert!(line.contains(&format!("{owner} cannot be their own referrer")), "{line}");
    }
    assert_eq!(field(&folder.stdout_of(&["account", "show", "demo"]), "referrer"), "bob");
    let output = run_by_ann(&folder, &["account", "referrer", "demo", "--none", "--id", "once"]);
    assert!(output.starts_with("done: manual#once\n") && output.contains("demo has no referrer"), "{output}");
    assert!(
        run_by_ann(&folder, &["account", "referrer", "demo", "--none", "--id", "once"]).starts_with("already done")
    );
    let line = refused(&folder, &["account", "referrer", "demo", "bob", "--id", "once"]);
    assert!(line.contains("--id once names another change already"), "{line}");
    assert!(!folder.stdout_of(&["account", "show", "demo"]).contains("referrer "));
}
