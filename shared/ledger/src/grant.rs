//! What a paid order becomes.

use crate::Amount;

/// For the whole order, the quantity included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// Posted by the transaction that pays the order.
    Credits(Amount),
    /// Posted for every invoice of the subscription that the order began.
    CreditsEachPeriod(Amount),
    /// An amount of a token, in its smallest unit.
    Token {
        code: String,
        scale: u8,
        amount: Amount,
    },
    /// Access to a report.
    Report(String),
    TopUp(TopUp),
}

/// Airtime or data for a telephone, by its operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopUp {
    pub operator: String,
    pub kind: String,
    pub code: String,
    pub phone: String,
}

impl Grant {
    /// Whether the paying transaction delivers it itself, it being ours alone.
    pub const fn is_posted(&self) -> bool {
        match self {
            Self::Credits(_) | Self::CreditsEachPeriod(_) => true,
            Self::Token { .. } | Self::Report(_) | Self::TopUp(_) => false,
        }
    }
}
