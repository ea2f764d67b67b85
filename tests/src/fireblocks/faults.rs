//! Fault injection: every single fault of the store at every call. After Fireblocks' retries the ledger equals the one of a run without
//! faults.

use std::time::Duration;

use serde_json::json;
use testkit::{Books, Fault, Row};

use super::*;
use crate::sandbox::SETTLED;

const TRIES_MAX: u64 = 12;

#[tokio::test(start_paused = true)]
async fn single_fault_at_any_call_gives_the_same_ledger() {
    let rows = [
        ("completed", sample("v2_completed")),
        ("failed", sample("v2_failed")),
        ("of the first version", sample("v1_completed")),
        ("another amount", with("v2_completed", &[("/data/amountInfo/requestedAmount", json!("1"))])),
        ("an order that is not there", with("v2_completed", &[("/data/externalTxId", json!("grant#hk_none#1"))])),
        ("an unparsed webhook", with("v2_completed", &[("/data/status", json!("SHIPPED"))])),
    ];
    for (name, body) in rows {
        let (without, calls) = play(&body, None).await;
        for (call, fault) in (0..=calls).flat_map(|call| Fault::ALL.map(|fault| (call, fault))) {
            let (books, _) = play(&body, Some((call, fault))).await;
            assert_eq!(books, without, "{name}: {fault:?} at call {call}");
        }
    }
}

/// Delivers until the reply is 200. Returns the ledger and the number of calls.
async fn play(body: &str, fault: Option<(usize, Fault)>) -> (Books, usize) {
    let world = shop().await;
    let mut calls = 0;
    for attempt in 1..=TRIES_MAX {
        let from = calls;
        let plan = move |call: usize, _: &str| {
            fault.filter(|(at, _)| *at == from + call).map_or(Fault::None, |(_, fault)| fault)
        };
        let sandbox = Sandbox::new(&world, attempt, plan).await;
        let reply = sandbox.deliver(body, &moment_within::<Fireblocks>(attempt)).await;
        calls += sandbox.faults.calls().len();
        match reply.as_ref().map(status_and_body) {
            None | Some(UNAVAILABLE) => {}
            Some(got) => {
                assert_eq!(got, BOOKED, "{fault:?}");
                tokio::time::sleep(SETTLED).await;
                let mut books = world.books();
                books.check();
                for row in books.journal.values_mut() {
                    *row = Row { attempts: 0, ..row.clone() };
                }
                return (books, calls);
            }
        }
    }
    panic!("{fault:?}: never accepted");
}

/// A webhook is acknowledged only once it is durable. A store that does not answer gives 503.
#[tokio::test(start_paused = true)]
async fn unavailable_store_gives_503() {
    let faults = [
        Fault::DropRequest,
        Fault::Disconnect,
        Fault::ServerError,
        Fault::Throttle,
        Fault::Delay(Duration::from_mins(1)),
    ];
    for fault in faults {
        for body in [sample("v2_completed"), with("v2_completed", &[("/data/status", json!("SHIPPED"))])] {
            let world = shop().await;
            let sandbox = Sandbox::new(&world, 1, move |_, _| fault).await;
            let reply = sandbox.deliver(&body, &moment_within::<Fireblocks>(1)).await.expect("alive");
            assert_eq!(status_and_body(&reply), UNAVAILABLE, "{fault:?}");
        }
    }
    // A webhook that is ignored needs no store.
    let world = World::new();
    let sandbox = Sandbox::new(&world, 1, |_, _| Fault::Disconnect).await;
    let reply = sandbox.deliver(&sample("v2_deposit"), &moment_within::<Fireblocks>(1)).await.expect("alive");
    assert_eq!(status_and_body(&reply), BOOKED);
    assert_eq!(sandbox.faults.calls().len(), 0);
}
