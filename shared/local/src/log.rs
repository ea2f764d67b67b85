//! The log of the local stack, as readable lines on stderr; deployed functions log JSON.

use std::io::stderr;

use edge::LogLevel;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::error::Error;
use crate::log_batch::{LogBatch, LogGuard};
use crate::metrics::MetricsLog;
use crate::outcome;

/// It warns after each failed call within this process, since such a call has no connection to close.
const NOISE: &str = "aws_smithy_runtime::client::http::connection_poisoning";

/// `level` is the value of `LOG_LEVEL`, read as a deployed function reads it. The guard writes the last lines. The
/// metrics are kept once their folder is ours.
pub fn to_stderr(level: Option<&str>) -> Result<(LogGuard, MetricsLog), Error> {
    let level = level.map(str::trim).filter(|level| !level.is_empty());
    let level = level.map_or(Some(LogLevel::default()), LogLevel::named).ok_or(edge::ConfigError::LogLevel)?;
    let targets = edge::own_targets(level).with_target(NOISE, LevelFilter::OFF);
    let batch = LogBatch::new(stderr());
    let guard = batch.guard();
    let lines = tracing_subscriber::fmt::layer().compact().with_writer(batch);
    let metrics = MetricsLog::new();
    let log = tracing_subscriber::registry().with(lines.with_filter(targets)).with(outcome::watch());
    log.with(metrics.layer()).init();
    edge::panics_without_message();
    Ok((guard, metrics))
}
