//! What has been given back and what is contested, as registers: whatever the order and the number in which reports arrive, the
//! same reports leave the same registers.

use std::collections::BTreeMap;

use crate::{Amount, Provider, Timestamp};

/// All that was claimed back of one payment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claims {
    pub refunds: Refunds,
    pub disputes: Disputes,
}

/// Refunds of one payment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refunds {
    /// By the provider's id.
    pub by_id: BTreeMap<String, Refund>,
    /// The sum that the provider last named, where it names one.
    pub reported: Option<Reported>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refund {
    pub state: RefundState,
    pub amount: Amount,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefundState {
    Pending,
    Succeeded,
    Failed,
}

impl RefundState {
    pub const ALL: [Self; 3] = [Self::Pending, Self::Succeeded, Self::Failed];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// The higher one replaces the lower one. At Stripe a refund that succeeded can still fail at the buyer's bank, and stays failed.
    /// WeChat closes only a refund that it could not pay out, and another attempt has another id: its success is final.
    const fn rank(self, provider: Provider) -> u8 {
        match (self, provider) {
            (Self::Pending, _) => 0,
            (Self::Succeeded, Provider::Stripe | Provider::Epay) | (Self::Failed, Provider::Wechat) => 1,
            (Self::Failed, Provider::Stripe | Provider::Epay) | (Self::Succeeded, Provider::Wechat) => 2,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reported {
    pub as_of: Timestamp,
    pub amount: Amount,
}

impl Refunds {
    pub fn learn(&mut self, provider: Provider, id: &str, refund: Refund) {
        let known = self.by_id.entry(id.to_owned()).or_insert(refund);
        let rank = |refund: &Refund| (refund.state.rank(provider), refund.amount);
        // Of two reports of one state the larger stands: none says less than was given back.
        if rank(&refund) > rank(known) {
            *known = refund;
        }
    }

    pub fn learn_sum(&mut self, reported: Reported) {
        self.reported = self.reported.max(Some(reported));
    }

    /// What the buyer has back: at least the refunds known to have succeeded; at least the reported sum, less those known to have
    /// failed, which it may still contain; and the refunds known to be pending, as far as the reported sum has room for them: it
    /// may have dropped the failed ones before.
    pub fn total(&self) -> Amount {
        let sum = |is_wanted: fn(RefundState) -> bool| {
            let wanted = self.by_id.values().filter(|refund| is_wanted(refund.state));
            wanted.fold(Amount::ZERO, |sum, refund| sum.checked_add(refund.amount).unwrap_or(sum))
        };
        let reported = self.reported.map_or(Amount::ZERO, |reported| reported.amount);
        let succeeded = sum(|state| state == RefundState::Succeeded);
        let failed = sum(|state| state == RefundState::Failed);
        let not_failed = sum(|state| state != RefundState::Failed);
        succeeded.max(reported.less(failed)).max(reported.min(not_failed))
    }
}

/// Disputes of one payment, by the provider's id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Disputes(pub BTreeMap<String, Dispute>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dispute {
    pub stage: DisputeStage,
    pub as_of: Timestamp,
}

/// In the order in which one replaces the other. An inquiry can become a dispute; what was decided is decided, and of two
/// decisions, which do happen, the later stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DisputeStage {
    /// A question of the bank's: no money has moved.
    Inquiry,
    Open,
    Won,
    Lost,
}

impl DisputeStage {
    pub const ALL: [Self; 4] = [Self::Inquiry, Self::Open, Self::Won, Self::Lost];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inquiry => "inquiry",
            Self::Open => "open",
            Self::Won => "won",
            Self::Lost => "lost",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == name)
    }

    const fn is_decided(self) -> bool {
        matches!(self, Self::Won | Self::Lost)
    }
}

impl Disputes {
    pub fn learn(&mut self, id: &str, dispute: Dispute) {
        let known = self.0.entry(id.to_owned()).or_insert(dispute);
        let both_decided = known.stage.is_decided() && dispute.stage.is_decided();
        let replaces = if both_decided {
            (dispute.as_of, dispute.stage) > (known.as_of, known.stage)
        } else {
            (dispute.stage, dispute.as_of) > (known.stage, known.as_of)
        };
        if replaces {
            *known = dispute;
        }
    }

    /// Nothing more is delivered until it is won.
    pub fn are_open(&self) -> bool {
        self.0.values().any(|dispute| dispute.stage == DisputeStage::Open)
    }

    pub fn are_lost(&self) -> bool {
        self.0.values().any(|dispute| dispute.stage == DisputeStage::Lost)
    }
}
