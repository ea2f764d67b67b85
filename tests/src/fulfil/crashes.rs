//! Crash tests: the worker dies at every step, before or after the step takes effect. Another run ends with the same
//! books, and the operator is called once at most, unless a person repeats the call.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ledger::{TopUpState, Verdict, Writer};
use reconcile::Reconcile;
use testkit::{Fault, NetFault};
use tokio::sync::Notify;

use super::*;
use crate::stripe as of_stripe;

/// More steps than any run takes.
const STEPS_MAX: usize = 60;
const ANSWERED_AFTER: Duration = Duration::from_millis(1);
const CHECK: (&str, &str) = ("UNITEL_CHECK_PATH", "/service/check_transaction_result");
const DONE: &str = "paid, done: alice/report-full 1, bob/commission-usd 1.99, carol/commission-usd 0.39";

/// The steps of one run over the store and both fakes, and the step at which it dies.
struct Life {
    steps: AtomicUsize,
    dies_at_step: usize,
    /// Whether the last step still takes effect.
    is_applied: bool,
    last: Mutex<String>,
    ended: Notify,
}

impl Life {
    fn new(dies_at_step: usize, is_applied: bool) -> Arc<Self> {
        let (steps, last, ended) = (AtomicUsize::new(0), Mutex::default(), Notify::new());
        Arc::new(Self { steps, dies_at_step, is_applied, last, ended })
    }

    fn dies_at(&self, step: &str) -> bool {
        let dies = self.steps.fetch_add(1, Ordering::SeqCst) == self.dies_at_step;
        if dies {
            step.clone_into(&mut self.last.lock().expect("a lock"));
            self.ended.notify_one();
        }
        dies
    }
}

#[derive(Default)]
struct ExternalParties {
    unitel: UnitelNet,
    fireblocks: FireblocksNet,
}

impl ExternalParties {
    fn end_faults(&self) {
        self.unitel.recover();
        self.fireblocks.recover();
    }

    fn set_now(&self, after_s: i64) {
        self.unitel.set_now(now().plus_seconds(after_s));
        self.fireblocks.set_now(now().plus_seconds(after_s));
    }
}

fn grants() -> Vec<Grant> {
    vec![tokens(true), Grant::Report(word("full")), airtime(PHONE)]
}

/// Runs the worker and returns the step at which it died, if it did not finish.
async fn run_until_death(
    world: &World,
    external: &ExternalParties,
    settings: &[(&str, &str)],
    life: Arc<Life>,
) -> Option<String> {
    let (of_store, of_unitel, of_fireblocks) = (Arc::clone(&life), Arc::clone(&life), Arc::clone(&life));
    let (ledger, _) = world.faulty(1, move |_, step| match (of_store.dies_at(step), of_store.is_applied) {
        (false, _) => Fault::Delay(ANSWERED_AFTER),
        (true, false) => Fault::DropRequest,
        (true, true) => Fault::DropResponse,
    });
    external.unitel.fail(move |_, step| match (of_unitel.dies_at(step), of_unitel.is_applied) {
        (false, _) => NetFault::Delay(ANSWERED_AFTER),
        (true, false) => NetFault::DropRequest,
        (true, true) => NetFault::DropResponse,
    });
    external.fireblocks.fail(move |_, step| match (of_fireblocks.dies_at(step), of_fireblocks.is_applied) {
        (false, _) => NetFault::Delay(ANSWERED_AFTER),
        (true, false) => NetFault::DropRequest,
        (true, true) => NetFault::DropResponse,
    });
    external.set_now(1);
    let dying = worker(ledger, Some((&external.unitel, settings)), Some(&external.fireblocks)).await;
    let (run, ended) = (run_at(1, 1), Arc::clone(&life));
    let died = tokio::select! {
        biased;
        () = ended.ended.notified() => Some(life.last.lock().expect("a lock").clone()),
        is_done = work(&dying, &run) => {
            assert!(is_done);
            None
        }
    };
    drop(dying);
    external.end_faults();
    died
}

