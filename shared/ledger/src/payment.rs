//! Payments, refunds and disputes on an order: price validation, the order's state, and the clawback of credits.
//!
//! Every report is a function from the order as it was read to the effects that bring it up to date; a report without
//! news has no effects.

use crate::{
    Amount, Anomaly, Asset, Dispute, DisputeStage, Effect, Flag, Grant, Guard, House, Money, MoneyKey, Movement, Order,
    Paid, PaymentReversals, PaymentState, PaysFor, Posting, Reason, Reference, Refund, RefusedPayment, Reported,
    Session, Terms, Timestamp, TopUpState,
};

/// A payment as its provider reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    pub by: Reference,
    pub money: Money,
    pub at: Timestamp,
}

/// A dispute of a payment as its provider reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DisputeReport {
    pub stage: DisputeStage,
    pub as_of: Timestamp,
    pub money: Money,
}

impl Payment {
    /// The anomaly of a verified payment that is not booked.
    pub fn refused(&self, reason: Reason, pays_for: PaysFor, but: &str) -> Anomaly {
        let Self { by, money, at: _ } = self;
        let details = format!("{by} paid {money}; {but}");
        let payment = RefusedPayment { by: by.clone(), money: *money, pays_for, is_confirmed: true };
        Anomaly { reason, details, payment: Some(payment) }
    }
}

impl Order {
    /// The effect that writes a new order.
    #[must_use]
    pub fn created(mut self) -> Effect {
        self.version = 1;
        Effect::Order { order: Box::new(self), transition: Transition::Create, refunded: Amount::ZERO }
    }

    /// Books the payment that pays the order. No effects if this payment already paid it.
    pub fn pay(&self, payment: &Payment) -> Result<Vec<Effect>, Anomaly> {
        if self.accepted(&payment.by).is_some() {
            return Ok(Vec::new());
        }
        // A payment from another provider is not a duplicate: it cannot belong to this order, unless a person accepted
        // it.
        let is_same_provider =
            |paid: &&Paid| [paid.by.provider(), self.terms.provider].contains(&payment.by.provider());
        if let Some(paid) = self.paid.as_ref().filter(is_same_provider) {
            let but = format!("it was paid by {}", paid.by);
            let duplicate = || payment.refused(Reason::DuplicatePayment, PaysFor::Order, &but);
            return if paid.by == payment.by { Ok(Vec::new()) } else { Err(duplicate()) };
        }
        self.validate_price(payment, PaysFor::Order)?;
        let mut after = self.clone();
        after.paid = Some(Paid { by: payment.by.clone(), at: payment.at });
        Ok(self.change_to(after))
    }

    /// Whether the order has received only payments that fail price validation. It stays so after the buyer's refund.
    pub fn is_mispaid(&self) -> bool {
        let is_mismatch = |flag: &Flag| {
            let of_order = |by: &RefusedPayment| by.is_confirmed && by.pays_for == PaysFor::Order;
            matches!(flag.anomaly.reason, Reason::AmountMismatch | Reason::CurrencyMismatch)
                && flag.anomaly.payment.as_ref().is_some_and(of_order)
        };
        self.payment.is_payable() && self.anomalies.listed().any(is_mismatch)
    }

    pub(crate) fn validate_price(&self, payment: &Payment, pays_for: PaysFor) -> Result<(), Anomaly> {
        let Terms { provider, price, .. } = &self.terms;
        let reason = if payment.by.provider() != *provider {
            Reason::ProviderMismatch
        } else if payment.money.currency != price.currency {
            Reason::CurrencyMismatch
        } else if payment.money.amount != price.amount {
            Reason::AmountMismatch
        } else {
            return Ok(());
        };
        Err(payment.refused(reason, pays_for, &format!("the price is {price} by {}", provider.as_str())))
    }

    /// Records that a payment failed, was canceled or expired. Never undoes a payment.
    pub fn apply_unpaid(&self, state: PaymentState) -> Vec<Effect> {
        let mut after = self.clone();
        if state.is_payable() {
            after.payment = after.payment.max(state);
        }
        self.change_to(after)
    }

    pub fn apply_refund(&self, of: &Reference, id: &str, refund: Refund) -> Vec<Effect> {
        self.apply(of, |claims| claims.refunds.apply(of.provider(), id, refund))
    }

    /// The total of all refunds of a payment, as the provider last reported it.
    pub fn apply_refunded_total(&self, of: &Reference, reported: Reported) -> Vec<Effect> {
        self.apply(of, |claims| claims.refunds.apply_reported(reported))
    }

    /// A dispute in a currency other than the payment's cannot be compared with it: it contests the whole payment and
    /// is flagged.
    pub fn apply_dispute(&self, of: &Reference, id: &str, report: DisputeReport) -> Vec<Effect> {
        let DisputeReport { stage, as_of, money } = report;
        let paid = self.accepted(of).map_or(self.terms.price, |accepted| accepted.money);
        let is_comparable = money.currency == paid.currency;
        let mut after = self.clone();
        let dispute = Dispute { stage, as_of, amount: is_comparable.then_some(money.amount) };
        after.claims.entry(of.id().to_owned()).or_default().disputes.apply(id, dispute);
        if !is_comparable && stage.takes_back() {
            let details = format!("{of} is disputed by {id} for {money}, which is not in {}", paid.currency);
            after.anomalies.apply(Anomaly { reason: Reason::CurrencyMismatch, details, payment: None });
        }
        self.change_to(after)
    }

