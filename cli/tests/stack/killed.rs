//! Killed between paid and fulfilled, and started again: everything arrives once, and no machine calls an operator twice.

use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::buying::demo_key;
use crate::fulfilling::{Bought, TICK, WALLET, airtime, said};
use crate::harness::{Folder, Stack, shown};
use crate::operator::Operator;

const ROUNDS: u64 = 10;
/// From one round to the next the stack lives so much longer after the buyer has paid.
const LONGER: Duration = Duration::from_millis(8);
/// A call that is under way has ended by then, even to one that answers late.
const CALLED: Duration = Duration::from_secs(10);
const NOTHING_HEARD: &str = "claimed, and nothing was heard of the call";

impl Stack<'_> {
    fn top_up_call(&self, number: &str) -> String {
        self.order(number)["top_up_call"]["M"]["state"]["S"].as_str().unwrap_or_default().to_owned()
    }

    fn transfer(&self, number: &str) -> String {
        self.order(number)["transfer"]["M"]["status"]["S"].as_str().unwrap_or_default().to_owned()
    }

    /// As if it had been claimed long ago: two minutes, which no test waits for, and nobody comes back from the call any more.
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
fn a_stack_that_is_killed_at_many_moments_delivers_once() {
    let (folder, operator) = (Folder::new(), Operator::new());
    let mut stack = folder.start_with(&[], &operator.environment());
    let key = demo_key(&folder);
    said(&folder, &["account", "referrer", "demo", "bob"]);
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
                // Of a stack that is killed there is no answer.
                scope.spawn(|| stack.try_to_pay(&bought.url));
            }
            sleep(LONGER.saturating_mul(u32::try_from(round).unwrap()));
            stack.signal("KILL");
        });
        stack.kill();
        stack = folder.start_with(&[], &operator.environment());
        // Its sender has had no answer, and sends again.
        for bought in &bought {
            folder.told(&["send", "stripe/checkout_session_completed", "--order", &bought.number]);
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
        // The custodian's stand-in dies with the stack, and what it was to send with it.
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
    // One line for each order, and another for each whose tokens have arrived by now.
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
        let told = folder.told(&["order", "show", number]);
        assert_eq!(shown(&told, "top_up_unknown:"), NOTHING_HEARD);
        let given = operator.calls(number).given;
        said(&folder, &["order", "resolve", number, "--as", if given == 1 { "done" } else { "again" }]);
        stack.becomes(number, &["done"]);
    }
    for number in &airtimes {
        assert_eq!((operator.calls(number).given, stack.fulfilment(number).as_str()), (1, "done"), "{number}");
    }
}

/// The moment that others meet by chance: the operator has the call, and whoever made it is dead.
#[test]
fn a_stack_that_is_killed_after_its_claim_leaves_it_to_a_person() {
    let (folder, operator) = (Folder::new(), Operator::new());
    let stack = folder.start_with(&[], &operator.environment());
    let bought = stack.buy(&demo_key(&folder), &airtime("88000005"));
    assert_eq!(stack.pay(&bought.url, "4242424242424242").status, 303);
    while operator.calls(&bought.number).calls == 0 {
        sleep(TICK);
    }
    stack.kill();
    let stack = folder.start_with(&[], &operator.environment());
    // It is seen again, by the stream and by the clock.
    sleep(Duration::from_secs(2));
    assert_eq!((stack.top_up_call(&bought.number).as_str(), operator.calls(&bought.number).calls), ("claimed", 1));
    stack.age_claim(&bought.number);
    stack.kill();
    let stack = folder.start_with(&[], &operator.environment());
    stack.becomes(&bought.number, &["unknown"]);
    assert_eq!(shown(&folder.told(&["order", "show", &bought.number]), "top_up_unknown:"), NOTHING_HEARD);
    let told = said(&folder, &["order", "resolve", &bought.number, "--as", "done"]);
    assert_eq!((shown(&told, "fulfilment"), operator.calls(&bought.number).calls), ("done", 1));
}
