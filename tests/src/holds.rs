//! Holds, on DynamoDB: every fault at every call, settlements and expiries at one moment, and the sweep.

use std::time::Duration;

use ledger::{
    AtExpiry, CommitError, Committed, Decision, Effect, Entry, EventKey, Fingerprint, Guard, Hold, HoldClosing,
    HoldError, HoldId, HoldState, HoldTerms, Holds, House, JournalHeader, Ledger as _, MoneyKey, Movement, Posting,
    Source,
};
use serde_json::json;
use testkit::{Books, Fault, World, context, now};

use crate::lots::{DAY, Plan, account, committed, credit, later, pairs, plans, spend, until, without_attempts, world};
use crate::sandbox::amount;

mod audited;
mod races;
mod rolling;
mod sweep;

const TTL: i64 = 600;
const ONE: i128 = 1_000_000_000;

pub(crate) fn hold_of(owner: &str, id: &str, sum: &str, usage: Option<&str>, charge: Option<&str>) -> Hold {
    let terms = HoldTerms {
        account: account(owner),
        amount: amount(sum),
        usage: usage.map(|event| EventKey::new(Source::Usage, event).expect("an id")),
        ttl_seconds: u32::try_from(TTL).expect("small"),
        at_expiry: charge.map_or(AtExpiry::Release, |charge| AtExpiry::Charge(amount(charge))),
        note: None,
    };
    Hold::new(HoldId::new(id).expect("an id"), terms, now()).expect("terms")
}

pub(crate) fn settle(cost: &str) -> HoldClosing {
    HoldClosing::Settle { cost: amount(cost), facts: vec![("model", "gpt-4o".into())] }
}

/// What a gateway reports of the same use.
pub(crate) fn used(owner: &str, event: &str, cost: &str) -> Decision {
    let receipt = EventKey::new(Source::Usage, event).expect("an id");
    let movement = Movement {
        key: MoneyKey::of_event(&receipt),
        posting: Posting::from_customer(account(owner), House::Usage, amount(cost)),
        guard: Guard::SufficientFunds,
        reverses: None,
        lots: Vec::new(),
    };
    let header = JournalHeader {
        receipt,
        writer: Source::Usage.into(),
        kind: "usage",
        facts: vec![("cost", cost.into())],
        fingerprints: Fingerprint::of(1, &[("event", event), ("cost", cost)]).into(),
        order: None,
    };
    Decision::Record(Entry { header, effects: vec![Effect::Move(movement)], keeps_body: false, alarm: None })
}

#[derive(Clone)]
enum Operation {
    Open(Hold),
    Close(Hold, HoldClosing),
}

impl Operation {
    async fn on<L: Holds>(&self, ledger: &L, attempt: u64, seconds: i64) -> Result<Hold, HoldError> {
        let context = later(attempt, seconds);
        match self {
            Self::Open(hold) => ledger.open_hold(hold, &context).await,
            Self::Close(hold, closing) => ledger.close_hold(hold, closing, &context).await,
        }
    }
}

/// The state of a hold without its time: a retry has a later one.
fn outcome(result: Result<Hold, HoldError>) -> String {
    match result {
        Ok(Hold { state: HoldState::Settled { cost, is_charged_before, .. }, .. }) => {
            format!("settled {cost:?} {is_charged_before}")
        }
        Ok(Hold { state: HoldState::Expired { charged, .. }, .. }) => format!("expired {charged:?}"),
        Ok(Hold { state, .. }) => state.as_str().to_owned(),
        Err(HoldError::Refused(refusal)) => refusal.to_string(),
        Err(HoldError::Store(error)) => panic!("{error:?}"),
    }
}

/// The operation with these faults, and once more without if no answer came. Also the number of calls.
async fn run(world: &World, operation: &Operation, seconds: i64, plan: Vec<(usize, Fault)>) -> (String, usize) {
    let (ledger, faults) = world
        .faulty(7, move |call, _| plan.iter().find(|(at, _)| *at == call).map_or(Fault::None, |(_, fault)| *fault));
    // A sandbox that dies never answers.
    let first = tokio::time::timeout(Duration::from_mins(1), operation.on(&ledger, 1, seconds)).await;
    let calls = faults.calls().len();
    match first {
        Ok(answer @ (Ok(_) | Err(HoldError::Refused(_)))) => (outcome(answer), calls),
        _ => (outcome(operation.on(&world.ledger(8), 2, seconds).await), calls),
    }
}

/// A retry has one attempt more, and looks at what is held past its date again some seconds later.
fn without_times(books: Books) -> Books {
    let mut books = without_attempts(books);
    let dates = books.accounts.values_mut().filter_map(|account| account.next_expiry.as_mut());
    dates.for_each(|date| date.truncate("2026-01-02T01:00".len()));
    books
}

