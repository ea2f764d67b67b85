//! Each fault at each call of what changes members or uses a member's key.

use std::time::Duration;

use ledger::{CallContext, CommitError, Decision, Hold, HoldClosing, HoldError, Holds as _, Ledger as _};
use testkit::{Books, Fault, World};

use super::*;
use crate::holds::settle;
use crate::lots::without_attempts;

#[derive(Clone)]
enum Operation {
    Commit(Decision),
    /// A usage event of this key, through the function.
    Deliver(&'static str, &'static str, &'static str),
    Open(Hold),
    Close(Hold, HoldClosing),
}

/// The operation with these faults, and once more if no answer came. Also the number of calls.
async fn run(world: &World, operation: &Operation, seconds: i64, plan: Vec<(usize, Fault)>) -> (String, usize) {
    let fault = move |call: usize, _: &str| plan.iter().find(|(at, _)| *at == call).map_or(Fault::None, |(_, f)| *f);
    if let Operation::Deliver(id, name, cost) = operation {
        let body = body(id, name, cost, seconds);
        let sandbox = Sandbox::new(world, 7, fault).await;
        let first = sandbox.deliver(&body, &moment_at(1, at(seconds))).await;
        let calls = sandbox.faults.calls().len();
        if let Some(reply) = first.filter(|reply| reply.status < 500) {
            return (message(&reply), calls);
        }
        let second = Sandbox::faultless(world).await.deliver(&body, &moment_at(2, at(seconds))).await;
        return (message(&second.expect("alive")), calls);
    }
    let (ledger, faults) = world.faulty(7, fault);
    // A sandbox that dies never answers.
    let first = tokio::time::timeout(Duration::from_mins(1), operation.on(&ledger, later(1, seconds))).await;
    let calls = faults.calls().len();
    match first {
        Ok(Ok(answer)) => (answer, calls),
        _ => (operation.on(&world.ledger(8), later(2, seconds)).await.expect("an answer"), calls),
    }
}

impl Operation {
    async fn on(&self, ledger: &idempotency::DynamoLedger, context: CallContext<'_>) -> Result<String, CommitError> {
        let answer = match self {
            Self::Commit(decision) => {
                return match ledger.commit(decision, &context).await {
                    Ok(_) => Ok("booked".to_owned()),
                    Err(CommitError::Stale) => Ok("stale".to_owned()),
                    Err(CommitError::Rejected(reason)) => Ok(reason.as_str().to_owned()),
                    Err(error) => Err(error),
                };
            }
            Self::Open(hold) => ledger.open_hold(hold, &context).await,
            Self::Close(hold, closing) => ledger.close_hold(hold, closing, &context).await,
            Self::Deliver(..) => panic!("through the function"),
        };
        match answer {
            Ok(hold) => Ok(hold.state.as_str().to_owned()),
            Err(HoldError::Refused(refusal)) => Ok(refusal.to_string()),
            Err(HoldError::Store(error)) => Err(error),
        }
    }
}

/// Each after those before it, with its time, its result and the round trips.
fn operations() -> Vec<(&'static str, Operation, i64, &'static str, usize)> {
    use Operation::{Close, Commit, Deliver, Open};
    const H: i64 = 60 * MINUTE;
    let none = bound("alice", None, &[]);
    let member = bound("alice", Some(budget("3")), &[("team", 0, None)]);
    let left = bound("alice", Some(budget("3")), &[("team", 0, Some(H))]);
    let joined = joins("k1", &none, "team", Some(budget("3")), 0);
    let circle = joins("k9", &bound("team", None, &[]), "alice", None, 0);
    let again = joins("k1", &left, "team", Some(budget("4")), 2 * H);
    let rejoined = bound("alice", Some(budget("4")), &[("team", 0, Some(H)), ("team", 2 * H, None)]);
    let revoke = Effect::Revoke { key: key("k1"), owner: owner("alice"), draws: rejoined.draws.clone() };
    vec![
        ("a key that joins", Commit(entry("j1", joined.clone())), 0, "booked", 1),
        ("the same again", Commit(entry("j1", joined)), 0, "booked", 1),
        ("a circle", Commit(entry("j2", circle.clone())), 0, "stale", 1),
        ("a use", Deliver("e1", "k1", "2"), MINUTE, BOOKED, 3),
        ("a use above its limit", Deliver("e2", "k1", "2"), MINUTE, BOOKED, 3),
        ("a use of more than the team has", Deliver("e3", "k1", "100"), MINUTE, "Insufficient credits", 3),
        ("a hold", Open(hold("h1", "5")), MINUTE, "open", 1),
        ("a key that leaves", Commit(entry("l1", leaves("k1", &member, "team", H))), H, "booked", 1),
        ("a use after it", Deliver("e4", "k1", "1"), H, BOOKED, 3),
        ("a settlement after it", Close(hold("h1", "5"), settle("4")), H, "settled", 1),
        ("a key that joins again", Commit(entry("j3", again)), 2 * H, "booked", 1),
        ("a use of it", Deliver("e5", "k1", "1"), 2 * H, BOOKED, 3),
        ("a member that is revoked", Commit(entry("r1", revoke)), 3 * H, "booked", 1),
        ("a use of a revoked key", Deliver("e6", "k1", "1"), 3 * H, "Unknown remoteKeyId", 2),
        ("the other way round", Commit(entry("j4", circle)), 4 * H, "booked", 1),
    ]
}

/// Each fault at each call, and each pair at the first two.
#[tokio::test(start_paused = true)]
async fn every_fault_of_every_operation_gives_the_same_books() {
    let operations = operations();
    for (number, (name, operation, seconds, expected, calls)) in operations.iter().enumerate() {
        let prepared = || async {
            let world = world().await;
            for (_, before, seconds, ..) in &operations[..number] {
                run(&world, before, *seconds, vec![]).await;
            }
            world
        };
        let faultless = prepared().await;
        assert_eq!(run(&faultless, operation, *seconds, vec![]).await, ((*expected).to_owned(), *calls), "{name}");
        let books = comparable(&faultless);
        let single = (0..*calls).flat_map(|call| Fault::ALL.map(|fault| vec![(call, fault)]));
        let pairs = Fault::ALL.into_iter().flat_map(|one| Fault::ALL.map(|other| vec![(0, one), (1, other)]));
        let is_paired =
            matches!(*name, "a key that joins" | "a use" | "a key that leaves" | "a member that is revoked");
        for plan in single.chain(pairs.filter(|_| is_paired)) {
            let world = prepared().await;
            let (found, _) = run(&world, operation, *seconds, plan.clone()).await;
            assert!(found == *expected || found.starts_with("Event already processed"), "{name}: {plan:?}: {found}");
            assert_eq!(comparable(&world), books, "{name}: {plan:?}");
        }
    }
}

fn comparable(world: &World) -> Books {
    let books = without_attempts(world.books());
    books.check();
    books
}
