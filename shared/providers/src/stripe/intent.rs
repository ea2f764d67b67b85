//! Reads Stripe payment intents, by id or by the order in their metadata, with strict parsing of the members that
//! matter.

use ledger::{Amount, Currency, Deadline, Money, OrderNumber, Payment, Provider, Reference, Timestamp};
use serde::Deserialize;

use super::subscription::checked;
use super::{METADATA_ORDER, Stripe};
use crate::CallError;
use crate::form::Form;

const INTENTS: &str = "/v1/payment_intents";
const SEARCH: &str = "/v1/payment_intents/search";
/// All payment attempts share one intent: an order has one, or a few if the buyer started over.
const INTENTS_MAX: &str = "20";
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    pub id: String,
    pub status: IntentStatus,
    /// The amount that Stripe received.
    pub received: Money,
    pub livemode: bool,
    pub created: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntentStatus {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    Processing,
    /// The money is authorised and not captured.
    RequiresCapture,
    Canceled,
    Succeeded,
}

impl Stripe {
    pub async fn intent(&self, id: &str, deadline: Deadline) -> Result<Intent, CallError> {
        let body = self.get(&format!("{INTENTS}/{}", checked("pi_", id)?), deadline).await?;
        let intent = Intent::read(serde_json::from_slice(&body).map_err(|_| CallError::Unreadable)?)?;
        if intent.id == id { Ok(intent) } else { Err(CallError::Unreadable) }
    }

    /// Searches intents by order. Stripe's search index lags by up to a minute.
    pub async fn intents_of(&self, order: &OrderNumber, deadline: Deadline) -> Result<Vec<Intent>, CallError> {
        let mut query = Form::default();
        // An order number needs no escaping.
        query.push("query", &format!("metadata['{METADATA_ORDER}']:'{order}'"));
        query.push("limit", INTENTS_MAX);
        let body = self.find(SEARCH, query, ANSWER_BYTES_MAX, deadline).await?;
        read(&body, order)
    }
}

impl Intent {
    /// The payment of this intent, dated `at`.
    pub fn payment(&self, at: Timestamp) -> Result<Payment, CallError> {
        let by = Reference::new(Provider::Stripe, &self.id).map_err(|_| CallError::Unreadable)?;
        Ok(Payment { by, money: self.received, at })
    }
}

#[derive(Deserialize)]
struct SearchResponse {
    object: String,
    data: Vec<IntentJson>,
}

#[derive(Deserialize)]
struct IntentJson {
    id: String,
    object: String,
    status: IntentStatus,
    amount_received: u64,
    currency: String,
    livemode: bool,
    created: i64,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    hookledger_order: Option<String>,
}

pub(crate) fn read(body: &[u8], order: &OrderNumber) -> Result<Vec<Intent>, CallError> {
    let SearchResponse { object, data } = serde_json::from_slice(body).map_err(|_| CallError::Unreadable)?;
    if object != "search_result" {
        return Err(CallError::Unreadable);
    }
    // Stripe's search ignores case; order numbers do not.
    let of_order =
        data.into_iter().filter(|intent| intent.metadata.hookledger_order.as_deref() == Some(order.as_str()));
    of_order.map(Intent::read).collect()
}

impl Intent {
    fn read(intent: IntentJson) -> Result<Self, CallError> {
        checked("pi_", &intent.id)?;
        if intent.object != "payment_intent" {
            return Err(CallError::Unreadable);
        }
        let currency = Currency::parse(&intent.currency).map_err(|_| CallError::Unreadable)?;
        let created = Timestamp::from_unix(intent.created).map_err(|_| CallError::Unreadable)?;
        Ok(Self {
            id: intent.id,
            status: intent.status,
            received: Money { amount: Amount::from_units(intent.amount_received), currency },
            livemode: intent.livemode,
            created,
        })
    }
}
