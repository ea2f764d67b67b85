//! What a gateway says about its quota and its log.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::decimal::Decimal;
use crate::CallError;

/// What the rows of a gateway mean now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApiStatus {
    /// Quota for a dollar, as the gateway writes it.
    pub quota_per_unit: String,
    /// Whether charges are logged at all. `None` if the key may not read it.
    pub writes_logs: Option<bool>,
}

#[derive(Deserialize)]
struct StatusResponse<'b> {
    #[serde(borrow)]
    data: Status<'b>,
}

#[derive(Deserialize)]
struct Status<'b> {
    #[serde(borrow)]
    quota_per_unit: &'b RawValue,
}

pub(super) fn quota_per_unit(body: &[u8]) -> Result<String, CallError> {
    let StatusResponse { data } = serde_json::from_slice(body).map_err(|_| CallError::Unreadable)?;
    let text = data.quota_per_unit.get();
    match Decimal::parse(text) {
        Some(quota) if !quota.is_zero() => Ok(text.to_owned()),
        _ => Err(CallError::Unreadable),
    }
}

#[derive(Deserialize)]
struct OptionsResponse {
    data: Vec<NamedOption>,
}

#[derive(Deserialize)]
struct NamedOption {
    key: String,
    value: String,
}

pub(super) fn writes_logs(body: &[u8]) -> Option<bool> {
    let OptionsResponse { data } = serde_json::from_slice(body).ok()?;
    let option = data.into_iter().find(|option| option.key == "LogConsumeEnabled")?;
    option.value.parse().ok()
}