/// Each operation after those before it, with its time, its result, and the round trips. Alice has 10 undated credits
/// and 8 that last a day.
fn operations() -> Vec<(&'static str, Operation, i64, &'static str, usize)> {
    let of = |id: &str| hold_of("alice", id, "2", None, None);
    let charged = hold_of("alice", "h3", "3", None, Some("1"));
    let long = hold_of("alice", "h4", "5", None, None);
    let spent = hold_of("alice", "h5", "1", Some("e9"), None);
    let close = Operation::Close;
    let settled = "settled 1500000000u false";
    vec![
        ("a hold", Operation::Open(of("h1")), 0, "open", 1),
        ("the same hold", Operation::Open(of("h1")), 0, "open", 2),
        ("too much", Operation::Open(hold_of("alice", "h0", "17", None, None)), 0, "insufficient_credits", 1),
        ("a settlement", close(of("h1"), settle("1.5")), 0, settled, 1),
        ("the same settlement", close(of("h1"), settle("1.5")), 0, settled, 3),
        ("another settlement", close(of("h1"), settle("1")), 0, "it was settled with another amount", 3),
        ("a second hold", Operation::Open(of("h2")), 0, "open", 1),
        ("a release", close(of("h2"), HoldClosing::Release), 0, "released", 1),
        ("the same release", close(of("h2"), HoldClosing::Release), 0, "released", 3),
        ("a hold that charges", Operation::Open(charged.clone()), 0, "open", 1),
        ("an expiry before its time", close(charged.clone(), HoldClosing::Expire), 0, "it has not expired yet", 2),
        ("an expiry", close(charged.clone(), HoldClosing::Expire), TTL, "expired Some(1000000000u)", 1),
        ("a settlement after it", close(charged, settle("3")), TTL, "expired Some(1000000000u)", 3),
        ("a third hold", Operation::Open(of("h6")), 0, "open", 1),
        ("the same hold after its time", Operation::Open(of("h6")), TTL, "the hold is closed: expired", 3),
        ("a hold over lots", Operation::Open(long.clone()), 0, "open", 1),
        ("a hold of a use", Operation::Open(spent.clone()), 0, "open", 1),
        ("its settlement after the date of lots", close(spent, settle("1")), DAY, "settled 1000000000u false", 4),
        ("an expiry without a charge", close(long.clone(), HoldClosing::Expire), DAY, "expired None", 1),
        ("a late settlement", close(long, settle("4")), DAY + 1, "settled 4000000000u false", 4),
    ]
}

#[tokio::test(start_paused = true)]
async fn every_fault_of_every_operation_gives_the_same_books() {
    let with_pairs = ["a hold", "a settlement", "an expiry"];
    operations_give_the_same_books_under(|name, calls| {
        plans(calls).into_iter().filter(|plan| plan.len() == 1 || with_pairs.contains(&name)).collect()
    })
    .await;
}

#[tokio::test(start_paused = true)]
#[ignore = "takes minutes: .ci/full runs it"]
async fn every_pair_of_faults_of_every_operation_gives_the_same_books() {
    operations_give_the_same_books_under(|_, calls| pairs(calls)).await;
}

async fn operations_give_the_same_books_under(plans: impl Fn(&str, usize) -> Vec<Plan>) {
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
        let books = without_times(faultless.books());
        books.check();
        for plan in plans(name, *calls) {
            let world = prepared().await;
            let (found, _) = run(&world, operation, *seconds, plan.clone()).await;
            assert_eq!(found, *expected, "{name}: {plan:?}");
            assert_eq!(without_times(world.books()), books, "{name}: {plan:?}");
        }
    }
}

/// Whatever the order of a settlement, an expiry, a release, and the gateway's own event of the same use: it is charged at
/// most once, and nothing stays held.
#[tokio::test(start_paused = true)]
async fn use_is_charged_once_in_every_order() {
    for charge in [None, Some("3")] {
        for order in permutations(4) {
            let world = World::new();
            committed(&world, &credit("alice", "top", "10", None), 0).await;
            let hold = hold_of("alice", "h1", "4", Some("e1"), charge);
            world.ledger(0).open_hold(&hold, &context(0)).await.expect("a hold");
            for step in &order {
                let ledger = world.ledger(9);
                let closing = match step {
                    0 => settle("3"),
                    1 => HoldClosing::Expire,
                    2 => HoldClosing::Release,
                    _ => {
                        let event = used("alice", "e1", "3");
                        let booked = ledger.commit(&event, &later(9, TTL)).await;
                        assert!(matches!(booked, Ok(Committed::Now(_) | Committed::Earlier(_))), "{order:?}");
                        continue;
                    }
                };
                let closed = ledger.close_hold(&hold, &closing, &later(9, TTL)).await;
                assert!(!matches!(closed, Err(HoldError::Store(_))), "{order:?}: {closed:?}");
            }
            let books = world.books();
            books.check();
            assert_eq!(books.balance("alice/credits"), 7 * ONE, "{charge:?} {order:?}");
            assert_eq!(books.accounts["alice/credits"].held, 0, "{charge:?} {order:?}");
        }
    }
}

fn permutations(count: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for _ in 0..count {
        let longer = all.iter().flat_map(|order: &Vec<usize>| {
            let left = (0..count).filter(|step| !order.contains(step));
            left.map(|step| [order.as_slice(), &[step]].concat()).collect::<Vec<_>>()
        });
        all = longer.collect();
    }
    all
}

/// The row of a closed hold is removed in the end, unless it has charged a use of its own name: under that name nothing
/// would be charged again.
#[tokio::test(start_paused = true)]
async fn name_of_a_hold_that_charged_its_own_use_is_taken_for_ever() {
    let world = world().await;
    let holds = [("h1", None, None), ("h2", Some("e7"), None), ("h3", None, None), ("h4", None, Some("1"))];
    for (id, usage, charge) in holds {
        let hold = hold_of("alice", id, "1", usage, charge);
        world.ledger(0).open_hold(&hold, &context(0)).await.expect("a hold");
        let (closing, seconds) = match id {
            "h3" => (HoldClosing::Release, 1),
            "h4" => (HoldClosing::Expire, TTL),
            _ => (settle("1"), 1),
        };
        world.ledger(0).close_hold(&hold, &closing, &later(0, seconds)).await.expect("closed");
    }
    let is_removed = |id: &str| {
        let read = json!({ "TableName": "hookledger-local-holds", "Key": { "id": { "S": id } } });
        !world.engine.request("GetItem", &read).expect("an answer")["Item"]["removed_at"].is_null()
    };
    assert_eq!(["h1", "h2", "h3", "h4"].map(is_removed), [false, true, true, false]);
}
