//! Spending policies: prepaid, or postpaid down to a limit.

use crate::Amount;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// Usage is paid in advance. The balance goes below zero only by an overdraft that a person has allowed.
    #[default]
    Prepaid,
    /// Usage is booked as debt, down to the limit.
    Postpaid,
}

impl Policy {
    pub const ALL: [Self; 2] = [Self::Prepaid, Self::Postpaid];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prepaid => "prepaid",
            Self::Postpaid => "postpaid",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == name)
    }
}

/// One guard covers both policies: it compares the available amount, which is the balance plus this limit. So a spend
/// needs no read before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpendingTerms {
    pub policy: Policy,
    /// How far below zero the account may spend: its overdraft, or its postpaid limit.
    pub overdraft: Amount,
}

impl SpendingTerms {
    pub const fn prepaid(overdraft: Amount) -> Self {
        Self { policy: Policy::Prepaid, overdraft }
    }

    pub const fn postpaid(limit: Amount) -> Self {
        Self { policy: Policy::Postpaid, overdraft: limit }
    }
}
