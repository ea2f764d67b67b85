//! Reversals of usage: one, whatever fails, and however many begin at the same moment.

use futures_util::future::join_all;
use ledger::{
    Amount, Audit as _, CommitError, Committed, Decision, Entry, EventKey, Fingerprint, JournalHeader, JournalLine,
    Ledger as _, UsageReversal, Writer,
};
use testkit::{Fault, World, context, usage};

use crate::sandbox::{SETTLED, Sandbox, invocation, open_account};

const ONE: u64 = 1_000_000_000;

/// Alice had ten credits, and an event has charged three.
async fn world() -> (World, JournalLine) {
    let world = World::new();
    open_account(&world, "alice", "k1", "10").await;
    Sandbox::faultless(&world).await.deliver(&usage("e1", "k1", "3").to_string(), &invocation(1)).await;
    let lines = world.ledger(0).journal_lines(&["usage#e1"], &context(1)).await.expect("read");
    (world, lines.into_iter().next().expect("the charge"))
}

fn reversal(line: &JournalLine, amount: u64, id: &str) -> Decision {
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

/// Each fault, and each pair of them at calls in a row: the same command again books what is missing.
#[tokio::test(start_paused = true)]
async fn faulty_reversal_books_once() {
    for first in Fault::ALL {
        for second in Fault::ALL {
            let (world, line) = world().await;
            let decision = reversal(&line, 2 * ONE, "r1");
            let (ledger, faults) = world.faulty(1, move |call, _| match call {
                0 => first,
                1 => second,
                _ => Fault::None,
            });
            let context_1 = context(2);
            tokio::select! {
                _ = ledger.commit(&decision, &context_1) => {}
                () = faults.killed() => {}
            }
            tokio::time::sleep(SETTLED).await;
            let again = world.ledger(2).commit(&decision, &context(3)).await;
            assert!(matches!(again, Ok(Committed::Now(_) | Committed::Earlier(_))), "{first:?} {second:?}: {again:?}");
            let books = world.books();
            books.check();
            assert_eq!(books.balance("alice/credits"), 9_000_000_000, "{first:?} {second:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn concurrent_reversals_book_one() {
    for amounts in [[2, 2, 2, 2, 2, 2, 2, 2], [1, 2, 3, 1, 2, 3, 1, 2]] {
        let (world, line) = world().await;
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
