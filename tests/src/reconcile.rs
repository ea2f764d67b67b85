//! Retries of refused deliveries: when they are due, their backoff, their outcome and their cost. The outcome of a
//! payment's events is tested in `stripe`, where every story ends with these sweeps.

pub(crate) mod audit_sweep;
mod bad_rows;
mod costs;
pub(crate) mod gateway_log;
mod intents;
mod invoices;
mod lanes;
mod missing_credentials;
mod runs;
mod simulation;
mod stripe_backfill;
pub(crate) mod unpaid;

use edge::Worker as _;
use ledger::{Decision, EventKey, Fingerprint, JournalHeader, Ledger as _, RawBody, Reason, Refusal, Source};
use reconcile::{ReplayReport, Report};
use serde_json::json;
use testkit::{Call, Fault, World, context, usage};

use crate::log_capture::{captured_lines, start_capture};
use crate::sandbox::{EVENTS, Sandbox, SandboxOf, invocation, open_account, signature, top_up};
use crate::stripe::{self as of_stripe, REFUSED, orders_of_samples, run_at};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// One run of the sweep, this long after the deliveries.
async fn run(world: &World, after_s: i64) -> ReplayReport {
    run_with(world, after_s, &[]).await
}

async fn run_with(world: &World, after_s: i64, settings: &[(&str, &str)]) -> ReplayReport {
    let attempt = 1_000 + u64::try_from(after_s).expect("later");
    of_stripe::reconcile(world.ledger(0), settings)
        .work(REFUSED, &run_at(attempt, after_s))
        .await
        .map(replay_report)
        .expect("a run")
}

fn report(tried: u32, resolved: u32, waiting: u32, given_up: u32) -> ReplayReport {
    ReplayReport { tried, resolved, waiting, given_up, ..ReplayReport::default() }
}

fn replay_report(report: Report) -> ReplayReport {
    let Report::Refused(replayed) = report else { panic!("{report:?}") };
    replayed
}

/// The journal row of an event: its status or reason, with ! while the event waits.
fn row(world: &World, id: &str) -> String {
    let row = world.books().journal.get(id).cloned().unwrap_or_default();
    format!("{}{}", row.reason.unwrap_or(row.status), if row.needs_attention { "!" } else { "" })
}

async fn spend(world: &World, id: &str, key: &str, cost: &str) {
    Sandbox::faultless(world)
        .await
        .deliver(&usage(id, key, cost).to_string(), &invocation(1))
        .await
        .expect("the sandbox survives");
}

async fn deliver_sample(world: &World, event: &str) {
    let body = of_stripe::with(event, &[]);
    let reply = SandboxOf::<stripe::Stripe>::faultless(world)
        .await
        .deliver(&body, &invocation(1))
        .await
        .expect("the sandbox survives");
    assert_eq!(reply.status, 200, "{event}");
}

#[tokio::test(start_paused = true)]
async fn payment_before_its_order_is_booked_within_two_minutes() {
    let world = World::new();
    deliver_sample(&world, "payment_intent_succeeded").await;
    assert_eq!(run(&world, 59).await, report(0, 0, 0, 0), "the order may be on its way");
    assert_eq!(run(&world, 60).await, report(1, 0, 1, 0));
    orders_of_samples(&world).await;
    assert_eq!(run(&world, 119).await, report(0, 0, 0, 0));
    assert_eq!(run(&world, 120).await, report(1, 1, 0, 0));
    let books = world.books();
    books.check();
    assert_eq!(books.balance("alice/credits"), 100_000_000_000);
    assert_eq!(row(&world, "stripe#evt_payment_intent_succeeded"), "processed");
    assert_eq!(run(&world, DAY).await, report(0, 0, 0, 0), "once");
}

