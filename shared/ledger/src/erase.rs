//! Erases what names a person from an order: the phone of a top-up, and the wallet of a transfer.
//!
//! Both are needed until the delivery has ended, so an order keeps them until then. An order that was never paid loses
//! them once it is closed. A payment may still arrive at it: that is booked like any other, nothing is delivered, and a
//! person is called to refund it.

use crate::{Effect, Grant, OnChain, Order, PaymentState, Reason, Timestamp, TopUp, TopUpState};

/// A refund that fails makes the delivery due again. By then each has succeeded.
const REFUND_SECONDS: i64 = 90 * 24 * 60 * 60;

/// Why an order keeps the phone or the wallet that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeptBecause {
    /// It may still be paid.
    Unpaid,
    /// Its delivery has not ended.
    UnderWay,
    /// It was refunded before its delivery, and the refund may still fail.
    Refunded,
    /// The buyer's bank has not decided yet.
    Disputed,
    /// A person has to look at it first.
    Flagged,
}

impl KeptBecause {
    pub const ALL: [Self; 5] = [Self::Unpaid, Self::UnderWay, Self::Refunded, Self::Disputed, Self::Flagged];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unpaid => "unpaid",
            Self::UnderWay => "under_way",
            Self::Refunded => "refunded",
            Self::Disputed => "disputed",
            Self::Flagged => "flagged",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|because| because.as_str() == name)
    }
}

impl Order {
    /// The phone that it tops up.
    pub fn phone(&self) -> Option<&str> {
        self.of_phone()?.phone.as_deref()
    }

    /// The wallet to which it sends tokens.
    pub fn wallet(&self) -> Option<&str> {
        self.on_chain()?.wallet.as_deref()
    }

    /// Of the terms: an order that a person gave credits instead still names the phone.
    fn of_phone(&self) -> Option<&TopUp> {
        self.terms.grants.iter().find_map(|grant| match grant {
            Grant::TopUp(top_up) => Some(top_up),
            Grant::Credits(_)
            | Grant::CreditsEachPeriod(_)
            | Grant::Expiring { .. }
            | Grant::Token { .. }
            | Grant::Report(_) => None,
        })
    }

    fn on_chain(&self) -> Option<&OnChain> {
        self.terms.grants.iter().find_map(|grant| match grant {
            Grant::Token { on_chain, .. } => on_chain.as_ref(),
            Grant::Credits(_)
            | Grant::CreditsEachPeriod(_)
            | Grant::Expiring { .. }
            | Grant::Report(_)
            | Grant::TopUp(_) => None,
        })
    }

    /// Whether it names a person.
    pub fn names_a_person(&self) -> bool {
        self.phone().is_some() || self.wallet().is_some()
    }

    /// Whether it has named a person, and no longer does.
    pub fn is_erased(&self) -> bool {
        let had_any = self.of_phone().is_some() || self.on_chain().is_some();
        had_any && !self.names_a_person()
    }

    /// Removes the phone and the wallet. No effects if there are none.
    pub fn erase(&self, now: Timestamp) -> Result<Vec<Effect>, KeptBecause> {
        if !self.names_a_person() {
            return Ok(Vec::new());
        }
        if let Some(because) = self.keeps_because(now) {
            return Err(because);
        }
        let mut after = self.clone();
        for grant in &mut after.terms.grants {
            match grant {
                Grant::TopUp(top_up) => top_up.phone = None,
                Grant::Token { on_chain: Some(on_chain), .. } => on_chain.wallet = None,
                Grant::Token { on_chain: None, .. }
                | Grant::Credits(_)
                | Grant::CreditsEachPeriod(_)
                | Grant::Expiring { .. }
                | Grant::Report(_) => {}
            }
        }
        Ok(self.change_to(after))
    }

    fn keeps_because(&self, now: Timestamp) -> Option<KeptBecause> {
        if self.flagged_for().is_some() {
            return Some(KeptBecause::Flagged);
        }
        if self.is_disputed() {
            return Some(KeptBecause::Disputed);
        }
        let Some(paid) = &self.paid else {
            let is_closed = matches!(self.payment, PaymentState::Canceled | PaymentState::Expired);
            return (!is_closed).then_some(KeptBecause::Unpaid);
        };
        let is_called = |state| matches!(state, TopUpState::Done | TopUpState::Failed);
        let call_has_ended =
            self.top_up_call.as_ref().map_or(!self.is_top_up_owed(), |top_up_call| is_called(top_up_call.state));
        let transfer_has_ended =
            self.transfer.as_ref().map_or(self.on_chain_due().is_none(), |transfer| transfer.status.is_over());
        if !call_has_ended || !transfer_has_ended {
            return Some(KeptBecause::UnderWay);
        }
        // Nothing was delivered, and nothing is due: what was paid is refunded, or lost.
        let is_undelivered = self.top_up_call.is_none() && self.transfer.is_none();
        (is_undelivered && now < paid.at.plus_seconds(REFUND_SECONDS)).then_some(KeptBecause::Refunded)
    }

    /// Whether there is a wallet to which its tokens can be sent.
    pub(crate) fn has_wallet(&self) -> bool {
        self.wallet().is_some()
    }

    /// Whether tokens are to be sent to a wallet that is erased.
    pub(crate) fn lacks_wallet(&self) -> bool {
        self.transfer.is_none() && !self.has_wallet() && self.on_chain_due().is_some()
    }

    /// Calls a person if something is owed that cannot be delivered any more, and no longer once it is refunded.
    pub(crate) fn settle_erased(&mut self) {
        if !self.is_erased() {
            return;
        }
        if self.is_top_up_owed() {
            self.anomalies.enter(Reason::TopUpFailed, || "its phone was erased before it was paid".to_owned());
        } else if self.top_up_call.is_none() {
            self.anomalies.leave(Reason::TopUpFailed);
        }
        if self.lacks_wallet() {
            self.anomalies.enter(Reason::TransferFailed, || "its wallet was erased before it was paid".to_owned());
        } else if self.transfer.is_none() {
            self.anomalies.leave(Reason::TransferFailed);
        }
    }
}
