//! Reversals of usage and changes of exchange rates: one, whatever fails, and however many begin at the same moment.

use futures_util::future::join_all;
use ledger::{
    Amount, Audit as _, CommitError, Committed, CurrencyPair, Decision, Effect, Entry, EventKey, Fingerprint,
    JournalHeader, JournalLine, Ledger as _, Rate, Rates, UsageReversal, Writer,
};
use testkit::{Fault, World, context, now, usage};

use crate::lots::{DAY, commit, committed, credit, plans, until, without_attempts};
use crate::sandbox::{SETTLED, Sandbox, invocation, open_account};

pub(crate) const ONE: u64 = 1_000_000_000;

/// Alice had ten credits, and an event has charged three.
pub(crate) async fn charged() -> (World, JournalLine) {
    let world = World::new();
    open_account(&world, "alice", "k1", "10").await;
    Sandbox::faultless(&world).await.deliver(&usage("e1", "k1", "3").to_string(), &invocation(1)).await;
    let lines = world.ledger(0).journal_lines(&["usage#e1"], &context(1)).await.expect("read");
    (world, lines.into_iter().next().expect("the charge"))
}

pub(crate) fn reversal(line: &JournalLine, amount: u64, id: &str) -> Decision {
    let reversal = UsageReversal::of(line, Some(Amount::from_units(amount))).expect("within the charge");
    let header = JournalHeader {
        receipt: EventKey::new(Writer::Manual, id).expect("an id"),
        writer: Writer::Manual,
        kind: "reverse",
        facts: Vec::new(),
        fingerprints: Fingerprint::of(1, &[("amount", &amount.to_string())]).into(),
        order: None,
    };
    Decision::Record(Entry { header, effects: reversal.effects(), keeps_body: false, alarm: None })
}

/// To an account with lots or without: each fault at each call, and each pair at the commit and its retry. The same
/// command again books what is missing.
#[tokio::test(start_paused = true)]
async fn faulty_reversal_books_once() {
    for (has_lots, calls, balance) in [(false, 1, 9), (true, 3, 14)] {
        let charged = || async {
            let (world, line) = charged().await;
            if has_lots {
                committed(&world, &credit("alice", "g1", "5", Some(until(DAY))), 0).await;
            }
            (world, reversal(&line, 2 * ONE, "r1"))
        };
        let (faultless, decision) = charged().await;
        assert_eq!(commit(&faultless, &decision, 0, vec![]).await, (true, calls), "lots {has_lots}");
        let expected = without_attempts(faultless.books());
        assert_eq!(expected.balance("alice/credits"), balance * i128::from(ONE), "lots {has_lots}");
        for plan in plans(calls) {
            let (world, decision) = charged().await;
            assert!(commit(&world, &decision, 0, plan.clone()).await.0, "lots {has_lots}: {plan:?}");
            tokio::time::sleep(SETTLED).await;
            let books = without_attempts(world.books());
            books.check();
            assert_eq!(books, expected, "lots {has_lots}: {plan:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn concurrent_reversals_book_one() {
    for amounts in [[2, 2, 2, 2, 2, 2, 2, 2], [1, 2, 3, 1, 2, 3, 1, 2]] {
        let (world, line) = charged().await;
        let reversals = (0_u64..).zip(amounts).map(|(number, amount)| {
            let (world, decision) = (world.clone(), reversal(&line, amount * ONE, &format!("r{number}")));
            async move { (amount, world.ledger(number).commit(&decision, &context(number + 10)).await) }
        });
        let results = join_all(reversals).await;
        let booked: Vec<u64> = results
            .iter()
            .filter(|(_, result)| matches!(result, Ok(Committed::Now(_))))
            .map(|(amount, _)| *amount)
            .collect();
        let [amount] = booked.as_slice() else { panic!("one reversal: {results:?}") };
        let is_refused = |result: &Result<_, _>| matches!(result, Ok(Committed::Now(_)) | Err(CommitError::Stale));
        assert!(results.iter().all(|(_, result)| is_refused(result)), "{results:?}");
        let books = world.books();
        books.check();
        assert_eq!(books.balance("alice/credits"), i128::from((7 + amount) * ONE));
    }
}

fn rate_change(rates: Rates, id: &str) -> Decision {
    let header = JournalHeader {
        receipt: EventKey::new(Writer::Manual, id).expect("an id"),
        writer: Writer::Manual,
        kind: "rate",
        facts: Vec::new(),
        fingerprints: Fingerprint::of(1, &[("id", id)]).into(),
        order: None,
    };
    Decision::Record(Entry { header, effects: vec![Effect::Rates(rates)], keeps_body: false, alarm: None })
}

fn pair() -> CurrencyPair {
    CurrencyPair::parse("MNT/CNY").expect("a pair")
}

/// The rates with this one, over those that were read.
fn with(read: &Rates, rate: &str, seconds: i64) -> Rates {
    let (rate, from) = (Rate::parse(rate).expect("a rate"), now().plus_seconds(seconds));
    read.set(rate, from, now(), EventKey::of_row("manual#set")).expect("set")
}

#[tokio::test(start_paused = true)]
async fn faulty_rate_change_is_made_once() {
    for first in Fault::ALL {
        for second in Fault::ALL {
            let world = World::new();
            let decision = rate_change(with(&Rates::none(pair()), "0.002", 0), "r1");
            let (ledger, faults) = world.faulty(1, move |call, _| match call {
                0 => first,
                1 => second,
                _ => Fault::None,
            });
            let once = context(2);
            tokio::select! {
                _ = ledger.commit(&decision, &once) => {}
                () = faults.killed() => {}
            }
            tokio::time::sleep(SETTLED).await;
            let again = world.ledger(2).commit(&decision, &context(3)).await;
            assert!(matches!(again, Ok(Committed::Now(_) | Committed::Earlier(_))), "{first:?} {second:?}: {again:?}");
            let rates = world.ledger(3).rates(pair(), &context(4)).await.expect("read");
            assert_eq!((rates.version, rates.by_start.len()), (1, 1), "{first:?} {second:?}");
            world.books().check();
        }
    }
}

/// Two people set rates over the same ones at the same moment: one is made, and the other one reads again.
#[tokio::test(start_paused = true)]
async fn concurrent_rate_changes_are_not_merged() {
    let world = World::new();
    let changes = (1_u64..=8).map(|number| {
        let rates = with(&Rates::none(pair()), &format!("0.00{number}"), i64::try_from(number).expect("small"));
        let (world, decision) = (world.clone(), rate_change(rates, &format!("r{number}")));
        async move { world.ledger(number).commit(&decision, &context(number + 10)).await }
    });
    let results = join_all(changes).await;
    let made = results.iter().filter(|result| matches!(result, Ok(Committed::Now(_)))).count();
    let stale = results.iter().filter(|result| matches!(result, Err(CommitError::Stale))).count();
    assert_eq!((made, stale), (1, 7), "{results:?}");
    let rates = world.ledger(0).rates(pair(), &context(4)).await.expect("read");
    assert_eq!((rates.version, rates.by_start.len()), (1, 1));
}
