//! Reads log lines in CloudWatch's embedded metric format, as CloudWatch does: each set of dimensions of a line is a
//! series of each of its metrics.

use insight::{LoggedEvent, SeriesName, whole};
use ledger::{Source, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};

/// One value of a series.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Measured {
    pub(super) series: SeriesName,
    pub(super) value: u64,
    pub(super) at_ms: u64,
    /// Whether how large its values are is of interest, and not only their sum.
    pub(super) is_sized: bool,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "_aws")]
    embedded: Embedded,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Embedded {
    timestamp: u64,
    cloud_watch_metrics: Vec<Directive>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    dimensions: Vec<Vec<String>>,
    metrics: Vec<Metric>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    name: String,
    unit: String,
}

const MILLISECONDS: &str = "Milliseconds";

/// All values of a line, and the event that it is about; none if it is not in that format.
pub(super) fn read(line: &[u8]) -> (Vec<Measured>, Option<LoggedEvent>) {
    let Ok(Line { embedded, fields }) = serde_json::from_slice::<Line>(line) else { return (Vec::new(), None) };
    let event = event(&fields, embedded.timestamp);
    let mut values = Vec::new();
    for Directive { dimensions, metrics } in &embedded.cloud_watch_metrics {
        for set in dimensions {
            let named = set.iter().map(|name| Some((name.as_str(), fields.get(name)?.as_str()?)));
            let Some(named) = named.collect::<Option<Vec<(&str, &str)>>>() else { continue };
            values.extend(metrics.iter().filter_map(|Metric { name, unit }| {
                let value = fields.get(name)?.as_number()?.to_string();
                let is_sized = unit == MILLISECONDS;
                Some(Measured {
                    series: SeriesName::new(name, &named),
                    value: whole(&value, is_sized),
                    at_ms: embedded.timestamp,
                    is_sized,
                })
            }));
        }
    }
    (values, event)
}

/// Each delivery has a line with its outcome.
fn event(fields: &Map<String, Value>, at_ms: u64) -> Option<LoggedEvent> {
    let word = |name: &str| fields.get(name)?.as_str().map(str::to_owned);
    let (source, outcome) = (word("source")?, word("outcome")?);
    let at = Timestamp::from_unix_ms(i64::try_from(at_ms).ok()?).ok()?;
    let event = LoggedEvent { at, source, event: word("event_id"), outcome, reason: word("reason") };
    Source::named(&event.source).is_some().then_some(event)
}
