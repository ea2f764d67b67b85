//! Stream processing: order, batches, retries, dead letters, and the position after a restart.

use std::path::Path;
use std::sync::{Arc, Mutex};

use embedded::{APP_YAML, DATA_YAML, Template};

use super::*;
use crate::home::Home;

const ORDERS: &str = "hookledger-local-orders";
const JOURNAL: &str = "hookledger-local-journal";

/// A worker that records the orders of each call.
#[derive(Clone, Default)]
struct Worker {
    batches: Arc<Mutex<Vec<String>>>,
}

impl Worker {
    /// `answer` gets the number of the call, from 0, and the sequence numbers and orders of the batch.
    fn work(
        &self,
        answer: impl Fn(usize, &[(String, String)]) -> Result<String, String> + Send + Sync + 'static,
    ) -> Work {
        let batches = Arc::clone(&self.batches);
        Arc::new(move |event| {
            let event: Value = serde_json::from_str(&event).expect("an event");
            let records = event["Records"].as_array().expect("records").clone();
            for record in &records {
                assert_eq!(record["eventSource"], "aws:dynamodb");
                assert_eq!(record["awsRegion"], "us-east-1");
                let arn = record["eventSourceARN"].as_str().expect("a stream");
                let of = |table| format!("arn:aws:dynamodb:us-east-1:000000000000:table/{table}/stream/local");
                assert!([ORDERS, JOURNAL].map(of).contains(&arn.to_owned()), "{arn}");
                assert_eq!(record["dynamodb"]["NewImage"]["id"], record["dynamodb"]["Keys"]["id"]);
            }
            let text = |value: &Value| value.as_str().expect("a text").to_owned();
            let batch: Vec<_> = records
                .iter()
                .map(|record| {
                    (text(&record["dynamodb"]["SequenceNumber"]), text(&record["dynamodb"]["Keys"]["id"]["S"]))
                })
                .collect();
            let call = {
                let mut batches = batches.lock().expect("a lock");
                batches.push(batch.iter().map(|(_, order)| order.as_str()).collect::<Vec<_>>().join(" "));
                batches.len().checked_sub(1).expect("a call")
            };
            let answer = answer(call, &batch);
            Box::pin(async move { answer })
        })
    }

    fn batches(&self) -> Vec<String> {
        self.batches.lock().expect("a lock").clone()
    }
}

fn stream(properties: &Value) -> Stream {
    let mut all = json!({ "StartingPosition": "TRIM_HORIZON", "BatchSize": 3 });
    let more = properties.as_object().expect("an object").clone();
    all.as_object_mut().expect("an object").extend(more);
    let event = json!({ "Type": "DynamoDB", "Properties": all });
    let function = json!({
        "Type": "AWS::Serverless::Function",
        "Metadata": { "BuildProperties": { "Binary": "worker" } },
        "Properties": { "Events": { "Orders": event } },
    });
    let template = json!({ "Resources": { "Worker": function } }).to_string();
    Template::parse(&template, &[]).expect("a template").functions()[0].streams[0].clone()
}

fn reporting() -> Value {
    json!({ "FunctionResponseTypes": ["ReportBatchItemFailures"], "MaximumRetryAttempts": 2, "BisectBatchOnFunctionError": true,
        "DestinationConfig": { "OnFailure": { "Destination": "arn:aws:sqs:us-east-1:000000000000:dead" } },
        "FilterCriteria": { "Filters": [{ "Pattern": "{\"dynamodb\":{\"NewImage\":{\"work\":{\"S\":[\"fulfilment\"]}}}}" }] } })
}

fn engine(folder: &Path) -> Engine {
    let engine = Engine::open(&folder.join("store.db")).expect("a store");
    let data = Template::parse(DATA_YAML, &[("Stage", "local")]).expect("a template");
    engine.create_tables(&data).expect("tables");
    engine.enable_streams(&data).expect("streams");
    engine
}

fn put(engine: &Engine, id: &str, work: &str) {
    let item = json!({ "id": { "S": id }, "work": { "S": work }, "due_at": { "S": "2026" } });
    engine.request("PutItem", &json!({ "TableName": ORDERS, "Item": item })).expect("written");
}

