//! Refunds and disputes as registers, from which clawbacks follow. The same reports leave the same registers, in
//! whatever order and however often they arrive.

use std::collections::BTreeMap;

use crate::{Amount, Provider, Reference, Timestamp};

/// The refunds and disputes of one payment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PaymentReversals {
    pub refunds: Refunds,
    pub disputes: Disputes,
    /// The subscription invoice that the payment paid, if any.
    pub invoice: Option<Reference>,
}

impl PaymentReversals {
    /// The part of a payment that is neither refunded, nor disputed, nor lost to a dispute.
    pub fn uncontested(&self, paid: Amount) -> Amount {
        let not_refunded = paid.saturating_sub(self.refunds.total());
        not_refunded.saturating_sub(self.disputes.open_amount(paid)).saturating_sub(self.disputes.lost_amount(paid))
    }
}

/// The refunds of one payment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refunds {
    /// By the provider's id.
    pub by_id: BTreeMap<String, Refund>,
    /// The latest total that the provider reported, if it reports one.
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

    /// The higher rank replaces the lower. At Stripe, a refund that succeeded can still fail at the buyer's bank, and
    /// then stays failed. WeChat closes only a refund that it could not pay out, and a new attempt has a new id: its
    /// success is final.
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
    pub fn apply(&mut self, provider: Provider, id: &str, refund: Refund) {
        let known = self.by_id.entry(id.to_owned()).or_insert(refund);
        let rank = |refund: &Refund| (refund.state.rank(provider), refund.amount);
        // Of two reports with the same state the larger amount wins: neither reports more than was refunded.
        if rank(&refund) > rank(known) {
            *known = refund;
        }
    }

    pub fn apply_reported(&mut self, reported: Reported) {
        self.reported = self.reported.max(Some(reported));
    }

    /// The amount that the buyer has back: at least the succeeded refunds; at least the reported total less the failed
    /// refunds, which it may still contain; and the pending refunds as far as the reported total covers them, since it
    /// may have dropped the failed ones already.
    pub fn total(&self) -> Amount {
        let sum = |is_wanted: fn(RefundState) -> bool| {
            let wanted = self.by_id.values().filter(|refund| is_wanted(refund.state));
            wanted.fold(Amount::ZERO, |sum, refund| sum.checked_add(refund.amount).unwrap_or(sum))
        };
        let reported = self.reported.map_or(Amount::ZERO, |reported| reported.amount);
        let succeeded = sum(|state| state == RefundState::Succeeded);
        let failed = sum(|state| state == RefundState::Failed);
        let not_failed = sum(|state| state != RefundState::Failed);
        succeeded.max(reported.saturating_sub(failed)).max(reported.min(not_failed))
    }
}

/// The disputes of one payment, by the provider's id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Disputes(pub BTreeMap<String, Dispute>);

/// One report of a dispute. Of all reports of one dispute a single one wins, with its amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dispute {
    pub stage: DisputeStage,
    pub as_of: Timestamp,
    /// The disputed part of the payment. `None` means all of it: the disputed amount cannot be compared with the
    /// payment.
    pub amount: Option<Amount>,
}

/// Ordered by which stage replaces which. An inquiry can become a dispute. A decision holds until a later decision or
/// an appeal, and the latest of those wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DisputeStage {
    /// A question from the bank: no money has moved.
    Inquiry,
    Open,
    /// Open again, after a decision or in place of one.
    Appealed,
    Won,
    Lost,
}

impl DisputeStage {
    pub const ALL: [Self; 5] = [Self::Inquiry, Self::Open, Self::Appealed, Self::Won, Self::Lost];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inquiry => "inquiry",
            Self::Open => "open",
            Self::Appealed => "appealed",
            Self::Won => "won",
            Self::Lost => "lost",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == name)
    }

    /// The bank holds the money, and the dispute can still be answered.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::Appealed)
    }

    /// Whether the disputed amount is clawed back from the buyer's account.
    pub const fn takes_back(self) -> bool {
        self.is_open() || matches!(self, Self::Lost)
    }

    /// A decision or an appeal: the later of two such reports wins.
    const fn is_late(self) -> bool {
        matches!(self, Self::Appealed | Self::Won | Self::Lost)
    }
}

impl Dispute {
    /// A total order over the reports of one dispute, so that the same one wins whichever arrives first.
    fn replaces(&self, known: &Self) -> bool {
        // Between otherwise equal reports the larger amount wins; no amount is the whole payment.
        let extent = |dispute: &Self| (dispute.amount.is_none(), dispute.amount);
        if self.stage.is_late() && known.stage.is_late() {
            (self.as_of, self.stage, extent(self)) > (known.as_of, known.stage, extent(known))
        } else {
            (self.stage, self.as_of, extent(self)) > (known.stage, known.as_of, extent(known))
        }
    }
}

impl Disputes {
    pub fn apply(&mut self, id: &str, dispute: Dispute) {
        let known = self.0.entry(id.to_owned()).or_insert(dispute);
        if dispute.replaces(known) {
            *known = dispute;
        }
    }

    /// Nothing irrevocable is delivered while a dispute is open.
    pub fn are_open(&self) -> bool {
        self.0.values().any(|dispute| dispute.stage.is_open())
    }

    pub fn are_lost(&self) -> bool {
        self.0.values().any(|dispute| dispute.stage == DisputeStage::Lost)
    }

    /// The part of a payment that open disputes contest.
    pub fn open_amount(&self, paid: Amount) -> Amount {
        self.sum(paid, DisputeStage::is_open)
    }

    /// The part of a payment that is lost to disputes.
    pub fn lost_amount(&self, paid: Amount) -> Amount {
        self.sum(paid, |stage| stage == DisputeStage::Lost)
    }

    /// Never more than the payment: banks also count fees and exchange rates into a dispute.
    fn sum(&self, paid: Amount, counts: impl Fn(DisputeStage) -> bool) -> Amount {
        let counted = self.0.values().filter(|dispute| counts(dispute.stage));
        let amounts = counted.map(|dispute| dispute.amount.unwrap_or(paid));
        amounts.fold(Amount::ZERO, |sum, amount| sum.checked_add(amount).unwrap_or(paid)).min(paid)
    }
}
