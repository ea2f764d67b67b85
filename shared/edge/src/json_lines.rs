//! The text of a log line: JSON, whose metrics are in CloudWatch's embedded metric format (EMF).

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

use crate::log::{MEASURED, Measured};

#[derive(Debug)]
pub(crate) struct JsonLines {
    namespace: String,
}

/// A layer that writes these lines, for a caller with its own subscriber or writer. The stage is in the metric
/// namespace.
pub fn log_lines<S, W>(stage: &str, writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + 'static,
{
    tracing_subscriber::fmt::layer().event_format(JsonLines::new(stage)).with_writer(writer)
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        writer.write_str(str::from_utf8(&self.line(event)).map_err(|_| fmt::Error)?)
    }
}

impl JsonLines {
    pub(crate) fn new(stage: &str) -> Self {
        Self { namespace: format!("hookledger-{stage}") }
    }

    /// With its end.
    pub(crate) fn line(&self, event: &Event<'_>) -> Vec<u8> {
        let mut line = Line::new();
        event.record(&mut line);
        let now_ms = unix_ms();
        line.field("level", event.metadata().level().as_str());
        let target = event.metadata().target();
        match MEASURED.iter().find(|measured| measured.target == target) {
            Some(measured) => line.field("_aws", &self.embedded(now_ms, measured, &line)),
            None => line.field("target", target),
        }
        line.field("timestamp_ms", &now_ms);
        line.json.extend_from_slice(b"}\n");
        line.json
    }

    /// A dimension or metric without a value would make CloudWatch drop all metrics of the line.
    fn embedded(&self, now_ms: u64, measured: &'static Measured, line: &Line) -> Embedded<'_> {
        let has_all = |set: &&[&str]| set.iter().all(|name| line.names.contains(name));
        let dimensions = measured.dimensions.iter().copied().filter(has_all).collect();
        let metrics = measured.metrics.iter().filter(|(name, _)| line.names.contains(name));
        let metrics = metrics.map(|(name, unit)| Metric { name, unit }).collect();
        Embedded {
            timestamp: now_ms,
            cloud_watch_metrics: [MetricDirective { namespace: &self.namespace, dimensions, metrics }],
        }
    }
}

/// The metrics of a line, in CloudWatch's words.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Embedded<'l> {
    timestamp: u64,
    cloud_watch_metrics: [MetricDirective<'l>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MetricDirective<'l> {
    namespace: &'l str,
    dimensions: Vec<&'static [&'static str]>,
    metrics: Vec<Metric>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    name: &'static str,
    unit: &'static str,
}

#[expect(clippy::disallowed_methods, reason = "a log line needs the time at which it is written")]
fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A line that is being written. Each field is written once, where it stays.
struct Line {
    json: Vec<u8>,
    names: Vec<&'static str>,
}

impl Line {
    /// With room for most lines.
    fn new() -> Self {
        let mut json = Vec::with_capacity(640);
        json.push(b'{');
        Self { json, names: Vec::with_capacity(16) }
    }

    /// A name stands in code, and needs no escape.
    fn field(&mut self, name: &'static str, value: &(impl Serialize + ?Sized)) {
        let begin: &[u8] = if self.names.is_empty() { b"\"" } else { b",\"" };
        for part in [begin, name.as_bytes(), b"\":"] {
            self.json.extend_from_slice(part);
        }
        // Memory takes everything.
        let _ = serde_json::to_writer(&mut self.json, value);
        self.names.push(name);
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.field(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.field(field.name(), &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.field(field.name(), &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.field(field.name(), &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.field(field.name(), &value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.field(field.name(), &format!("{value:?}"));
    }
}
