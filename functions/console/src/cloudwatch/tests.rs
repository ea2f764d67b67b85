//! What is sent to CloudWatch, what is read of its answers, and what a page has when it does not answer. The answers have
//! the shapes of its API reference.

#![expect(clippy::arithmetic_side_effects, reason = "small numbers of a test")]

use std::sync::Arc;

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use insight::Wanted;

use super::*;

const WANTED: Wanted = &[("orders_paid", &[]), ("events", &["source", "outcome"]), ("duration_ms", &["source"])];

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).expect("a time")
}

fn query() -> SeriesQuery {
    SeriesQuery::until(at("2026-01-01T02:30:00Z"), 3_600, 3, WANTED)
}

/// Answers with these in turn, the last one again and again; `None` never answers.
#[derive(Debug, Clone, Default)]
struct Answers {
    answers: Vec<Option<(u16, String)>>,
    sent: Arc<Mutex<Vec<(String, String, Value)>>>,
}

impl HttpConnector for Answers {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let header = |name: &str| request.headers().get(name).unwrap_or_default().to_owned();
        let body = serde_json::from_slice(request.body().bytes().unwrap_or_default()).expect("JSON");
        let mut sent = self.sent.lock().expect("no panic");
        sent.push((request.uri().to_owned(), format!("{} {}", header("x-amz-target"), header("authorization")), body));
        let answer = self.answers.get(sent.len() - 1).or(self.answers.last()).expect("one").clone();
        HttpConnectorFuture::new(async move {
            let Some((status, body)) = answer else { return std::future::pending().await };
            Ok(HttpResponse::new(StatusCode::try_from(status).expect("a status"), SdkBody::from(body)))
        })
    }
}

fn watch(answers: &[Option<(u16, Value)>]) -> (CloudWatch, Answers) {
    let answers = answers.iter().map(|answer| answer.as_ref().map(|(status, body)| (*status, body.to_string())));
    let answers = Answers { answers: answers.collect(), sent: Arc::default() };
    let credentials = Credentials::new("AKID", "secret", Some("token".to_owned()), None, "test");
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    (CloudWatch::over(Client::over(answers.clone(), &sdk), "prod"), answers)
}

fn result(id: &str, label: &str, times: &[&str], values: &[&str]) -> Value {
    let times = times.iter().map(|time| at(time).unix_s().into());
    let values = values.iter().map(|value| serde_json::from_str::<Value>(value).expect("a number"));
    json!({
        "Id": id, "Label": label, "StatusCode": "Complete",
        "Timestamps": times.collect::<Vec<Value>>(), "Values": values.collect::<Vec<_>>(),
    })
}

const ONE: &str = "2026-01-01T01:00:00Z";
const TWO: &str = "2026-01-01T02:00:00Z";

/// A search has the series of each value of its dimensions; a longer answer comes in pages.
#[tokio::test(start_paused = true)]
async fn series_are_read_page_by_page_with_a_signature() {
    let first = json!({
        "MetricDataResults": [
            result("m3", "usage", &[ONE, TWO], &["12.5", "7.25"]),
            result("m1", "usage booked", &[TWO], &["4.0"]),
            result("m0", "orders_paid", &[ONE], &["2.0"]),
        ],
        "NextToken": "page2",
    });
    let second = json!({ "MetricDataResults": [
        result("m1", "usage booked", &[ONE], &["3.0"]),
        result("m2", "usage", &[TWO], &["1.5"]),
        result("m9", "unknown", &[ONE], &["1.0"]),
    ] });
    let (watch, answers) = watch(&[Some((200, first)), Some((200, second))]);
    let found = watch.series(&query()).await.expect("read").expect("metrics");
    let usage = ("source", "usage");
    let names: Vec<_> = found.iter().map(|series| series.name.clone()).collect();
    assert_eq!(
        names,
        [
            SeriesName::new("duration_ms", &[usage]),
            SeriesName::new("events", &[usage, ("outcome", "booked")]),
            SeriesName::new("orders_paid", &[]),
        ]
    );
    let [duration, events, paid] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((events.total.sum, events.total.latest, events.parts.len()), (7, Some(at(TWO)), 2));
    assert_eq!((duration.total.p50, duration.total.p99), (Some(1_500), Some(12_500)), "in microseconds");
    assert_eq!(query().values(events, |summary| u64::try_from(summary.sum).expect("small")), [0, 3, 4]);
    assert_eq!(paid.total.sum, 2);

    let sent = answers.sent.lock().expect("no panic").clone();
    let (url, header, body) = sent.first().expect("a call");
    assert_eq!((sent.len(), url.as_str()), (2, "https://monitoring.eu-west-1.amazonaws.com/"));
    let signed =
        "GraniteServiceVersion20100801.GetMetricData AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/monitoring/";
    assert!(header.starts_with(signed), "{header}");
    assert_eq!((&body["StartTime"], &body["EndTime"]), (&json!(1_767_225_600), &json!(1_767_234_600)));
    let queries = body["MetricDataQueries"].as_array().expect("queries");
    let text = |query: &Value| query["Expression"].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        queries.iter().map(text).collect::<Vec<_>>(),
        [
            "",
            "SEARCH('{\"hookledger-prod\",source,outcome} MetricName=\"events\"', 'Sum', 3600)",
            "SEARCH('{\"hookledger-prod\",source} MetricName=\"duration_ms\"', 'p50', 3600)",
            "SEARCH('{\"hookledger-prod\",source} MetricName=\"duration_ms\"', 'p99', 3600)",
        ]
    );
    let metric = json!({ "Namespace": "hookledger-prod", "MetricName": "orders_paid" });
    assert_eq!(queries[0]["MetricStat"], json!({ "Metric": metric, "Period": 3_600, "Stat": "Sum" }));
    assert_eq!(queries[1]["Label"], "${PROP('Dim.source')} ${PROP('Dim.outcome')}");
    assert_eq!(sent[1].2["NextToken"], "page2");

    // Kept for the minute, and for this question.
    assert_eq!(watch.series(&query()).await.expect("kept"), Some(found));
    assert_eq!(answers.sent.lock().expect("no panic").len(), 2);
    watch.series(&SeriesQuery::until(at("2026-01-01T02:31:00Z"), 3_600, 3, WANTED)).await.expect("read");
    watch.series(&SeriesQuery { parts: 2, ..query() }).await.expect("read");
    assert_eq!(answers.sent.lock().expect("no panic").len(), 4, "of another minute, and another question");
}

