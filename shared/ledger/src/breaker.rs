//! Breakers of upstreams: an upstream that has failed repeatedly for a model is left alone for a while, then tried once.
//! Pure; the store keeps one row for each upstream and model, which all sandboxes share.

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

use crate::{CallContext, CommitError, Timestamp};

/// One slow minute of an upstream makes fewer in a row; a real outage makes so many within seconds.
const FAILURES_TO_OPEN: u32 = 5;
/// Failures count together if each follows the one before within this time.
const TOGETHER_SECONDS: i64 = 60;
/// How long an open breaker sends nothing. Upstreams recover within seconds or after minutes.
const PAUSE_SECONDS: i64 = 30;
/// DynamoDB removes a row some time after its last failure.
const KEPT_SECONDS: i64 = 60 * 60;
/// The name of a model in a usage event has at most as many.
const MODEL_BYTES_MAX: usize = 128;
const UPSTREAM_BYTES_MAX: usize = 32;

/// An upstream and one of its models: `main#gpt-4o`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BreakerName(String);

impl BreakerName {
    pub fn new(upstream: &str, model: &str) -> Result<Self, BreakerNameError> {
        let is_plain = |text: &str, bytes_max: usize| {
            (1..=bytes_max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#')
        };
        if !is_plain(upstream, UPSTREAM_BYTES_MAX) || !is_plain(model, MODEL_BYTES_MAX) {
            return Err(BreakerNameError);
        }
        Ok(Self(format!("{upstream}#{model}")))
    }

    /// From the id of a row without its prefix.
    pub fn of_row(name: &str) -> Option<Self> {
        let (upstream, model) = name.split_once('#')?;
        Self::new(upstream, model).ok()
    }
}

impl fmt::Display for BreakerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "an upstream has 1 to {UPSTREAM_BYTES_MAX} and a model 1 to {MODEL_BYTES_MAX} visible ASCII characters without #"
)]
pub struct BreakerNameError;

/// The failures since the last success. Without a row there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Breaker {
    pub failures: u32,
    /// The last failure, or the last trial of an open breaker.
    pub failed_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    Closed,
    /// No request is sent until then.
    Open {
        until: Timestamp,
    },
    /// One request may try whether the upstream answers again.
    HalfOpen,
}

impl Breaker {
    pub const FAILURES_TO_OPEN: u32 = FAILURES_TO_OPEN;

    pub fn state(&self, now: Timestamp) -> BreakerState {
        let Some(failed_at) = self.failed_at.filter(|_| self.is_tripped()) else { return BreakerState::Closed };
        let until = failed_at.plus_seconds(PAUSE_SECONDS);
        if now < until { BreakerState::Open { until } } else { BreakerState::HalfOpen }
    }

    /// Whether a success changes it.
    pub fn has_failures(&self) -> bool {
        self.failures > 0
    }

    /// Whether this failure has opened it.
    pub const fn has_just_opened(&self) -> bool {
        self.failures == FAILURES_TO_OPEN
    }

    /// Whether a failure at that time counts with those before it, or is the first of new ones.
    pub fn counts_on(&self, now: Timestamp) -> bool {
        self.is_tripped() || self.failed_at.is_some_and(|failed_at| failed_at > Self::counted_since(now))
    }

    /// Failures up to then are forgotten by those of now.
    pub fn counted_since(now: Timestamp) -> Timestamp {
        now.plus_seconds(TOGETHER_SECONDS.saturating_neg())
    }

    #[must_use]
    pub fn after_failure(&self, now: Timestamp) -> Self {
        let failures = if self.counts_on(now) { self.failures.saturating_add(1) } else { 1 };
        Self { failures, failed_at: Some(now) }
    }

    /// When its row may be removed, in seconds since 1970.
    pub fn removed_at(now: Timestamp) -> i64 {
        now.plus_seconds(KEPT_SECONDS).unix_s()
    }

    const fn is_tripped(&self) -> bool {
        self.failures >= FAILURES_TO_OPEN
    }
}

/// The port to the breakers, beside the ledger's. They are no money: a caller that gets an error goes on as if they were
/// closed.
pub trait Breakers: Send + Sync {
    /// These breakers, each at most 5 seconds old.
    fn breakers(
        &self,
        names: &[BreakerName],
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<BTreeMap<BreakerName, Breaker>, CommitError>> + Send;

    /// Takes the one trial of a breaker that is half open, as it was read. Returns whether this call may make it.
    fn try_upstream(
        &self,
        name: &BreakerName,
        read: &Breaker,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<bool, CommitError>> + Send;

    /// Counts a failure, and returns the breaker after it.
    fn count_failure(
        &self,
        name: &BreakerName,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Breaker, CommitError>> + Send;

    /// Closes it after a success.
    fn close_breaker(
        &self,
        name: &BreakerName,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<(), CommitError>> + Send;
}
