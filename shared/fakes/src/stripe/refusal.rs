//! Errors in the shape of Stripe's error bodies.

use serde_json::{Map, Value, json};

use super::form::FormError;

pub(crate) struct Refusal {
    pub(crate) status: u16,
    kind: &'static str,
    message: String,
    code: Option<&'static str>,
    param: Option<String>,
}

impl Refusal {
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self { status: 400, kind: "invalid_request_error", message: message.into(), code: None, param: None }
    }

    pub(crate) fn unauthorized(message: &str) -> Self {
        Self { status: 401, ..Self::invalid(message) }
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self { status: 404, ..Self::invalid(message) }
    }

    pub(crate) fn idempotency(message: impl Into<String>) -> Self {
        Self { kind: "idempotency_error", ..Self::invalid(message) }
    }

    pub(crate) fn missing(param: &str) -> Self {
        Self::invalid(format!("Missing required param: {param}.")).code("parameter_missing").param(param)
    }

    pub(crate) fn unknown(param: &str) -> Self {
        Self::invalid(format!("Received unknown parameter: {param}")).code("parameter_unknown").param(param)
    }

    pub(crate) fn code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }

    pub(crate) fn param(self, param: &str) -> Self {
        Self { param: Some(param.to_owned()), ..self }
    }

    pub(crate) fn body(&self) -> Value {
        let mut error = Map::new();
        error.insert("type".into(), self.kind.into());
        error.insert("message".into(), self.message.as_str().into());
        if let Some(code) = self.code {
            error.insert("code".into(), code.into());
            let page = code.replace('_', "-");
            error.insert("doc_url".into(), format!("https://stripe.com/docs/error-codes/{page}").into());
        }
        if let Some(param) = &self.param {
            error.insert("param".into(), param.as_str().into());
        }
        json!({ "error": error })
    }
}

impl From<FormError> for Refusal {
    fn from(error: FormError) -> Self {
        Self::invalid(error.to_string())
    }
}