/// The stream delivers the record again, then the sweeps run while there is anything to do.
async fn continue_fulfilment(world: &World, external: &ExternalParties, settings: &[(&str, &str)], from_s: i64) {
    external.set_now(from_s);
    let net = (&external.unitel, settings);
    let another = worker(world.ledger(2), Some(net), Some(&external.fireblocks)).await;
    work(&another, &run_at(attempt(from_s), from_s)).await;
    for after_s in (0..20).map(|step| from_s + step * 100) {
        external.set_now(after_s);
        external.fireblocks.go_on();
        let ledger = world.ledger(0);
        let fulfil = worker(ledger.clone(), Some(net), Some(&external.fireblocks)).await;
        let reconcile = Reconcile { ledger, fulfil, ..of_stripe::reconcile(world.ledger(0), &[]) };
        for sweep in [r#"{"sweep":"unfulfilled"}"#, r#"{"sweep":"pending_external"}"#] {
            reconcile.work(sweep, &of_stripe::run_at(attempt(after_s), after_s)).await.expect("a run");
        }
    }
}

fn attempt(after_s: i64) -> u64 {
    1_000 + u64::try_from(after_s).expect("later")
}

async fn resolve(world: &World, verdict: Verdict, after_s: i64) {
    let (ledger, run) = (world.ledger(0), run_at(attempt(after_s), after_s));
    let order = ledger.order(&number(), &run.context()).await.expect("read").expect("there");
    let effects = order.resolve(verdict, None, run.now).expect("something to resolve");
    let decision = order.step(Writer::Manual, "resolve", Vec::new(), effects).expect("news");
    ledger.commit(&decision, &run.context()).await.expect("written");
}

/// Each row: whether the operator can be queried, whether the last step took effect, and the steps after which a person
/// has to resolve the top-up.
#[tokio::test(start_paused = true)]
async fn worker_that_dies_at_any_step_ends_in_the_same_books() {
    type Row<'r> = (&'r [(&'r str, &'r str)], bool, &'r [&'r str]);
    let rows: [Row<'_>; 4] = [
        (&[], false, &["POST /service/recharge", "GetItem", "TransactWriteItems"]),
        (&[], true, &["TransactWriteItems", "POST /service/recharge", "GetItem"]),
        (&[CHECK], false, &["POST /service/recharge"]),
        (&[CHECK], true, &["TransactWriteItems"]),
    ];
    for (settings, is_applied, expected) in rows {
        let (mut resolved_after, mut steps) = (Vec::new(), 0);
        loop {
            let (world, external) = (paid(grants()).await, ExternalParties::default());
            let life = Life::new(steps, is_applied);
            let died = run_until_death(&world, &external, settings, life).await;
            let name = format!("{settings:?}, applied {is_applied}, step {steps}: {died:?}");
            continue_fulfilment(&world, &external, settings, 2).await;
            let calls = external.unitel.top_ups(ORDER);
            assert!(calls.calls <= 1, "{name}");
            let order = world.ledger(0).order(&number(), &context(0)).await.expect("read").expect("there");
            if order.top_up_call.as_ref().is_some_and(|top_up_call| top_up_call.state == TopUpState::Unknown) {
                assert_eq!(world.books().order(ORDER).anomaly.as_deref(), Some("TOP_UP_UNKNOWN"), "{name}");
                resolved_after.push(died.clone().expect("only a run that died needs a person"));
                // The person looks the call up at the operator.
                resolve(&world, if calls.given == 1 { Verdict::Done } else { Verdict::Again }, 3_000).await;
                continue_fulfilment(&world, &external, settings, 3_001).await;
            }
            assert_eq!((summary(&world.books()).as_str(), external.unitel.top_ups(ORDER).given), (DONE, 1), "{name}");
            assert_eq!(external.fireblocks.transfers().len(), 1, "{name}");
            steps += 1;
            if died.is_none() {
                break;
            }
            assert!(steps < STEPS_MAX, "the run does not end");
        }
        assert!(steps > 12, "{steps} steps are not all of them");
        assert_eq!(resolved_after, expected, "{settings:?}, applied {is_applied}");
    }
}

