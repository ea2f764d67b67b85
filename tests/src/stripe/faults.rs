//! Fault injection: every single fault at every call, and every two in a row for a payment. After Stripe's retries the ledger equals
//! the one of a run without faults.

use testkit::Fault;

use super::*;
use crate::sandbox::{SETTLED, comparable};

/// More than any scenario needs, and few enough that a scenario without an end fails.
const TRIES_MAX: u64 = 12;

struct Scenario {
    name: &'static str,
    before: &'static [&'static str],
    event: &'static str,
    changes: fn() -> Vec<(&'static str, Value)>,
}

const SCENARIOS: &[Scenario] = &[
    Scenario { name: "a payment", before: &[], event: "payment_intent_succeeded", changes: Vec::new },
    Scenario {
        name: "a payment that another event has reported",
        before: &["charge_succeeded"],
        event: "checkout_session_completed",
        changes: Vec::new,
    },
    Scenario {
        name: "a payment of another amount",
        before: &[],
        event: "payment_intent_succeeded",
        changes: || vec![("/data/object/amount_received", json!(1_998))],
    },
    Scenario {
        name: "a payment of an unknown order",
        before: &[],
        event: "payment_intent_succeeded",
        changes: || vec![("/data/object/metadata/hookledger_order", json!("HLnone"))],
    },
    Scenario { name: "a refund", before: &["payment_intent_succeeded"], event: "charge_refunded", changes: Vec::new },
    Scenario { name: "a refund that is early", before: &[], event: "refund_created", changes: Vec::new },
    Scenario {
        name: "a dispute",
        before: &["payment_intent_succeeded"],
        event: "charge_dispute_created",
        changes: Vec::new,
    },
    Scenario {
        name: "an invoice",
        before: &["customer_subscription_created"],
        event: "invoice_paid",
        changes: Vec::new,
    },
    Scenario {
        name: "the payment of an invoice",
        before: &["invoice_paid"],
        event: "invoice_payment_paid",
        changes: Vec::new,
    },
    Scenario {
        name: "a refund of a subscription's payment",
        before: &["invoice_paid", "invoice_payment_paid"],
        event: "refund_updated_subscription",
        changes: Vec::new,
    },
    Scenario { name: "a subscription", before: &[], event: "customer_subscription_created", changes: Vec::new },
];

#[tokio::test(start_paused = true)]
async fn single_fault_at_any_call_gives_the_same_ledger() {
    for scenario in SCENARIOS {
        let (expected, calls) = play(scenario, &[]).await;
        for (call, fault) in (0..=calls).flat_map(|call| Fault::ALL.map(|fault| (call, fault))) {
            let (books, _) = play(scenario, &[(call, fault)]).await;
            assert_eq!(books, expected, "{}: {fault:?} at call {call}", scenario.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_faults_in_a_row_give_the_same_ledger() {
    let scenario = &SCENARIOS[0];
    let (expected, calls) = play(scenario, &[]).await;
    for (first, second) in Fault::ALL.iter().flat_map(|first| Fault::ALL.map(|second| (*first, second))) {
        for call in 0..calls {
            let (books, _) = play(scenario, &[(call, first), (call + 1, second)]).await;
            assert_eq!(books, expected, "{first:?} and {second:?} from call {call}");
        }
    }
}

/// Delivers until the reply is 200. Returns the ledger and the number of calls.
async fn play(scenario: &Scenario, faults: &[(usize, Fault)]) -> (Books, usize) {
    let world = shop().await;
    let before: Vec<String> = scenario.before.iter().map(|name| with(name, &[])).collect();
    accepted(&world, &before).await;
    let body = with(scenario.event, &(scenario.changes)());
    let faults: BTreeMap<usize, Fault> = faults.iter().copied().collect();
    let mut calls_made = 0;
    for attempt in 1..=TRIES_MAX {
        let (from, faults) = (calls_made, faults.clone());
        let plan = move |call: usize, _: &str| faults.get(&(from + call)).copied().unwrap_or(Fault::None);
        let sandbox = Sandbox::new(&world, attempt, plan).await;
        let reply = sandbox.deliver(&body, &invocation(attempt)).await;
        calls_made += sandbox.faults.calls().len();
        match reply.map(|reply| reply.status) {
            None | Some(500 | 503) => {}
            Some(status) => {
                assert_eq!(status, 200, "{}", scenario.name);
                tokio::time::sleep(SETTLED).await;
                return (comparable(world.books()), calls_made);
            }
        }
    }
    panic!("{}: {faults:?}: never acknowledged", scenario.name);
}
