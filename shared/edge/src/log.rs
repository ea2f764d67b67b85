//! What is logged: the line of each event, the lines that are metrics, and which lines of which crates are written.

use ledger::CommitError;
use tracing_subscriber::filter::{LevelFilter, Targets};

use crate::Invocation;

/// The target of the one line that every event logs.
const EVENT: &str = "hookledger::event";
/// The target of what is logged from `debug` on. Its lines are at `info`, since a release build has none below.
const DETAIL: &str = "hookledger::detail";
/// The target of lines that page an operator.
const ALARM: &str = "hookledger::alarm";
/// The targets of lines for the graphs, and for alarms about more than one event.
pub(crate) const COMMIT: &str = "hookledger::moved";
pub(crate) const PAID: &str = "hookledger::paid";
pub(crate) const REFUNDED: &str = "hookledger::refunded";
const DELIVERED: &str = "hookledger::delivered";
const BACKLOG: &str = "hookledger::backlog";
const RUN: &str = "hookledger::run";
const PAUSED: &str = "hookledger::paused";
const CALLS: &str = "hookledger::calls";
pub(crate) const CHAT: &str = "hookledger::chat";
pub(crate) const FIRST_TOKEN: &str = "hookledger::first_token";
pub(crate) const UPSTREAM: &str = "hookledger::upstream";
pub(crate) const EXPIRED_HOLDS: &str = "hookledger::expired_holds";

