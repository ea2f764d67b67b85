//! The log of the running stack, on stderr: for reading, where the deployed functions write for machines.

use std::io::stderr;

use edge::LogLevel;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::error::Error;
use crate::outcome;

/// It wants to close the connection of a failed call, and complains that a call within this process has none.
const NOISE: &str = "aws_smithy_runtime::client::http::connection_poisoning";

/// `level` is `LOG_LEVEL`, as a deployed function has it.
pub fn to_stderr(level: Option<&str>) -> Result<(), Error> {
    let level = level.map(str::trim).filter(|level| !level.is_empty());
    let level = level.map_or(Some(LogLevel::default()), LogLevel::named).ok_or(edge::ConfigError::LogLevel)?;
    let targets = edge::own_targets(level).with_target(NOISE, LevelFilter::OFF);
    let lines = tracing_subscriber::fmt::layer().compact().with_writer(stderr);
    tracing_subscriber::registry().with(lines.with_filter(targets)).with(outcome::watch()).init();
    edge::panics_without_message();
    Ok(())
}