/// The backoff doubles up to a day. A refund or dispute whose payment never arrives is given up once no backfill can bring
/// it.
#[tokio::test(start_paused = true)]
async fn backoff_grows_and_refund_without_payment_is_given_up() {
    let early = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024].map(|minutes| minutes * MINUTE);
    // From then on once a day.
    let daily = |days: i64| (0..days).map(|n| 2_048 * MINUTE + n * DAY);
    let rows = [
        ("payment_intent_succeeded", 10 * DAY, early.into_iter().chain(daily(9)).collect::<Vec<_>>(), "order_unknown!"),
        ("refund_updated", 40 * DAY, early.into_iter().chain(daily(31)).collect(), "payment_unknown"),
        ("charge_dispute_created", 40 * DAY, early.into_iter().chain(daily(31)).collect(), "dispute_unknown"),
    ];
    for (event, until, expected, status) in rows {
        let world = World::new();
        deliver_sample(&world, event).await;
        let mut tries = Vec::new();
        // Running every minute would take long, so most minutes in which nothing is due are left out.
        for minute in (0..=until / MINUTE).filter(|minute| minute.count_ones() < 3 || minute % 32 == 0) {
            let report = run(&world, minute * MINUTE).await;
            tries.extend((report.tried > 0).then_some(minute * MINUTE));
        }
        assert_eq!(tries, expected, "{event}");
        assert_eq!(row(&world, &format!("stripe#evt_{event}")), status, "{event}");
    }
}

/// A refund that is delivered days before its payment is booked with it.
#[tokio::test(start_paused = true)]
async fn refund_waits_for_its_payment() {
    let world = World::new();
    orders_of_samples(&world).await;
    deliver_sample(&world, "refund_updated").await;
    assert_eq!(run(&world, MINUTE).await, report(1, 0, 1, 0));
    deliver_sample(&world, "payment_intent_succeeded").await;
    assert_eq!(world.books().balance("alice/credits"), 100_000_000_000);
    assert_eq!(run(&world, 2 * MINUTE).await, report(1, 1, 0, 0));
    let order = &world.books().orders["hk_sample_order"];
    assert_eq!(order.payment, "partly_refunded");
    world.books().check();
}

/// In an outage of ours the payment of a refund comes weeks later, by the backfill, and the two sweeps run beside each
/// other: a refund that is tried just before its payment is booked still waits for it.
#[tokio::test(start_paused = true)]
async fn refund_waits_for_a_payment_that_a_backfill_brings() {
    let world = World::new();
    orders_of_samples(&world).await;
    deliver_sample(&world, "refund_updated").await;
    assert_eq!(run(&world, 29 * DAY).await, report(1, 0, 1, 0));
    deliver_sample(&world, "payment_intent_succeeded").await;
    assert_eq!(run(&world, 30 * DAY).await, report(1, 1, 0, 0));
    assert_eq!(world.books().orders["hk_sample_order"].payment, "partly_refunded");
    world.books().check();
}

#[tokio::test(start_paused = true)]
async fn usage_is_booked_once_its_owner_is_known_and_can_pay() {
    let world = World::new();
    spend(&world, "e1", "k1", "3").await;
    assert_eq!(row(&world, "usage#e1"), "unknown_key!");
    open_account(&world, "alice", "k1", "2").await;
    assert_eq!(run(&world, MINUTE).await, report(1, 0, 1, 0));
    assert_eq!(row(&world, "usage#e1"), "insufficient_credits!");
    top_up(&world, "more", "alice", "10").await;
    assert_eq!(run(&world, 2 * MINUTE).await, report(1, 1, 0, 0));
    assert_eq!(
        (row(&world, "usage#e1").as_str(), world.books().balance("alice/credits")),
        ("processed", 9_000_000_000)
    );
    world.books().check();
}

/// Stores a delivery that an earlier release could not parse, as that release left it.
async fn store_unparsed(world: &World, body: &str) -> EventKey {
    let receipt = EventKey::unparsed(Source::Usage, body.as_bytes());
    let header = JournalHeader {
        receipt: receipt.clone(),
        writer: Source::Usage.into(),
        kind: "unparsed",
        facts: vec![],
        fingerprints: Fingerprint::of(1, &[("body", receipt.as_str())]).into(),
        order: None,
    };
    let refusal = Refusal { header, reason: Reason::Unparsed, effects: Vec::new() };
    let mut context = context(1);
    let headers = [("x-webhook-signature", signature(body.as_bytes()))];
    context.body = Some(RawBody {
        method: "POST",
        path: EVENTS,
        query: "",
        headers: &headers,
        bytes: body.as_bytes(),
        bytes_at: context.received_at,
        batch: None,
    });
    world.ledger(0).commit(&Decision::Refuse(refusal), &context).await.expect_err("refused");
    receipt
}

