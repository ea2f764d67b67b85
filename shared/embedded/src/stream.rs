//! How a function reads a table's stream, as the template says it: an event source mapping.

use serde_json::{Map, Value};
use thiserror::Error;

/// Lambda's own, where the template says nothing.
const BATCH_SIZE: u64 = 100;
/// What is read here, and what makes no difference on one machine: how long to wait for more, for how long a record counts.
const KNOWN: [&str; 12] = [
    "Stream",
    "StartingPosition",
    "BatchSize",
    "BisectBatchOnFunctionError",
    "DestinationConfig",
    "Enabled",
    "FilterCriteria",
    "FunctionResponseTypes",
    "MaximumBatchingWindowInSeconds",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "ParallelizationFactor",
];
/// Lambda's own bound.
const LANES_MAX: u64 = 10;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// The table's name; `None` where it is left to a parameter that was not given.
    pub table: Option<String>,
    pub batch_size: usize,
    /// How many batches are worked off at a time, each of other rows than the others.
    pub lanes: u64,
    /// How often a batch is tried again; `None`: for as long as it is kept.
    pub retries_max: Option<u64>,
    /// A batch that fails as a whole is tried in halves.
    pub bisects: bool,
    /// The function says itself which of a batch have failed.
    pub reports_failures: bool,
    /// What cannot be worked off is kept somewhere.
    pub keeps_failures: bool,
    pub filter: Filter,
}

/// Which records a function is called for; empty: for all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter(Vec<Value>);

impl Stream {
    pub(crate) fn read(properties: &Value) -> Result<Self, StreamError> {
        let said = |name: &str| properties.get(name);
        let names = properties.as_object().into_iter().flat_map(Map::keys);
        if let Some(unknown) = names.into_iter().find(|name| !KNOWN.contains(&name.as_str())) {
            return Err(StreamError::Unknown(unknown.clone()));
        }
        // What was written before the function was there is read too: it is still to be done.
        if said("StartingPosition").and_then(Value::as_str) != Some("TRIM_HORIZON") {
            return Err(StreamError::Start);
        }
        let types = said("FunctionResponseTypes").and_then(Value::as_array);
        let batch_size = said("BatchSize").map_or(Some(BATCH_SIZE), Value::as_u64);
        Ok(Self {
            table: said("Stream").and_then(Value::as_str).and_then(table_of_arn),
            batch_size: batch_size
                .and_then(|size| usize::try_from(size).ok())
                .filter(|size| *size > 0)
                .ok_or(StreamError::BatchSize)?,
            lanes: said("ParallelizationFactor")
                .map_or(Some(1), Value::as_u64)
                .filter(|lanes| (1..=LANES_MAX).contains(lanes))
                .ok_or(StreamError::Lanes)?,
            // -1 is without end, and so is saying nothing.
            retries_max: said("MaximumRetryAttempts").and_then(Value::as_u64),
            bisects: said("BisectBatchOnFunctionError").and_then(Value::as_bool).unwrap_or_default(),
            reports_failures: types.is_some_and(|types| types.iter().any(|kind| kind == "ReportBatchItemFailures")),
            keeps_failures: properties.pointer("/DestinationConfig/OnFailure/Destination").is_some(),
            filter: said("FilterCriteria").map_or_else(|| Ok(Filter::default()), Filter::read)?,
        })
    }
}

impl Filter {
    fn read(criteria: &Value) -> Result<Self, StreamError> {
        let filters = criteria.get("Filters").and_then(Value::as_array).ok_or(StreamError::Filter)?;
        let pattern = |filter: &Value| {
            let text = filter.get("Pattern").and_then(Value::as_str)?;
            serde_json::from_str::<Value>(text).ok().filter(|pattern| pattern.is_object() && is_exact(pattern))
        };
        filters.iter().map(|filter| pattern(filter).ok_or(StreamError::Filter)).collect::<Result<_, _>>().map(Self)
    }

    pub fn admits(&self, record: &Value) -> bool {
        self.0.is_empty() || self.0.iter().any(|pattern| matches(pattern, record))
    }
}

/// Objects, down to lists of the texts that are admitted. What else patterns may hold would be taken for more or less than it says.
fn is_exact(pattern: &Value) -> bool {
    match pattern {
        Value::Object(fields) => !fields.is_empty() && fields.values().all(is_exact),
        Value::Array(admitted) => !admitted.is_empty() && admitted.iter().all(Value::is_string),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn matches(pattern: &Value, value: &Value) -> bool {
    match pattern {
        Value::Object(fields) => {
            fields.iter().all(|(name, pattern)| value.get(name).is_some_and(|value| matches(pattern, value)))
        }
        Value::Array(admitted) => admitted.contains(value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// `arn:aws:dynamodb:<region>:<account>:table/<name>/stream/<label>`
fn table_of_arn(arn: &str) -> Option<String> {
    let (name, stream) = arn.split_once(":table/")?.1.split_once('/')?;
    stream.starts_with("stream/").then(|| name.to_owned())
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StreamError {
    #[error("{0} is not known")]
    Unknown(String),
    #[error("StartingPosition must be TRIM_HORIZON")]
    Start,
    #[error("BatchSize must be a number above zero")]
    BatchSize,
    #[error("ParallelizationFactor must be 1 to {LANES_MAX}")]
    Lanes,
    #[error("FilterCriteria must be patterns of objects down to lists of texts")]
    Filter,
}
