//! The checkout session: its order, the attempts to pay it, and the objects of a paid one.

use std::collections::BTreeMap;

use serde_json::Value;

use super::cards::{Decline, Instrument};

pub(crate) type Metadata = BTreeMap<String, String>;

/// The default and longest lifetime of an open session.
pub(crate) const OPEN_S_MAX: i64 = 24 * 60 * 60;

/// A price object, in the currency's smallest unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    pub id: String,
    pub name: String,
    pub unit_amount: u64,
    /// Lower case.
    pub currency: String,
    /// The billing interval of a recurring price.
    pub interval: Option<Interval>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interval {
    Day,
    Week,
    Month,
    Year,
}

impl Interval {
    pub(crate) const ALL: [Self; 4] = [Self::Day, Self::Week, Self::Month, Self::Year];

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Payment,
    Subscription,
}

impl Mode {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Subscription => "subscription",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Open,
    Complete,
    Expired,
}

impl Status {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Complete => "complete",
            Self::Expired => "expired",
        }
    }
}

pub(crate) struct Item {
    pub(crate) price: Price,
    pub(crate) quantity: u64,
    pub(crate) amount: u64,
}

/// The validated parameters of a session.
pub(crate) struct Order {
    pub(crate) mode: Mode,
    pub(crate) items: Vec<Item>,
    pub(crate) currency: String,
    pub(crate) amount: u64,
    pub(crate) success_url: String,
    pub(crate) cancel_url: Option<String>,
    pub(crate) client_reference_id: Option<String>,
    pub(crate) customer_email: Option<String>,
    pub(crate) metadata: Metadata,
    /// The metadata for the payment intent or the subscription, according to the mode.
    pub(crate) nested_metadata: Metadata,
    pub(crate) expires_at: i64,
}

/// Created at the first attempt to pay and shared by every later attempt.
#[derive(Clone)]
pub(crate) struct Intent {
    pub(crate) id: String,
    pub(crate) created: i64,
}

/// One attempt to pay a session.
#[derive(Clone)]
pub(crate) struct Attempt {
    pub(crate) intent: Intent,
    pub(crate) charge: String,
    pub(crate) method: String,
    pub(crate) instrument: Instrument,
    /// Whether the bank debit is pending.
    pub(crate) is_processing: bool,
    pub(crate) now_s: i64,
}

impl Attempt {
    pub(crate) fn decline(&self) -> Option<Decline> {
        self.instrument.decline.filter(|_| !self.is_processing)
    }

    pub(crate) fn is_paid(&self) -> bool {
        !self.is_processing && self.instrument.decline.is_none()
    }

    /// The statuses of the payment intent and of the charge.
    pub(crate) fn statuses(&self) -> [&'static str; 2] {
        if self.is_processing {
            ["processing", "pending"]
        } else if self.is_paid() {
            ["succeeded", "succeeded"]
        } else {
            ["requires_payment_method", "failed"]
        }
    }
}

/// The ids that a paid session in subscription mode created.
#[derive(Clone)]
pub(crate) struct Subscribed {
    pub(crate) subscription: String,
    pub(crate) invoice: String,
    pub(crate) customer: String,
    pub(crate) invoice_payment: String,
    /// One per invoice line.
    pub(crate) items: Vec<String>,
}

/// A later period of a subscription: its invoice and the payment of that invoice.
pub(crate) struct Renewal {
    pub(crate) made: Subscribed,
    pub(crate) attempt: Attempt,
    pub(crate) amount: u64,
}

pub(crate) struct Session {
    pub(crate) id: String,
    /// The connected account that created it.
    pub(crate) account: Option<String>,
    pub(crate) created: i64,
    pub(crate) order: Order,
    pub(crate) intent: Option<Intent>,
    /// The latest attempt.
    pub(crate) attempt: Option<Attempt>,
    pub(crate) subscribed: Option<Subscribed>,
    pub(crate) renewals: Vec<Renewal>,
    /// The current subscription object.
    pub(crate) subscription: Option<Value>,
    /// The last notice to the buyer.
    pub(crate) notice: Option<&'static str>,
    status: Status,
}

impl Session {
    pub(crate) fn new(id: String, account: Option<&str>, order: Order, now_s: i64) -> Self {
        let (intent, attempt, subscribed, subscription, notice) = (None, None, None, None, None);
        let account = account.map(str::to_owned);
        Self {
            id,
            account,
            created: now_s,
            order,
            intent,
            attempt,
            subscribed,
            renewals: Vec::new(),
            subscription,
            notice,
            status: Status::Open,
        }
    }

    pub(crate) fn is_of(&self, account: Option<&str>) -> bool {
        self.account.as_deref() == account
    }

    /// An open session expires by time alone.
    pub(crate) fn status(&self, now_s: i64) -> Status {
        if self.status == Status::Open && now_s >= self.order.expires_at { Status::Expired } else { self.status }
    }

    pub(crate) fn is_subscription(&self, id: &str) -> bool {
        self.subscribed.as_ref().is_some_and(|made| made.subscription == id)
    }

    /// Whether its subscription was canceled.
    pub(crate) fn has_ended(&self) -> bool {
        self.subscription.as_ref().and_then(|object| object.get("status")).is_some_and(|status| status == "canceled")
    }

    /// Whether the payment succeeded.
    pub(crate) fn is_paid(&self) -> bool {
        self.status == Status::Complete && self.attempt.as_ref().is_some_and(Attempt::is_paid)
    }

    pub(crate) fn close(&mut self, status: Status) {
        self.status = status;
    }
}
