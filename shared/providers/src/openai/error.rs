//! How a call to an upstream fails. Neither a key nor a body can reach a log by it.

use std::fmt;

use serde::Deserialize;
use thiserror::Error;

const MESSAGE_CHARS_MAX: usize = 1_000;
const WORD_CHARS_MAX: usize = 100;
/// A longer wait is no answer to a caller.
const RETRY_AFTER_SECONDS_MAX: u32 = 3_600;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UpstreamError {
    #[error("the time for the call is over")]
    TimedOut,
    /// The connection could not be made, or broke before an answer.
    #[error("no answer")]
    NoAnswer,
    /// The answer broke off.
    #[error("the answer broke off")]
    Broken,
    #[error("the upstream is rate limited")]
    RateLimited { retry_after_s: Option<u32> },
    /// The request is at fault: no other attempt would succeed.
    #[error("refused with status {status}")]
    BadRequest { status: u16, message: Option<UpstreamMessage> },
    /// The key is refused, lacks a permission, or has no credit left.
    #[error("the upstream refuses our key")]
    KeyRefused,
    #[error("failed with status {status}")]
    Failed { status: u16 },
    /// The answer is no chat completion, or is too long.
    #[error("the answer cannot be read")]
    Unreadable,
}

/// What the upstream says of a request that is at fault, for its caller alone.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct UpstreamMessage {
    pub message: String,
    pub param: Option<String>,
    pub code: Option<String>,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: UpstreamMessage,
}

impl UpstreamError {
    pub(crate) fn of_status(status: u16, retry_after: Option<&str>, body: &[u8]) -> Self {
        match status {
            401..=403 => Self::KeyRefused,
            408 => Self::TimedOut,
            429 => Self::RateLimited {
                retry_after_s: retry_after
                    .and_then(|seconds| seconds.trim().parse().ok())
                    .map(|seconds: u32| seconds.min(RETRY_AFTER_SECONDS_MAX)),
            },
            409 | 500.. => Self::Failed { status },
            400..500 => Self::BadRequest { status, message: UpstreamMessage::read(body) },
            _ => Self::Unreadable,
        }
    }

    /// Whether another attempt may succeed, while nothing has been sent on.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NoAnswer | Self::Broken | Self::RateLimited { .. } | Self::Failed { .. } | Self::Unreadable => true,
            Self::TimedOut | Self::BadRequest { .. } | Self::KeyRefused => false,
        }
    }

    /// Whether another upstream may succeed, while nothing has been sent on.
    pub fn is_of_the_upstream(&self) -> bool {
        match self {
            Self::KeyRefused => true,
            Self::TimedOut
            | Self::NoAnswer
            | Self::Broken
            | Self::RateLimited { .. }
            | Self::BadRequest { .. }
            | Self::Failed { .. }
            | Self::Unreadable => self.is_retryable(),
        }
    }

    /// Whether it counts towards an open breaker. A rate limit does not: it ends by itself, and says when.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::TimedOut
            | Self::NoAnswer
            | Self::Broken
            | Self::KeyRefused
            | Self::Failed { .. }
            | Self::Unreadable => true,
            Self::RateLimited { .. } | Self::BadRequest { .. } => false,
        }
    }

    /// The word for its class, in metrics.
    pub const fn class(&self) -> &'static str {
        match self {
            Self::TimedOut => "timed_out",
            Self::NoAnswer => "no_answer",
            Self::Broken => "broken",
            Self::RateLimited { .. } => "rate_limited",
            Self::BadRequest { .. } => "bad_request",
            Self::KeyRefused => "key_refused",
            Self::Failed { .. } => "failed",
            Self::Unreadable => "unreadable",
        }
    }
}

impl UpstreamMessage {
    fn read(body: &[u8]) -> Option<Self> {
        let ErrorBody { error } = serde_json::from_slice(body).ok()?;
        let cut = |text: &str, chars_max: usize| text.chars().take(chars_max).collect::<String>();
        Some(Self {
            message: cut(&error.message, MESSAGE_CHARS_MAX),
            param: error.param.map(|param| cut(&param, WORD_CHARS_MAX)),
            code: error.code.map(|code| cut(&code, WORD_CHARS_MAX)),
        })
    }
}

/// It may quote the request.
impl fmt::Debug for UpstreamMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UpstreamMessage({} characters)", self.message.len())
    }
}
