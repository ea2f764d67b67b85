//! Messages as AWS writes them, and what a redrive calls for each, against a fake of the AWS CLI.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Output};
use std::sync::{Arc, Mutex};

use super::*;

/// A failed run, as Lambda's destination has it.
fn of_lambda() -> Value {
    json!({
        "version": "1.0", "requestContext": { "condition": "RetriesExhausted", "functionArn": "arn:aws:lambda:x" },
        "requestPayload": { "sweep": "unpaid" }, "responsePayload": { "errorMessage": "timed out" },
    })
}

fn of_stream() -> Value {
    json!({
        "requestContext": { "condition": "RetryAttemptsExhausted" },
        "DDBStreamBatchInfo": {
            "shardId": "shardId-1", "startSequenceNumber": "100", "endSequenceNumber": "102", "batchSize": 2,
            "streamArn": "arn:aws:dynamodb:us-east-1:0:table/hookledger-dev-orders/stream/2026",
        },
    })
}

/// The words and the input of each call.
type Calls = Arc<Mutex<Vec<(String, Option<String>)>>>;

#[test]
fn message_says_what_it_is_about() {
    let rows = [
        (of_lambda(), "a run of unpaid"),
        // As the scheduler leaves it: the input of the run.
        (json!({ "sweep": "audit" }), "a run of audit"),
        (of_stream(), "records of the stream of hookledger-dev-orders"),
        (json!({ "sweep": "later" }), "not understood: `dlq show` prints it"),
        (Value::Null, "not understood: `dlq show` prints it"),
    ];
    for (body, says) in rows {
        assert_eq!(Letter::of(&body).says(), says, "{body}");
    }
}

/// What the fake of the AWS CLI answers to a command, by its first two words.
fn answer(words: &[String], bodies: &[Value], stream: &str, function: &str) -> (i32, String) {
    let message = |body: &Value| json!({ "MessageId": "m1", "ReceiptHandle": "r1", "Body": body.to_string() });
    match words[1].as_str() {
        "get-queue-url" => (0, json!({ "QueueUrl": "https://queue" }).to_string()),
        "receive-message" => (0, json!({ "Messages": bodies.iter().map(message).collect::<Vec<_>>() }).to_string()),
        "get-shard-iterator" if stream == "trimmed" => (254, "TrimmedDataAccessException".to_owned()),
        "get-shard-iterator" => (0, json!({ "ShardIterator": "i1" }).to_string()),
        "get-records" => {
            let record = |n: &str| json!({ "dynamodb": { "SequenceNumber": n, "Keys": { "id": { "S": "HL1" } } } });
            (
                0,
                json!({ "Records": [record("100"), record("102"), record("103")], "NextShardIterator": "i2" })
                    .to_string(),
            )
        }
        "invoke" => {
            let (payload, own) = match function {
                "leaves" => (r#"{"batchItemFailures":[{"itemIdentifier":"100"}]}"#, r#"{"StatusCode":200}"#),
                "fails" => (r#"{"errorMessage":"no"}"#, r#"{"StatusCode":200,"FunctionError":"Unhandled"}"#),
                _ => (r#"{"batchItemFailures":[]}"#, r#"{"StatusCode":200}"#),
            };
            (0, format!("{payload}{own}\n"))
        }
        "delete-message" => (0, String::new()),
        other => (255, format!("no {other}")),
    }
}

#[tokio::test]
async fn redrive_tries_again_and_deletes_what_succeeds() {
    let records = r#"{"Records":[{"dynamodb":{"Keys":{"id":{"S":"HL1"}},"SequenceNumber":"100"}},{"dynamodb":{"Keys":{"id":{"S":"HL1"}},"SequenceNumber":"102"}}]}"#;
    let rows = [
        (Queue::Reconcile, of_lambda(), "", "", "reconcile", r#"{"sweep":"unpaid"}"#, true),
        (Queue::Reconcile, of_lambda(), "", "fails", "reconcile", r#"{"sweep":"unpaid"}"#, false),
        (Queue::Fulfil, of_stream(), "", "", "fulfil", records, true),
        (Queue::Fulfil, of_stream(), "", "leaves", "fulfil", records, false),
        (Queue::Fulfil, of_stream(), "trimmed", "", "reconcile", r#"{"sweep":"unfulfilled"}"#, true),
        (Queue::Reconcile, of_stream(), "", "", "reconcile", records, true),
        (Queue::Reconcile, of_stream(), "trimmed", "", "", "", false),
        (Queue::Reconcile, json!({ "x": 1 }), "", "", "", "", false),
    ];
    for (queue, body, stream, function, invoked, payload, is_done) in rows {
        let calls: Calls = Arc::default();
        let (log, bodies) = (Arc::clone(&calls), vec![body.clone()]);
        let aws = AwsCli::over(move |words, input| {
            log.lock().expect("calls").push((words.join(" "), input.map(str::to_owned)));
            let (code, text) = answer(words, &bodies, stream, function);
            let (stdout, stderr) = if code == 0 { (text, String::new()) } else { (String::new(), text) };
            Ok(Output { status: ExitStatus::from_raw(code << 8), stdout: stdout.into(), stderr: stderr.into() })
        });
        let queues = Queues { aws, stage: "dev".to_owned() };
        let found = queues.received(queue, HIDDEN_SECONDS).await.expect("messages");
        assert_eq!(found.len(), 1, "one message, however often it is received");
        let redriven = queues.redrive(queue, found.into_iter().next().expect("one")).await.expect("an answer");
        let calls = calls.lock().expect("calls").clone();
        let called = calls.iter().find(|(words, _)| words.starts_with("lambda invoke"));
        let expected = (!invoked.is_empty()).then(|| format!("--function-name hookledger-dev-{invoked} "));
        assert_eq!(called.is_some(), expected.is_some(), "{body}: {calls:?}");
        if let (Some((words, input)), Some(expected)) = (called, expected) {
            assert!(words.contains(&expected) && input.as_deref() == Some(payload), "{words}: {input:?}");
        }
        let is_deleted = calls.iter().any(|(words, _)| words.contains("delete-message") && words.contains("r1"));
        assert_eq!((redriven.is_done, is_deleted), (is_done, is_done), "{body}: {}", redriven.says);
    }
}