/// Two workers process the same order and one dies at any step: the other has made the call, or makes it.
#[tokio::test(start_paused = true)]
async fn worker_beside_one_that_dies_makes_no_second_call() {
    for (dies_at_step, is_applied) in (0..30).flat_map(|step| [(step, false), (step, true)]) {
        let (world, external) = (paid(grants()).await, ExternalParties::default());
        let life = Life::new(dies_at_step, is_applied);
        let plan = |_: usize, _: &str| Fault::Delay(ANSWERED_AFTER);
        let beside = worker(world.faulty(9, plan).0, Some((&external.unitel, &[])), Some(&external.fireblocks)).await;
        let run = run_at(9, 1);
        let (died, _) = tokio::join!(run_until_death(&world, &external, &[], life), work(&beside, &run));
        external.end_faults();
        continue_fulfilment(&world, &external, &[], 2).await;
        let (calls, name) =
            (external.unitel.top_ups(ORDER), format!("step {dies_at_step}, applied {is_applied}: {died:?}"));
        assert!(calls.calls <= 1, "{name}");
        assert_eq!(external.fireblocks.transfers().len(), 1, "{name}");
        let books = world.books();
        books.check();
        let fulfilment = books.order(ORDER).fulfilment.as_str();
        assert!(fulfilment == "done" && calls.given == 1 || fulfilment == "unknown", "{name}: {fulfilment} {calls:?}");
    }
}

/// The payment is refunded before the next run. What Fireblocks has is booked as sent, whatever is due now; what it does
/// not have is sent only as far as it is due.
#[tokio::test(start_paused = true)]
async fn refund_after_a_worker_that_died_at_any_step_books_what_was_sent() {
    const KEPT: i128 = 4_997_498_749_374_687_343;
    for (cents, kept) in [(1_999, 0), (1_000, KEPT)] {
        for is_applied in [false, true] {
            let (mut sent_amounts, mut steps) = (BTreeSet::new(), 0);
            loop {
                let (world, external) = (paid(vec![tokens(true)]).await, ExternalParties::default());
                let died = run_until_death(&world, &external, &[], Life::new(steps, is_applied)).await;
                apply(&world, Report::Refunded(cents)).await;
                continue_fulfilment(&world, &external, &[], 2).await;
                let name = format!("{cents} refunded, applied {is_applied}, step {steps}: {died:?}");
                let (books, transfers) = (world.books(), external.fireblocks.transfers());
                books.check();
                let units = |amount: &str| Amount::parse(amount, 18).expect("an amount").units();
                let sent = transfers.iter().map(|transfer| i128::try_from(units(&transfer.amount)).expect("tokens"));
                let sent: Vec<i128> = sent.collect();
                assert!(sent.len() <= 1, "{name}: {transfers:?}");
                assert_eq!(books.balance("alice/POSX"), kept - sent.iter().sum::<i128>(), "{name}");
                let order = books.order(ORDER);
                assert_eq!((order.anomaly.as_deref(), order.fulfilment == "pending"), (None, false), "{name}");
                sent_amounts.extend(sent);
                steps += 1;
                if died.is_none() {
                    break;
                }
                assert!(steps < STEPS_MAX, "the run does not end");
            }
            let whole = 10_000_000_000_000_000_000;
            let expected = if kept == 0 { vec![whole] } else { vec![kept, whole] };
            assert_eq!(sent_amounts.into_iter().collect::<Vec<_>>(), expected, "{cents}, applied {is_applied}");
        }
    }
}

/// Referral credits are posted in a transaction of their own, after the grants or before.
#[tokio::test(start_paused = true)]
async fn worker_that_dies_at_any_step_gives_referral_credits_once() {
    const GIVEN: &str = "paid, done: alice/credits 5, alice/report-full 1, bob/commission-usd 1.99, bob/credits 10, \
                         carol/commission-usd 0.39";
    for is_applied in [false, true] {
        for steps in 0..STEPS_MAX {
            let (world, external) = (referred().await, ExternalParties::default());
            let died = run_until_death(&world, &external, &[], Life::new(steps, is_applied)).await;
            continue_fulfilment(&world, &external, &[], 2).await;
            assert_eq!(summary(&world.books()), GIVEN, "applied {is_applied}, step {steps}: {died:?}");
            if died.is_none() {
                assert!(steps > 2, "{steps} steps are not all of them");
                break;
            }
        }
    }
}
