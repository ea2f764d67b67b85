//! What a person pauses stops within seconds, and loses nothing: senders keep their events, orders stay in the index
//! `work`, and what was refused waits.

use edge::{Invocation, Service as _, Worker as _};
use epay::Epay;
use fireblocks::Fireblocks;
use idempotency::DynamoLedger;
use ledger::{Effect, EventKey, Grant, Ledger as _, Pausable, Pause, Pauses, Source, Sweep, Writer};
use litellm::Litellm;
use openrouter::Openrouter;
use reconcile::{Reconcile, Report};
use stripe::Stripe;
use testkit::{Fault, UnitelNet, World, context, instant, now, usage};
use usage::Usage;
use wechat::Wechat;

use crate::fulfil::{self, ORDER, PHONE, airtime, word, worker};
use crate::log_capture::{captured_lines, start_capture};
use crate::sandbox::{SandboxOf, by_hand, moment_within, open_account, top_up};
use crate::stripe::{self as of_stripe, run_at};
use crate::suite::{Suite, world_before};

const MINUTE: i64 = 60;
/// Longer than a process goes by what it knows.
const FORGOTTEN_S: i64 = 11;

async fn pauses(world: &World) -> Pauses {
    world.ledger(0).minding_pauses().pauses(&context(0)).await.expect("what is paused")
}

pub(crate) async fn pause(world: &World, what: Pausable) {
    let (author, reason) = ("ann".to_owned(), "a test".to_owned());
    let id = format!("pause-{}", what.as_str());
    let receipt = EventKey::new(Writer::Manual, &id).expect("an id");
    let after = pauses(world).await.pause(what, Pause { since: now(), author, reason, receipt }).expect("not paused");
    by_hand(world, &id, vec![Effect::Pauses(after)]).await;
}

async fn resume(world: &World, what: Pausable) {
    let after = pauses(world).await.resume(what).expect("it is paused");
    by_hand(world, &format!("resume-{}", what.as_str()), vec![Effect::Pauses(after)]).await;
}

/// The moment of a delivery, so many seconds later.
fn later<W: Suite>(attempt: u64, seconds: i64) -> Invocation {
    Invocation { now: now().plus_seconds(seconds), ..moment_within::<W>(attempt) }
}

/// Lets what was begun beside an event end.
async fn rest() {
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
}

/// A paused source answers as if the store were down, and says when to come back. Once it is resumed, no event is turned away
/// by what an idle sandbox knew.
async fn turns_away<W: Suite>() {
    let name = W::SOURCE.as_str();
    let scenario = W::scenarios().into_iter().next().expect("a scenario");
    let world = world_before::<W>(scenario.state, &scenario.before).await;
    pause(&world, Pausable::Source(W::SOURCE)).await;
    let before = world.books();
    let ledger = world.ledger(1).minding_pauses();
    ledger.warm().await;
    let function = W::function(ledger).await;
    let answer = async |seconds| {
        let moment = later::<W>(1, seconds);
        function.answer(&W::signed(&scenario.body, moment.now), &moment).await
    };

    start_capture();
    let reply = answer(0).await;
    let (status, _) = W::unavailable(&scenario.body);
    assert_eq!(reply.status, status, "{name}");
    let waits: Vec<&str> =
        reply.headers.iter().filter(|(name, _)| *name == "retry-after").map(|(_, value)| value.as_str()).collect();
    assert_eq!(waits, ["60"], "{name}");
    assert_eq!(world.books(), before, "{name}: nothing is kept, since the sender keeps it");
    let lines = captured_lines();
    assert!(lines.iter().any(|line| line["outcome"] == "paused" && line["source"] == name), "{name}: {lines:?}");

    resume(&world, Pausable::Source(W::SOURCE)).await;
    assert_eq!(answer(1).await.status, status, "{name}: as it was known a second ago");
    // The sender may not send it again.
    let (status, body) = &scenario.replies[0];
    let reply = answer(FORGOTTEN_S).await;
    assert_eq!((reply.status, &reply.body), (*status, body), "{name}: resumed");
}

#[tokio::test(start_paused = true)]
async fn paused_source_is_answered_503_until_it_is_resumed() {
    Box::pin(turns_away::<Usage>()).await;
    Box::pin(turns_away::<Litellm>()).await;
    Box::pin(turns_away::<Openrouter>()).await;
    Box::pin(turns_away::<Stripe>()).await;
    Box::pin(turns_away::<Wechat>()).await;
    Box::pin(turns_away::<Epay>()).await;
    Box::pin(turns_away::<Fireblocks>()).await;
}

