//! Streams: event source mappings of the template, filters, records, and the deletion of records that were read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::*;

const ORDERS: &str = "hookledger-local-orders";
const JOURNAL: &str = "hookledger-local-journal";
const ARN: &str =
    "arn:aws:dynamodb:us-east-1:000000000000:table/hookledger-local-orders/stream/2026-01-01T00:00:00.000";

/// A template with one function that reads a stream with these properties.
fn template(properties: &str) -> Result<Template, TemplateError> {
    let properties: String = properties.lines().flat_map(|line| ["            ", line.trim_end(), "\n"]).collect();
    let text = format!(
        "Parameters:\n  OrdersStreamArn:\n    Type: String\nResources:\n  Worker:\n    Type: AWS::Serverless::Function\n    \
         Metadata:\n      BuildProperties:\n        Binary: worker\n    Properties:\n      Events:\n        Orders:\n          \
         Type: DynamoDB\n          Properties:\n{properties}"
    );
    Template::parse(&text, &[("OrdersStreamArn", ARN)])
}

fn stream(properties: &str) -> Result<Stream, StreamError> {
    match template(properties) {
        Ok(template) => Ok(template.functions()[0].streams[0].clone()),
        Err(TemplateError::Stream(id, error)) => {
            assert_eq!(id, "Worker");
            Err(error)
        }
        Err(other) => panic!("{other}"),
    }
}

const WORK: &str =
    r#"FilterCriteria: { Filters: [{ Pattern: '{"dynamodb":{"NewImage":{"work":{"S":["fulfilment"]}}}}' }] }"#;

#[test]
fn mapping_has_the_declared_properties() {
    let whole = "Stream: !Ref OrdersStreamArn\nStartingPosition: TRIM_HORIZON\nBatchSize: 10\nParallelizationFactor: 4\nMaximumRetryAttempts: 3\n\
        BisectBatchOnFunctionError: true\nFunctionResponseTypes: [ReportBatchItemFailures]\n\
        DestinationConfig: { OnFailure: { Type: SQS, Destination: !GetAtt Dead.Arn } }";
    let read = stream(&format!("{whole}\n{WORK}")).expect("a mapping");
    assert_eq!(read.table.as_deref(), Some(ORDERS));
    assert_eq!((read.batch_size, read.lanes, read.retries_max), (10, 4, Some(3)));
    assert!(read.bisects && read.reports_failures && read.keeps_failures);
    assert_ne!(read.filter, Filter::default());

    let plain = stream("Stream: !GetAtt Orders.StreamArn\nStartingPosition: TRIM_HORIZON\nMaximumRetryAttempts: -1");
    let plain = plain.expect("a mapping");
    assert_eq!((plain.table, plain.batch_size, plain.lanes, plain.retries_max), (None, 100, 1, None));
    assert!(!plain.bisects && !plain.reports_failures && !plain.keeps_failures);
    assert_eq!(plain.filter, Filter::default());
}

