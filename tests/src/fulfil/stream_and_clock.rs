//! The stream and the clock over the same books, as the templates have them: a write that reschedules an order wakes no stream, and
//! every other write does.

use embedded::{Cursor, DATA_YAML, Stream, Template};
use serde_json::{Value, json};
use testkit::{STAGE, UnitelFault};

use super::swept::{UNFULFILLED, run};
use super::*;
use crate::deployed::app;

const HOUR: i64 = 60 * MINUTE;
const ORDERS: &str = "hookledger-local-orders";

/// What Lambda does with the stream, in one lane and a record at a time.
struct Streamed {
    stream: Stream,
    cursor: Cursor,
    /// How often the function was called, and which records were given up.
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

    /// Until nothing is left in it.
    async fn work_off(&mut self, world: &World, net: &UnitelNet, after_s: i64) {
        loop {
            let records = world.engine.read(&mut self.cursor, 100).expect("records");
            if records.is_empty() {
                return;
            }
            let admitted: Vec<Value> = records.into_iter().filter(|record| self.stream.filter.admits(record)).collect();
            for record in admitted {
                self.bring(&record, world, net, after_s).await;
            }
        }
    }

    async fn bring(&mut self, record: &Value, world: &World, net: &UnitelNet, after_s: i64) {
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
async fn operator_that_is_down_for_hours_is_called_by_the_clock_alone_and_delivers_once() {
    let (world, net) = (World::new(), UnitelNet::default());
    let mut streamed = Streamed::of(&world);
    made(&world, order(vec![airtime(PHONE)])).await;
    happens(&world, Report::Paid).await;
    net.fail(|_, _| UnitelFault::Status(503));
    let (mut tries, mut stream_calls) = (Vec::new(), Vec::new());
    for minute in 0..6 * 60 {
        streamed.work_off(&world, &net, minute * MINUTE).await;
        let came = run(&world, &net, &[], UNFULFILLED, minute * MINUTE).await;
        tries.extend((came.failed > 0).then_some(minute));
        streamed.work_off(&world, &net, minute * MINUTE).await;
        stream_calls.push(streamed.calls);
    }
    let first = [1, 2, 4, 8, 16];
    assert_eq!(tries, first.into_iter().chain((26..360).step_by(10)).collect::<Vec<_>>());
    // That it was paid, and that its commissions were posted.
    assert_eq!(stream_calls, [2; 360], "rescheduling wakes nothing");
    assert_eq!(streamed.dead_letters, Vec::<Value>::new());

    net.fail(|_, _| UnitelFault::None);
    for minute in 360..=370 {
        run(&world, &net, &[], UNFULFILLED, minute * MINUTE).await;
        streamed.work_off(&world, &net, minute * MINUTE).await;
    }
    assert_eq!(told(&world.books()), "paid, done: bob/commission-usd 1.99, carol/commission-usd 0.39");
    assert_eq!((net.calls(ORDER).calls, streamed.dead_letters.len()), (1, 0));
}

/// What happens to the order in the middle of a pause; whether the stream is called for it, and how the order stands after that call.
#[tokio::test(start_paused = true)]
async fn real_change_wakes_the_stream_during_a_pause() {
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
        happens(&world, Report::Paid).await;
        net.fail(|_, _| UnitelFault::Status(503));
        for minute in 0..30 {
            streamed.work_off(&world, &net, minute * MINUTE).await;
            run(&world, &net, &[], UNFULFILLED, minute * MINUTE).await;
        }
        streamed.work_off(&world, &net, HOUR).await;
        let before = streamed.calls;
        for report in reports {
            happens(&world, *report).await;
        }
        streamed.work_off(&world, &net, HOUR).await;
        assert_eq!((streamed.calls - before, told(&world.books())), (expected, ending), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn order_that_is_passed_over_wakes_nothing() {
    let (world, net) = (World::new(), UnitelNet::default());
    let mut streamed = Streamed::of(&world);
    let row = json!({
        "id": { "S": ORDER }, "work": { "S": "fulfilment" }, "due_at": { "S": now().to_string() }, "wakes": { "S": "fulfil" },
    });
    world.engine.request("PutItem", &json!({ "TableName": ORDERS, "Item": row })).expect("written");
    streamed.work_off(&world, &net, 0).await;
    // A record whose order cannot be read is one that a person has to look at.
    assert_eq!((streamed.calls, streamed.dead_letters.len()), (9, 1));
    for minute in [1, 10, 30, 60] {
        let came = run(&world, &net, &[], UNFULFILLED, minute * MINUTE).await;
        assert_eq!(came.failed, 1, "{minute}");
        streamed.work_off(&world, &net, minute * MINUTE).await;
    }
    assert_eq!((streamed.calls, streamed.dead_letters.len()), (9, 1));
}
