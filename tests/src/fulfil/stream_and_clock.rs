//! The stream and the schedule over the same books, as the templates configure them: a write that reschedules an order
//! does not trigger the stream, and every other write does.

use embedded::{Cursor, DATA_YAML, Stream, Template};
use serde_json::{Value, json};
use testkit::{NetFault, STAGE};

use super::swept::{UNFULFILLED, run};
use super::*;
use crate::deployed::app;

const HOUR: i64 = 60 * MINUTE;
const ORDERS: &str = "hookledger-local-orders";

/// Lambda's event source mapping of the stream, with one shard and one record at a time.
struct Streamed {
    stream: Stream,
    cursor: Cursor,
    /// How often the function was called, and the dead letters.
    calls: u64,
    dead_letters: Vec<Value>,
}

impl Streamed {
    fn of(world: &World) -> Self {
        let data = Template::parse(DATA_YAML, &[("Stage", STAGE)]).expect("a template");
        world.engine.enable_streams(&data).expect("streams");
        let app = app();
        let fulfil = app.functions().iter().find(|function| function.binary == "fulfil").expect("it is deployed");
        let stream = fulfil.streams[0].clone();
        let cursor = world.engine.cursor(ORDERS, None).expect("a stream");
        Self { stream, cursor, calls: 0, dead_letters: Vec::new() }
    }

    /// Runs until the stream is empty.
    async fn work_off(&mut self, world: &World, net: &UnitelNet, after_s: i64) {
        loop {
            let records = world.engine.read(&mut self.cursor, 100).expect("records");
            if records.is_empty() {
                return;
            }
            let admitted: Vec<Value> = records.into_iter().filter(|record| self.stream.filter.admits(record)).collect();
            for record in admitted {
                self.deliver(&record, world, net, after_s).await;
            }
        }
    }

    async fn deliver(&mut self, record: &Value, world: &World, net: &UnitelNet, after_s: i64) {
        let event = json!({ "Records": [record] }).to_string();
        for _ in 0..=self.stream.retries_max.expect("bounded") {
            self.calls += 1;
            net.set_now(now().plus_seconds(after_s));
            let worker = worker(world.ledger(self.calls), Some((net, &[])), None).await;
            let report = worker.work(&event, &run_at(10_000 + self.calls, after_s)).await.expect("a batch");
            if report.batch_item_failures.is_empty() {
                return;
            }
        }
        self.dead_letters.push(record.clone());
    }
}

#[tokio::test(start_paused = true)]
async fn operator_outage_is_retried_by_the_schedule_alone_and_delivers_once() {
    let (world, net) = (World::new(), UnitelNet::default());
    let mut streamed = Streamed::of(&world);
    made(&world, order(vec![airtime(PHONE)])).await;
    apply(&world, Report::Paid).await;
    net.fail(|_, _| NetFault::Status(503));
    let (mut attempts, mut stream_calls) = (Vec::new(), Vec::new());
    for minute in 0..6 * 60 {
        streamed.work_off(&world, &net, minute * MINUTE).await;
        let outcome = run(&world, &net, &[], UNFULFILLED, minute * MINUTE).await;
        attempts.extend((outcome.failed > 0).then_some(minute));
        streamed.work_off(&world, &net, minute * MINUTE).await;
        stream_calls.push(streamed.calls);
    }
    let first = [1, 2, 4, 8, 16];
    assert_eq!(attempts, first.into_iter().chain((26..360).step_by(10)).collect::<Vec<_>>());
    // The two calls: for the payment, and for the posted commissions.
    assert_eq!(stream_calls, [2; 360], "rescheduling triggers nothing");
    assert_eq!(streamed.dead_letters, Vec::<Value>::new());

    net.recover();
    for minute in 360..=370 {
        run(&world, &net, &[], UNFULFILLED, minute * MINUTE).await;
        streamed.work_off(&world, &net, minute * MINUTE).await;
    }
    assert_eq!(summary(&world.books()), "paid, done: bob/commission-usd 1.99, carol/commission-usd 0.39");
    assert_eq!((net.top_ups(ORDER).calls, streamed.dead_letters.len()), (1, 0));
}

/// The event that arrives during a pause; whether it triggers the stream, and the order after that call.
#[tokio::test(start_paused = true)]
async fn real_change_triggers_the_stream_during_a_pause() {
    let waiting = "bob/commission-usd 1.99, carol/commission-usd 0.39";
    let rows: [(&str, &[Report], u64, String); 3] = [
        ("nothing", &[], 0, format!("paid, pending: {waiting}")),
        ("a refund", &[Report::Refunded(1_999)], 1, "refunded, none: ".to_owned()),
        ("a dispute", &[Report::Disputed(DisputeStage::Open)], 1, "paid, none: ".to_owned()),
    ];
    for (name, reports, expected, ending) in rows {
        let (world, net) = (World::new(), UnitelNet::default());
        let mut streamed = Streamed::of(&world);
        made(&world, order(vec![airtime(PHONE)])).await;
        apply(&world, Report::Paid).await;
        net.fail(|_, _| NetFault::Status(503));
        for minute in 0..30 {
            streamed.work_off(&world, &net, minute * MINUTE).await;
            run(&world, &net, &[], UNFULFILLED, minute * MINUTE).await;
        }
        streamed.work_off(&world, &net, HOUR).await;
        let before = streamed.calls;
        for report in reports {
            apply(&world, *report).await;
        }
        streamed.work_off(&world, &net, HOUR).await;
        assert_eq!((streamed.calls - before, summary(&world.books())), (expected, ending), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn order_that_is_passed_over_triggers_nothing() {
    let (world, net) = (World::new(), UnitelNet::default());
    let mut streamed = Streamed::of(&world);
    let row = json!({
        "id": { "S": ORDER }, "work": { "S": "fulfilment" }, "due_at": { "S": now().to_string() }, "wakes": { "S": "fulfil" },
    });
    world.engine.request("PutItem", &json!({ "TableName": ORDERS, "Item": row })).expect("written");
    streamed.work_off(&world, &net, 0).await;
    // A record whose order cannot be read becomes a dead letter for a person.
    assert_eq!((streamed.calls, streamed.dead_letters.len()), (9, 1));
    for minute in [1, 10, 30, 60] {
        let outcome = run(&world, &net, &[], UNFULFILLED, minute * MINUTE).await;
        assert_eq!(outcome.failed, 1, "{minute}");
        streamed.work_off(&world, &net, minute * MINUTE).await;
    }
    assert_eq!((streamed.calls, streamed.dead_letters.len()), (9, 1));
}
