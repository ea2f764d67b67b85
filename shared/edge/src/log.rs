//! One JSON object a line. The line of an event is also its metrics, in CloudWatch's embedded metric format.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::Invocation;

/// The target of the one line that every event leaves.
const EVENT: &str = "hookledger::event";
/// The target of lines that somebody should be woken by.
const ALARM: &str = "hookledger::alarm";
/// The targets of lines that are there for the graphs, and for alarms that are about more than one event.
const MOVED: &str = "hookledger::moved";
const DELIVERED: &str = "hookledger::delivered";
const BACKLOG: &str = "hookledger::backlog";
const RUN: &str = "hookledger::run";

/// What lines of one target are as metrics.
#[derive(Debug)]
pub struct Measured {
    target: &'static str,
    /// A set counts where the line has all of it. Nothing that was received is ever among them: each value would be a metric.
    pub dimensions: &'static [&'static [&'static str]],
    /// By name and unit.
    pub metrics: &'static [(&'static str, &'static str)],
}

/// Everything that is measured here: `infra/watch.yaml` may look at this and at nothing else.
pub const MEASURED: [Measured; 6] = [
    Measured {
        target: EVENT,
        dimensions: &[&["source"], &["source", "outcome"], &["source", "outcome", "reason"]],
        metrics: &[("events", "Count"), ("duration_ms", "Milliseconds")],
    },
    Measured { target: ALARM, dimensions: &[&["source"], &["source", "alarm"]], metrics: &[("alarms", "Count")] },
    Measured {
        target: MOVED,
        dimensions: &[&[], &["source"]],
        metrics: &[
            ("nanocredits_in", "Count"),
            ("nanocredits_out", "Count"),
            ("orders", "Count"),
            ("orders_paid", "Count"),
            ("orders_flagged", "Count"),
        ],
    },
    Measured { target: DELIVERED, dimensions: &[&["source"]], metrics: &[("delay_ms", "Milliseconds")] },
    Measured {
        target: BACKLOG,
        dimensions: &[&["backlog"]],
        metrics: &[("waiting", "Count"), ("oldest_s", "Seconds")],
    },
    Measured { target: RUN, dimensions: &[&["sweep"]], metrics: &[("runs", "Count")] },
];

/// What became of one request: a delivery, or a call of an API. Nothing here was taken from a body but the event's id. Outcome and reason
/// are words that stand in the code: each that there is becomes a metric, and is paid for.
pub fn line(
    source: &'static str,
    event_id: Option<&str>,
    outcome: &'static str,
    reason: Option<&'static str>,
    invocation: &Invocation,
) {
    of_event(source, event_id, outcome, reason, None, invocation);
}

/// The same of an event of which a field could not be read. Which one is for people: a place in a list has a number in its name.
pub fn unread(
    source: &'static str,
    event_id: Option<&str>,
    outcome: &'static str,
    field: &str,
    invocation: &Invocation,
) {
    of_event(source, event_id, outcome, Some("field"), Some(field), invocation);
}

#[expect(clippy::float_arithmetic, reason = "a duration for people and graphs; no money is near")]
fn of_event(
    source: &'static str,
    event_id: Option<&str>,
    outcome: &'static str,
    reason: Option<&'static str>,
    field: Option<&str>,
    invocation: &Invocation,
) {
    let micros = u32::try_from(invocation.started.elapsed().as_micros()).unwrap_or(u32::MAX);
    let duration_ms = f64::from(micros) / 1_000.0;
    let attempt = invocation.attempt.as_str();
    tracing::info!(target: EVENT, source, event_id, outcome, reason, field, duration_ms, attempt, events = 1);
}

/// What a person has to look into, though the request was answered. `subject` is what it is about, by an id of ours.
pub fn alarm(source: &'static str, alarm: &'static str, subject: &str) {
    tracing::warn!(target: ALARM, source, alarm, subject, alarms = 1);
}

/// All of an order has come to its buyer, so long after it was paid.
pub fn delivered(source: &'static str, order: &str, delay_ms: u64) {
    tracing::info!(target: DELIVERED, source, order, delay_ms);
}

/// What a run was to bring to an end and did not, and for how long the oldest of it has been waiting. Said by every run: where nothing is
/// left, that too is to be known.
pub fn backlog(backlog: &'static str, waiting: u64, oldest_s: u64) {
    tracing::info!(target: BACKLOG, backlog, waiting, oldest_s);
}

/// A run of this sweep has come to its end. Nothing else says that the clock goes: where it is not said, nothing is looked after.
pub fn ran(sweep: &'static str) {
    tracing::info!(target: RUN, sweep, runs = 1);
}

/// Credits in their smallest unit, of which a graph has more than enough digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct CommitMetrics {
    pub(crate) nanocredits_in: u64,
    pub(crate) nanocredits_out: u64,
    pub(crate) orders: u64,
    pub(crate) orders_paid: u64,
    /// Flagged by what was refused about them. What else flags one calls somebody by itself.
    pub(crate) orders_flagged: u64,
}

