//! Reads Stripe checkout sessions, with strict parsing of the members that matter.

use ledger::{Amount, Currency, Money, OrderNumber, Payment, Provider, Reference, Timestamp};
use serde::Deserialize;

use super::METADATA_ORDER;
use crate::CallError;
use crate::address::page;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub id: String,
    pub status: SessionStatus,
    pub payment_status: PaymentStatus,
    /// The payment page, while the session is open.
    pub url: Option<String>,
    pub money: Option<Money>,
    pub payment_intent: Option<String>,
    pub subscription: Option<String>,
    /// The order in the session's metadata.
    pub order: Option<OrderNumber>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    Open,
    Complete,
    Expired,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    Paid,
    /// Also after the buyer completed the session while the bank debit is pending.
    Unpaid,
    NoPaymentRequired,
}

/// The members that we read.
#[derive(Deserialize)]
struct SessionResponse {
    id: String,
    object: String,
    status: SessionStatus,
    payment_status: PaymentStatus,
    url: Option<String>,
    amount_total: Option<u64>,
    currency: Option<String>,
    payment_intent: Option<Expandable>,
    subscription: Option<Expandable>,
    metadata: Option<std::collections::BTreeMap<String, String>>,
}

/// An expandable member: an id, or the object with that id.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Expandable {
    Id(String),
    Object { id: String },
}

impl Session {
    /// The payment of the session, dated `at`, with the session's own reference, which is known first.
    pub fn payment(&self, at: Timestamp) -> Result<(Reference, Payment), CallError> {
        let reference = |id: &str| Reference::new(Provider::Stripe, id).map_err(|_| CallError::Unreadable);
        let by = reference(self.payment_intent.as_ref().or(self.subscription.as_ref()).unwrap_or(&self.id))?;
        let money = self.money.ok_or(CallError::Unreadable)?;
        Ok((reference(&self.id)?, Payment { by, money, at }))
    }

    pub(crate) fn read(body: &[u8]) -> Result<Self, CallError> {
        let session: SessionResponse = serde_json::from_slice(body).map_err(|_| CallError::Unreadable)?;
        let is_session = session.object == "checkout.session" && is_session_id(&session.id);
        if !is_session {
            return Err(CallError::Unreadable);
        }
        let order = session.metadata.and_then(|mut metadata| metadata.remove(METADATA_ORDER));
        Ok(Self {
            status: session.status,
            payment_status: session.payment_status,
            url: session.url.map(page).transpose()?,
            money: money(session.amount_total, session.currency.as_deref())?,
            payment_intent: session.payment_intent.map(Expandable::id),
            subscription: session.subscription.map(Expandable::id),
            // An invalid number was written by hand in Stripe's dashboard: it names no order.
            order: order.and_then(|number| OrderNumber::new(&number).ok()),
            id: session.id,
        })
    }
}

impl Expandable {
    pub(super) fn id(self) -> String {
        match self {
            Self::Id(id) | Self::Object { id } => id,
        }
    }
}

/// Whether the id is safe in a URL path.
pub(crate) fn is_session_id(id: &str) -> bool {
    let plain = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    id.strip_prefix("cs_").is_some_and(plain)
}

fn money(amount: Option<u64>, currency: Option<&str>) -> Result<Option<Money>, CallError> {
    let (Some(amount), Some(currency)) = (amount, currency) else {
        return Ok(None);
    };
    let currency = Currency::parse(currency).map_err(|_| CallError::Unreadable)?;
    Ok(Some(Money { amount: Amount::from_units(amount), currency }))
}
