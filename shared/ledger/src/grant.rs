//! Grants: what a paid order delivers.

use crate::{Amount, Money, Word};

/// Covers the whole order, the quantity included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// Posted by the transaction that pays the order.
    Credits(Amount),
    /// Posted for each invoice of the subscription that the order started.
    CreditsEachPeriod(Amount),
    /// An amount of a token, in its smallest unit.
    Token {
        code: Word,
        scale: u8,
        amount: Amount,
        /// Set if the tokens are also sent to a wallet on chain.
        on_chain: Option<OnChain>,
    },
    /// Access to a report.
    Report(Word),
    TopUp(TopUp),
}

/// The destination of an on-chain transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnChain {
    /// The custodian's name of the asset.
    pub asset: String,
    /// The buyer's wallet.
    pub wallet: String,
}

/// Airtime or data for a phone, delivered by its operator.
#[derive(Clone, PartialEq, Eq)]
pub struct TopUp {
    pub operator: Operator,
    pub kind: TopUpKind,
    /// The operator's product code.
    pub code: String,
    pub phone: String,
    /// The operator's price, which differs from the buyer's price if that is in another currency.
    pub price: Money,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operator {
    Unitel,
}

impl Operator {
    pub const ALL: [Self; 1] = [Self::Unitel];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unitel => "UNITEL",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operator| operator.as_str() == name)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TopUpKind {
    Voice,
    Data,
    /// The bill of a postpaid subscriber.
    Postpaid,
}

impl TopUpKind {
    pub const ALL: [Self; 3] = [Self::Voice, Self::Data, Self::Postpaid];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Voice => "VOICE",
            Self::Data => "DATA",
            Self::Postpaid => "POSTPAID",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl Grant {
    /// Whether the paying transaction delivers it: only our own ledger is involved.
    pub const fn is_posted(&self) -> bool {
        match self {
            Self::Credits(_) | Self::CreditsEachPeriod(_) => true,
            Self::Token { .. } | Self::Report(_) | Self::TopUp(_) => false,
        }
    }
}

/// Hides the phone number, so that it stays out of logs.
impl std::fmt::Debug for TopUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TopUp({} {} {} for {})", self.operator.as_str(), self.kind.as_str(), self.code, self.price)
    }
}
