//! Errors in OpenAI's form: a sentence for people, a code for programs, and the field that is at fault.

use api::Failure;
use edge::Reply;
use providers::UpstreamError;
use serde::Serialize;
use utoipa::ToSchema;

/// An upstream that fails is tried by its clients after this time.
const RETRY_AFTER_SECONDS: &str = "2";

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChatError)]
pub(crate) struct ErrorJson<'e> {
    error: ErrorDetails<'e>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChatErrorDetails)]
struct ErrorDetails<'e> {
    /// The sentence for people. It may change.
    message: &'e str,
    r#type: &'static str,
    /// The field of the request that is at fault: `messages[0].role`.
    param: Option<&'e str>,
    /// The code for programs.
    code: &'e str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChatFailure {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    message: String,
    param: Option<String>,
    headers: Vec<(&'static str, String)>,
}

impl ChatFailure {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), param: None, headers: Vec::new() }
    }

    /// A field that is missing or wrong.
    pub(crate) fn field(param: &str, message: impl Into<String>) -> Self {
        Self { param: Some(param.to_owned()), ..Self::new(400, "invalid_value", message) }
    }

    pub(crate) fn with_code(self, code: &'static str) -> Self {
        Self { code, ..self }
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The outcome for logs and metrics.
    pub(crate) fn outcome(&self) -> &'static str {
        if self.status >= 500 { "failed" } else { "refused" }
    }

    pub(crate) fn reply(&self) -> Reply {
        let reply = Reply::json(self.status, &self.json());
        self.headers.iter().fold(reply, |reply, (name, value)| reply.with_header(name, value.clone()))
    }

    /// As an event of a stream that has begun, in which both of OpenAI's clients see it.
    pub(crate) fn event(&self) -> String {
        format!("data: {}\n\n", serde_json::to_string(&self.json()).unwrap_or_default())
    }

    fn json(&self) -> ErrorJson<'_> {
        let r#type = match self.status {
            402 => "insufficient_quota",
            403 => "permission_error",
            429 => "rate_limit_error",
            500.. => "server_error",
            _ => "invalid_request_error",
        };
        ErrorJson {
            error: ErrorDetails { message: &self.message, r#type, param: self.param.as_deref(), code: self.code },
        }
    }
}

/// What every API refuses.
impl From<Failure> for ChatFailure {
    fn from(failure: Failure) -> Self {
        let Failure { status, code, message, headers, .. } = failure;
        let code = if code == "unauthorized" { "invalid_api_key" } else { code };
        Self { status, code, message, param: None, headers }
    }
}

impl From<&UpstreamError> for ChatFailure {
    fn from(error: &UpstreamError) -> Self {
        match error {
            UpstreamError::TimedOut => {
                Self::new(504, "upstream_timeout", "The model did not answer in time; a shorter answer may.")
            }
            UpstreamError::RateLimited { retry_after_s } => {
                let wait = retry_after_s.map_or_else(|| RETRY_AFTER_SECONDS.to_owned(), |seconds| seconds.to_string());
                Self::new(429, "upstream_rate_limited", "The model is busy; try again later.")
                    .with_header("retry-after", wait)
            }
            UpstreamError::BadRequest { message, .. } => {
                let (text, param) = message.as_ref().map_or_else(
                    || ("The model refuses the request.".to_owned(), None),
                    |said| (said.message.clone(), said.param.clone()),
                );
                Self { param, ..Self::new(400, "upstream_refused", text) }
            }
            // An operator has to act, and no client can.
            UpstreamError::KeyRefused => Self::new(502, "upstream_key_refused", "The model cannot be called now.")
                .with_header("x-should-retry", "false"),
            UpstreamError::Forbidden => {
                let text = "The model's provider does not let this request pass.";
                Self::new(403, "upstream_forbidden", text).with_header("x-should-retry", "false")
            }
            UpstreamError::TooLong => Self::new(400, "answer_too_long", "The answer is too long to be passed on."),
            UpstreamError::NoAnswer
            | UpstreamError::Broken
            | UpstreamError::Failed { .. }
            | UpstreamError::Unreadable => Self::new(502, "upstream_failed", "The model failed to answer; try again.")
                .with_header("retry-after", RETRY_AFTER_SECONDS),
        }
    }
}
