//! A stack is killed between payment and fulfilment and restarted: every delivery happens once, and no top-up is called twice.

use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::buying::demo_key;
use crate::fulfilling::{Bought, TICK, WALLET, airtime, run_by_ann};
use crate::harness::{Folder, Stack, field};
use crate::operator::Operator;

const ROUNDS: u64 = 10;
/// Each round kills the stack this much later after the payment.
const LONGER: Duration = Duration::from_millis(8);
/// Every call to the operator has ended by then, also a late one.
const CALLED: Duration = Duration::from_secs(10);
const NO_REPORT: &str = "the operator was called, and the result is unknown";

impl Stack<'_> {
    fn top_up_call(&self, number: &str) -> String {
        self.order(number)["top_up_call"]["M"]["state"]["S"].as_str().unwrap_or_default().to_owned()
    }

    fn transfer(&self, number: &str) -> String {
        self.order(number)["transfer"]["M"]["status"]["S"].as_str().unwrap_or_default().to_owned()
    }

    /// Moves the claim into the past, beyond the two minutes in which its call may still return.
    fn age_claim(&self, number: &str) {
        let request = json!({
            "TableName": "hookledger-local-orders",
            "Key": { "id": { "S": number } },
            "UpdateExpression": "SET top_up_claimed_at = :at, due_at = :at",
            "ExpressionAttributeValues": { ":at": { "S": "2026-01-01T00:00:00.000Z" } },
        });
        self.store("UpdateItem", &request);
    }
}

#[test]
fn stack_killed_at_any_moment_delivers_once() {
    let (folder, operator) = (Folder::new(), Operator::new());
    let mut stack = folder.start_with(&[], &operator.environment());
    let key = demo_key(&folder);
    run_by_ann(&folder, &["account", "referrer", "demo", "bob"]);
    let mut all: Vec<[Bought; 3]> = Vec::new();
    for round in 0..ROUNDS {
        let late = round % 3 == 2;
        let bought = [
            stack.buy(&key, &json!({ "product": "full-report" })),
            stack.buy(&key, &json!({ "product": "posx-10", "wallet": WALLET })),
            stack.buy(&key, &airtime(if late { "88000006" } else { "88000000" })),
        ];
        thread::scope(|scope| {
            for bought in &bought {
                // A killed stack sends no answer.
                scope.spawn(|| stack.try_to_pay(&bought.url));
            }
            sleep(LONGER.saturating_mul(u32::try_from(round).unwrap()));
            stack.signal("KILL");
        });
        stack.kill();
        stack = folder.start_with(&[], &operator.environment());
        // The provider got no answer, and retries.
        for bought in &bought {
            folder.stdout_of(&["send", "stripe/checkout_session_completed", "--order", &bought.number]);
        }
        all.push(bought);
    }
    let airtimes: Vec<&str> = all.iter().map(|[_, _, airtime]| airtime.number.as_str()).collect();
    let waited = Instant::now();
    let is_open = |stack: &Stack<'_>| {
        let is_called = airtimes.iter().all(|number| stack.top_up_call(number) == "done");
        let is_sent = all.iter().all(|[_, tokens, _]| !["", "DUE"].contains(&stack.transfer(&tokens.number).as_str()));
        !is_called || !is_sent
    };
    while waited.elapsed() < CALLED && is_open(&stack) {
        sleep(TICK);
    }
    for [report, tokens, airtime] in &all {
        stack.becomes(&report.number, &["done"]);
        // The custodian's fake ends with the stack and loses its transfers.
        stack.becomes(&tokens.number, &["pending", "done"]);
        assert!(!["", "DUE"].contains(&stack.transfer(&tokens.number).as_str()), "{}", tokens.number);
        for order in [report, tokens] {
            assert_eq!(stack.journal(&format!("grant#{}", order.number)).len(), 1);
        }
        assert_eq!(stack.journal(&format!("commission#{}", report.number)).len(), 1);
        assert!(operator.calls(&airtime.number).calls <= 1, "{}", airtime.number);
    }
    let balances = ["demo/report-full", "bob/commission-usd"].map(|account| stack.balance(account));
    assert_eq!(balances, ["10", "1990"]);
    // One line for each order, and a second one for each transfer that has completed.
    let tokens = stack.account("demo/POSX");
    let [lines, held] =
        ["version", "balance_units"].map(|name| tokens[name]["N"].as_str().unwrap().parse::<u128>().unwrap());
    assert_eq!(held, (u128::from(2 * ROUNDS) - lines) * 10_000_000_000_000_000_000, "{lines} lines");

    let claimed: Vec<&str> = airtimes.iter().copied().filter(|number| stack.top_up_call(number) == "claimed").collect();
    assert!(airtimes.iter().all(|number| claimed.contains(number) || stack.top_up_call(number) == "done"));
    for number in &claimed {
        stack.age_claim(number);
    }
    stack.kill();
    let stack = folder.start_with(&[], &operator.environment());
    for number in &claimed {
        stack.becomes(number, &["unknown"]);
        let output = folder.stdout_of(&["order", "show", number]);
        assert_eq!(field(&output, "top_up_unknown:"), NO_REPORT);
        let given = operator.calls(number).given;
        run_by_ann(&folder, &["order", "resolve", number, "--as", if given == 1 { "done" } else { "again" }]);
        stack.becomes(number, &["done"]);
    }
    for number in &airtimes {
        assert_eq!((operator.calls(number).given, stack.fulfilment(number).as_str()), (1, "done"), "{number}");
    }
}

/// A crash after the operator received the call and before the stack recorded its result.
#[test]
fn stack_killed_after_a_claim_leaves_the_result_unknown() {
    let (folder, operator) = (Folder::new(), Operator::new());
    let stack = folder.start_with(&[], &operator.environment());
    let bought = stack.buy(&demo_key(&folder), &airtime("88000005"));
    assert_eq!(stack.pay(&bought.url, "4242424242424242").status, 303);
    while operator.calls(&bought.number).calls == 0 {
        sleep(TICK);
    }
    stack.kill();
    let stack = folder.start_with(&[], &operator.environment());
    // The stream and the sweep see the order again.
    sleep(Duration::from_secs(2));
    assert_eq!((stack.top_up_call(&bought.number).as_str(), operator.calls(&bought.number).calls), ("claimed", 1));
    stack.age_claim(&bought.number);
    stack.kill();
    let stack = folder.start_with(&[], &operator.environment());
    stack.becomes(&bought.number, &["unknown"]);
    assert_eq!(field(&folder.stdout_of(&["order", "show", &bought.number]), "top_up_unknown:"), NO_REPORT);
    let output = run_by_ann(&folder, &["order", "resolve", &bought.number, "--as", "done"]);
    assert_eq!((field(&output, "fulfilment"), operator.calls(&bought.number).calls), ("done", 1));
}