/// A sandbox whose reads of the row fail from this one on. Owners of keys are read by the same operation.
async fn failing_from(world: &World, first: usize) -> SandboxOf<Usage> {
    let (ledger, faults) =
        world.faulty(
            1,
            move |number, operation| {
                if operation == "GetItem" && number >= first { Fault::ServerError } else { Fault::None }
            },
        );
    let ledger = ledger.minding_pauses();
    ledger.warm().await;
    SandboxOf { function: crate::sandbox::function(ledger, webhook::Admission::default()).await, faults }
}

#[tokio::test(start_paused = true)]
async fn row_that_cannot_be_read_leaves_what_was_last_known() {
    let world = World::new();
    open_account(&world, "alice", "k1", "10").await;
    pause(&world, Pausable::Source(Source::Usage)).await;
    let paused = failing_from(&world, 1).await;
    for seconds in [0, FORGOTTEN_S, 2 * FORGOTTEN_S, 60 * MINUTE] {
        let reply = paused.deliver(&usage("e1", "k1", "1").to_string(), &later::<Usage>(1, seconds)).await;
        assert_eq!(reply.expect("it lives").status, 503, "after {seconds} s");
        rest().await;
    }
    assert!(paused.faults.calls().len() > 3, "it is tried again");

    // Without an answer from the first read on, nothing is known, and a store that does not answer books nothing.
    let unknown = failing_from(&world, 0).await;
    let reply = unknown.deliver(&usage("e1", "k1", "1").to_string(), &later::<Usage>(2, 0)).await;
    assert_eq!(reply.expect("it lives").status, 503, "the owner of the key cannot be read");
    assert!(!world.books().journal.contains_key("usage#e1"));
}

/// A row of a later form, or an altered one: as if it had not changed.
#[tokio::test(start_paused = true)]
async fn unreadable_row_leaves_what_was_last_known() {
    let world = World::new();
    open_account(&world, "alice", "k1", "10").await;
    let sandbox = failing_from(&world, usize::MAX).await;
    let row = serde_json::json!({ "id": { "S": "paused#all" }, "v": { "N": "9" } });
    crate::suite::replay::put(&world, "accounts", &row);
    for (attempt, seconds) in [(1, 0), (2, FORGOTTEN_S), (3, 2 * FORGOTTEN_S)] {
        let event = usage(&format!("e{attempt}"), "k1", "1").to_string();
        let reply = sandbox.deliver(&event, &later::<Usage>(attempt, seconds)).await;
        assert_eq!(reply.expect("it lives").status, 200);
        rest().await;
    }
}

/// The row is read beside an event: the event has the same calls and takes as long.
#[tokio::test(start_paused = true)]
async fn event_does_not_wait_for_the_row() {
    let world = World::new();
    open_account(&world, "alice", "k1", "10").await;
    let latency = std::time::Duration::from_millis(100);
    let (ledger, faults) = world.faulty(1, move |_, _| Fault::Delay(latency));
    let ledger = ledger.minding_pauses();
    ledger.warm().await;
    let function = crate::sandbox::function(ledger, webhook::Admission::default()).await;
    let sandbox = SandboxOf::<Usage> { function, faults };
    for (attempt, seconds, reads) in [(1, 0, 2), (2, 1, 0), (3, FORGOTTEN_S, 1), (4, FORGOTTEN_S + 1, 0)] {
        let (before, began) = (sandbox.faults.calls().len(), instant());
        let event = usage(&format!("e{attempt}"), "k1", "1").to_string();
        sandbox.deliver(&event, &later::<Usage>(attempt, seconds)).await.expect("it lives");
        let round_trips = instant().duration_since(began).as_millis() / latency.as_millis();
        rest().await;
        let calls = sandbox.faults.calls().split_off(before);
        let of = |operation| calls.iter().filter(|call| call.operation == operation).count();
        // The first reads the owner of its key before its commit; the row was read when the sandbox started.
        let reads = if attempt == 1 { 1 } else { reads };
        assert_eq!((of("TransactWriteItems"), of("GetItem")), (1, reads), "event {attempt}");
        assert_eq!(round_trips, if attempt == 1 { 2 } else { 1 }, "event {attempt}");
    }
}

