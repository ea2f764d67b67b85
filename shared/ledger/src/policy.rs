//! How far an owner may spend: what is paid in advance, or what is owed down to a limit.

use crate::Amount;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// What is used was paid before. Below zero an account goes only by an overdraft that a person has allowed.
    #[default]
    Prepaid,
    /// What was used is booked and owed, down to the limit.
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

/// Whichever the policy, one guard compares what is available, which is the balance and this line: a spend needs no read before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpendingTerms {
    pub policy: Policy,
    /// How far below zero the account may be spent: its overdraft, or its limit.
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
