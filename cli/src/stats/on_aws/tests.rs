//! Answers of CloudWatch in the form that the AWS CLI prints them: which queries are made, and what the numbers are. The
//! emulator of `tests/deploy` answers the same calls, and makes no metrics of log lines.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Output};
use std::sync::{Arc, Mutex};

use insight::{By, Metrics as _, Stats, Window};
use ledger::Timestamp;
use serde_json::{Value, json};

use super::AwsMetrics;
use crate::aws_cli::AwsCli;
use crate::error::Error;

fn noon() -> Timestamp {
    Timestamp::parse_rfc3339("2026-06-01T12:00:30Z").expect("a time")
}

fn window(seconds: i64) -> Window {
    Window { from: noon().plus_seconds(seconds.saturating_neg()), until: noon() }
}

fn metric(name: &str, dimensions: &[(&str, &str)]) -> Value {
    let dimensions: Vec<Value> =
        dimensions.iter().map(|(name, value)| json!({ "Name": name, "Value": value })).collect();
    json!({ "Namespace": "hookledger-prod", "MetricName": name, "Dimensions": dimensions })
}

/// As `list-metrics` has them: in no order, with some that no one asks for.
fn listed() -> Value {
    let usage = ("source", "usage");
    json!({ "Metrics": [
        metric("duration_ms", &[usage]),
        metric("events", &[("outcome", "booked"), usage]),
        metric("events", &[usage, ("outcome", "refused")]),
        metric("events", &[usage, ("outcome", "refused"), ("reason", "unknown_key")]),
        metric("events", &[usage]),
        metric("nanocredits_out", &[]),
        metric("orders", &[]),
        metric("orders", &[("source", "checkout")]),
        metric("orders_paid", &[]),
        metric("delay_ms", &[("source", "fulfil")]),
        metric("waiting", &[("backlog", "refused")]),
        metric("oldest_s", &[("backlog", "refused")]),
        metric("alarms", &[("source", "fulfil"), ("alarm", "top_up_unknown")]),
        metric("chats", &[("model", "gpt-4o")]),
    ] })
}

/// Values by metric and statistic; those of a part of the time with its beginning.
fn values(query: &Value) -> Vec<(&'static str, &'static str)> {
    let stat = &query["MetricStat"];
    let (name, stat) =
        (stat["Metric"]["MetricName"].as_str().unwrap_or_default(), stat["Stat"].as_str().unwrap_or_default());
    let text = query["MetricStat"]["Metric"]["Dimensions"].to_string();
    match (name, stat) {
        ("events", "Sum") if text.contains("unknown_key") => vec![("2026-06-01T11:10:00+00:00", "1.0")],
        ("events", "Sum") if text.contains("refused") => vec![("2026-06-01T11:10:00+00:00", "2.0")],
        ("events", "Sum") => vec![
            ("2026-06-01T11:01:00+00:00", "5.0"),
            ("2026-06-01T11:58:00+00:00", "3.0"),
            ("2026-06-01T11:59:00+00:00", "0.0"),
        ],
        ("duration_ms", "p50") => vec![("2026-06-01T11:00:00+00:00", "2.345")],
        ("duration_ms", "p99") => vec![("2026-06-01T11:00:00+00:00", "8.25"), ("2026-06-01T12:00:00+00:00", "7.0")],
        ("orders", "Sum") => vec![("2026-06-01T11:00:00+00:00", "4.0")],
        ("orders_paid", "Sum") => vec![("2026-06-01T11:00:00+00:00", "3.0")],
        ("delay_ms", "SampleCount") => vec![("2026-06-01T11:00:00+00:00", "2.0")],
        ("delay_ms", "Sum") => vec![("2026-06-01T11:00:00+00:00", "3000.0")],
        ("delay_ms", "Minimum") => vec![("2026-06-01T11:00:00+00:00", "1000.0")],
        ("delay_ms", "Maximum" | "p50" | "p99") => vec![("2026-06-01T11:00:00+00:00", "2000.0")],
        ("waiting", "Maximum") => vec![("2026-06-01T11:00:00+00:00", "9.0"), ("2026-06-01T11:59:00+00:00", "3.0")],
        ("oldest_s", "Maximum") => vec![("2026-06-01T11:00:00+00:00", "5.0"), ("2026-06-01T11:59:00+00:00", "70.0")],
        ("alarms", "Sum") => vec![("2026-06-01T11:00:00+00:00", "1.0")],
        _ => Vec::new(),
    }
}