/// The sweep with the worker over one ledger, as a sandbox has it.
async fn swept(world: &World, unitel: &UnitelNet) -> Reconcile<DynamoLedger> {
    let ledger = world.ledger(3).minding_pauses();
    let fulfil = worker(ledger.clone(), Some((unitel, &[])), None).await;
    Reconcile { ledger: ledger.clone(), fulfil, ..of_stripe::reconcile(ledger, &[]) }
}

#[tokio::test(start_paused = true)]
async fn paused_fulfilment_delivers_nothing_and_loses_no_order() {
    let world = fulfil::paid(vec![airtime(PHONE), Grant::Report(word("full"))]).await;
    let (unitel, before) = (UnitelNet::default(), world.books());
    pause(&world, Pausable::Fulfil).await;
    let stream = worker(world.ledger(1).minding_pauses(), Some((&unitel, &[])), None).await;
    assert!(
        fulfil::work(&stream, &fulfil::run_at(1, 1)).await,
        "the stream goes on: a retry would end as a dead letter"
    );
    let sweep = swept(&world, &unitel).await;
    let unfulfilled = Sweep::Unfulfilled.input();
    for minutes in [1, 2, 30] {
        let run = run_at(900 + u64::try_from(minutes).expect("small"), minutes * MINUTE);
        assert_eq!(sweep.work(&unfulfilled, &run).await.expect("a run"), Report::Paused);
    }
    assert_eq!(unitel.top_ups(ORDER).calls, 0);
    assert_eq!(world.books().order(ORDER), before.order(ORDER));

    resume(&world, Pausable::Fulfil).await;
    let report = sweep.work(&unfulfilled, &run_at(990, 31 * MINUTE)).await.expect("a run");
    assert!(matches!(report, Report::Unfulfilled(delivered) if delivered.moved_on == 1), "{report:?}");
    assert_eq!((unitel.top_ups(ORDER).calls, world.books().order(ORDER).fulfilment.as_str()), (1, "done"));
}