/// The deployed templates: `fulfil` and `reconcile` read the orders, and `reconcile` the journal.
#[test]
fn deployed_templates_name_the_streams() {
    let named =
        data().stream_parameters().into_iter().map(|(name, table)| (name, table.name.clone())).collect::<Vec<_>>();
    let parameter = |table: &str| format!("/hookledger/local/{table}-stream-arn");
    assert_eq!(named, [(parameter("journal"), JOURNAL.to_owned()), (parameter("orders"), ORDERS.to_owned())]);
    let of_journal = ARN.replace(ORDERS, JOURNAL);
    let parameters = [
        ("Stage", "local"),
        ("ssm:/hookledger/local/orders-stream-arn", ARN),
        ("ssm:/hookledger/local/journal-stream-arn", of_journal.as_str()),
    ];
    let app = Template::parse(APP_YAML, &parameters).expect("a template");
    let streams =
        app.functions().iter().flat_map(|function| function.streams.iter().map(|stream| (&function.binary, stream)));
    let mut streams: Vec<_> = streams.collect();
    streams.sort_by_key(|(binary, stream)| (*binary, &stream.table));
    let [(fulfil, stream), (reconcile, altered_rows), (again, every_change)] =
        <[_; 3]>::try_from(streams).expect("three readers");
    assert_eq!([fulfil, reconcile, again], ["fulfil", "reconcile", "reconcile"]);
    let tables = [stream, altered_rows, every_change].map(|stream| stream.table.as_deref());
    assert_eq!(tables, [Some(ORDERS), Some(JOURNAL), Some(ORDERS)]);
    assert!(stream.bisects && stream.reports_failures && stream.keeps_failures && stream.retries_max.is_some());
    for stream in [altered_rows, every_change] {
        assert!(stream.keeps_failures && stream.bisects, "a batch that keeps failing is a dead letter");
    }
    assert!(every_change.filter.admits(&json!({ "dynamodb": { "Keys": { "id": { "S": "stripe#pi_1" } } } })));
    let image = |image: Value| json!({ "dynamodb": { "NewImage": image } });
    let rows = [
        (json!({ "work": { "S": "fulfilment" }, "wakes": { "S": "fulfil" } }), true),
        (json!({ "work": { "S": "fulfilment" } }), false),
        (json!({ "work": { "S": "payment" } }), false),
    ];
    for (row, expected) in rows {
        assert_eq!(stream.filter.admits(&image(row.clone())), expected, "{row}");
    }
    let status = |status: &str| json!({ "status": { "S": status } });
    let records = [
        (json!({ "NewImage": status("processed") }), false),
        (json!({ "OldImage": status("failed"), "NewImage": status("processed") }), false),
        (json!({ "OldImage": {}, "NewImage": {} }), false),
        (json!({ "OldImage": status("processed"), "NewImage": status("processed") }), true),
        (json!({ "OldImage": status("processed"), "NewImage": status("failed") }), true),
        (json!({ "OldImage": status("processed") }), true),
    ];
    for (record, expected) in records {
        assert_eq!(altered_rows.filter.admits(&json!({ "dynamodb": record })), expected, "{record}");
    }
    let unknown = Template::parse(APP_YAML, &[("Stage", "local")]).expect("a template");
    assert!(unknown.functions().iter().flat_map(|function| &function.streams).all(|stream| stream.table.is_none()));
}

