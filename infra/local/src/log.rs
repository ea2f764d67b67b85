//! The log of the running stack, on stderr: for reading, where the deployed functions write for machines.

use std::io::stderr;

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Their debug lines hold whole requests: they are never let through, here as in a deployed function.
const LIBRARIES: [&str; 7] = [
    "aws_config",
    "aws_runtime",
    "aws_sdk_dynamodb",
    "aws_sdk_secretsmanager",
    "aws_smithy_runtime",
    "hyper",
    "hyper_util",
];

/// It wants to close the connection of a failed call, and complains that a call within this process has none.
const NOISE: &str = "aws_smithy_runtime::client::http::connection_poisoning";

/// `directive` is `RUST_LOG`: a level, or levels by target.
pub(crate) fn to_stderr(directive: Option<&str>) {
    let targets: Targets =
        directive.and_then(|text| text.parse().ok()).unwrap_or_else(|| Targets::new().with_default(Level::INFO));
    let targets = LIBRARIES.iter().fold(targets, |targets, library| targets.with_target(*library, LevelFilter::WARN));
    let targets = targets.with_target(NOISE, LevelFilter::OFF);
    let lines = tracing_subscriber::fmt::layer().compact().with_writer(stderr);
    tracing_subscriber::registry().with(targets).with(lines).init();
    // A panic's message can quote what it fell over: only the place is said.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panicked");
    }));
}
