//! API errors: a status, a code for machines, a sentence for people.

use std::collections::BTreeMap;

use edge::{HeaderError, NoRoute, OpenError, Reply, chain};
use ledger::{CallMinute, CallRate, CommitError, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

/// Long enough for a throttled table to recover, and for a concurrent transaction to end.
const RETRY_AFTER_SECONDS: &str = "2";

/// A refusal. Some have further members, each a text.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Error)]
pub(crate) struct ErrorBody<'b> {
    /// The code for programs.
    error: &'b str,
    /// The sentence for people. It may change.
    message: &'b str,
    #[serde(flatten)]
    #[schema(value_type = BTreeMap<String, String>)]
    details: &'b BTreeMap<&'static str, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub status: u16,
    pub code: &'static str,
    pub message: String,
    pub headers: Vec<(&'static str, String)>,
    /// Further fields of the body, by name.
    pub details: BTreeMap<&'static str, String>,
    /// The id of the affected order, for the log.
    pub subject: Option<String>,
}

impl Failure {
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), headers: Vec::new(), details: BTreeMap::new(), subject: None }
    }

    /// Nothing is written: the same request may be retried.
    pub fn unavailable() -> Self {
        Self::new(503, "unavailable", "Temporarily unavailable; try again.").later()
    }

    /// The product has no price: a person must set an exchange rate. It counts among the server's errors, whose alarm calls
    /// that person.
    pub fn rate_missing(code: &'static str, missing: &impl std::fmt::Display) -> Self {
        tracing::error!(%missing, "a product cannot be sold");
        Self::new(503, code, format!("The product cannot be sold now: {missing}.")).later()
    }

    /// The next minute of the clock has room again.
    pub(crate) fn too_many_calls(rate: CallRate, now: Timestamp) -> Self {
        let message = format!("This key may make {rate} calls a minute; try again when the next minute begins.");
        let wait = CallMinute::of(now).seconds_left(now).to_string();
        Self::new(429, "rate_exceeded", message).with_header("retry-after", wait)
    }

    pub fn unauthorized() -> Self {
        let failure = Self::new(401, "unauthorized", "The API key is missing or unknown: Authorization: Bearer <key>.");
        failure.with_header("www-authenticate", "Bearer")
    }

    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    #[must_use]
    pub fn with_detail(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.details.insert(name, value.into());
        self
    }

    #[must_use]
    pub fn later(self) -> Self {
        self.with_header("retry-after", RETRY_AFTER_SECONDS)
    }

    #[must_use]
    pub fn about(mut self, subject: &impl ToString) -> Self {
        self.subject = Some(subject.to_string());
        self
    }

    /// The outcome for logs and metrics.
    pub(crate) fn outcome(&self) -> &'static str {
        match self.status {
            500 => "panicked",
            501.. => "unavailable",
            _ => "refused",
        }
    }

    pub(crate) fn reply(&self) -> Reply {
        let body = ErrorBody { error: self.code, message: &self.message, details: &self.details };
        let reply = Reply::json(self.status, &body);
        self.headers.iter().fold(reply, |reply, (name, value)| reply.with_header(name, value.clone()))
    }
}

impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        match &error {
            CommitError::Unavailable(_) | CommitError::Stale => {
                tracing::warn!(error = %chain(&error), "the ledger is not available");
            }
            // An API decides on rows that it has read, so an unforeseen conflict or refusal is a defect of ours.
            CommitError::Refused(_) | CommitError::Conflict | CommitError::Rejected(_) => {
                tracing::error!(error = %chain(&error), "the ledger refuses it, and a retry does not help: a row or the code needs a repair");
            }
        }
        Self::unavailable()
    }
}

impl From<NoRoute> for Failure {
    fn from(no_route: NoRoute) -> Self {
        match no_route {
            NoRoute::NotFound => Self::new(404, "not_found", "No such path."),
            NoRoute::MethodNotAllowed { allowed } => {
                Self::new(405, "method_not_allowed", "No such method at this path.").with_header("allow", allowed)
            }
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::TooLarge => Self::new(413, "body_too_large", "The body is too large."),
            OpenError::NotBase64 => Self::new(400, "malformed", "Not a request."),
        }
    }
}

impl From<HeaderError> for Failure {
    fn from(_: HeaderError) -> Self {
        Self::new(400, "duplicate_header", "A header that must occur once occurs more than once.")
    }
}
