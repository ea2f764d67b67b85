//! A checkout session: what is sold in it, the attempts to pay it, and what they made.

use std::collections::BTreeMap;

use serde_json::Value;

use super::cards::{Decline, Means};

pub(crate) type Metadata = BTreeMap<String, String>;

/// How long a session is open unless it says otherwise, and the longest that it may be.
pub(crate) const OPEN_S_MAX: i64 = 24 * 60 * 60;

/// What is sold under an id, in the currency's smallest unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    pub id: String,
    pub name: String,
    pub unit_amount: u64,
    /// Lower case.
    pub currency: String,
    /// Of a price that recurs.
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

/// What a session was asked for, once it is known to be in order.
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
    /// For the payment intent or the subscription, whichever the mode makes.
    pub(crate) passed_on: Metadata,
    pub(crate) expires_at: i64,
}

/// Made at the first attempt to pay, and the same one at every later attempt.
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
    pub(crate) means: Means,
    /// Whether the bank has not answered yet.
    pub(crate) is_processing: bool,
    pub(crate) now_s: i64,
}

impl Attempt {
    pub(crate) fn decline(&self) -> Option<Decline> {
        self.means.decline.filter(|_| !self.is_processing)
    }

    pub(crate) fn is_paid(&self) -> bool {
        !self.is_processing && self.means.decline.is_none()
    }

    /// As the payment intent says it and as the charge does.
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

/// What a paid session in subscription mode has made.
#[derive(Clone)]
pub(crate) struct Subscribed {
    pub(crate) subscription: String,
    pub(crate) invoice: String,
    pub(crate) customer: String,
    pub(crate) invoice_payment: String,
    /// One for each line of the invoice.
    pub(crate) items: Vec<String>,
}

pub(crate) struct Session {
    pub(crate) id: String,
    /// The connected account that it was made for.
    pub(crate) account: Option<String>,
    pub(crate) created: i64,
    pub(crate) order: Order,
    pub(crate) intent: Option<Intent>,
    /// The last one.
    pub(crate) attempt: Option<Attempt>,
    pub(crate) subscribed: Option<Subscribed>,
    /// The subscription as it stands now.
    pub(crate) subscription: Option<Value>,
    /// What the buyer was told last.
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
            subscription,
            notice,
            status: Status::Open,
        }
    }

    pub(crate) fn is_of(&self, account: Option<&str>) -> bool {
        self.account.as_deref() == account
    }

    /// Nobody has to come by for an open session to expire.
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

    /// Whether the money has come.
    pub(crate) fn is_paid(&self) -> bool {
        self.status == Status::Complete && self.attempt.as_ref().is_some_and(Attempt::is_paid)
    }

    pub(crate) fn close(&mut self, status: Status) {
        self.status = status;
    }
}