/// A release that can parse the body books the event under its own id and closes the row of the unparsed delivery.
#[tokio::test(start_paused = true)]
async fn unparsed_delivery_is_booked_by_a_release_that_can_parse_it() {
    let rows = [
        ("booked", usage("e1", "k1", "3").to_string(), report(1, 1, 0, 0), "processed", "unparsed"),
        ("refused", usage("e1", "k2", "3").to_string(), report(1, 0, 1, 0), "unknown_key!", "unparsed"),
        ("still unparsed", "{}".to_owned(), report(1, 0, 1, 0), "", "unparsed!"),
    ];
    for (name, body, expected, own, unparsed) in rows {
        let world = World::new();
        open_account(&world, "alice", "k1", "10").await;
        let receipt = store_unparsed(&world, &body).await;
        assert_eq!(run(&world, MINUTE).await, expected, "{name}");
        assert_eq!(
            (row(&world, "usage#e1").as_str(), row(&world, receipt.as_str()).as_str()),
            (own, unparsed),
            "{name}"
        );
        world.books().check();
    }
}

#[tokio::test(start_paused = true)]
async fn event_that_no_retry_can_book_is_given_up() {
    // The settings have changed since the delivery: they ignore this kind of event now.
    let world = World::new();
    deliver_sample(&world, "refund_updated").await;
    let only = [("STRIPE_EVENTS", "payment_intent.succeeded")];
    assert_eq!(run_with(&world, MINUTE, &only).await, report(1, 0, 0, 1));
    assert_eq!(row(&world, "stripe#evt_refund_updated"), "payment_unknown");

    // The stored body has expired.
    let world = World::new();
    deliver_sample(&world, "payment_intent_succeeded").await;
    let gone = json!({ "TableName": "hookledger-local-bodies", "Key": { "id": { "S": "stripe#evt_payment_intent_succeeded" } } });
    world.engine.request("DeleteItem", &gone).expect("an answer");
    assert_eq!(run(&world, MINUTE).await, report(1, 0, 0, 1));
    assert_eq!(row(&world, "stripe#evt_payment_intent_succeeded"), "order_unknown");

    // The order is created later, at another price.
    let world = World::new();
    deliver_sample(&world, "payment_intent_succeeded").await;
    let mut order = of_stripe::order("hk_sample_order");
    order.terms.price.amount = ledger::Amount::from_units(2_000);
    of_stripe::made(&world, order).await;
    assert_eq!(run(&world, MINUTE).await, report(1, 0, 0, 1));
    assert_eq!(row(&world, "stripe#evt_payment_intent_succeeded"), "amount_mismatch");
    assert_eq!(world.books().orders["hk_sample_order"].anomaly.as_deref(), Some("AMOUNT_MISMATCH"));
    assert_eq!(run(&world, DAY).await, report(0, 0, 0, 0));
}

/// An event that fails on our side at every retry must not block the others.
#[tokio::test(start_paused = true)]
async fn event_that_fails_on_our_side_blocks_no_other() {
    let world = World::new();
    deliver_sample(&world, "payment_intent_succeeded").await;
    spend(&world, "e1", "k1", "1").await;
    open_account(&world, "alice", "k1", "10").await;
    orders_of_samples(&world).await;
    let broken = json!({
        "TableName": "hookledger-local-orders",
        "Key": { "id": { "S": "hk_sample_order" } },
        "UpdateExpression": "REMOVE price_units",
    });
    world.engine.request("UpdateItem", &broken).expect("a row that no release can parse");
    assert_eq!(run(&world, MINUTE).await, ReplayReport { tried: 2, resolved: 1, failed: 1, ..ReplayReport::default() });
    assert_eq!(row(&world, "stripe#evt_payment_intent_succeeded"), "order_unknown!");
    assert_eq!(row(&world, "usage#e1"), "processed");
    assert_eq!(run(&world, MINUTE).await, report(0, 0, 0, 0), "its retry is rescheduled");
}

