//! Tests of stream batches: their orders and the records to retry. Fulfilment is tested in `tests/` over the embedded
//! DynamoDB.

use std::collections::BTreeMap;

use edge::Invocation;
use testkit::{MemoryLedger, deadline, instant, mark, now};

use super::*;
use stream::{NoBatch, read};

fn record(id: &str, place: &str) -> String {
    format!(
        r#"{{"eventID":"1","eventName":"MODIFY","eventSource":"aws:dynamodb","dynamodb":{{"Keys":{{"id":{{"S":"{id}"}}}},
            "NewImage":{{"id":{{"S":"{id}"}},"price_units":{{"N":"1e400"}}}},"SequenceNumber":"{place}","StreamViewType":"NEW_AND_OLD_IMAGES"}}}}"#
    )
}

fn event(records: &[String]) -> String {
    format!(r#"{{"Records":[{}]}}"#, records.join(","))
}

/// The records, the records of each order, and the records without one.
type Row<'r> = (&'r [String], &'r [(&'static str, &'static [&'static str])], &'r [&'static str]);

#[test]
fn batch_gives_its_orders() {
    let rows: [Row<'_>; 5] = [
        (&[], &[], &[]),
        (&[record("HL1", "1"), record("HL2", "2"), record("HL1", "3")], &[("HL1", &["1", "3"]), ("HL2", &["2"])], &[]),
        (&[record("stripe#pi_1", "1"), record("pending#alice#credits", "2")], &[], &[]),
        // An id that is no order's number, and a record without the key.
        (&[record("no order", "1"), record("HL1", "2")], &[("HL1", &["2"])], &["1"]),
        (&[r#"{"dynamodb":{"SequenceNumber":"1","Keys":{"other":{"S":"HL1"}}}}"#.to_owned()], &[], &["1"]),
    ];
    for (records, orders, unreadable) in rows {
        let batch = read(&event(records)).expect("a batch");
        let expected: BTreeMap<_, Vec<String>> = orders
            .iter()
            .map(|(order, places)| {
                (OrderNumber::new(order).expect("a number"), places.iter().map(|place| (*place).to_owned()).collect())
            })
            .collect();
        assert_eq!(
            (batch.orders, batch.unreadable),
            (expected, unreadable.iter().map(|it| (*it).to_owned()).collect())
        );
    }
}

#[test]
fn record_without_sequence_number_is_no_batch() {
    for event in ["", "{}", "[]", r#"{"Records":{}}"#, r#"{"Records":[{}]}"#, r#"{"Records":[{"dynamodb":{}}]}"#] {
        assert_eq!(read(event), Err(NoBatch), "{event}");
    }
}

#[tokio::test]
async fn only_failed_record_is_retried() {
    let ledger = MemoryLedger::default();
    let fulfil = Fulfil { ledger, operator: None, custodian: None };
    let deadline = deadline(Fulfil::<MemoryLedger>::DONE_WITHIN);
    let invocation = Invocation { now: now(), started: instant(), deadline, attempt: mark(1) };
    let batch = event(&[record("HL1", "1"), record("no order", "2"), record("HL2", "3")]);
    let failures = fulfil.work(&batch, &invocation).await.expect("a report");
    let json = serde_json::to_string(&failures).expect("JSON");
    assert_eq!(json, r#"{"batchItemFailures":[{"itemIdentifier":"2"}]}"#);
    let none = fulfil.work(r#"{"Records":[]}"#, &invocation).await.expect("a report");
    assert_eq!(serde_json::to_string(&none).expect("JSON"), r#"{"batchItemFailures":[]}"#);
    assert!(fulfil.work("{}", &invocation).await.is_err());
}
