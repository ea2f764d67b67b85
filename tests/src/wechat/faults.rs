//! Fault injection: every single fault at every call to the store and at every query to WeChat. After WeChat's retry the ledger equals
//! the one of a run without faults.

use serde_json::json;
use testkit::{Books, Fault, NetFault, WechatFault};

use super::*;
use crate::sandbox::{SETTLED, comparable};

/// More than any scenario needs, and few enough that a scenario without an end fails.
const TRIES_MAX: u64 = 20;

struct Scenario {
    name: &'static str,
    before: &'static [&'static str],
    event: &'static str,
    changes: fn() -> Vec<(&'static str, Value)>,
}

const SCENARIOS: &[Scenario] = &[
    Scenario { name: "a payment over APIv3", before: &[], event: "v3_payment", changes: Vec::new },
    Scenario { name: "a payment over APIv2", before: &[], event: "v2_payment", changes: Vec::new },
    Scenario { name: "a payment over CloudRun", before: &[], event: "cloudrun_payment", changes: Vec::new },
    Scenario { name: "an order alone over CloudRun", before: &[], event: "cloudrun_order_only", changes: Vec::new },
    Scenario {
        name: "a payment that another form has reported",
        before: &["cloudrun_payment"],
        event: "v3_payment",
        changes: Vec::new,
    },
    Scenario {
        name: "a payment of another amount",
        before: &[],
        event: "v3_payment",
        changes: || vec![("/resource/amount/total", json!(1))],
    },
    Scenario {
        name: "a payment of an unknown order",
        before: &[],
        event: "cloudrun_payment",
        changes: || vec![("/outTradeNo", json!("HLnone")), ("/attach", json!(""))],
    },
    Scenario { name: "a refund", before: &["v3_payment"], event: "v3_refund", changes: Vec::new },
    Scenario { name: "a refund over APIv2", before: &["v3_payment"], event: "v2_refund", changes: Vec::new },
];

#[tokio::test(start_paused = true)]
async fn single_fault_at_any_call_gives_the_same_ledger() {
    for scenario in SCENARIOS {
        let (expected, calls) = play(scenario, None).await;
        for (call, fault) in (0..=calls).flat_map(|call| Fault::ALL.map(|fault| (call, fault))) {
            let (books, _) = play(scenario, Some((call, fault))).await;
            assert_eq!(books, expected, "{}: {fault:?} at call {call}", scenario.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn single_fault_of_wechat_gives_the_same_ledger() {
    use NetFault::{Delay, Disconnect, DropRequest, Garbage, Own, Status};
    let expected = play(&SCENARIOS[2], None).await.0;
    for fault in [
        DropRequest,
        Disconnect,
        Delay(std::time::Duration::from_secs(9)),
        Status(429),
        Status(500),
        Garbage,
        Own(WechatFault::Unsigned),
    ] {
        let (world, net) = (shop().await, paid());
        net.fail(move |call, _| if call == 0 { fault } else { NetFault::None });
        for attempt in 1..=TRIES_MAX {
            let function = function(world.ledger(attempt), &net, &[]).await;
            let invocation =
                edge::Invocation { deadline: testkit::deadline(Wechat::REPLY_WITHIN), ..invocation(attempt) };
            let got =
                status_and_body(function.answer(&event(NOTIFY, &sent(&sample("cloudrun_payment"))), &invocation).await);
            if is(&got, CLOUDRUN_SUCCESS) {
                break;
            }
            assert_eq!(got.0, 503, "{fault:?}");
        }
        assert_eq!(comparable(world.books()), expected, "{fault:?}");
    }
}

/// Delivers until WeChat is acknowledged. Returns the ledger and the number of calls.
async fn play(scenario: &Scenario, fault: Option<(usize, Fault)>) -> (Books, usize) {
    let world = shop().await;
    for name in scenario.before {
        deliver_sample(&world, &paid(), &[], NOTIFY, &sample(name)).await;
    }
    let body = with(scenario.event, &(scenario.changes)());
    let mut calls_made = 0;
    for attempt in 1..=TRIES_MAX {
        let from = calls_made;
        let plan = move |call: usize, _: &str| match fault {
            Some((at, fault)) if at == from + call => fault,
            _ => Fault::None,
        };
        let sandbox = Sandbox::new(&world, attempt, plan).await;
        let reply = sandbox.deliver(&body, &invocation(attempt)).await;
        calls_made += sandbox.faults.calls().len();
        let is_acknowledged = reply.is_some_and(|reply| is(&status_and_body(reply), success_of(scenario.event)));
        if is_acknowledged {
            tokio::time::sleep(SETTLED).await;
            return (comparable(world.books()), calls_made);
        }
    }
    panic!("{}: {fault:?}: never acknowledged", scenario.name);
}
