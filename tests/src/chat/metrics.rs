//! The metrics of chat: what the page of chat and the dashboard name comes out of log lines.

use std::collections::BTreeMap;

use edge::Worker as _;

use super::*;
use crate::log_capture::{captured_lines, start_capture};
use crate::stripe::{reconcile, run_at};

/// The sum of a metric over the lines in which these members have these values.
fn sum(lines: &[Value], metric: &str, with: &[(&str, &str)]) -> u64 {
    let is_of = |line: &&Value| with.iter().all(|(name, value)| line[*name] == **value);
    lines.iter().filter(is_of).filter_map(|line| line[metric].as_u64()).sum()
}

/// The metrics that CloudWatch reads of the lines, each with the sets of its dimensions.
fn declared(lines: &[Value]) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for of in lines.iter().filter_map(|line| line["_aws"]["CloudWatchMetrics"].as_array()).flatten() {
        for metric in of["Metrics"].as_array().expect("metrics") {
            all.insert(metric["Name"].as_str().expect("a name").to_owned(), of["Dimensions"].clone());
        }
    }
    all
}

async fn lines_of(body: &Value, settings: &[(&str, &str)]) -> (u16, Vec<Value>) {
    let shop = Shop::new("10").await;
    let chat = shop.chat(shop.world.ledger(1), 1, settings).await;
    start_capture();
    let reply = reply_at(&chat, 1, 0, &post(body)).await;
    (reply.status, captured_lines())
}

#[tokio::test(start_paused = true)]
async fn answer_has_its_outcome_duration_tokens_and_cost() {
    for body in [request("hello"), streamed("hello")] {
        let (_, lines) = lines_of(&body, &[]).await;
        let of_chat = [("source", "chat"), ("outcome", "answered")];
        assert_eq!(sum(&lines, "events", &of_chat), 1);
        assert!(
            lines.iter().any(|line| line["outcome"] == "answered" && line["duration_ms"].is_number()),
            "mean and p99"
        );
        let of = |metric: &str| sum(&lines, metric, &[("model", "gpt-4o")]);
        assert_eq!(of("chats"), 1);
        assert_eq!(
            i128::from(of("nanocredits_charged")),
            i128::from(of("tokens_in")) * IN + i128::from(of("tokens_out")) * OUT
        );
        assert!(of("tokens_in") > 0 && of("tokens_out") > 0);
        assert_eq!([of("retries"), of("fallbacks"), of("estimated")], [0; 3]);
        let first_tokens = lines.iter().filter(|line| line["first_token_ms"].is_u64() && line["model"] == "gpt-4o");
        assert_eq!(first_tokens.count(), usize::from(body["stream"] == true));
        let declared = declared(&lines);
        for metric in ["chats", "tokens_in", "tokens_out", "nanocredits_charged", "retries", "fallbacks", "estimated"] {
            assert_eq!(declared[metric], json!([[], ["model"]]), "{metric}");
        }
    }
}

/// What fails is counted by its class, once for each call of an upstream, and by what its caller gets.
#[tokio::test(start_paused = true)]
async fn failure_has_its_class_and_its_reason() {
    let rows = [
        (request("fail-500"), "failed", 3, "failed", "upstream_failed"),
        (request("garbage"), "unreadable", 3, "failed", "upstream_failed"),
        (request("fail-401"), "key_refused", 1, "failed", "upstream_key_refused"),
        (request("fail-429"), "rate_limited", 1, "refused", "upstream_rate_limited"),
        (request("fail-400"), "bad_request", 1, "refused", "upstream_refused"),
        (request("fail-403"), "forbidden", 1, "refused", "upstream_forbidden"),
        (request("hangs"), "timed_out", 1, "failed", "upstream_timeout"),
        (streamed("stalls"), "timed_out", 1, "failed", "upstream_timeout"),
        (streamed("breaks"), "broken", 1, "failed", "upstream_failed"),
        (streamed("errs-midway"), "unreadable", 1, "failed", "upstream_failed"),
    ];
    for (body, class, calls, outcome, reason) in rows {
        let (_, lines) = lines_of(&body, &[]).await;
        assert_eq!(sum(&lines, "upstream_failures", &[("class", class), ("upstream", "main")]), calls, "{body}");
        let with = [("source", "chat"), ("outcome", outcome), ("reason", reason)];
        assert_eq!(sum(&lines, "events", &with), 1, "{body}");
        assert_eq!(sum(&lines, "retries", &[]), calls - 1, "{body}");
        assert_eq!(declared(&lines)["upstream_failures"], json!([[], ["upstream"], ["class"]]));
    }
}

#[tokio::test(start_paused = true)]
async fn fallback_is_counted_and_no_answer_of_a_model() {
    let (status, lines) = lines_of(&request("are you there? fail-500"), &[]).await;
    assert_eq!(status, 200);
    assert_eq!(sum(&lines, "fallbacks", &[("model", "gpt-4o")]), 1);
    assert_eq!(sum(&lines, "events", &[("source", "chat"), ("outcome", "fallback")]), 1);
    assert_eq!(sum(&lines, "events", &[("source", "chat"), ("outcome", "answered")]), 0);
    assert_eq!(sum(&lines, "nanocredits_charged", &[]), 0);
}

#[tokio::test(start_paused = true)]
async fn estimate_and_breaker_are_counted() {
    let (_, lines) = lines_of(&request("no-usage"), &[]).await;
    assert_eq!(sum(&lines, "estimated", &[("model", "gpt-4o")]), 1);
    let shop = Shop::new("10").await;
    let chat = shop.chat(shop.world.ledger(1), 1, &[]).await;
    start_capture();
    for attempt in 0..5 {
        reply_at(&chat, attempt, 0, &post(&request("fail-500"))).await;
    }
    let lines = captured_lines();
    assert_eq!(sum(&lines, "alarms", &[("source", "chat"), ("alarm", "breaker_open")]), 1);
}

/// A sandbox that has died leaves a hold, which the sweep charges and counts.
#[tokio::test(start_paused = true)]
async fn hold_that_expires_is_counted() {
    let shop = Shop::new("10").await;
    let chat = shop.chat(shop.world.ledger(1), 1, &[]).await;
    let event = post(&request("hangs"));
    let died = tokio::time::timeout(Duration::from_secs(5), Box::pin(reply_at(&chat, 1, 0, &event))).await;
    assert!(died.is_err(), "it hangs");
    start_capture();
    let sweep = reconcile(shop.world.ledger(2), &[]);
    sweep.work(r#"{"sweep":"holds"}"#, &run_at(2, EXPIRED_S)).await.expect("a run");
    let lines = captured_lines();
    assert_eq!(sum(&lines, "holds_charged", &[]), 1);
    assert_eq!(declared(&lines)["holds_charged"], json!([[]]));
}
