//! How a call to an upstream fails. Neither a key nor a body can reach a log by it.

use std::fmt;

use serde::Deserialize;
use thiserror::Error;

const MESSAGE_CHARS_MAX: usize = 1_000;
const WORD_CHARS_MAX: usize = 100;
/// In the codes of an account without credit: `insufficient_quota` of OpenAI, `insufficient_user_quota` of new-api.
const QUOTA: &str = "quota";
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
    /// The key is refused, or its account has no credit left.
    #[error("the upstream refuses our key")]
    KeyRefused,
    /// The upstream does not let this request pass: a model that our key may not use, or a prompt that it moderates.
    #[error("the upstream forbids the request")]
    Forbidden,
    #[error("failed with status {status}")]
    Failed { status: u16 },
    /// The answer is no chat completion.
    #[error("the answer cannot be read")]
    Unreadable,
    /// The request is at fault, which has asked for so much.
    #[error("the answer is too long")]
    TooLong,
}

/// What the upstream says of a request that is at fault, for its caller alone.
#[derive(Clone, PartialEq, Eq)]
pub struct UpstreamMessage {
    pub message: String,
    pub param: Option<String>,
    pub code: Option<String>,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorJson,
}

#[derive(Deserialize)]
struct ErrorJson {
    message: String,
    param: Option<String>,
    code: Option<Code>,
}

/// OpenRouter writes the status.
#[derive(Deserialize)]
#[serde(untagged)]
enum Code {
    Word(String),
    Status(u16),
}

impl UpstreamError {
    pub(crate) fn of_status(status: u16, retry_after: Option<&str>, body: &[u8]) -> Self {
        let error = ErrorJson::read(body);
        let is_of_quota = |error: &ErrorJson| matches!(&error.code, Some(Code::Word(word)) if word.contains(QUOTA));
        match status {
            401 | 402 => Self::KeyRefused,
            403 | 429 if error.as_ref().is_some_and(is_of_quota) => Self::KeyRefused,
            403 => Self::Forbidden,
            408 => Self::TimedOut,
            429 => Self::RateLimited {
                retry_after_s: retry_after
                    .and_then(|seconds| seconds.trim().parse().ok())
                    .map(|seconds: u32| seconds.min(RETRY_AFTER_SECONDS_MAX)),
            },
            409 | 500.. => Self::Failed { status },
            400..500 => Self::BadRequest { status, message: error.map(UpstreamMessage::from) },
            _ => Self::Unreadable,
        }
    }

    /// Of a body that is no chat completion, although its status is that of a success. OpenRouter writes the status of an
    /// error into it.
    pub fn of_body(body: &[u8]) -> Self {
        match ErrorJson::read(body).and_then(|error| error.code) {
            Some(Code::Status(status @ 400..600)) => Self::of_status(status, None, body),
            _ => Self::Unreadable,
        }
    }

    /// Whether another attempt may succeed, while nothing has been sent on.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NoAnswer | Self::Broken | Self::RateLimited { .. } | Self::Failed { .. } | Self::Unreadable => true,
            Self::TimedOut | Self::BadRequest { .. } | Self::KeyRefused | Self::Forbidden | Self::TooLong => false,
        }
    }

    /// Whether another upstream may succeed, while nothing has been sent on.
    pub fn is_of_the_upstream(&self) -> bool {
        match self {
            Self::KeyRefused | Self::Forbidden => true,
            Self::TimedOut
            | Self::NoAnswer
            | Self::Broken
            | Self::RateLimited { .. }
            | Self::BadRequest { .. }
            | Self::Failed { .. }
            | Self::Unreadable
            | Self::TooLong => self.is_retryable(),
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
            Self::RateLimited { .. } | Self::BadRequest { .. } | Self::Forbidden | Self::TooLong => false,
        }
    }

    /// Whether the upstream has answered as one that works.
    pub fn is_alive(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::BadRequest { .. } | Self::Forbidden | Self::TooLong)
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
            Self::Forbidden => "forbidden",
            Self::Failed { .. } => "failed",
            Self::Unreadable => "unreadable",
            Self::TooLong => "too_long",
        }
    }
}

impl ErrorJson {
    fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok().map(|ErrorBody { error }| error)
    }
}

impl From<ErrorJson> for UpstreamMessage {
    fn from(error: ErrorJson) -> Self {
        let cut = |text: &str, chars_max: usize| text.chars().take(chars_max).collect::<String>();
        let code = error.code.map(|code| match code {
            Code::Word(word) => word,
            Code::Status(status) => status.to_string(),
        });
        Self {
            message: cut(&error.message, MESSAGE_CHARS_MAX),
            param: error.param.map(|param| cut(&param, WORD_CHARS_MAX)),
            code: code.map(|code| cut(&code, WORD_CHARS_MAX)),
        }
    }
}

/// It may quote the request.
impl fmt::Debug for UpstreamMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UpstreamMessage({} characters)", self.message.len())
    }
}
