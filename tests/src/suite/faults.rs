//! Faults of the store: every single one at every call, every two in a row, and a store that is down. After the
//! sender's retries the books equal those of a run without faults.

use std::collections::BTreeMap;
use std::time::Duration;

use edge::Reply;
use testkit::{Books, Fault, Snapshot, instant};

use super::{Scenario, Suite, world_before};
use crate::sandbox::{SETTLED, SandboxOf, comparable, moment_within};

/// More than any scenario needs, and few enough that a scenario without an end fails.
const TRIES_MAX: u64 = 20;
/// The paused clock counts whole milliseconds.
const TOLERANCE: Duration = Duration::from_millis(10);

pub(crate) async fn single<W: Suite>() {
    for scenario in W::scenarios() {
        let before = world_before::<W>(scenario.state, &scenario.before).await.snapshot();
        let (expected, calls) = play::<W>(&scenario, &before, &[]).await;
        for (call, fault) in (0..=calls).flat_map(|call| Fault::ALL.map(|fault| (call, fault))) {
            let (books, _) = play::<W>(&scenario, &before, &[(call, fault)]).await;
            assert_eq!(books, expected, "{}: {fault:?} at call {call}", scenario.name);
        }
    }
}

pub(crate) async fn in_pairs<W: Suite>() {
    for scenario in W::scenarios().into_iter().take(W::PAIRED) {
        let before = world_before::<W>(scenario.state, &scenario.before).await.snapshot();
        let (expected, calls) = play::<W>(&scenario, &before, &[]).await;
        for (first, second) in Fault::ALL.iter().flat_map(|first| Fault::ALL.map(|second| (*first, second))) {
            for call in 0..calls {
                let (books, _) = play::<W>(&scenario, &before, &[(call, first), (call + 1, second)]).await;
                assert_eq!(books, expected, "{}: {first:?} and {second:?} from call {call}", scenario.name);
            }
        }
    }
}

/// Nothing is acknowledged before it is durable, and the reply comes before the sender stops waiting.
pub(crate) async fn unavailable<W: Suite>() {
    let faults = [
        Fault::DropRequest,
        Fault::Disconnect,
        Fault::Throttle,
        Fault::Conflict,
        Fault::InProgress,
        Fault::ServerError,
        Fault::Delay(Duration::from_mins(1)),
    ];
    for scenario in W::scenarios() {
        let prepared = world_before::<W>(scenario.state, &scenario.before).await;
        let (snapshot, before) = (prepared.snapshot(), prepared.books());
        for fault in faults {
            let world = snapshot.world();
            let sandbox = SandboxOf::<W>::new(&world, 5, move |_, _| fault).await;
            let reply = deliver::<W>(&sandbox, &scenario, 1).await.expect("alive");
            let name = format!("{}: {fault:?}", scenario.name);
            assert_eq!((reply.status, reply.body.as_str()), W::unavailable(&scenario.body), "{name}");
            assert_eq!(world.books(), before, "{name}");
        }
    }
}

/// `None` if the sandbox died.
async fn deliver<W: Suite>(sandbox: &SandboxOf<W>, scenario: &Scenario, attempt: u64) -> Option<Reply> {
    let started = instant();
    let reply = sandbox.deliver(&scenario.body, &moment_within::<W>(attempt)).await;
    let took = instant().duration_since(started);
    assert!(took <= W::REPLY_WITHIN + TOLERANCE, "{}: {took:?}", scenario.name);
    reply
}

/// Delivers until the final reply. Returns the books and the number of calls.
async fn play<W: Suite>(scenario: &Scenario, before: &Snapshot, faults: &[(usize, Fault)]) -> (Books, usize) {
    let world = before.world();
    let faults: BTreeMap<usize, Fault> = faults.iter().copied().collect();
    let mut calls_made = 0;
    for attempt in 1..=TRIES_MAX {
        // Each attempt has a cold sandbox; the calls are counted across all of them.
        let (from, planned) = (calls_made, faults.clone());
        let plan = move |call: usize, _: &str| planned.get(&(from + call)).copied().unwrap_or(Fault::None);
        let sandbox = SandboxOf::<W>::new(&world, attempt, plan).await;
        let reply = deliver::<W>(&sandbox, scenario, attempt).await;
        calls_made += sandbox.faults.calls().len();
        let Some(reply) = reply else { continue };
        let got = (reply.status, reply.body);
        if got.0 == 500 || (got.0, got.1.as_str()) == W::unavailable(&scenario.body) {
            continue;
        }
        assert!(scenario.replies.contains(&got), "{}: {faults:?}: {got:?}", scenario.name);
        tokio::time::sleep(SETTLED).await;
        return (comparable(world.books()), calls_made);
    }
    panic!("{}: {faults:?}: never acknowledged", scenario.name);
}
