//! The worker dies at every step that it takes, before it is carried out or after: whoever starts again brings it to the same end, and
//! a machine has called the operator once at most.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ledger::{TopUpState, Verdict};
use reconcile::Reconcile;
use testkit::{Fault, FireblocksFault, UnitelFault};
use tokio::sync::Notify;

use super::*;
use crate::stripe as of_stripe;

/// More than any run takes.
const STEPS_MAX: usize = 60;
const ANSWERED_AFTER: Duration = Duration::from_millis(1);
const CHECK: (&str, &str) = ("UNITEL_CHECK_PATH", "/service/check_transaction_result");
const DONE: &str = "paid, done: alice/report-full 1, bob/commission-usd 1.99, carol/commission-usd 0.39";

/// The steps of one life, over all that it speaks to; and where it ends.
struct Life {
    steps: AtomicUsize,
    ends_at: usize,
    /// Whether the last step is carried out all the same.
    is_applied: bool,
    last: Mutex<String>,
    ended: Notify,
}

impl Life {
    fn ends(&self, what: &str) -> bool {
        let ends = self.steps.fetch_add(1, Ordering::SeqCst) == self.ends_at;
        if ends {
            what.clone_into(&mut self.last.lock().expect("a lock"));
            self.ended.notify_one();
        }
        ends
    }
}

#[derive(Default)]
struct PendingExternal {
    unitel: UnitelNet,
    fireblocks: FireblocksNet,
}

impl PendingExternal {
    fn is_well(&self) {
        self.unitel.fail(|_, _| UnitelFault::None);
        self.fireblocks.fail(|_, _| FireblocksFault::None);
    }

    fn set_now(&self, after_s: i64) {
        self.unitel.set_now(now().plus_seconds(after_s));
        self.fireblocks.set_now(now().plus_seconds(after_s));
    }
}

fn bought() -> Vec<Grant> {
    vec![tokens(true), Grant::Report(word("full")), airtime(PHONE)]
}

/// What was done last, unless it came to its own end.
async fn lives(world: &World, outside: &PendingExternal, settings: &[(&str, &str)], life: Arc<Life>) -> Option<String> {
    let (of_store, of_unitel, of_fireblocks) = (Arc::clone(&life), Arc::clone(&life), Arc::clone(&life));
    let (ledger, _) = world.faulty(1, move |_, what| match (of_store.ends(what), of_store.is_applied) {
        (false, _) => Fault::Delay(ANSWERED_AFTER),
        (true, false) => Fault::DropRequest,
        (true, true) => Fault::DropResponse,
    });
    outside.unitel.fail(move |_, what| match (of_unitel.ends(what), of_unitel.is_applied) {
        (false, _) => UnitelFault::Delay(ANSWERED_AFTER),
        (true, false) => UnitelFault::DropRequest,
        (true, true) => UnitelFault::DropResponse,
    });
    outside.fireblocks.fail(move |_, what| match (of_fireblocks.ends(what), of_fireblocks.is_applied) {
        (false, _) => FireblocksFault::Delay(ANSWERED_AFTER),
        (true, false) => FireblocksFault::DropRequest,
        (true, true) => FireblocksFault::DropResponse,
    });
    outside.set_now(1);
    let dying = worker(ledger, Some((&outside.unitel, settings)), Some(&outside.fireblocks)).await;
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
    outside.is_well();
    died
}