/// A pause that begins while a worker works stops it before its next step.
#[tokio::test(start_paused = true)]
async fn pause_during_a_run_stops_it_at_the_next_order() {
    let world = fulfil::paid(vec![airtime(PHONE)]).await;
    let unitel = UnitelNet::default();
    let stream = worker(world.ledger(1).minding_pauses(), Some((&unitel, &[])), None).await;
    stream.ledger.warm().await;
    pause(&world, Pausable::Fulfil).await;
    assert!(fulfil::work(&stream, &fulfil::run_at(1, FORGOTTEN_S)).await);
    assert_eq!(unitel.top_ups(ORDER).calls, 1, "init came right before");
    let other = fulfil::paid(vec![airtime(PHONE)]).await;
    let stream = worker(other.ledger(1).minding_pauses(), Some((&unitel, &[])), None).await;
    stream.ledger.warm().await;
    // An order that does not exist any more: the sandbox has worked, and is idle for a while.
    stream
        .work(r#"{"Records":[{"dynamodb":{"SequenceNumber":"1","Keys":{"id":{"S":"HL0"}}}}]}"#, &fulfil::run_at(1, 0))
        .await
        .expect("a batch");
    pause(&other, Pausable::Fulfil).await;
    assert!(fulfil::work(&stream, &fulfil::run_at(2, FORGOTTEN_S)).await);
    assert_eq!(unitel.top_ups(ORDER).calls, 1, "read beside the order, and used for it");
}

#[tokio::test(start_paused = true)]
async fn paused_sweep_does_nothing_and_says_so() {
    for sweep in Sweep::ALL {
        let world = World::new();
        pause(&world, Pausable::Sweep(sweep)).await;
        let (ledger, faults) = world.faulty(1, |_, _| Fault::None);
        let worker = of_stripe::reconcile(ledger.minding_pauses(), &[]);
        start_capture();
        let report = worker.work(&sweep.input(), &run_at(900, MINUTE)).await.expect("a run");
        let lines = captured_lines();
        assert_eq!(report, Report::Paused, "{}", sweep.as_str());
        let calls: Vec<String> = faults.calls().into_iter().map(|call| call.operation).collect();
        assert_eq!(calls, ["GetItem"], "{}", sweep.as_str());
        let paused = lines.iter().filter(|line| line["paused"] == sweep.as_str() && line["pauses"] == 1).count();
        let runs = lines.iter().filter(|line| line["sweep"] == sweep.as_str() && line["runs"] == 1).count();
        assert_eq!((paused, runs), (1, 1), "{}: {lines:?}", sweep.as_str());
    }
}

/// The alarm counts these lines for as long as the pause lasts, whatever is paused.
#[tokio::test(start_paused = true)]
async fn every_pause_is_logged_each_minute() {
    let world = World::new();
    for what in Pausable::all() {
        pause(&world, what).await;
    }
    let worker = of_stripe::reconcile(world.ledger(1).minding_pauses(), &[]);
    start_capture();
    worker.work(&Sweep::Refused.input(), &run_at(900, MINUTE)).await.expect("a run");
    let lines = captured_lines();
    let logged: Vec<&str> = lines.iter().filter_map(|line| line["paused"].as_str()).collect();
    assert_eq!(logged, Pausable::all().map(Pausable::as_str).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn sweep_goes_on_if_the_row_cannot_be_read() {
    let world = World::new();
    let (ledger, faults) = world.faulty(1, |_, operation| match operation {
        "GetItem" => Fault::ServerError,
        _ => Fault::None,
    });
    let worker = of_stripe::reconcile(ledger.minding_pauses(), &[]);
    let report = worker.work(&Sweep::Holds.input(), &run_at(900, MINUTE)).await.expect("a run");
    assert!(matches!(report, Report::Holds(_)), "{report:?}");
    assert!(faults.calls().iter().any(|call| call.operation == "Query"));
}

/// What a source has sent before it was paused is not replayed meanwhile.
#[tokio::test(start_paused = true)]
async fn refused_events_of_a_paused_source_wait() {
    let world = World::new();
    open_account(&world, "alice", "k1", "1").await;
    let sandbox = SandboxOf::<Usage>::faultless(&world).await;
    sandbox.deliver(&usage("e1", "k1", "5").to_string(), &later::<Usage>(1, 0)).await.expect("it lives");
    top_up(&world, "more", "alice", "10").await;
    let payment = of_stripe::with("payment_intent_succeeded", &[]);
    let sandbox = SandboxOf::<Stripe>::faultless(&world).await;
    sandbox.deliver(&payment, &later::<Stripe>(2, 0)).await.expect("it lives");
    of_stripe::orders_of_samples(&world).await;
    let is_booked = |id: &str| world.books().journal[id].status == "processed";
    let ids = ["usage#e1", "stripe#evt_payment_intent_succeeded"];
    for source in [Source::Usage, Source::Stripe] {
        pause(&world, Pausable::Source(source)).await;
    }
    let run = async |minutes: i64| {
        let worker = of_stripe::reconcile(world.ledger(1).minding_pauses(), &[]);
        let at = run_at(900 + u64::try_from(minutes).expect("small"), minutes * MINUTE);
        worker.work(&Sweep::Refused.input(), &at).await.expect("a run");
    };
    run(5).await;
    assert_eq!(ids.map(is_booked), [false, false]);
    resume(&world, Pausable::Source(Source::Stripe)).await;
    run(6).await;
    assert_eq!(ids.map(is_booked), [false, true]);
    resume(&world, Pausable::Source(Source::Usage)).await;
    run(7).await;
    assert_eq!(ids.map(is_booked), [true, true]);
}

/// A page shows what another process has paused, while one that books still goes by what it knew.
#[tokio::test(start_paused = true)]
async fn pause_is_shown_at_once_to_a_person_who_looks() {
    let world = World::new();
    let (shown, minded) = (world.ledger(3).showing_pauses(), world.ledger(4).minding_pauses());
    let is_paused = async |ledger: &DynamoLedger, attempt: u64| {
        ledger.pauses(&context(attempt)).await.expect("what is paused").has(Pausable::Fulfil)
    };
    assert_eq!([is_paused(&shown, 1).await, is_paused(&minded, 2).await], [false, false]);
    pause(&world, Pausable::Fulfil).await;
    assert_eq!([is_paused(&shown, 3).await, is_paused(&minded, 4).await], [true, false]);
    resume(&world, Pausable::Fulfil).await;
    assert!(!is_paused(&shown, 5).await);
}
