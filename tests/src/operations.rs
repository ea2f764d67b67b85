//! The loop over operations and faults: each operation, after those before it, gives under every plan of faults the answer
//! and the books that it gives without any.

use std::time::Duration;

use ledger::{CommitError, Decision, Hold, HoldClosing, HoldError, HoldState, Holds, Ledger};
use testkit::{Books, Fault, World, now};

use crate::lots::{Plan, later, without_attempts};
use crate::members::body;
use crate::sandbox::{Sandbox, message, moment_at};

#[derive(Clone)]
pub(crate) enum Operation {
    Commit(Decision),
    /// A usage event of this id, key and cost, through the function.
    Deliver(&'static str, &'static str, &'static str),
    Open(Hold),
    Close(Hold, HoldClosing),
}

/// The name, the operation, its time, its answer and its round trips.
pub(crate) type Row = (&'static str, Operation, i64, &'static str, usize);

/// What a redelivery gets after a lost answer.
const REPEAT: &str = "Event already processed";

/// Each fault at each call.
pub(crate) fn singles(calls: usize) -> Vec<Plan> {
    (0..calls).flat_map(|call| Fault::ALL.map(|fault| vec![(call, fault)])).collect()
}

/// The rows one after the other over this world. `comparable` leaves out what a retry writes otherwise.
pub(crate) async fn rows_give_the_same_books(
    rows: &[Row],
    world: impl AsyncFn() -> World,
    comparable: impl Fn(Books) -> Books,
    plans: impl Fn(&str, usize) -> Vec<Plan>,
) {
    let books_of = |world: &World| {
        let books = comparable(without_attempts(world.books()));
        books.check();
        books
    };
    let faultless = world().await;
    for (name, operation, seconds, expected, calls) in rows {
        let before = faultless.snapshot();
        let answer = operation_under(&faultless, operation, *seconds, vec![]).await;
        assert_eq!(answer, ((*expected).to_owned(), *calls), "{name}");
        let books = books_of(&faultless);
        for plan in plans(name, *calls) {
            let world = before.world();
            let (answer, _) = operation_under(&world, operation, *seconds, plan.clone()).await;
            let is_repeat = matches!(operation, Operation::Deliver(..)) && answer.starts_with(REPEAT);
            assert!(is_repeat || answer == *expected, "{name}: {plan:?}: {answer}");
            assert_eq!(books_of(&world), books, "{name}: {plan:?}");
        }
    }
}

/// The answer under these faults, of a second attempt without any if the first has none; and the calls of the first.
pub(crate) async fn operation_under(world: &World, operation: &Operation, seconds: i64, plan: Plan) -> (String, usize) {
    let fault =
        move |call: usize, _: &str| plan.iter().find(|(at, _)| *at == call).map_or(Fault::None, |(_, fault)| *fault);
    if let Operation::Deliver(id, key, cost) = operation {
        return Box::pin(delivered_under(world, &body(id, key, cost, seconds), seconds, fault)).await;
    }
    let (ledger, faults) = world.faulty(7, fault);
    // A sandbox that dies never answers.
    let first = tokio::time::timeout(Duration::from_mins(1), Box::pin(operation.on(&ledger, 1, seconds))).await;
    let calls = faults.calls().len();
    match first {
        Ok(Ok(answer)) => (answer, calls),
        _ => (Box::pin(operation.on(&world.ledger(8), 2, seconds)).await.expect("an answer"), calls),
    }
}

async fn delivered_under(
    world: &World,
    body: &str,
    seconds: i64,
    fault: impl FnMut(usize, &str) -> Fault + Send + 'static,
) -> (String, usize) {
    let at = now().plus_seconds(seconds);
    let sandbox = Sandbox::new(world, 7, fault).await;
    let first = sandbox.deliver(body, &moment_at(1, at)).await;
    let calls = sandbox.faults.calls().len();
    if let Some(reply) = first.filter(|reply| reply.status < 500) {
        return (message(&reply), calls);
    }
    let second = Sandbox::faultless(world).await.deliver(body, &moment_at(2, at)).await;
    (message(&second.expect("alive")), calls)
}

impl Operation {
    /// Its answer in words, or the failed call.
    pub(crate) async fn on<L: Holds + Ledger>(
        &self,
        ledger: &L,
        attempt: u64,
        seconds: i64,
    ) -> Result<String, CommitError> {
        let context = later(attempt, seconds);
        let closed = match self {
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
        match closed {
            Ok(hold) => Ok(state(hold.state)),
            Err(HoldError::Refused(refusal)) => Ok(refusal.to_string()),
            Err(HoldError::Store(error)) => Err(error),
        }
    }
}

/// Without its time: a retry has a later one.
fn state(state: HoldState) -> String {
    match state {
        HoldState::Settled { cost, is_charged_before, .. } => format!("settled {cost:?} {is_charged_before}"),
        HoldState::Expired { charged, .. } => format!("expired {charged:?}"),
        HoldState::Open | HoldState::Released { .. } => state.as_str().to_owned(),
    }
}
