//! What payments, refunds and disputes make of an order, and of its owner's credits. Every report is a function from the order as
//! it was read to the effects that bring it up to date; a report that says nothing new has none.

use crate::{
    Amount, Asset, DisputeStage, Effect, Fulfilment, Grant, Guard, House, Money, MoneyKey, Movement, Order, Paid,
    PaymentState, Posting, Reason, Reference, Refund, Reported, Session, Timestamp,
};

/// A payment as its provider reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    pub by: Reference,
    pub money: Money,
    pub at: Timestamp,
}

/// A payment that disagrees with its order: kept, flagged, and nothing is delivered for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anomaly {
    pub reason: Reason,
    pub details: String,
}

impl Order {
    /// The effect that writes a new order down.
    #[must_use]
    pub fn created(mut self) -> Effect {
        self.version = 1;
        Effect::Order { order: Box::new(self), transition: Transition::Create }
    }

    /// No effects where this very payment has paid it before.
    pub fn pay(&self, payment: &Payment) -> Result<Vec<Effect>, Anomaly> {
        let anomaly = |reason: Reason, expected: &dyn std::fmt::Display| {
            let Payment { by, money, .. } = payment;
            Anomaly { reason, details: format!("{by} paid {money}; the order says {expected}") }
        };
        let Money { amount, currency } = self.terms.price;
        if payment.by.provider() != self.terms.provider {
            return Err(anomaly(Reason::ProviderMismatch, &self.terms.provider.as_str()));
        }
        match &self.paid {
            Some(paid) if paid.by == payment.by => return Ok(Vec::new()),
            Some(paid) => return Err(anomaly(Reason::DuplicatePayment, &paid.by)),
            None => {}
        }
        if payment.money.currency != currency {
            return Err(anomaly(Reason::CurrencyMismatch, &self.terms.price));
        }
        if payment.money.amount != amount {
            return Err(anomaly(Reason::AmountMismatch, &self.terms.price));
        }
        let mut after = self.clone();
        after.paid = Some(Paid { by: payment.by.clone(), at: payment.at });
        Ok(self.changed_to(after))
    }

    /// A payment that failed, was canceled or ran out of time. It undoes none that was made.
    pub fn learn_unpaid(&self, state: PaymentState) -> Vec<Effect> {
        let mut after = self.clone();
        if state.is_payable() {
            after.payment = after.payment.max(state);
        }
        self.changed_to(after)
    }

    pub fn learn_refund(&self, id: &str, refund: Refund) -> Vec<Effect> {
        let mut after = self.clone();
        after.refunds.learn(id, refund);
        self.changed_to(after)
    }

    /// The sum of all refunds, as the provider last named it.
    pub fn learn_refunded(&self, reported: Reported) -> Vec<Effect> {
        let mut after = self.clone();
        after.refunds.learn_sum(reported);
        self.changed_to(after)
    }

    pub fn learn_dispute(&self, id: &str, stage: DisputeStage, as_of: Timestamp) -> Vec<Effect> {
        let mut after = self.clone();
        after.disputes.learn(id, crate::Dispute { stage, as_of });
        self.changed_to(after)
    }

    /// What somebody has to look at. The first particulars of each reason stand.
    pub fn flag(&self, anomaly: &Anomaly) -> Vec<Effect> {
        let mut after = self.clone();
        after.anomalies.entry(anomaly.reason).or_insert_with(|| anomaly.details.clone());
        self.changed_to(after)
    }

    pub fn open(&self, session: Session) -> Vec<Effect> {
        let mut after = self.clone();
        after.session = Some(session);
        self.changed_to(after)
    }

    fn changed_to(&self, mut after: Self) -> Vec<Effect> {
        if after == *self {
            return Vec::new();
        }
        let movements = after.settle();
        after.version = self.version.saturating_add(1);
        let transition = Transition::between(self, &after);
        let written = Effect::Order { order: Box::new(after), transition };
        std::iter::once(written).chain(movements.into_iter().map(Effect::Move)).collect()
    }

