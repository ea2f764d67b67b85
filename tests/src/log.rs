//! What is logged, at the finest level and by every crate. In a process of its own: a subscriber is for the whole process.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on must stop")]

#[expect(dead_code, reason = "only some of it is needed here")]
mod sandbox;

use std::sync::{Arc, Mutex};

use edge::Service as _;
use serde_json::{Value, json};
use testkit::{Sent, Shape, World, usage};
use tracing_subscriber::layer::SubscriberExt as _;
use webhook::Admission;

use crate::sandbox::{EVENTS, SECRET, function, moment, open_account, signature};

/// Everything that is logged about a delivery, at the finest level, by any crate.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("one thread").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn one_line_for_each_event_and_no_secret_or_body_in_it() {
    let world = World::new();
    open_account(&world, "alice", "k1", "10").await;
    let captured = Captured::default();
    let writer = captured.clone();
    let lines = edge::log_lines(move || writer.clone());
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(lines)).expect("the only subscriber");
    let function = function(world.ledger(1), Admission::default()).await;
    let bodies = [
        usage("e1", "k1", "3"),
        usage("e1", "k1", "3"),
        usage("e2", "k1", "300"),
        usage("e3", "k9", "3"),
        usage("e4", "k1", "-1"),
    ];
    for (attempt, body) in (1..).zip(bodies) {
        let body = body.to_string();
        function.answer(&crate::sandbox::signed(&body), &moment(attempt)).await;
        let forged = Sent::post(EVENTS, body.as_bytes()).with("x-webhook-signature", "0".repeat(64));
        function.answer(&forged.event(Shape::HttpApi), &moment(attempt)).await;
    }
    let text = String::from_utf8(captured.0.lock().expect("one thread").clone()).expect("text");
    for told in
        [SECRET, "gpt-4o", "remoteKeyId", "promptTokens", &signature(usage("e1", "k1", "3").to_string().as_bytes())]
    {
        assert!(!text.contains(told), "{told} is in the log");
    }
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect();
    let events: Vec<&Value> = lines.iter().filter(|line| line.get("_aws").is_some()).collect();
    let said: Vec<(Option<&str>, &str, Option<&str>)> = events
        .iter()
        .map(|line| (line["event_id"].as_str(), line["outcome"].as_str().expect("an outcome"), line["reason"].as_str()))
        .collect();
    let forged = (None, "unverified", Some("bad_signature"));
    assert_eq!(
        said,
        [
            (Some("e1"), "booked", None),
            forged,
            (Some("e1"), "repeat", None),
            forged,
            (Some("e2"), "refused", Some("insufficient_credits")),
            forged,
            (Some("e3"), "refused", Some("unknown_key")),
            forged,
            (Some("e4"), "unparsed", Some("data.creditCost")),
            forged,
        ]
    );
    for line in events {
        assert_eq!(line["source"], "usage");
        assert!(line["duration_ms"].is_f64(), "{line}");
        assert_is_metric(line);
    }
}

#[test]
fn an_alarm_is_a_line_and_a_metric() {
    let captured = Captured::default();
    let writer = captured.clone();
    let lines = tracing_subscriber::registry().with(edge::log_lines(move || writer.clone()));
    tracing::subscriber::with_default(lines, || edge::alarm("usage", "paid_twice", "order-1"));
    let text = String::from_utf8(captured.0.lock().expect("one thread").clone()).expect("text");
    let mut line: Value = serde_json::from_str(&text).expect("one line of JSON");
    assert_is_metric(&line);
    let written = line["timestamp_ms"].take();
    assert_eq!(line["_aws"]["Timestamp"].take(), written, "the metric is of when the line was written");
    let expected = json!({
        "level": "WARN",
        "source": "usage",
        "alarm": "paid_twice",
        "subject": "order-1",
        "alarms": 1,
        "timestamp_ms": null,
        "_aws": {
            "Timestamp": null,
            "CloudWatchMetrics": [{
                "Namespace": "hookledger",
                "Dimensions": [["source"], ["source", "alarm"]],
                "Metrics": [{ "Name": "alarms", "Unit": "Count" }],
            }],
        },
    });
    assert_eq!(line, expected);
}

/// Whatever the line's metrics name is in the line.
fn assert_is_metric(line: &Value) {
    let metrics = &line["_aws"]["CloudWatchMetrics"][0];
    assert!(metrics["Namespace"] == "hookledger" && line["_aws"]["Timestamp"].is_u64());
    for metric in metrics["Metrics"].as_array().expect("metrics") {
        assert!(line[metric["Name"].as_str().expect("a name")].is_number(), "{metric} has a value in {line}");
    }
    for dimension in
        metrics["Dimensions"].as_array().expect("sets").iter().flat_map(|set| set.as_array().expect("names"))
    {
        let value = &line[dimension.as_str().expect("a name")];
        assert!(value.is_string(), "{dimension} has a value in {line}");
    }
}