fn positions(folder: &Path) -> Positions {
    Positions::open(Some(Home::open(folder).expect("a folder"))).expect("positions")
}

/// Reads the stream for this long.
async fn read_for(time: Duration, mapped: EventSourceMapping, engine: &Engine, positions: &Positions) {
    let _ = tokio::time::timeout(time, read(&[mapped], engine, positions)).await;
}

fn mapped(properties: &Value, work: Work) -> EventSourceMapping {
    EventSourceMapping { name: "worker".to_owned(), table: ORDERS.to_owned(), stream: stream(properties), work }
}

fn report(failed: &[&str]) -> String {
    let failed: Vec<_> = failed.iter().map(|failed| json!({ "itemIdentifier": failed })).collect();
    json!({ "batchItemFailures": failed }).to_string()
}

fn planted(folder: &Path) -> Engine {
    let engine = engine(folder);
    for (id, work) in [
        ("A", "payment"),
        ("A", "fulfilment"),
        ("B", "fulfilment"),
        ("C", "fulfilment"),
        ("D", "fulfilment"),
        ("D", "x"),
    ] {
        put(&engine, id, work);
    }
    engine
}

#[tokio::test(start_paused = true)]
async fn failed_batch_is_retried_from_its_first_failure() {
    type Answer = fn(usize, &[(String, String)]) -> Result<String, String>;
    fn fail_b(batch: &[(String, String)]) -> String {
        let failed: Vec<&str> = batch.iter().filter(|(_, order)| order == "B").map(|(seq, _)| seq.as_str()).collect();
        report(&failed)
    }
    let rows: [(&str, Answer, &[&str], &[&str]); 9] = [
        ("no failure", |_, _| Ok(report(&[])), &["A B C", "D"], &[]),
        ("a report of another kind", |_, _| Ok("{}".to_owned()), &["A B C", "D"], &[]),
        ("once", |call, batch| Ok(if call == 0 { fail_b(batch) } else { report(&[]) }), &["A B C", "B C D"], &[]),
        ("always", |_, batch| Ok(fail_b(batch)), &["A B C", "B C D", "B C D", "C D"], &["B"]),
        (
            "an error once",
            |call, _| if call == 0 { Err("broken".to_owned()) } else { Ok(report(&[])) },
            &["A B C", "A B", "C D"],
            &[],
        ),
        (
            "an error of one",
            |_, batch| {
                if batch.iter().any(|(_, order)| order == "B") { Err("broken".to_owned()) } else { Ok(report(&[])) }
            },
            &["A B C", "A B", "A", "B C D", "B C", "B", "B", "B", "C D"],
            &["B"],
        ),
        (
            "no report",
            |call, _| if call == 0 { Ok("<html>".to_owned()) } else { Ok(report(&[])) },
            &["A B C", "A B", "C D"],
            &[],
        ),
        (
            "another's record",
            |call, _| if call == 0 { Ok(report(&["1"])) } else { Ok(report(&[])) },
            &["A B C", "A B", "C D"],
            &[],
        ),
        (
            "a panic",
            |call, _| if call == 0 { panic!("broken") } else { Ok(report(&[])) },
            &["A B C", "A B", "C D"],
            &[],
        ),
    ];
    for (row, answer, expected, dead) in rows {
        let folder = tempfile::tempdir().expect("a folder");
        let (engine, worker) = (planted(folder.path()), Worker::default());
        let positions = positions(folder.path());
        read_for(Duration::from_mins(1), mapped(&reporting(), worker.work(answer)), &engine, &positions).await;
        assert_eq!(worker.batches(), expected, "{row}");
        let letters = std::fs::read_to_string(folder.path().join("dead-letters.jsonl")).unwrap_or_default();
        let letters: Vec<Value> = letters.lines().map(|line| serde_json::from_str(line).expect("a line")).collect();
        assert_eq!(
            letters.iter().map(|letter| letter["order"].as_str().expect("an order")).collect::<Vec<_>>(),
            dead,
            "{row}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn batch_without_reports_is_retried_whole_without_bound() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, worker) = (planted(folder.path()), Worker::default());
    let work = worker.work(|call, _| if call < 3 { Err("broken".to_owned()) } else { Ok("whatever".to_owned()) });
    read_for(Duration::from_mins(1), mapped(&json!({}), work), &engine, &positions(folder.path())).await;
    assert_eq!(worker.batches(), ["A A B", "A A B", "A A B", "A A B", "C D D"]);
}

#[tokio::test(start_paused = true)]
async fn restart_resumes_at_the_saved_position() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, worker) = (planted(folder.path()), Worker::default());
    let well = || worker.work(|_, _| Ok(report(&[])));
    read_for(Duration::from_secs(2), mapped(&reporting(), well()), &engine, &positions(folder.path())).await;
    drop(engine);
    let engine = self::engine(folder.path());
    put(&engine, "E", "fulfilment");
    read_for(Duration::from_secs(2), mapped(&reporting(), well()), &engine, &positions(folder.path())).await;
    assert_eq!(worker.batches(), ["A B C", "D", "E"]);
    // As after a kill before the save, or with a damaged file.
    std::fs::write(folder.path().join("streams.json"), "{").expect("written");
    read_for(Duration::from_secs(2), mapped(&reporting(), well()), &engine, &positions(folder.path())).await;
    assert_eq!(worker.batches(), ["A B C", "D", "E", "A B C", "D E"]);
}