#[tokio::test(start_paused = true)]
async fn alarms_that_ring_are_read_the_longest_first() {
    let alarm =
        |name: &str, since: &str| json!({ "AlarmName": name, "StateTransitionedTimestamp": at(since).unix_s() });
    let answer =
        json!({ "MetricAlarms": [alarm("hookledger-prod-drift", TWO), alarm("hookledger-prod-dead-letters", ONE)] });
    let (watch, answers) = watch(&[Some((200, answer))]);
    let ringing = watch.alarms(at(TWO)).await.expect("read").expect("alarms");
    let of = |name: &str, since| Ringing { name: name.to_owned(), since: Some(at(since)) };
    assert_eq!(ringing, [of("dead-letters", ONE), of("drift", TWO)]);
    let (_, header, body) = answers.sent.lock().expect("no panic")[0].clone();
    assert!(header.starts_with("GraniteServiceVersion20100801.DescribeAlarms "), "{header}");
    assert_eq!((&body["AlarmNamePrefix"], &body["StateValue"]), (&json!("hookledger-prod-"), &json!("ALARM")));
}

#[tokio::test(start_paused = true)]
async fn dead_letters_are_those_of_the_last_value() {
    let results = json!([
        result("m0", "x", &[ONE, TWO], &["5.0", "2.0"]),
        result("m1", "x", &[ONE, TWO], &["60.0", "3600.0"]),
        result("m2", "x", &[], &[]),
        result("m3", "x", &[TWO], &["9.0"]),
    ]);
    let (watch, answers) = watch(&[Some((200, json!({ "MetricDataResults": results })))]);
    let found = watch.dead_letters(at(TWO)).await.expect("read").expect("queues");
    let of = |queue: &str, count, oldest_s| DeadLetters { queue: queue.to_owned(), count, oldest_s };
    assert_eq!(
        found,
        [of("hookledger-prod-reconcile-failures", 2, Some(3_600)), of("hookledger-prod-fulfil-failures", 0, None)]
    );
    let queries = answers.sent.lock().expect("no panic")[0].2["MetricDataQueries"].clone();
    let dimension = json!([{ "Name": "QueueName", "Value": "hookledger-prod-fulfil-failures" }]);
    assert_eq!(queries[2]["MetricStat"]["Metric"]["Dimensions"], dimension);
}

#[tokio::test(start_paused = true)]
async fn cloudwatch_that_fails_or_does_not_answer_is_an_error_soon() {
    let denied = json!({ "__type": "com.amazon.coral.service#AccessDeniedException", "message": "secret words" });
    let refused = json!({ "MetricDataResults": [{ "Id": "m0", "StatusCode": "Forbidden", "Values": [] }] });
    let rows = [
        (Some((500, json!("no"))), "CloudWatch answers 500 "),
        (Some((400, denied)), "CloudWatch answers 400 com.amazon.coral.service#AccessDeniedException"),
        (Some((200, refused)), "CloudWatch refuses a metric"),
        (None, "CloudWatch does not answer in time"),
    ];
    for (answer, expected) in rows {
        let (watch, _) = watch(&[answer]);
        let began = testkit::instant();
        let error = watch.series(&query()).await.expect_err(expected);
        assert_eq!(error.to_string(), expected);
        assert!(began.elapsed() <= PATIENCE, "{expected}");
        if !expected.contains("metric") {
            assert!(watch.alarms(at(TWO)).await.is_err() && watch.dead_letters(at(TWO)).await.is_err(), "{expected}");
        }
    }
}