    pub fn dispute(&self, of: &Reference, id: &str) -> Option<Dispute> {
        self.claims.get(of.id())?.disputes.0.get(id).copied()
    }

    fn apply(&self, of: &Reference, update: impl FnOnce(&mut PaymentReversals)) -> Vec<Effect> {
        let mut after = self.clone();
        update(after.claims.entry(of.id().to_owned()).or_default());
        self.change_to(after)
    }

    pub fn open(&self, session: Session) -> Vec<Effect> {
        let mut after = self.clone();
        after.session = Some(session);
        self.change_to(after)
    }

    pub(crate) fn change_to(&self, mut after: Self) -> Vec<Effect> {
        if after == *self {
            return Vec::new();
        }
        let movements = after.settle(self);
        after.version = self.version.saturating_add(1);
        let transition = Transition::between(self, &after);
        let refunded = after.given_back().saturating_sub(self.given_back());
        let written = Effect::Order { order: Box::new(after), transition, refunded };
        std::iter::once(written).chain(movements.into_iter().map(Effect::Move)).collect()
    }

    /// Updates everything that follows from the payments: the state, the credits that the buyer may keep, and the
    /// fulfilment. A payment is posted by the change that records it and by no later one.
    fn settle(&mut self, before: &Self) -> Vec<Movement> {
        let mut movements = self.settle_additional(before);
        movements.extend(self.settle_periods());
        self.flag_refunds();
        let Some(paid) = self.paid.clone() else {
            return movements;
        };
        self.payment = self.paid_state();
        self.settle_top_up();
        self.settle_erased();
        self.fulfilment = self.progress();
        let payment = MoneyKey::of_payment(&paid.by);
        let granted = self.credits();
        if before.paid.is_none() && self.postings == 0 && !granted.is_zero() {
            movements.push(self.posting(payment.clone(), None, self.posted, granted));
        }
        let kept = self.kept_of(granted);
        if kept != self.posted {
            let key = MoneyKey::of_reversal(&self.number, self.postings);
            movements.push(self.posting(key, Some(payment), self.posted, kept));
        }
        movements
    }

    /// The state of a payment after refunds and disputes. A lost dispute outranks refunds, since the bank has decided
    /// it.
    pub(crate) fn paid_state(&self) -> PaymentState {
        let refunded = self.refunded();
        if self.claims_on_payment().any(|claims| claims.disputes.are_lost()) {
            PaymentState::DisputedLost
        } else if refunded.is_zero() {
            PaymentState::Paid
        } else if refunded < self.paid_money().amount {
            PaymentState::PartlyRefunded
        } else {
            PaymentState::Refunded
        }
    }

    /// Clears a failed top-up once the buyer has the money back.
    fn settle_top_up(&mut self) {
        if self.top_up_call.as_ref().is_some_and(|top_up_call| top_up_call.state == TopUpState::Failed) {
            let is_returned =
                self.paid_money().amount.saturating_sub(self.refunded()).saturating_sub(self.lost()).is_zero();
            if is_returned && self.payment != PaymentState::Paid {
                self.anomalies.leave(Reason::TopUpFailed);
            } else {
                self.anomalies.enter(Reason::TopUpFailed, String::new);
            }
        }
    }

    /// The movement that changes the granted credits from one amount to another, a clawback if `to` is less.
    fn posting(&mut self, key: MoneyKey, reverses: Option<MoneyKey>, from: Amount, to: Amount) -> Movement {
        self.posted = to;
        self.postings = self.postings.saturating_add(1);
        let account = self.owner.account(Asset::CREDITS);
        let posting = if to > from {
            Posting::to_customer(account, House::Revenue, to.saturating_sub(from))
        } else {
            Posting::from_customer(account, House::Revenue, from.saturating_sub(to))
        };
        let at = self.paid.as_ref().map_or(self.created_at, |paid| paid.at);
        let lots = if self.credits_instead().is_some() { Vec::new() } else { self.terms.lots(false, at) };
        // The credits may be spent already: the clawback then leaves a debt.
        Movement { key, posting, guard: Guard::Always, reverses, lots }
    }

    /// The credits that the whole payment buys.
    pub fn credits(&self) -> Amount {
        if let Some(credits) = self.credits_instead() {
            return credits;
        }
        self.credits_of(false)
    }

    /// The credits that each invoice of a subscription buys.
    pub fn credits_each_period(&self) -> Amount {
        self.credits_of(true)
    }

    fn credits_of(&self, each_period: bool) -> Amount {
        let credits = self.terms.grants.iter().filter_map(Grant::credits);
        sum(credits.filter(|credits| credits.each_period == each_period).map(|credits| credits.amount))
    }

