//! A top-up: a call to an operator that is made at most once, whatever becomes of it.

use crate::{Effect, Fulfilment, Grant, Order, Reason, Timestamp, TopUp};

/// The call, from the moment at which somebody has claimed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recharge {
    pub at: Timestamp,
    pub state: RechargeState,
    /// The operator's own number of it.
    pub seq: Option<String>,
    /// What the operator gives for the tax office, as it gave it.
    pub receipt: Option<String>,
}

/// In the order in which one replaces the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RechargeState {
    /// Somebody is about to call, or has.
    Claimed,
    /// The operator will see.
    Pending,
    /// Nobody knows whether the telephone was topped up.
    Unknown,
    /// It was not: the buyer may have the money back.
    Failed,
    Done,
}

impl RechargeState {
    pub const ALL: [Self; 5] = [Self::Claimed, Self::Pending, Self::Unknown, Self::Failed, Self::Done];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Pending => "pending",
            Self::Unknown => "unknown",
            Self::Failed => "failed",
            Self::Done => "done",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// What has been heard of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    pub state: RechargeState,
    pub seq: Option<String>,
    pub receipt: Option<String>,
    /// For whoever has to look at it.
    pub details: String,
}

/// What a person says of a call of which no machine knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    Done,
    Failed,
    /// The telephone was not topped up, and is to be.
    Again,
}

impl Recharge {
    pub fn is_claimed(&self) -> bool {
        self.state == RechargeState::Claimed
    }

    /// Whether something may still be heard of it.
    pub fn is_open(&self) -> bool {
        matches!(self.state, RechargeState::Pending | RechargeState::Unknown)
    }
}

impl Order {
    /// What of it an operator delivers: one thing at most.
    pub fn top_up(&self) -> Option<&TopUp> {
        self.grants().iter().find_map(|grant| match grant {
            Grant::TopUp(top_up) => Some(top_up),
            Grant::Credits(_) | Grant::CreditsEachPeriod(_) | Grant::Token { .. } | Grant::Report(_) => None,
        })
    }

    /// Paid in full, not contested, and nobody has claimed the call.
    pub fn is_to_be_recharged(&self) -> bool {
        let is_paid = self.paid.is_some() && self.refunded().is_zero() && !self.is_contested();
        is_paid && self.recharge.is_none() && self.top_up().is_some()
    }

    /// Nobody else makes the call from now on. Whoever has written this, and nobody who finds it written, may call.
    pub fn claim(&self, now: Timestamp) -> Vec<Effect> {
        if !self.is_to_be_recharged() {
            return Vec::new();
        }
        let mut after = self.clone();
        after.recharge = Some(Recharge { at: now, state: RechargeState::Claimed, seq: None, receipt: None });
        self.changed_to(after)
    }

    pub fn learn_recharge(&self, heard: Heard) -> Vec<Effect> {
        let mut after = self.clone();
        let Some(recharge) = &mut after.recharge else {
            return Vec::new();
        };
        let Heard { state, seq, receipt, details } = heard;
        recharge.state = recharge.state.max(state);
        recharge.seq = recharge.seq.take().or(seq);
        recharge.receipt = recharge.receipt.take().or(receipt);
        let reason = match recharge.state {
            RechargeState::Claimed | RechargeState::Pending | RechargeState::Done => None,
            RechargeState::Unknown => Some(Reason::RechargeUnknown),
            RechargeState::Failed => Some(Reason::RechargeFailed),
        };
        after.flag_recharge(reason, details);
        self.changed_to(after)
    }

    /// It is pending at an operator that cannot be asked: somebody has to find out.
    pub fn leave_recharge(&self, details: String) -> Vec<Effect> {
        let mut after = self.clone();
        after.flag_recharge(Some(Reason::RechargeUnknown), details);
        self.changed_to(after)
    }

    /// `None` where there is nothing to resolve: no call, one that may still be under way, or one whose end is known.
    pub fn resolve(&self, verdict: Verdict, seq: Option<String>, now: Timestamp) -> Option<Vec<Effect>> {
        let recharge = self.recharge.as_ref().filter(|recharge| recharge.is_open() || recharge.is_abandoned(now))?;
        let mut after = self.clone();
        let state = match verdict {
            Verdict::Done => Some(RechargeState::Done),
            Verdict::Failed => Some(RechargeState::Failed),
            Verdict::Again => None,
        };
        after.recharge = state.map(|state| Recharge { state, seq: seq.or(recharge.seq.clone()), ..recharge.clone() });
        after.flag_recharge(None, String::new());
        Some(self.changed_to(after))
    }

    /// One flag at a time: what was unknown is not any more when it has failed.
    fn flag_recharge(&mut self, reason: Option<Reason>, details: String) {
        for other in [Reason::RechargeUnknown, Reason::RechargeFailed] {
            if reason != Some(other) {
                self.anomalies.leave(other);
            }
        }
        if let Some(reason) = reason {
            self.anomalies.enter(reason, || details);
        }
    }

    pub(crate) fn recharge_progress(&self) -> Fulfilment {
        match self.recharge.as_ref().map(|recharge| recharge.state) {
            None if self.is_to_be_recharged() => Fulfilment::Pending,
            None => Fulfilment::None,
            Some(RechargeState::Claimed | RechargeState::Pending) => Fulfilment::Pending,
            Some(RechargeState::Unknown) => Fulfilment::Unknown,
            Some(RechargeState::Failed) => Fulfilment::Failed,
            Some(RechargeState::Done) => Fulfilment::Done,
        }
    }
}