/// A run retries at most a hundred deliveries of a source and stops before its deadline; the next run continues.
#[tokio::test(start_paused = true)]
async fn run_is_bounded_and_the_next_one_continues() {
    let world = World::new();
    for n in 0..230 {
        store_unparsed(&world, &format!("{{\"n\":{n}}}")).await;
    }
    let mut short = run_at(1_060, MINUTE);
    short.deadline = testkit::deadline(std::time::Duration::from_secs(3));
    start_capture();
    let cut_short = of_stripe::reconcile(world.ledger(0), &[]).work(REFUSED, &short).await.expect("a run");
    assert_eq!(captured_lines().iter().find_map(|line| line["waiting"].as_u64()), Some(230), "the whole backlog");
    assert_eq!(replay_report(cut_short), ReplayReport { is_cut_short: true, ..ReplayReport::default() });
    start_capture();
    for expected in [100, 100, 30, 0] {
        assert_eq!(run(&world, MINUTE).await, report(expected, 0, expected, 0));
    }
    let backlogs: Vec<_> = captured_lines().iter().filter_map(|line| line["waiting"].as_u64()).collect();
    assert_eq!(backlogs, [130, 30, 0, 0], "the backlog is counted after each run");
}

/// Two runs at the same time with slow calls: both read before either writes.
#[tokio::test(start_paused = true)]
async fn overlapping_runs_book_each_event_once() {
    let world = World::new();
    deliver_sample(&world, "payment_intent_succeeded").await;
    deliver_sample(&world, "charge_succeeded").await;
    spend(&world, "e1", "k1", "1").await;
    orders_of_samples(&world).await;
    open_account(&world, "alice", "k1", "10").await;
    let one = |attempt: u64| {
        let late = |_: usize, _: &str| Fault::Delay(std::time::Duration::from_millis(10));
        let (ledger, _) = world.faulty(attempt, late);
        async move {
            of_stripe::reconcile(ledger, &[])
                .work(REFUSED, &run_at(attempt, MINUTE))
                .await
                .map(replay_report)
                .expect("a run")
        }
    };
    let (first, second) = tokio::join!(one(1), one(2));
    assert_eq!((first.tried, second.tried, first.resolved, second.resolved), (3, 3, 3, 3), "{first:?} {second:?}");
    let books = world.books();
    books.check();
    assert_eq!(books.balance("alice/credits"), 109_000_000_000);
}

/// One query of a sparse index for each source, whatever the number of orders.
#[tokio::test(start_paused = true)]
async fn idle_run_costs_the_same_at_any_number_of_orders() {
    let world = World::new();
    let mut created = 0;
    for orders in [0, 10, 1_000] {
        while created < orders {
            let number = format!("HL{created}");
            of_stripe::made(&world, of_stripe::order(&number)).await;
            created += 1;
        }
        let (ledger, faults) = world.faulty(1, |_, _| Fault::None);
        of_stripe::reconcile(ledger, &[]).work(REFUSED, &run_at(1, DAY)).await.expect("a run");
        let calls = faults.calls();
        let query_of = |call: &Call| {
            let read = call.answer.as_ref().map(|answer| answer["ScannedCount"].clone());
            (call.operation.clone(), call.request["ExpressionAttributeValues"][":word"]["S"].clone(), read)
        };
        let query = |source: &str| ("Query".to_owned(), json!(source), Some(json!(0)));
        let queries: Vec<_> = calls.iter().map(query_of).collect();
        let expected = ["litellm", "openrouter", "stripe", "usage", "usage#lanes"].map(query);
        assert_eq!(queries, expected, "{orders} orders");
    }
}
