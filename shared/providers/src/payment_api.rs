//! The interface of every provider of single payments: create a payment, query it, close it.

use std::fmt;

use ledger::{Deadline, Money, OrderNumber, Timestamp};

use crate::CallError;

pub trait PaymentApi: Send + Sync {
    /// Idempotent: repeated calls with the same order and content create one payment.
    fn create(
        &self,
        new: &NewPayment,
        now: Timestamp,
        deadline: Deadline,
    ) -> impl Future<Output = Result<Payable, CallError>> + Send;

    /// Returns the payment of this order; `None` if the provider has none.
    fn query(
        &self,
        order: &OrderNumber,
        now: Timestamp,
        deadline: Deadline,
    ) -> impl Future<Output = Result<Option<Queried>, CallError>> + Send;

    /// Closes the payment, so that the buyer can no longer pay it. Closing a closed or missing payment has no effect.
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
    /// The text that the buyer reads. It comes from the catalog, never from a user.
    pub description: String,
    pub payer: Payer,
}

/// The payer, as far as the provider needs to know in advance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payer {
    /// A buyer inside the provider's app, by the app's user id.
    OpenId(String),
    /// Any buyer who scans the code.
    Scan,
}

/// The data with which the buyer's device opens the payment.
#[derive(Clone, PartialEq, Eq)]
pub enum Payable {
    /// The signed arguments of the app's payment call.
    InApp { app_id: String, time_stamp: String, nonce: String, package: String, sign_type: String, pay_sign: String },
    /// A URL to show as a QR code.
    CodeUrl(String),
}

/// The current state of a payment at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queried {
    pub order: OrderNumber,
    pub state: TradeState,
    pub transaction: Option<String>,
    /// The full price of the order, before the buyer's coupons.
    pub money: Option<Money>,
    pub merchant: String,
    /// Empty if the provider does not report it.
    pub app: String,
    /// Our own data, as the provider echoes it.
    pub attach: Option<String>,
    pub paid_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TradeState {
    Success,
    /// Paid, and refunded in part or in full.
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

    /// The name that all interfaces of WeChat Pay use.
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

    /// Whether the buyer paid, even if a refund followed.
    pub const fn is_paid(self) -> bool {
        matches!(self, Self::Success | Self::Refunded)
    }
}

/// Redacted: anyone who holds the content can pay.
impl fmt::Debug for Payable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InApp { .. } => "InApp(redacted)",
            Self::CodeUrl(_) => "CodeUrl(redacted)",
        })
    }
}
