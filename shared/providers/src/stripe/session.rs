//! A checkout session as Stripe describes it: the few members that matter, read strictly.

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
    /// Where the buyer pays; only while it is open.
    pub url: Option<String>,
    pub money: Option<Money>,
    pub payment_intent: Option<String>,
    pub subscription: Option<String>,
    /// The order of ours that it was made for.
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
    /// Also where the buyer is done and the bank is not.
    Unpaid,
    NoPaymentRequired,
}

/// The rest of what an object says is nobody's business here.
#[derive(Deserialize)]
struct Written {
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

/// An id, or the object that it is the id of.
#[derive(Deserialize)]
#[serde(untagged)]
enum Expandable {
    Id(String),
    Object { id: String },
}

impl Session {
    /// The payment that paid it, as of this time; and what it is known by here, before anything else is.
    pub fn payment(&self, at: Timestamp) -> Result<(Reference, Payment), CallError> {
        let reference = |id: &str| Reference::new(Provider::Stripe, id).map_err(|_| CallError::Unreadable);
        let by = reference(self.payment_intent.as_ref().or(self.subscription.as_ref()).unwrap_or(&self.id))?;
        let money = self.money.ok_or(CallError::Unreadable)?;
        Ok((reference(&self.id)?, Payment { by, money, at }))
    }

    pub(crate) fn read(body: &[u8]) -> Result<Self, CallError> {
        let written: Written = serde_json::from_slice(body).map_err(|_| CallError::Unreadable)?;
        let is_session = written.object == "checkout.session" && is_session_id(&written.id);
        if !is_session {
            return Err(CallError::Unreadable);
        }
        let order = written.metadata.and_then(|mut metadata| metadata.remove(METADATA_ORDER));
        Ok(Self {
            status: written.status,
            payment_status: written.payment_status,
            url: written.url.map(page).transpose()?,
            money: money(written.amount_total, written.currency.as_deref())?,
            payment_intent: written.payment_intent.map(Expandable::id),
            subscription: written.subscription.map(Expandable::id),
            // Somebody may have written there by hand: then it is no order of ours.
            order: order.and_then(|number| OrderNumber::new(&number).ok()),
            id: written.id,
        })
    }
}

impl Expandable {
    fn id(self) -> String {
        match self {
            Self::Id(id) | Self::Object { id } => id,
        }
    }
}

/// Such an id may stand in a path as it is.
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
