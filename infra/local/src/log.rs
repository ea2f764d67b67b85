//! The log of the running stack, on stderr: for reading, where the deployed functions write for machines.

use std::io::stderr;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// It wants to close the connection of a failed call, and complains that a call within this process has none.
const NOISE: &str = "aws_smithy_runtime::client::http::connection_poisoning";

/// `directive` is `RUST_LOG`.
pub(crate) fn to_stderr(directive: Option<&str>) {
    let targets = edge::log_targets(directive).with_target(NOISE, LevelFilter::OFF);
    let lines = tracing_subscriber::fmt::layer().compact().with_writer(stderr);
    tracing_subscriber::registry().with(targets).with(lines).init();
    edge::panics_without_message();
}
