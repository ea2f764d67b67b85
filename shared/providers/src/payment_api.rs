//! What a provider of single payments is asked, whichever it is and over whichever of its interfaces: begin one, look at it, end it.

use std::fmt;

use ledger::{Deadline, Money, OrderNumber, Timestamp};

use crate::CallError;

pub trait PaymentApi: Send + Sync {
    /// However often it is asked for the same order in the same words, it is one payment.
    fn create(
        &self,
        new: &NewPayment,
        now: Timestamp,
        deadline: Deadline,
    ) -> impl Future<Output = Result<Payable, CallError>> + Send;

    /// `None`: there is no such order there.
    fn query(
        &self,
        order: &OrderNumber,
        now: Timestamp,
        deadline: Deadline,
    ) -> impl Future<Output = Result<Option<Queried>, CallError>> + Send;

    /// From then on nobody can pay it. Closing what is closed, or was never there, does nothing more.
    fn close(
        &self,
        order: &OrderNumber,
        now: Timestamp,
        deadline: Deadline,
    ) -> impl Future<Output = Result<(), CallError>> + Send;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPayment {
    pub order: OrderNumber,
    pub money: Money,
    /// What the buyer reads: the catalog's text, never a user's.
    pub description: String,
    pub payer: Payer,
}

/// Who pays, as far as the provider wants to know beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payer {
    /// Inside the provider's app, where this is the buyer's id.
    OpenId(String),
    /// Whoever scans the code.
    Scan,
}

/// With what the buyer goes on to pay.
#[derive(Clone, PartialEq, Eq)]
pub enum Payable {
    /// The arguments of the app's own call, signed.
    InApp { app_id: String, time_stamp: String, nonce: String, package: String, sign_type: String, pay_sign: String },
    /// To be shown as a code.
    CodeUrl(String),
}

/// A payment as the provider has it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queried {
    pub order: OrderNumber,
    pub state: TradeState,
    pub transaction: Option<String>,
    /// What the order costs there, whatever coupons the buyer has used.
    pub money: Option<Money>,
    pub merchant: String,
    /// Empty where the provider does not say.
    pub app: String,
    /// What we wrote on it when it was made.
    pub attach: Option<String>,
    pub paid_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TradeState {
    Success,
    /// Paid, and given back in part or in full.
    Refunded,
    NotPaid,
    Closed,
    Revoked,
    UserPaying,
    Failed,
}

impl TradeState {
    pub const ALL: [Self; 7] =
        [Self::Success, Self::Refunded, Self::NotPaid, Self::Closed, Self::Revoked, Self::UserPaying, Self::Failed];

    /// The word that WeChat Pay has for it in all of its interfaces.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Refunded => "REFUND",
            Self::NotPaid => "NOTPAY",
            Self::Closed => "CLOSED",
            Self::Revoked => "REVOKED",
            Self::UserPaying => "USERPAYING",
            Self::Failed => "PAYERROR",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether the money has come at all.
    pub const fn is_paid(self) -> bool {
        matches!(self, Self::Success | Self::Refunded)
    }
}

/// Without what it says: whoever has it can pay.
impl fmt::Debug for Payable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InApp { .. } => "InApp(redacted)",
            Self::CodeUrl(_) => "CodeUrl(redacted)",
        })
    }
}