/// The metrics and dimensions of one target's lines.
#[derive(Debug)]
pub struct Measured {
    pub(crate) target: &'static str,
    /// A set applies if the line has all its fields. Never a received value: each distinct value would be a metric.
    pub dimensions: &'static [&'static [&'static str]],
    /// Name and unit.
    pub metrics: &'static [(&'static str, &'static str)],
}

/// All metrics of our own: `infra/watch.yaml` may use these and no others.
pub const MEASURED: [Measured; 14] = [
    Measured {
        target: EVENT,
        dimensions: &[&["source"], &["source", "outcome"], &["source", "outcome", "reason"]],
        metrics: &[("events", "Count"), ("duration_ms", "Milliseconds")],
    },
    Measured { target: ALARM, dimensions: &[&["source"], &["source", "alarm"]], metrics: &[("alarms", "Count")] },
    Measured {
        target: COMMIT,
        dimensions: &[&[], &["source"]],
        metrics: &[
            ("nanocredits_in", "Count"),
            ("nanocredits_out", "Count"),
            ("over_budget", "Count"),
            ("orders", "Count"),
            ("orders_paid", "Count"),
            ("orders_flagged", "Count"),
        ],
    },
    Measured { target: PAID, dimensions: &[&["currency"]], metrics: &[("paid_minor", "Count")] },
    Measured { target: REFUNDED, dimensions: &[&["currency"]], metrics: &[("refunded_minor", "Count")] },
    Measured { target: DELIVERED, dimensions: &[&["source"]], metrics: &[("delay_ms", "Milliseconds")] },
    Measured {
        target: BACKLOG,
        dimensions: &[&["backlog"]],
        metrics: &[("waiting", "Count"), ("oldest_s", "Seconds")],
    },
    Measured { target: RUN, dimensions: &[&["sweep"]], metrics: &[("runs", "Count")] },
    Measured { target: PAUSED, dimensions: &[&[], &["paused"]], metrics: &[("pauses", "Count")] },
    Measured { target: CALLS, dimensions: &[&[], &["source"]], metrics: &[("uncounted", "Count")] },
    Measured {
        target: CHAT,
        dimensions: &[&[], &["model"]],
        metrics: &[
            ("chats", "Count"),
            ("tokens_in", "Count"),
            ("tokens_out", "Count"),
            ("nanocredits_charged", "Count"),
            ("retries", "Count"),
            ("fallbacks", "Count"),
            ("estimated", "Count"),
        ],
    },
    Measured { target: FIRST_TOKEN, dimensions: &[&[], &["model"]], metrics: &[("first_token_ms", "Milliseconds")] },
    Measured {
        target: UPSTREAM,
        dimensions: &[&[], &["upstream"], &["class"]],
        metrics: &[("upstream_failures", "Count")],
    },
    Measured {
        target: EXPIRED_HOLDS,
        dimensions: &[&[]],
        metrics: &[("holds_released", "Count"), ("holds_charged", "Count")],
    },
];

/// Logs the outcome of one request: a delivery or an API call. Only the event id comes from the body. Outcome and
/// reason are constants of the code, because each distinct value becomes a metric, and metrics are billed.
pub fn line(
    source: &'static str,
    event_id: Option<&str>,
    outcome: &'static str,
    reason: Option<&'static str>,
    invocation: &Invocation,
) {
    of_event(source, event_id, outcome, reason, None, invocation);
}

/// Logs an event with an unreadable field. The field is no dimension, since an index in its name makes it unbounded.
pub fn unread(
    source: &'static str,
    event_id: Option<&str>,
    outcome: &'static str,
    field: &str,
    invocation: &Invocation,
) {
    of_event(source, event_id, outcome, Some("field"), Some(field), invocation);
}

#[expect(clippy::float_arithmetic, reason = "a duration for logs and graphs, not money")]
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

/// Raises an alarm that an operator has to look into. `subject` is the id of the affected order or receipt.
pub fn alarm(source: &'static str, alarm: &'static str, subject: &str) {
    tracing::warn!(target: ALARM, source, alarm, subject, alarms = 1);
}

/// Logs that an order is fulfilled in full, with the delay since its payment.
pub fn delivered(source: &'static str, order: &str, delay_ms: u64) {
    tracing::info!(target: DELIVERED, source, order, delay_ms);
}

/// Logs a sweep's backlog and the age of its oldest item. Every run logs it, also at zero, so that an alarm can end.
pub fn backlog(backlog: &'static str, waiting: u64, oldest_s: u64) {
    tracing::info!(target: BACKLOG, backlog, waiting, oldest_s);
}

/// Logs the end of a sweep's run: the only sign that its schedule works. An alarm watches for its absence.
pub fn ran(sweep: &'static str) {
    tracing::info!(target: RUN, sweep, runs = 1);
}

/// Logs that something is paused: each run of a sweep again, so that the alarm lasts as long as the pause.
pub fn paused(paused: &'static str) {
    tracing::info!(target: PAUSED, paused, pauses = 1);
}

/// Logs a call of a key with a rate that could not be counted, and that went on.
pub fn uncounted(source: &'static str, error: &CommitError) {
    tracing::warn!(target: CALLS, source, error = %crate::chain(error), uncounted = 1);
}

/// `LOG_LEVEL`: the level of our own crates' lines, and of no others.
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

/// The lines that a deployed function writes. Metric lines are written at every level, because alarms depend on them.
pub fn log_targets(level: LogLevel) -> Targets {
    let measured = level.filter().max(LevelFilter::INFO);
    MEASURED.iter().fold(own_targets(level), |targets, lines| targets.with_target(lines.target, measured))
}

/// The lines that are metrics, and no others.
pub fn metric_targets() -> Targets {
    MEASURED.iter().fold(Targets::new(), |targets, lines| targets.with_target(lines.target, LevelFilter::INFO))
}

/// Our own crates' lines at this level, and warnings of all others. Below `warn`, the SDK, hyper and the Lambda runtime
/// log whole requests, with bodies, keys and `Authorization`.
pub fn own_targets(level: LogLevel) -> Targets {
    let libraries = Targets::new().with_default(LevelFilter::WARN);
    let own = OWN_CRATES.iter().fold(libraries, |targets, name| targets.with_target(*name, level.filter()));
    let has_detail = matches!(level, LogLevel::Debug | LogLevel::Trace);
    own.with_target(DETAIL, if has_detail { LevelFilter::INFO } else { LevelFilter::OFF })
}

/// Every crate that a function or the local stack logs from, and the targets above. Each name is a prefix.
pub const OWN_CRATES: [&str; 27] = [
    "api",
    "audit",
    "catalog",
    "chat",
    "checkout",
    "console",
    "credits",
    "edge",
    "epay",
    "fireblocks",
    "fulfil",
    "hookledger",
    "idempotency",
    "insight",
    "ledger",
    "litellm",
    "local",
    "openrouter",
    "orders",
    "providers",
    "reconcile",
    "sending",
    "signing",
    "stripe",
    "usage",
    "webhook",
    "wechat",
];

/// Logs only the place of a panic, since its message can quote received data.
pub fn panics_without_message() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panicked");
    }));
}

/// An error with all its causes, for the log only.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
