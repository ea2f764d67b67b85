//! The fields of the events that the rows need, and the settings.

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Usage {
    pub(crate) event_id: String,
    pub(crate) data: UsageData,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UsageData {
    pub(crate) remote_key_id: String,
    pub(crate) model: String,
    pub(crate) credit_cost: String,
}

#[derive(Deserialize)]
pub(crate) struct Payment {
    pub(crate) id: String,
    pub(crate) data: PaymentData,
}

#[derive(Deserialize)]
pub(crate) struct PaymentData {
    pub(crate) object: Session,
}

#[derive(Deserialize)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) payment_intent: String,
    pub(crate) client_reference_id: String,
}

#[expect(clippy::disallowed_methods, reason = "its settings, as a function's")]
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}