/// The stream brings it again, and then the clock does its part, for as long as there is anything to do.
async fn goes_on(world: &World, outside: &PendingExternal, settings: &[(&str, &str)], from_s: i64) {
    outside.set_now(from_s);
    let net = (&outside.unitel, settings);
    let another = worker(world.ledger(2), Some(net), Some(&outside.fireblocks)).await;
    work(&another, &run_at(attempt(from_s), from_s)).await;
    for after_s in (0..20).map(|step| from_s + step * 100) {
        outside.set_now(after_s);
        outside.fireblocks.go_on();
        let ledger = Arc::new(world.ledger(0));
        let fulfil = worker(Arc::clone(&ledger), Some(net), Some(&outside.fireblocks)).await;
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
    let decision = order.step("manual", "resolve", Vec::new(), effects).expect("news");
    ledger.commit(&decision, &run.context()).await.expect("written");
}

/// Whether the operator can be asked what has become of a call, by whether the last step was carried out: at which steps somebody had
/// to look, and why.
#[tokio::test(start_paused = true)]
async fn whoever_dies_at_any_step_is_followed_by_the_same_books() {
    type Row<'r> = (&'r [(&'r str, &'r str)], bool, &'r [&'r str]);
    let rows: [Row<'_>; 4] = [
        (&[], false, &["POST /service/recharge", "GetItem", "TransactWriteItems"]),
        (&[], true, &["TransactWriteItems", "POST /service/recharge", "GetItem"]),
        (&[CHECK], false, &["POST /service/recharge"]),
        (&[CHECK], true, &["TransactWriteItems"]),
    ];
    for (settings, is_applied, expected) in rows {
        let (mut checked_at, mut steps) = (Vec::new(), 0);
        loop {
            let (world, outside) = (paid(bought()).await, PendingExternal::default());
            let life = Arc::new(Life {
                steps: AtomicUsize::new(0),
                ends_at: steps,
                is_applied,
                last: Mutex::default(),
                ended: Notify::new(),
            });
            let died = lives(&world, &outside, settings, life).await;
            let name = format!("{settings:?}, applied {is_applied}, step {steps}: {died:?}");
            goes_on(&world, &outside, settings, 2).await;
            let calls = outside.unitel.calls(ORDER);
            assert!(calls.calls <= 1, "{name}");
            let order = world.ledger(0).order(&number(), &context(0)).await.expect("read").expect("there");
            if order.top_up_call.as_ref().is_some_and(|top_up_call| top_up_call.state == TopUpState::Unknown) {
                assert_eq!(world.books().order(ORDER).anomaly.as_deref(), Some("RECHARGE_UNKNOWN"), "{name}");
                checked_at.push(died.clone().expect("nobody looks at what was well"));
                // The person asks the operator.
                resolve(&world, if calls.given == 1 { Verdict::Done } else { Verdict::Again }, 3_000).await;
                goes_on(&world, &outside, settings, 3_001).await;
            }
            assert_eq!((told(&world.books()).as_str(), outside.unitel.calls(ORDER).given), (DONE, 1), "{name}");
            assert_eq!(outside.fireblocks.transfers().len(), 1, "{name}");
            steps += 1;
            if died.is_none() {
                break;
            }
            assert!(steps < STEPS_MAX, "it does not end");
        }
        assert!(steps > 12, "{steps} steps are not all of them");
        assert_eq!(checked_at, expected, "{settings:?}, applied {is_applied}");
    }
}

/// Two that work on the same order, of which one dies at any step: the other one may have done it, or does it.
#[tokio::test(start_paused = true)]
async fn whoever_works_beside_one_that_dies_calls_no_second_time() {
    for (ends_at, is_applied) in (0..30).flat_map(|step| [(step, false), (step, true)]) {
        let (world, outside) = (paid(bought()).await, PendingExternal::default());
        let life = Arc::new(Life {
            steps: AtomicUsize::new(0),
            ends_at,
            is_applied,
            last: Mutex::default(),
            ended: Notify::new(),
        });
        let plan = |_: usize, _: &str| Fault::Delay(ANSWERED_AFTER);
        let beside = worker(world.faulty(9, plan).0, Some((&outside.unitel, &[])), Some(&outside.fireblocks)).await;
        let run = run_at(9, 1);
        let (died, _) = tokio::join!(lives(&world, &outside, &[], life), work(&beside, &run));
        outside.is_well();
        goes_on(&world, &outside, &[], 2).await;
        let (calls, name) = (outside.unitel.calls(ORDER), format!("step {ends_at}, applied {is_applied}: {died:?}"));
        assert!(calls.calls <= 1, "{name}");
        assert_eq!(outside.fireblocks.transfers().len(), 1, "{name}");
        let books = world.books();
        books.check();
        let fulfilment = books.order(ORDER).fulfilment.as_str();
        assert!(fulfilment == "done" && calls.given == 1 || fulfilment == "unknown", "{name}: {fulfilment} {calls:?}");
    }
}
