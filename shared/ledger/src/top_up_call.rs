//! Top-ups: the claim before a call to an operator makes sure that the call happens at most once.

use crate::{Effect, Fulfilment, Grant, Order, Reason, Timestamp, TopUp};

/// The call to the operator, from the moment at which it is claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopUpCall {
    pub at: Timestamp,
    pub state: TopUpState,
    /// The operator's id of the call.
    pub seq: Option<String>,
    /// The operator's tax receipt, unchanged.
    pub receipt: Option<String>,
}

/// Ordered by which state replaces which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TopUpState {
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

impl TopUpState {
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
pub struct TopUpReport {
    pub state: TopUpState,
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

impl TopUpCall {
    pub fn is_claimed(&self) -> bool {
        self.state == TopUpState::Claimed
    }

    /// Whether the operator may still report a result.
    pub fn is_open(&self) -> bool {
        matches!(self.state, TopUpState::Pending | TopUpState::Unknown)
    }
}

impl Order {
    /// The top-up that the order buys; an order has at most one.
    pub fn top_up(&self) -> Option<&TopUp> {
        self.grants().iter().find_map(|grant| match grant {
            Grant::TopUp(top_up) => Some(top_up),
            Grant::Credits(_)
            | Grant::CreditsEachPeriod(_)
            | Grant::Expiring { .. }
            | Grant::Token { .. }
            | Grant::Report(_) => None,
        })
    }

    /// Whether the order is paid in full, not contested, and its call not claimed yet.
    pub fn is_top_up_due(&self) -> bool {
        self.is_top_up_owed() && self.top_up().is_some_and(|top_up| top_up.phone.is_some())
    }

    /// The same, whether or not its phone is still known.
    pub(crate) fn is_top_up_owed(&self) -> bool {
        let is_paid = self.paid.is_some() && self.refunded().is_zero() && !self.is_contested();
        is_paid && self.top_up_call.is_none() && self.top_up().is_some()
    }

    /// Claims the call. Only the function whose write of these effects succeeds may call; a function that finds them
    /// written must not.
    pub fn claim(&self, now: Timestamp) -> Vec<Effect> {
        if !self.is_top_up_due() {
            return Vec::new();
        }
        let mut after = self.clone();
        after.top_up_call = Some(TopUpCall { at: now, state: TopUpState::Claimed, seq: None, receipt: None });
        self.change_to(after)
    }

    pub fn apply_top_up_report(&self, answer: TopUpReport) -> Vec<Effect> {
        let mut after = self.clone();
        let Some(top_up_call) = &mut after.top_up_call else {
            return Vec::new();
        };
        let TopUpReport { state, seq, receipt, details } = answer;
        top_up_call.state = top_up_call.state.max(state);
        top_up_call.seq = top_up_call.seq.take().or(seq);
        top_up_call.receipt = top_up_call.receipt.take().or(receipt);
        let reason = match top_up_call.state {
            TopUpState::Claimed | TopUpState::Pending | TopUpState::Done => None,
            TopUpState::Unknown => Some(Reason::TopUpUnknown),
            TopUpState::Failed => Some(Reason::TopUpFailed),
        };
        after.flag_top_up(reason, details);
        self.change_to(after)
    }

    /// Flags a pending call at an operator that cannot be queried: a person has to find out.
    pub fn flag_pending_top_up(&self, details: String) -> Vec<Effect> {
        let mut after = self.clone();
        after.flag_top_up(Some(Reason::TopUpUnknown), details);
        self.change_to(after)
    }

    /// `None` if there is nothing to resolve: no call, a call that may still be running, or a call with a known result.
    pub fn resolve(&self, verdict: Verdict, seq: Option<String>, now: Timestamp) -> Option<Vec<Effect>> {
        let top_up_call =
            self.top_up_call.as_ref().filter(|top_up_call| top_up_call.is_open() || top_up_call.is_abandoned(now))?;
        let mut after = self.clone();
        let state = match verdict {
            Verdict::Done => Some(TopUpState::Done),
            Verdict::Failed => Some(TopUpState::Failed),
            Verdict::Again => None,
        };
        after.top_up_call =
            state.map(|state| TopUpCall { state, seq: seq.or(top_up_call.seq.clone()), ..top_up_call.clone() });
        after.flag_top_up(None, String::new());
        Some(self.change_to(after))
    }

    /// One flag at a time: a failed call is no longer unknown.
    fn flag_top_up(&mut self, reason: Option<Reason>, details: String) {
        for other in [Reason::TopUpUnknown, Reason::TopUpFailed] {
            if reason != Some(other) {
                self.anomalies.leave(other);
            }
        }
        if let Some(reason) = reason {
            self.anomalies.enter(reason, || details);
        }
    }

    pub(crate) fn top_up_progress(&self) -> Fulfilment {
        match self.top_up_call.as_ref().map(|top_up_call| top_up_call.state) {
            None if self.is_top_up_due() => Fulfilment::Pending,
            None if self.is_top_up_owed() => Fulfilment::Failed,
            None => Fulfilment::None,
            Some(TopUpState::Claimed | TopUpState::Pending) => Fulfilment::Pending,
            Some(TopUpState::Unknown) => Fulfilment::Unknown,
            Some(TopUpState::Failed) => Fulfilment::Failed,
            Some(TopUpState::Done) => Fulfilment::Done,
        }
    }
}
