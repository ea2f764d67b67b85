//! Every single fault of the store's at every call; then Fireblocks tries again. The books come out as they do without any fault.

use std::time::Duration;

use serde_json::json;
use testkit::{Books, Fault, Row};

use super::*;
use crate::sandbox::SETTLED;

const TRIES_MAX: u64 = 12;

#[tokio::test(start_paused = true)]
async fn every_single_fault_at_every_call() {
    let rows = [
        ("completed", sample("v2_completed")),
        ("failed", sample("v2_failed")),
        ("of the first version", sample("v1_completed")),
        ("another amount", with("v2_completed", &[("/data/amountInfo/requestedAmount", json!("1"))])),
        ("an order that is not there", with("v2_completed", &[("/data/externalTxId", json!("grant#hk_none#1"))])),
        ("what is not understood", with("v2_completed", &[("/data/status", json!("SHIPPED"))])),
    ];
    for (name, body) in rows {
        let (without, calls) = played(&body, None).await;
        for (call, fault) in (0..=calls).flat_map(|call| Fault::ALL.map(|fault| (call, fault))) {
            let (books, _) = played(&body, Some((call, fault))).await;
            assert_eq!(books, without, "{name}: {fault:?} at call {call}");
        }
    }
}

/// Delivers until it is accepted; returns what is left in the books and the number of calls.
async fn played(body: &str, fault: Option<(usize, Fault)>) -> (Books, usize) {
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
        match reply.as_ref().map(told) {
            None | Some(UNAVAILABLE) => {}
            Some(told) => {
                assert_eq!(told, BOOKED, "{fault:?}");
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

/// Nothing is accepted that is not known to be kept: a store that does not answer is trouble of ours.
#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_is_5xx() {
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
            assert_eq!(told(&reply), UNAVAILABLE, "{fault:?}");
        }
    }
    // What is not ours needs no store.
    let world = World::new();
    let sandbox = Sandbox::new(&world, 1, |_, _| Fault::Disconnect).await;
    let reply = sandbox.deliver(&sample("v2_deposit"), &moment_within::<Fireblocks>(1)).await.expect("alive");
    assert_eq!(told(&reply), BOOKED);
    assert_eq!(sandbox.faults.calls().len(), 0);
}
