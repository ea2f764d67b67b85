//! Holds, on DynamoDB: every fault at every call, settlements and expiries at one moment, and the sweep.

use std::time::Duration;

use ledger::{
    AtExpiry, CommitError, Committed, Decision, Effect, Entry, EventKey, Fingerprint, Guard, Hold, HoldClosing,
    HoldError, HoldId, HoldTerms, Holds as _, House, JournalHeader, Ledger as _, MoneyKey, Movement, Posting, Source,
};
use serde_json::json;
use testkit::{Books, World, context, now};

use crate::lots::{DAY, account, committed, credit, later, pairs, plans, spend, until, world};
use crate::operations::{Operation, Row, rows_give_the_same_books, singles};
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
    HoldClosing::Settle { cost: amount(cost), facts: vec![("model", "gpt-4o".into())], reported: None }
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

/// A retry looks at what is held past its date again some seconds later.
fn without_times(mut books: Books) -> Books {
    let dates = books.accounts.values_mut().filter_map(|account| account.next_expiry.as_mut());
    dates.for_each(|date| date.truncate("2026-01-02T01:00".len()));
    books
}

/// Each operation after those before it, with its time, its result, and the round trips. Alice has 10 undated credits
/// and 8 that last a day.
fn operations() -> Vec<Row> {
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
    let plans = |name: &str, calls| if with_pairs.contains(&name) { plans(calls) } else { singles(calls) };
    rows_give_the_same_books(&operations(), world, without_times, plans).await;
}

#[tokio::test(start_paused = true)]
#[ignore = "takes minutes: .ci/full runs it"]
async fn every_pair_of_faults_of_every_operation_gives_the_same_books() {
    rows_give_the_same_books(&operations(), world, without_times, |_, calls| pairs(calls)).await;
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