pub(crate) fn of_moved(source: &'static str, moved: &CommitMetrics) {
    let CommitMetrics { nanocredits_in, nanocredits_out, orders, orders_paid, orders_flagged } = *moved;
    tracing::info!(target: MOVED, source, nanocredits_in, nanocredits_out, orders, orders_paid, orders_flagged);
}

/// Lines for CloudWatch on stdout.
pub(crate) fn to_stdout(level: LogLevel, stage: &str) {
    let lines = log_lines(stage, std::io::stdout);
    // A second subscriber is a test's, and stays.
    let _ = tracing_subscriber::registry().with(log_targets(level)).with(lines).try_init();
}

/// `LOG_LEVEL`, which raises or lowers the lines of our own crates and of no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    /// By its name in a setting.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "error" => Some(Self::Error),
            "warn" => Some(Self::Warn),
            "info" => Some(Self::Info),
            "debug" => Some(Self::Debug),
            "trace" => Some(Self::Trace),
            _ => None,
        }
    }

    fn filter(self) -> LevelFilter {
        match self {
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
            Self::Trace => LevelFilter::TRACE,
        }
    }
}

/// The lines that a deployed function writes. Those that are metrics stay at every level: without them the alarms see nothing.
pub fn log_targets(level: LogLevel) -> Targets {
    let measured = level.filter().max(LevelFilter::INFO);
    MEASURED.iter().fold(own_targets(level), |targets, lines| targets.with_target(lines.target, measured))
}

/// The lines of our own crates at this level, and warnings of all others. The SDK, hyper and the Lambda runtime print whole requests
/// below that: bodies, keys and `Authorization`.
pub fn own_targets(level: LogLevel) -> Targets {
    let libraries = Targets::new().with_default(LevelFilter::WARN);
    OWN_CRATES.iter().fold(libraries, |targets, name| targets.with_target(*name, level.filter()))
}

/// Every crate whose lines a function or the local stack writes, and the targets above. A name covers what begins with it.
pub const OWN_CRATES: [&str; 19] = [
    "api",
    "catalog",
    "checkout",
    "edge",
    "epay",
    "fireblocks",
    "fulfil",
    "hookledger",
    "idempotency",
    "ledger",
    "local",
    "orders",
    "providers",
    "reconcile",
    "signing",
    "stripe",
    "usage",
    "webhook",
    "wechat",
];

/// The lines as a layer, for whoever has a subscriber or a place for them of its own. Stages that share an account share no metrics.
pub fn log_lines<S, W>(stage: &str, writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + 'static,
{
    tracing_subscriber::fmt::layer()
        .event_format(JsonLines { namespace: format!("hookledger-{stage}") })
        .with_writer(writer)
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
struct JsonLines {
    namespace: String,
}

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
        let target = event.metadata().target();
        match MEASURED.iter().find(|measured| measured.target == target) {
            Some(measured) => {
                let embedded = self.embedded(now_ms, measured, &object);
                object.insert("_aws".to_owned(), embedded);
            }
            None => {
                object.insert("target".to_owned(), target.into());
            }
        }
        object.insert("timestamp_ms".to_owned(), now_ms.into());
        writeln!(line, "{}", Value::Object(object))
    }
}

impl JsonLines {
    /// A dimension without a value would make the whole line no metric at all.
    fn embedded(&self, now_ms: u64, measured: &Measured, line: &Map<String, Value>) -> Value {
        let has_all = |set: &&&[&str]| set.iter().all(|name| line.contains_key(*name));
        let dimensions: Vec<&&[&str]> = measured.dimensions.iter().filter(has_all).collect();
        let metric = |(name, unit): &(&str, &str)| json!({ "Name": name, "Unit": unit });
        let metrics: Vec<Value> = measured.metrics.iter().map(metric).collect();
        json!({
            "Timestamp": now_ms,
            "CloudWatchMetrics": [{ "Namespace": self.namespace, "Dimensions": dimensions, "Metrics": metrics }],
        })
    }
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