fn answer(words: &[String], input: Option<&str>, status: &str) -> Value {
    if words[1] == "list-metrics" {
        return listed();
    }
    let queries: Value = serde_json::from_str(input.expect("queries")).expect("JSON");
    let results = queries.as_array().expect("queries").iter().flat_map(|query| {
        // Each value on a page of its own, as the AWS CLI joins them.
        values(query).into_iter().map(|(at, value)| {
            let value: Value = serde_json::from_str(value).expect("a number");
            // The first version of the AWS CLI prints the seconds.
            let seconds = Timestamp::parse_rfc3339(at).expect("a time").unix_s();
            let at = if query["Id"].as_str().is_some_and(|id| id.ends_with('1')) { json!(seconds) } else { json!(at) };
            json!({ "Id": query["Id"], "Label": "x", "Timestamps": [at], "Values": [value], "StatusCode": status })
        })
    });
    json!({ "MetricDataResults": results.collect::<Vec<_>>(), "Messages": [] })
}

type Calls = Arc<Mutex<Vec<(Vec<String>, Option<String>)>>>;

fn metrics(status: &'static str) -> (AwsMetrics, Calls) {
    let calls = Calls::default();
    let seen = Arc::clone(&calls);
    let aws = AwsCli::over(move |words, input| -> io::Result<Output> {
        seen.lock().expect("no panic").push((words.to_vec(), input.map(str::to_owned)));
        let stdout = answer(words, input, status).to_string().into_bytes();
        Ok(Output { status: ExitStatus::from_raw(0), stdout, stderr: Vec::new() })
    });
    (AwsMetrics::new(aws, "prod"), calls)
}

#[tokio::test]
async fn numbers_are_those_of_cloudwatch() {
    let (metrics, calls) = metrics("Complete");
    let stats = Stats::of(window(3_600), &metrics.series(window(3_600)).await.expect("numbers"));
    let usage = stats.sources.first().expect("a source");
    assert_eq!((usage.events, usage.accepted, usage.success()), (10, 8, Some(8_000)));
    assert_eq!((usage.p50, usage.p99), (Some(2_345), Some(8_250)), "the largest of two parts");
    assert_eq!(usage.latest, Timestamp::parse_rfc3339("2026-06-01T11:58:00Z").ok());
    let counted = stats.counted(&By::ALL);
    assert!(counted.contains(&(vec!["usage", "refused", "unknown_key"], 1)), "{counted:?}");
    assert!(counted.contains(&(vec!["usage", "refused", ""], 1)), "{counted:?}");
    assert_eq!((stats.orders, stats.orders_paid), (4, 3));
    let delay = stats.delivery.expect("a delay");
    assert_eq!((delay.orders, delay.average, delay.max), (2, 1_500_000, 2_000_000));
    let backlog = stats.backlogs.first().expect("a backlog");
    assert_eq!((backlog.waiting, backlog.oldest_s), (3, 70), "as it was last");
    assert_eq!(stats.alarms.len(), 1);

    let calls = calls.lock().expect("no panic");
    let [(list, None), (get, Some(queries))] = calls.as_slice() else { panic!("{calls:?}") };
    assert_eq!(list[..4], ["cloudwatch", "list-metrics", "--namespace", "hookledger-prod"]);
    assert_eq!(get[..4], ["cloudwatch", "get-metric-data", "--metric-data-queries", "file:///dev/stdin"]);
    assert_eq!(get[4..6], ["--start-time", "2026-06-01T11:00:30.000Z"]);
    let queries: Value = serde_json::from_str(queries).expect("JSON");
    let queries = queries.as_array().expect("queries");
    // Only what is wanted: three series of events, two quantiles, six of a delay, two states and three sums.
    assert_eq!(queries.len(), 3 + 2 + 6 + 2 + 3, "{queries:#?}");
    let ids: std::collections::BTreeSet<&str> = queries.iter().filter_map(|query| query["Id"].as_str()).collect();
    assert_eq!(ids.len(), queries.len());
}

#[tokio::test]
async fn parts_of_a_time_are_those_that_cloudwatch_keeps() {
    for (seconds, part, all) in [
        (60, 60, 60),
        (3_600, 60, 3_600),
        (3_601, 60, 3_660),
        (24 * 3_600, 300, 86_400),
        (7 * 24 * 3_600, 3_600, 86_400),
    ] {
        let (metrics, calls) = metrics("Complete");
        metrics.series(window(seconds)).await.expect("numbers");
        let calls = calls.lock().expect("no panic");
        let queries: Value = serde_json::from_str(calls[1].1.as_deref().expect("queries")).expect("JSON");
        for query in queries.as_array().expect("queries") {
            let query = &query["MetricStat"];
            let is_by_part =
                ["events", "waiting", "oldest_s"].contains(&query["Metric"]["MetricName"].as_str().unwrap());
            assert_eq!(query["Period"], if is_by_part { part } else { all }, "{seconds}: {query}");
        }
    }
}

#[tokio::test]
async fn answer_without_numbers_is_an_error_and_not_zero() {
    for status in ["Forbidden", "InternalError"] {
        let (metrics, _) = metrics(status);
        let error: Error = metrics.series(window(3_600)).await.expect_err("no numbers");
        assert!(error.line().contains(status), "{}", error.line());
    }
}