    /// The part of `granted` that the buyer may keep, in proportion to the uncontested part of the payment.
    pub(crate) fn kept_of(&self, granted: Amount) -> Amount {
        granted.share(self.uncontested(), self.paid_money().amount).unwrap_or(granted)
    }

    /// The part of the payment that is neither refunded, nor disputed, nor lost to a dispute.
    pub(crate) fn uncontested(&self) -> Amount {
        uncontested(self.paid_money().amount, self.claims_on_payment())
    }

    /// The refunded part of the payment.
    pub fn refunded(&self) -> Amount {
        sum(self.claims_on_payment().map(|claims| claims.refunds.total()))
    }

    /// What the buyer has back of all that was booked in the order's currency: of its payment, of those that a person has
    /// accepted beside it, and of each period.
    fn given_back(&self) -> Amount {
        let paid = self.paid_money();
        let is_beside = |id: &String| self.accepted.get(id).is_some_and(|by| by.money.currency == paid.currency);
        let is_of_payment = |id: &String| self.paid.as_ref().is_some_and(|paid| paid.by.id() == id);
        let booked = self.claims.iter().filter(|(id, claims)| {
            is_of_payment(id) || is_beside(id) || (claims.invoice.is_some() && self.paid.is_some())
        });
        sum(booked.map(|(_, claims)| claims.refunds.total()))
    }

    /// The part of the payment that open disputes contest.
    pub fn disputed(&self) -> Amount {
        let paid = self.paid_money().amount;
        sum(self.claims_on_payment().map(|claims| claims.disputes.open_amount(paid))).min(paid)
    }

    /// The part of the payment that is lost to disputes.
    pub fn lost(&self) -> Amount {
        let paid = self.paid_money().amount;
        sum(self.claims_on_payment().map(|claims| claims.disputes.lost_amount(paid))).min(paid)
    }

    /// Whether an open dispute blocks the delivery of anything irrevocable.
    pub fn is_disputed(&self) -> bool {
        self.claims_on_payment().any(|claims| claims.disputes.are_open())
    }

    /// Whether a part of the payment is disputed or lost to a dispute.
    pub(crate) fn is_contested(&self) -> bool {
        self.claims_on_payment().any(|claims| claims.disputes.are_open() || claims.disputes.are_lost())
    }

    /// The refunds and disputes of the payment that pays the order; for a subscription, also those on its first
    /// invoice.
    fn claims_on_payment(&self) -> impl Iterator<Item = &PaymentReversals> {
        let paid_by = self.paid.as_ref().map(|paid| &paid.by);
        let invoice = self.first_invoice.as_ref().filter(|_| paid_by.is_some());
        [paid_by, invoice].into_iter().flatten().flat_map(|by| self.claims_on(by))
    }

    /// The refunds and disputes of this payment, or of the payments of this invoice.
    pub(crate) fn claims_on<'o>(&'o self, by: &'o Reference) -> impl Iterator<Item = &'o PaymentReversals> {
        let is_on = |(of, claims): &(&String, &PaymentReversals)| *of == by.id() || claims.invoice.as_ref() == Some(by);
        self.claims.iter().filter(move |claim| is_on(claim)).map(|(_, claims)| claims)
    }
}

/// The part of a payment that these refunds and disputes leave.
pub(crate) fn uncontested<'c>(paid: Amount, claims: impl Iterator<Item = &'c PaymentReversals>) -> Amount {
    claims.fold(paid, |left, claims| left.saturating_sub(paid.saturating_sub(claims.uncontested(paid))))
}

pub(crate) fn sum(amounts: impl Iterator<Item = Amount>) -> Amount {
    amounts.fold(Amount::ZERO, |sum, amount| sum.checked_add(amount).unwrap_or(sum))
}

/// The kind of a write to an order, which determines the states that it may start from. The store checks them again, in
/// addition to the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transition {
    Create,
    Pay,
    /// Failed, canceled or expired.
    Close(PaymentState),
    /// Something that was paid for is delivered or clawed back.
    Fulfil,
    /// Claims the single call to an operator; fails if it was claimed before.
    Claim,
    /// Any change that leaves the payment state open: refunds, disputes, sessions, flags.
    Amend,
}

impl Transition {
    fn between(before: &Order, after: &Order) -> Self {
        if before.paid.is_none() && after.paid.is_some() {
            Self::Pay
        } else if before.payment != after.payment && after.payment.is_payable() {
            Self::Close(after.payment)
        } else if before.top_up_call.is_none() && after.top_up_call.is_some() {
            Self::Claim
        } else if before.delivered != after.delivered {
            Self::Fulfil
        } else {
            Self::Amend
        }
    }

    /// The states that an order may be in before; none for a new order.
    pub fn from_states(self) -> impl Iterator<Item = PaymentState> {
        PaymentState::ALL.into_iter().filter(move |state| match self {
            Self::Create => false,
            Self::Pay => state.is_payable(),
            Self::Close(to) => *state < to,
            Self::Fulfil => !state.is_payable(),
            Self::Claim => *state == PaymentState::Paid,
            Self::Amend => true,
        })
    }
}