/// Long before the poll that covers writes of other processes.
#[tokio::test(start_paused = true)]
async fn write_wakes_the_reader_and_processed_records_are_pruned() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, worker) = (engine(folder.path()), Worker::default());
    let (positions, mapped) = (positions(folder.path()), [mapped(&reporting(), worker.work(|_, _| Ok(report(&[]))))]);
    let writing = async {
        for n in 0..250 {
            put(&engine, &format!("N{n}"), "fulfilment");
            tokio::time::sleep(GATHERING.saturating_mul(3)).await;
            assert_eq!(worker.batches().join(" ").split(' ').count(), n + 1);
        }
    };
    tokio::select! {
        () = read(&mapped, &engine, &positions) => {}
        () = writing => {}
    }
    let mut cursor = engine.cursor(ORDERS, None).expect("a stream");
    let left = engine.read(&mut cursor, 1_000).expect("records").len();
    assert!((1..=101).contains(&left), "{left}");
}

/// A reader that is behind gets the records that another reader of the same stream has processed long ago.
#[tokio::test(start_paused = true)]
async fn record_is_kept_until_each_reader_has_processed_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, fast, slow) = (engine(folder.path()), Worker::default(), Worker::default());
    let late = slow.work(|_, _| Ok(report(&[])));
    let late: Work = Arc::new(move |event| {
        let answer = late(event);
        Box::pin(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            answer.await
        })
    });
    let of = |name: &str, work| EventSourceMapping { name: name.to_owned(), ..mapped(&reporting(), work) };
    let (positions, readers) =
        (positions(folder.path()), [of("fast", fast.work(|_, _| Ok(report(&[])))), of("slow", late)]);
    let writing = async {
        for n in 0..250 {
            put(&engine, &format!("N{n}"), "fulfilment");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_mins(5)).await;
    };
    tokio::select! {
        () = read(&readers, &engine, &positions) => {}
        () = writing => {}
    }
    for (name, worker) in [("fast", fast), ("slow", slow)] {
        assert_eq!(worker.batches().join(" ").split(' ').count(), 250, "{name}");
    }
}

/// A function that reads two streams continues each at its own position after a restart.
#[tokio::test(start_paused = true)]
async fn streams_of_one_function_have_positions_of_their_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, worker) = (engine(folder.path()), Worker::default());
    let of = |table: &str| EventSourceMapping {
        table: table.to_owned(),
        ..mapped(&json!({ "BatchSize": 1 }), worker.work(|_, _| Ok(report(&[]))))
    };
    for round in 0..3 {
        for table in [ORDERS, JOURNAL, ORDERS] {
            let id = format!("{table}{round}{}", worker.batches().len());
            let item = json!({ "id": { "S": id } });
            engine.request("PutItem", &json!({ "TableName": table, "Item": item })).expect("written");
            let positions = positions(folder.path());
            let _ = tokio::time::timeout(Duration::from_secs(3), read(&[of(ORDERS), of(JOURNAL)], &engine, &positions))
                .await;
            assert_eq!(worker.batches().last(), Some(&id), "each record once");
        }
    }
    assert_eq!(worker.batches().len(), 9);
}

