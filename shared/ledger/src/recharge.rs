//! Top-ups: the claim before a call to an operator makes sure that the call happens at most once.

use crate::{Effect, Fulfilment, Grant, Order, Reason, Timestamp, TopUp};

/// The call to the operator, from the moment at which it is claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recharge {
    pub at: Timestamp,
    pub state: RechargeState,
    /// The operator's id of the call.
    pub seq: Option<String>,
    /// The operator's tax receipt, unchanged.
    pub receipt: Option<String>,
}

/// Ordered by which state replaces which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RechargeState {
    /// A function is about to call, or has called.
    Claimed,
    /// The operator has accepted the call and not finished it.
    Pending,
    /// It is unknown whether the phone was topped up.
    Unknown,
    /// The phone was not topped up: the buyer may be refunded.
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

/// The operator's answer about a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    pub state: RechargeState,
    pub seq: Option<String>,
    pub receipt: Option<String>,
    /// For the person who has to look into it.
    pub details: String,
}

/// A person's decision about a call whose result is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    Done,
    Failed,
    /// The phone was not topped up; call again.
    Again,
}

impl Recharge {
    pub fn is_claimed(&self) -> bool {
        self.state == RechargeState::Claimed
    }

    /// Whether the operator may still report a result.
    pub fn is_open(&self) -> bool {
        matches!(self.state, RechargeState::Pending | RechargeState::Unknown)
    }
}

impl Order {
    /// The top-up that the order buys; an order has at most one.
    pub fn top_up(&self) -> Option<&TopUp> {
        self.grants().iter().find_map(|grant| match grant {
            Grant::TopUp(top_up) => Some(top_up),
            Grant::Credits(_) | Grant::CreditsEachPeriod(_) | Grant::Token { .. } | Grant::Report(_) => None,
        })
    }

    /// Whether the order is paid in full, not contested, and its call not claimed yet.
    pub fn is_to_be_recharged(&self) -> bool {
        let is_paid = self.paid.is_some() && self.refunded().is_zero() && !self.is_contested();
        is_paid && self.recharge.is_none() && self.top_up().is_some()
    }

    /// Claims the call. Only the function whose write of these effects succeeds may call; a function that finds them
    /// written must not.
    pub fn claim(&self, now: Timestamp) -> Vec<Effect> {
        if !self.is_to_be_recharged() {
            return Vec::new();
        }
        let mut after = self.clone();
        after.recharge = Some(Recharge { at: now, state: RechargeState::Claimed, seq: None, receipt: None });
        self.change_to(after)
    }

    pub fn learn_recharge(&self, answer: Heard) -> Vec<Effect> {
        let mut after = self.clone();
        let Some(recharge) = &mut after.recharge else {
            return Vec::new();
        };
        let Heard { state, seq, receipt, details } = answer;
        recharge.state = recharge.state.max(state);
        recharge.seq = recharge.seq.take().or(seq);
        recharge.receipt = recharge.receipt.take().or(receipt);
        let reason = match recharge.state {
            RechargeState::Claimed | RechargeState::Pending | RechargeState::Done => None,
            RechargeState::Unknown => Some(Reason::RechargeUnknown),
            RechargeState::Failed => Some(Reason::RechargeFailed),
        };
        after.flag_recharge(reason, details);
        self.change_to(after)
    }

    /// Flags a pending call at an operator that cannot be queried: a person has to find out.
    pub fn leave_recharge(&self, details: String) -> Vec<Effect> {
        let mut after = self.clone();
        after.flag_recharge(Some(Reason::RechargeUnknown), details);
        self.change_to(after)
    }

    /// `None` if there is nothing to resolve: no call, a call that may still be running, or a call with a known result.
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
        Some(self.change_to(after))
    }

    /// One flag at a time: a failed call is no longer unknown.
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
