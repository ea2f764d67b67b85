//! The errors of the fake upstream, in OpenAI's form.

use serde_json::json;

use super::Answered;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failure {
    status: u16,
    kind: &'static str,
    code: Option<&'static str>,
    param: Option<&'static str>,
    retry_after: Option<&'static str>,
}

impl Failure {
    pub(super) const KEY: Self = Self::invalid(401, Some("invalid_api_key"), None);
    pub(super) const PATH: Self = Self::invalid(404, Some("unknown_url"), None);
    pub(super) const MODEL: Self = Self::invalid(404, Some("model_not_found"), Some("model"));
    pub(super) const BAD_REQUEST: Self = Self::invalid(400, Some("invalid_value"), None);
    pub(super) const FORBIDDEN: Self = Self::invalid(403, Some("unsupported_country"), None);
    pub(super) const RATE_LIMITED: Self =
        Self { retry_after: Some("7"), kind: "requests", ..Self::invalid(429, Some("rate_limit_exceeded"), None) };
    /// Without `Retry-After`: a new attempt does not help before a person pays.
    pub(super) const NO_QUOTA: Self =
        Self { kind: "insufficient_quota", ..Self::invalid(429, Some("insufficient_quota"), None) };
    pub(super) const BROKEN: Self = Self { kind: "server_error", ..Self::invalid(500, None, None) };
    pub(super) const OVERLOADED: Self = Self { kind: "server_error", ..Self::invalid(503, None, None) };

    const fn invalid(status: u16, code: Option<&'static str>, param: Option<&'static str>) -> Self {
        Self { status, kind: "invalid_request_error", code, param, retry_after: None }
    }

    /// A member of the request that is missing or wrong.
    pub(super) const fn field(param: &'static str) -> Self {
        Self::invalid(400, Some("invalid_value"), Some(param))
    }

    pub(super) fn answer(self) -> Answered {
        let Self { status, kind, code, param, retry_after } = self;
        let message = format!("The fake upstream answers {status}.");
        let error = json!({ "message": message, "type": kind, "param": param, "code": code });
        let mut answered = Answered::json(status, &json!({ "error": error }));
        answered.headers.extend(retry_after.map(|seconds| ("retry-after", seconds.to_owned())));
        answered
    }
}