    /// Brings what follows from the payment up to date: its state, the credits that may be kept, what is to be delivered.
    fn settle(&mut self) -> Vec<Movement> {
        let Some(paid) = self.paid.clone() else {
            return Vec::new();
        };
        let refunded = self.refunds.total();
        self.payment = if refunded.is_zero() {
            PaymentState::Paid
        } else if refunded < self.terms.price.amount {
            PaymentState::PartlyRefunded
        } else {
            PaymentState::Refunded
        };
        if self.fulfilment == Fulfilment::None {
            let delivered = self.terms.grants.iter().all(Grant::is_posted);
            self.fulfilment = if delivered { Fulfilment::Done } else { Fulfilment::Pending };
        }
        let mut movements = Vec::new();
        let payment = MoneyKey::of_payment(&paid.by);
        let granted = self.credits();
        if self.postings == 0 && !granted.is_zero() {
            movements.push(self.posting(payment.clone(), None, self.posted, granted));
        }
        let kept = self.kept();
        if kept != self.posted {
            let key = MoneyKey::of_reversal(&self.number, self.postings);
            movements.push(self.posting(key, Some(payment), self.posted, kept));
        }
        movements
    }

    /// The movement that brings what stands from one amount to another.
    fn posting(&mut self, key: MoneyKey, reverses: Option<MoneyKey>, from: Amount, to: Amount) -> Movement {
        self.posted = to;
        self.postings = self.postings.saturating_add(1);
        let account = self.owner.account(Asset::CREDITS);
        let posting = if to > from {
            Posting::to_customer(account, House::Revenue, to.less(from))
        } else {
            Posting::from_customer(account, House::Revenue, from.less(to))
        };
        // What is taken back may have been spent: then it is owed.
        Movement { key, posting, guard: Guard::Always, reverses }
    }

    /// The credits that the whole payment buys.
    pub fn credits(&self) -> Amount {
        let each = self.terms.grants.iter().map(|grant| match grant {
            Grant::Credits(amount) => *amount,
            Grant::CreditsEachPeriod(_) | Grant::Token { .. } | Grant::Report(_) | Grant::TopUp(_) => Amount::ZERO,
        });
        each.fold(Amount::ZERO, |sum, amount| sum.checked_add(amount).unwrap_or(sum))
    }

    /// The credits that each invoice of a subscription buys.
    pub fn credits_each_period(&self) -> Amount {
        let each = self.terms.grants.iter().map(|grant| match grant {
            Grant::CreditsEachPeriod(amount) => *amount,
            Grant::Credits(_) | Grant::Token { .. } | Grant::Report(_) | Grant::TopUp(_) => Amount::ZERO,
        });
        each.fold(Amount::ZERO, |sum, amount| sum.checked_add(amount).unwrap_or(sum))
    }

    /// What of them the buyer may keep: in proportion to what is still paid, and nothing while that is contested.
    fn kept(&self) -> Amount {
        if self.disputes.are_open() || self.disputes.are_lost() {
            return Amount::ZERO;
        }
        let (granted, price) = (self.credits(), self.terms.price.amount);
        granted.share(price.less(self.refunds.total()), price).unwrap_or(granted)
    }
}

/// What a write does to an order, and so from which states it may be made. The store checks it once more, beside the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transition {
    Create,
    Pay,
    /// Failed, canceled, expired.
    Close(PaymentState),
    /// Anything that leaves open whether it is paid: refunds, disputes, sessions, flags.
    Amend,
}

impl Transition {
    fn between(before: &Order, after: &Order) -> Self {
        if before.paid.is_none() && after.paid.is_some() {
            Self::Pay
        } else if before.payment != after.payment && after.payment.is_payable() {
            Self::Close(after.payment)
        } else {
            Self::Amend
        }
    }

    /// The states that an order may be in before; none of a new one.
    pub fn from_states(self) -> impl Iterator<Item = PaymentState> {
        PaymentState::ALL.into_iter().filter(move |state| match self {
            Self::Create => false,
            Self::Pay => state.is_payable(),
            Self::Close(to) => *state < to,
            Self::Amend => true,
        })
    }
}
