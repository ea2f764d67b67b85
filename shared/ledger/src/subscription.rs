//! Subscriptions as registers: the latest report wins, in whatever order reports arrive.

use crate::{Effect, OrderNumber, Owner, Reference, Timestamp};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    pub reference: Reference,
    pub owner: Owner,
    /// The order that started it, whose terms define the value of each period.
    pub order: OrderNumber,
    /// The number of writes, for optimistic locking: a write succeeds only over the version that was read.
    pub version: u64,
    pub standing: Option<Standing>,
    pub plan: Option<Plan>,
}

/// Compared field by field: the later report wins, and at the same second the higher status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Standing {
    pub as_of: Timestamp,
    pub status: SubscriptionStatus,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Plan {
    pub as_of: Timestamp,
    pub period_end: Timestamp,
    pub name: String,
}

/// At the same second, the status further down the list wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SubscriptionStatus {
    Incomplete,
    Paused,
    Unpaid,
    PastDue,
    Trialing,
    Active,
    Ended,
}

impl SubscriptionStatus {
    pub const ALL: [Self; 7] =
        [Self::Incomplete, Self::Paused, Self::Unpaid, Self::PastDue, Self::Trialing, Self::Active, Self::Ended];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Incomplete => "incomplete",
            Self::Paused => "paused",
            Self::Unpaid => "unpaid",
            Self::PastDue => "past_due",
            Self::Trialing => "trialing",
            Self::Active => "active",
            Self::Ended => "ended",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

impl Subscription {
    pub fn new(reference: Reference, owner: Owner, order: OrderNumber) -> Self {
        Self { reference, owner, order, version: 0, standing: None, plan: None }
    }

    /// `None` if the report changes nothing.
    pub fn apply(&self, standing: Option<Standing>, plan: Option<Plan>) -> Option<Effect> {
        let mut after = self.clone();
        after.standing = after.standing.max(standing);
        after.plan = after.plan.max(plan);
        if after == *self {
            return None;
        }
        after.version = self.version.saturating_add(1);
        Some(Effect::Subscription(after))
    }
}