#[test]
fn unsupported_mapping_is_refused() {
    let start = "StartingPosition: TRIM_HORIZON";
    let pattern = |pattern: &str| format!("{start}\nFilterCriteria: {{ Filters: [{{ Pattern: '{pattern}' }}] }}");
    let rows = [
        ("StartingPosition: LATEST".to_owned(), StreamError::Start),
        ("BatchSize: 10".to_owned(), StreamError::Start),
        (format!("{start}\nBatchSize: 0"), StreamError::BatchSize),
        (format!("{start}\nBatchSize: ten"), StreamError::BatchSize),
        (format!("{start}\nParallelizationFactor: 0"), StreamError::Lanes),
        (format!("{start}\nParallelizationFactor: 11"), StreamError::Lanes),
        (format!("{start}\nTumblingWindowInSeconds: 3"), StreamError::Unknown("TumblingWindowInSeconds".to_owned())),
        (format!("{start}\nFilterCriteria: {{}}"), StreamError::Filter),
        (pattern("no JSON"), StreamError::Filter),
        (pattern("[\"INSERT\"]"), StreamError::Filter),
        (pattern("{}"), StreamError::Filter),
        (pattern(r#"{"eventName":"INSERT"}"#), StreamError::Filter),
        (pattern(r#"{"eventName":[]}"#), StreamError::Filter),
        (pattern(r#"{"eventName":[1]}"#), StreamError::Filter),
        (pattern(r#"{"eventName":[{"prefix":"I"}]}"#), StreamError::Filter),
        (pattern(r#"{"dynamodb":{"OldImage":{"work":{"S":[{"exists":false}]}}}}"#), StreamError::Filter),
    ];
    for (properties, expected) in rows {
        assert_eq!(stream(&properties).err(), Some(expected), "{properties}");
    }
}

#[test]
fn filter_admits_only_exact_matches() {
    let filter = |patterns: &[&str]| {
        let patterns: String = patterns.iter().flat_map(|pattern| ["\n    - Pattern: '", pattern, "'"]).collect();
        let properties = format!("StartingPosition: TRIM_HORIZON\nFilterCriteria:\n  Filters:{patterns}");
        stream(&properties).expect("a mapping").filter
    };
    let work = r#"{"dynamodb":{"NewImage":{"work":{"S":["fulfilment","other"]}}}}"#;
    let inserted = r#"{"eventName":["INSERT"],"dynamodb":{"NewImage":{"id":{"S":["HL1"]}}}}"#;
    let record = |event: &str, image: Value| json!({ "eventName": event, "dynamodb": { "NewImage": image } });
    let rows = [
        (record("MODIFY", json!({ "work": { "S": "fulfilment" } })), [true, false]),
        (record("INSERT", json!({ "id": { "S": "HL1" }, "work": { "S": "other" } })), [true, true]),
        (record("MODIFY", json!({ "id": { "S": "HL1" } })), [false, false]),
        (record("INSERT", json!({ "id": { "S": "HL12" }, "work": { "S": "payment" } })), [false, false]),
        (record("INSERT", json!({ "work": { "N": "fulfilment" } })), [false, false]),
        (
            json!({ "eventName": "REMOVE", "dynamodb": { "OldImage": { "work": { "S": "fulfilment" } } } }),
            [false, false],
        ),
        (json!({}), [false, false]),
    ];
    let [work_filter, insert_filter] = [filter(&[work]), filter(&[inserted])];
    let either = filter(&[work, inserted]);
    for (record, expected) in rows {
        assert_eq!([work_filter.admits(&record), insert_filter.admits(&record)], expected, "{record}");
        assert_eq!(either.admits(&record), expected.contains(&true), "{record}");
        assert!(Filter::default().admits(&record), "{record}");
    }
}

fn put(engine: &Engine, id: &str) {
    engine.request("PutItem", &json!({ "TableName": ORDERS, "Item": { "id": { "S": id } } })).expect("written");
}

fn all(engine: &Engine, after: Option<&str>, records_max: usize) -> Vec<Value> {
    let mut cursor = engine.cursor(ORDERS, after).expect("a stream");
    engine.read(&mut cursor, records_max).expect("records")
}

fn ids(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["dynamodb"]["NewImage"]["id"]["S"].as_str().expect("an id")).collect()
}

fn sequence(record: &Value) -> &str {
    record["dynamodb"]["SequenceNumber"].as_str().expect("a number")
}

fn data() -> Template {
    Template::parse(DATA_YAML, &[("Stage", "local")]).expect("a template")
}

#[test]
fn stream_exists_only_after_it_is_enabled() {
    let engine = Engine::memory().expect("a store");
    engine.create_tables(&data()).expect("tables");
    put(&engine, "HL1");
    assert!(matches!(engine.cursor(ORDERS, None), Err(EngineError::NoStream(table)) if table == ORDERS));
    engine.enable_streams(&data()).expect("streams");
    let arn = engine.stream_arn(ORDERS).expect("a stream");
    engine.enable_streams(&data()).expect("a second call changes nothing");
    assert_eq!(engine.stream_arn(ORDERS).expect("a stream"), arn);
    let streams = engine.request("ListStreams", &json!({})).expect("an answer");
    assert_eq!(streams["Streams"].as_array().map(Vec::len), Some(2), "orders and journal");
    put(&engine, "HL1");
    put(&engine, "HL2");
    let records = all(&engine, None, 10);
    assert_eq!(ids(&records), ["HL1", "HL2"]);
    assert_eq!(records[0]["eventName"], "MODIFY");
    assert_eq!(records[0]["dynamodb"]["OldImage"]["id"]["S"], "HL1");
    assert_eq!(ids(&all(&engine, Some(sequence(&records[0])), 10)), ["HL2"]);
    let mut cursor = engine.cursor(ORDERS, None).expect("a stream");
    for expected in [vec!["HL1"], vec!["HL2"], vec![], vec!["HL3"]] {
        if expected == ["HL3"] {
            put(&engine, "HL3");
        }
        assert_eq!(ids(&engine.read(&mut cursor, 1).expect("records")), expected);
    }
    assert_eq!(
        engine.prune_stream(ORDERS, sequence(&records[1])).expect("nothing to do"),
        0,
        "a store in memory keeps all records"
    );
    let target = Some("DynamoDBStreams_20120810.ListStreams");
    assert_eq!(engine.answer(target, "{}").0, 200, "the target of the AWS CLI");
}

#[test]
fn read_records_are_deleted_and_numbers_continue() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let engine = Engine::open(&path).expect("a store");
    engine.create_tables(&data()).expect("tables");
    engine.enable_streams(&data()).expect("streams");
    for id in ["HL1", "HL2", "HL3", "HL4"] {
        put(&engine, id);
    }
    let records = all(&engine, None, 10);
    assert_eq!(engine.prune_stream(ORDERS, sequence(&records[1])).expect("dropped"), 2);
    assert_eq!(ids(&all(&engine, None, 10)), ["HL3", "HL4"]);
    assert_eq!(engine.prune_stream("another", sequence(&records[3])).expect("nothing there"), 0);
    assert_eq!(engine.prune_stream(ORDERS, sequence(&records[3])).expect("dropped"), 1, "the last one stays");
    assert_eq!(ids(&all(&engine, None, 10)), ["HL4"]);

    // Records of a clock that was ahead, a day later.
    let store = rusqlite::Connection::open(&path).expect("a store");
    let changed =
        "UPDATE _stream_records SET created_at = created_at - 86401, sequence_number = sequence_number + 1000000000000";
    store.execute(changed, ()).expect("changed");
    drop((store, engine));
    let engine = Engine::open(&path).expect("a store");
    put(&engine, "HL5");
    let after = all(&engine, None, 10);
    assert_eq!(ids(&after), ["HL4", "HL5"]);
    assert!(sequence(&after[0]) < sequence(&after[1]));
    assert_eq!(engine.prune_stream(ORDERS, sequence(&records[0])).expect("dropped"), 1, "records older than a day");
    assert_eq!(ids(&all(&engine, None, 10)), ["HL5"]);
}

#[test]
fn write_beside_many_unread_records_reads_none_of_them() {
    const SEARCH: &str = "EXPLAIN QUERY PLAN \
        SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1 FROM _stream_records WHERE table_name = ?1";
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let engine = Engine::open(&path).expect("a store");
    engine.create_tables(&data()).expect("tables");
    engine.enable_streams(&data()).expect("streams");
    let written = || fastest(20, |number| put(&engine, &format!("HL{number}")));
    let alone = written();
    let store = rusqlite::Connection::open(&path).expect("a store");
    let many = "WITH RECURSIVE numbers(n) AS (VALUES(1) UNION ALL SELECT n + 1 FROM numbers WHERE n < 20000)
        INSERT INTO _stream_records (table_name, event_name, keys_json, sequence_number, shard_id, created_at)
        SELECT table_name, event_name, keys_json, n, shard_id, created_at FROM numbers,
            (SELECT * FROM _stream_records LIMIT 1)";
    assert_eq!(store.execute(many, ()).expect("records"), 20_000);
    let beside = written();
    let plan: String = store.query_row(SEARCH, [ORDERS], |row| row.get("detail")).expect("a plan");
    assert!(beside < alone * 4, "{beside:?}, and {alone:?} without records: {plan}");
}

#[test]
fn listener_is_called_for_writes_of_its_tables_only() {
    let engine = Engine::memory().expect("a store");
    engine.create_tables(&data()).expect("tables");
    let writes = Arc::new(AtomicUsize::new(0));
    let listener = Arc::clone(&writes);
    engine.clone().notify_on_write(vec![ORDERS.to_owned()], move |_| {
        listener.fetch_add(1, Ordering::SeqCst);
    });
    put(&engine, "HL1");
    let key = json!({ "TableName": ORDERS, "Key": { "id": { "S": "HL1" } } });
    engine.request("GetItem", &key).expect("read");
    assert!(engine.request("PutItem", &json!({ "TableName": "none", "Item": {} })).is_err());
    assert_eq!(writes.load(Ordering::SeqCst), 1);
    let other = json!({ "TableName": "hookledger-local-journal", "Item": { "id": { "S": "usage#e1" } } });
    engine.request("PutItem", &other).expect("another table");
    engine.request("TransactWriteItems", &json!({ "TransactItems": [{ "Put": other }] })).expect("another table");
    assert_eq!(writes.load(Ordering::SeqCst), 1);
    engine.request("TransactWriteItems", &json!({ "TransactItems": [{ "Delete": key }] })).expect("deleted");
    assert_eq!(writes.load(Ordering::SeqCst), 2);
}
