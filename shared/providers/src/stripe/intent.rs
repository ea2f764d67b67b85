//! A payment intent as Stripe describes it: the few members that matter, read strictly. It is found by its id, or by the order that it
//! names.

use ledger::{Amount, Currency, Deadline, Money, OrderNumber, Payment, Provider, Reference, Timestamp};
use serde::Deserialize;

use super::subscription::checked;
use super::{METADATA_ORDER, Stripe};
use crate::CallError;
use crate::form::Form;

const INTENTS: &str = "/v1/payment_intents";
const SEARCH: &str = "/v1/payment_intents/search";
/// Every attempt to pay is the same intent: an order has one, or a few where somebody has begun anew.
const INTENTS_MAX: &str = "20";
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    pub id: String,
    pub status: IntentStatus,
    /// What has come of it.
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
    /// The money is reserved, and nobody has taken it.
    RequiresCapture,
    Canceled,
    Succeeded,
}

impl Stripe {
    pub async fn intent(&self, id: &str, deadline: Deadline) -> Result<Intent, CallError> {
        let said = self.get(&format!("{INTENTS}/{}", checked("pi_", id)?), deadline).await?;
        let intent = Intent::read(serde_json::from_slice(&said).map_err(|_| CallError::Unreadable)?)?;
        if intent.id == id { Ok(intent) } else { Err(CallError::Unreadable) }
    }

    /// Those that name this order. Stripe finds what is new after up to a minute.
    pub async fn intents_of(&self, order: &OrderNumber, deadline: Deadline) -> Result<Vec<Intent>, CallError> {
        let mut query = Form::default();
        // A number has no character that would have to be escaped.
        query.push("query", &format!("metadata['{METADATA_ORDER}']:'{order}'"));
        query.push("limit", INTENTS_MAX);
        let said = self.find(SEARCH, query, ANSWER_BYTES_MAX, deadline).await?;
        read(&said, order)
    }
}

impl Intent {
    /// The payment that it is, as of this time.
    pub fn payment(&self, at: Timestamp) -> Result<Payment, CallError> {
        let by = Reference::new(Provider::Stripe, &self.id).map_err(|_| CallError::Unreadable)?;
        Ok(Payment { by, money: self.received, at })
    }
}

#[derive(Deserialize)]
struct Found {
    object: String,
    data: Vec<Written>,
}

#[derive(Deserialize)]
struct Written {
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
    let Found { object, data } = serde_json::from_slice(body).map_err(|_| CallError::Unreadable)?;
    if object != "search_result" {
        return Err(CallError::Unreadable);
    }
    // A search does not tell upper case from lower; a number does.
    let of_order = data.into_iter().filter(|found| found.metadata.hookledger_order.as_deref() == Some(order.as_str()));
    of_order.map(Intent::read).collect()
}

impl Intent {
    fn read(written: Written) -> Result<Self, CallError> {
        checked("pi_", &written.id)?;
        if written.object != "payment_intent" {
            return Err(CallError::Unreadable);
        }
        let currency = Currency::parse(&written.currency).map_err(|_| CallError::Unreadable)?;
        let created = Timestamp::from_unix(written.created).map_err(|_| CallError::Unreadable)?;
        Ok(Self {
            id: written.id,
            status: written.status,
            received: Money { amount: Amount::from_units(written.amount_received), currency },
            livemode: written.livemode,
            created,
        })
    }
}
