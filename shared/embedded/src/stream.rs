//! Event source mappings: how a function reads the stream of a table, as the template declares it.

use serde_json::{Map, Value};
use thiserror::Error;

/// Lambda's default.
const BATCH_SIZE: u64 = 100;
/// The properties that are read here, and those without effect on one machine, such as the batching window.
const SUPPORTED: [&str; 12] = [
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
/// Lambda's limit.
const LANES_MAX: u64 = 10;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// The table's name; `None` if it depends on a parameter without a value.
    pub table: Option<String>,
    pub batch_size: usize,
    /// The number of batches that are processed at the same time, each with rows of its own.
    pub lanes: u64,
    /// The number of retries of a batch; `None` retries it until its records expire.
    pub retries_max: Option<u64>,
    /// A failed batch is retried in two halves.
    pub bisects: bool,
    /// The function reports the failed records of a batch.
    pub reports_failures: bool,
    /// Records that keep failing go to a dead letter queue.
    pub keeps_failures: bool,
    pub filter: Filter,
}

/// The records for which a function is called; an empty filter admits all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter(Vec<Value>);

impl Stream {
    pub(crate) fn read(properties: &Value) -> Result<Self, StreamError> {
        let property = |name: &str| properties.get(name);
        let names = properties.as_object().into_iter().flat_map(Map::keys);
        if let Some(unknown) = names.into_iter().find(|name| !SUPPORTED.contains(&name.as_str())) {
            return Err(StreamError::Unknown(unknown.clone()));
        }
        // Records from before the function existed are read too, since their work is still outstanding.
        if property("StartingPosition").and_then(Value::as_str) != Some("TRIM_HORIZON") {
            return Err(StreamError::Start);
        }
        let types = property("FunctionResponseTypes").and_then(Value::as_array);
        let batch_size = property("BatchSize").map_or(Some(BATCH_SIZE), Value::as_u64);
        Ok(Self {
            table: property("Stream").and_then(Value::as_str).and_then(table_of_arn),
            batch_size: batch_size
                .and_then(|size| usize::try_from(size).ok())
                .filter(|size| *size > 0)
                .ok_or(StreamError::BatchSize)?,
            lanes: property("ParallelizationFactor")
                .map_or(Some(1), Value::as_u64)
                .filter(|lanes| (1..=LANES_MAX).contains(lanes))
                .ok_or(StreamError::Lanes)?,
            // -1, like the absent property, means unlimited.
            retries_max: property("MaximumRetryAttempts").and_then(Value::as_u64),
            bisects: property("BisectBatchOnFunctionError").and_then(Value::as_bool).unwrap_or_default(),
            reports_failures: types.is_some_and(|types| types.iter().any(|kind| kind == "ReportBatchItemFailures")),
            keeps_failures: properties.pointer("/DestinationConfig/OnFailure/Destination").is_some(),
            filter: property("FilterCriteria").map_or_else(|| Ok(Filter::default()), Filter::read)?,
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

/// Supports only nested objects with lists of exact strings. Other patterns are refused, since they would admit the wrong
/// records.
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
    #[error("{0} is not supported")]
    Unknown(String),
    #[error("StartingPosition must be TRIM_HORIZON")]
    Start,
    #[error("BatchSize must be a number above zero")]
    BatchSize,
    #[error("ParallelizationFactor must be 1 to {LANES_MAX}")]
    Lanes,
    #[error("FilterCriteria must be patterns of nested objects with lists of strings")]
    Filter,
}
