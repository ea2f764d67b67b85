//! One JSON object a line. The line of an event is also its metrics, in CloudWatch's embedded metric format.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::Moment;

/// The target of the one line that every event leaves.
const EVENT: &str = "hookledger::event";
/// The target of lines that somebody should be woken by.
const ALARM: &str = "hookledger::alarm";

/// What became of one request: a delivery, or a call of an API. Ids and words of ours: nothing here was taken from a body but the event's id.
#[expect(clippy::float_arithmetic, reason = "a duration for people and graphs; no money is near")]
pub fn line(source: &'static str, event_id: Option<&str>, outcome: &str, reason: Option<&str>, moment: &Moment) {
    let micros = u32::try_from(moment.started.elapsed().as_micros()).unwrap_or(u32::MAX);
    let duration_ms = f64::from(micros) / 1_000.0;
    tracing::info!(target: EVENT, source, event_id, outcome, reason, duration_ms, attempt = moment.attempt.as_str());
}

/// What a person has to look into, though the request was answered. `subject` is what it is about, by an id of ours.
pub fn alarm(source: &'static str, alarm: &'static str, subject: &str) {
    tracing::warn!(target: ALARM, source, alarm, subject);
}

/// Lines for CloudWatch on stdout.
pub(crate) fn to_stdout(directive: Option<&str>) {
    // A second subscriber is a test's, and stays.
    let _ = tracing_subscriber::registry().with(log_targets(directive)).with(log_lines(std::io::stdout)).try_init();
}

/// What is let through. `directive` is `RUST_LOG`: a level, or levels by target.
pub fn log_targets(directive: Option<&str>) -> Targets {
    let targets =
        directive.and_then(|text| text.parse().ok()).unwrap_or_else(|| Targets::new().with_default(Level::INFO));
    // Libraries' own debug lines hold whole requests, and so the facts of payments: they are never let through.
    LIBRARIES.iter().fold(targets, |targets: Targets, library| targets.with_target(*library, LevelFilter::WARN))
}

const LIBRARIES: [&str; 8] = [
    "aws_config",
    "aws_runtime",
    "aws_sdk_dynamodb",
    "aws_sdk_secretsmanager",
    "aws_smithy_http_client",
    "aws_smithy_runtime",
    "hyper",
    "hyper_util",
];

/// The lines as a layer, for whoever has a subscriber or a place for them of its own.
pub fn log_lines<S, W>(writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + 'static,
{
    tracing_subscriber::fmt::layer().event_format(JsonLines).with_writer(writer)
}

/// A panic's message can quote what it fell over: only the place is said.
pub fn panics_without_message() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panicked");
    }));
}

/// An error with all its causes, for the log alone.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[derive(Debug)]
struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut line: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut object = Fields(Map::new());
        event.record(&mut object);
        let Fields(mut object) = object;
        let now_ms = unix_ms();
        object.insert("level".to_owned(), event.metadata().level().as_str().into());
        match event.metadata().target() {
            EVENT => {
                object.insert("events".to_owned(), 1.into());
                object.insert("_aws".to_owned(), of_event(now_ms, object.contains_key("reason")));
            }
            ALARM => {
                object.insert("alarms".to_owned(), 1.into());
                object.insert("_aws".to_owned(), of_alarm(now_ms));
            }
            target => {
                object.insert("target".to_owned(), target.into());
            }
        }
        object.insert("timestamp_ms".to_owned(), now_ms.into());
        writeln!(line, "{}", Value::Object(object))
    }
}

/// Counts and durations, by source and by what became of the event. A dimension without a value would make the whole line no
/// metric at all.
fn of_event(now_ms: u64, has_reason: bool) -> Value {
    let mut dimensions = vec![json!(["source"]), json!(["source", "outcome"])];
    if has_reason {
        dimensions.push(json!(["source", "outcome", "reason"]));
    }
    let metrics = json!([{ "Name": "events", "Unit": "Count" }, { "Name": "duration_ms", "Unit": "Milliseconds" }]);
    embedded(now_ms, &dimensions, &metrics)
}

fn of_alarm(now_ms: u64) -> Value {
    let dimensions = [json!(["source"]), json!(["source", "alarm"])];
    embedded(now_ms, &dimensions, &json!([{ "Name": "alarms", "Unit": "Count" }]))
}

/// Ids are properties, never dimensions: each would be a metric.
fn embedded(now_ms: u64, dimensions: &[Value], metrics: &Value) -> Value {
    json!({
        "Timestamp": now_ms,
        "CloudWatchMetrics": [{ "Namespace": "hookledger", "Dimensions": dimensions, "Metrics": metrics }],
    })
}

#[expect(clippy::disallowed_methods, reason = "a line says when it was written")]
fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }
}