/// By the template's filter, a write that removes `wakes`, as rescheduling does, calls no function.
#[tokio::test(start_paused = true)]
async fn rescheduled_order_calls_no_function() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, worker) = (engine(folder.path()), Worker::default());
    let arn = engine.stream_arn(ORDERS).expect("a stream");
    let parameters = [("Stage", "local"), ("ssm:/hookledger/local/orders-stream-arn", arn.as_str())];
    let app = Template::parse(APP_YAML, &parameters).expect("a template");
    let fulfil = app.functions().iter().find(|function| function.binary == "fulfil").expect("it is deployed");
    for (id, wakes) in [("A", true), ("A", false), ("B", false), ("A", false), ("B", true), ("B", false)] {
        let mut item = json!({ "id": { "S": id }, "work": { "S": "fulfilment" }, "due_at": { "S": "2026" } });
        if wakes {
            item["wakes"] = json!({ "S": "fulfil" });
        }
        engine.request("PutItem", &json!({ "TableName": ORDERS, "Item": item })).expect("written");
    }
    let work = worker.work(|_, _| Ok(report(&[])));
    let stream = fulfil.streams[0].clone();
    let mapped = EventSourceMapping { name: "worker".to_owned(), table: ORDERS.to_owned(), stream, work };
    read_for(Duration::from_secs(5), mapped, &engine, &positions(folder.path())).await;
    let mut called = worker.batches();
    called.sort();
    assert_eq!(called.join(" "), "A B");
}

/// A call that never ends holds up only its own lane.
#[tokio::test(start_paused = true)]
async fn lanes_run_in_parallel_and_keep_the_order_of_each_row() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, seen) = (engine(folder.path()), Arc::new(Mutex::new(Vec::new())));
    for round in ["1", "2"] {
        for order in 0..16 {
            put(&engine, &format!("N{order}"), round);
        }
    }
    let all = Arc::clone(&seen);
    let work: Work = Arc::new(move |event| {
        let all = Arc::clone(&all);
        Box::pin(async move {
            let event: Value = serde_json::from_str(&event).expect("an event");
            for record in event["Records"].as_array().expect("records") {
                if row(record) == "N3" {
                    std::future::pending::<()>().await;
                }
                let image = &record["dynamodb"]["NewImage"]["work"]["S"];
                all.lock().expect("a lock").push((row(record).to_owned(), image.as_str().expect("a text").to_owned()));
            }
            Ok(report(&[]))
        })
    });
    let positions = positions(folder.path());
    let properties = json!({ "ParallelizationFactor": 4, "BatchSize": 1 });
    read_for(Duration::from_secs(5), mapped(&properties, work), &engine, &positions).await;
    let seen = seen.lock().expect("a lock").clone();
    let lanes: Vec<bool> =
        (0..16).map(|order| seen.iter().filter(|(row, _)| *row == format!("N{order}")).count() == 2).collect();
    assert!(!lanes[3] && lanes.iter().filter(|is_done| **is_done).count() > 8, "{lanes:?}");
    for order in (0..16).filter(|order| lanes[*order]) {
        let rounds: Vec<&str> =
            seen.iter().filter(|(row, _)| *row == format!("N{order}")).map(|(_, round)| round.as_str()).collect();
        assert_eq!(rounds, ["1", "2"]);
    }
    let stuck: Vec<bool> = (0..4).map(|lane| positions.of(&format!("worker.{ORDERS}.{lane}")).is_none()).collect();
    assert_eq!(stuck.iter().filter(|is_stuck| **is_stuck).count(), 1, "{stuck:?}");
}
