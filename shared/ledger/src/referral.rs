//! Referral credits: on the first purchase of a buyer who was referred, once for each buyer.

use crate::{Amount, Effect, Order, OrderNumber, Owner, Pointer};

/// What the first purchase of a referred buyer gives, beside what it buys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referral {
    /// Who has referred the buyer.
    pub by: Owner,
    pub to_buyer: Amount,
    pub to_referrer: Amount,
}

/// The same as a product has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReferralCredits {
    pub to_buyer: Amount,
    pub to_referrer: Amount,
}

/// Whether an order gives its referral credits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReferralState {
    /// It is not paid, or not decided yet.
    #[default]
    Open,
    /// The buyer's pointer leads to this order.
    Given,
    /// It leads to another order.
    GivenBefore,
}

impl ReferralState {
    pub const ALL: [Self; 3] = [Self::Open, Self::Given, Self::GivenBefore];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Given => "given",
            Self::GivenBefore => "given_before",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

impl Order {
    /// Whether it is to be decided if this is the buyer's first purchase. One that is all given back is none.
    pub fn is_referral_open(&self) -> bool {
        let is_paid = self.paid.is_some() && !self.uncontested().is_zero();
        self.terms.referral.is_some() && self.referral == ReferralState::Open && is_paid
    }

    /// Decides it, given the order that the buyer's pointer leads to. If there is none, this order takes the pointer,
    /// provided that no other is faster: it never moves, so a buyer has one first purchase.
    pub fn decide_referral(&self, first: Option<&OrderNumber>) -> Vec<Effect> {
        if !self.is_referral_open() {
            return Vec::new();
        }
        let mut after = self.clone();
        let is_first = first.is_none_or(|first| *first == self.number);
        after.referral = if is_first { ReferralState::Given } else { ReferralState::GivenBefore };
        let pointer = Pointer::FirstPurchase { owner: self.owner.clone() };
        let point = first.is_none().then(|| Effect::Point { pointer, from: None, to: self.number.clone() });
        self.change_to(after).into_iter().chain(point).collect()
    }
}
