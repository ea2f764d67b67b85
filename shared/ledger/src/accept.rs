//! Manual decisions about refused payments: accept one, as ordered or for other credits, or clear its anomaly.
//!
//! An accepted payment keeps its identity. Its credits are posted under the money key that its webhook would have used,
//! and its own refunds and disputes claw them back, in proportion to the actual payment.

use thiserror::Error;

use crate::payment::uncontested;
use crate::{
    Amount, Asset, Effect, Flag, Grant, Guard, House, LotShare, Money, MoneyKey, Movement, Order, Paid, PaysFor,
    Posting, Reason, Reference, RefusedPayment, Resolution, Timestamp,
};

/// A payment that the order refused and a person accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub by: Reference,
    /// The actual payment; its refunds and disputes are a part of this amount.
    pub money: Money,
    pub pays_for: PaysFor,
    /// The credits that it buys. `None` if it pays the order and buys what was ordered.
    pub credits: Option<Amount>,
    /// The credits currently granted for it, if it does not pay the order. An order's own credits are in
    /// [`Order::posted`].
    pub posted: Amount,
    /// The number of postings made for it.
    pub postings: u64,
}

/// Why a payment cannot be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AcceptError {
    #[error("the order has refused no payment of this name: `order show` lists the refused ones")]
    NotRefused,
    #[error("the order has refused it with different amounts: look it up at its provider and refund it there")]
    DifferentAmounts,
    #[error("its provider has not confirmed it: look it up there and pass --confirmed")]
    Unconfirmed,
    #[error("the payment is booked already")]
    Booked,
    #[error("the payment was refunded in full")]
    RefundedInFull,
    #[error("the order buys more than credits, and only once: pass --credits, or refund it and create another order")]
    NotOnlyCredits,
    #[error("the payment would buy nothing: pass --credits")]
    Nothing,
}

/// Selects the anomalies to clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Clearing<'c> {
    pub reason: Option<Reason>,
    /// A payment by its provider's id, with or without the provider's name.
    pub payment: Option<&'c str>,
}

impl Flag {
    /// Whether the anomaly is about this payment, named as `stripe#pi_1` or `pi_1`.
    fn is_of(&self, name: &str) -> bool {
        let is = |payment: &RefusedPayment| payment.by.id() == name || payment.by.to_string() == name;
        self.anomaly.payment.as_ref().is_some_and(is)
    }
}

impl Accepted {
    /// The money key of its first posting. It equals the webhook's, so that one payment is booked once.
    pub fn money_key(&self) -> MoneyKey {
        match self.pays_for {
            PaysFor::Order => MoneyKey::of_payment(&self.by),
            PaysFor::Period => MoneyKey::of_invoice(&self.by),
        }
    }
}

impl Order {
    /// The refused payment with this name, if it may be accepted.
    pub fn acceptable(&self, name: &str, is_looked_up: bool) -> Result<RefusedPayment, AcceptError> {
        let named = self.anomalies.listed().filter(|flag| flag.is_of(name));
        let mut payments = named.filter_map(|flag| flag.anomaly.payment.clone());
        let mut payment = payments.next().ok_or(AcceptError::NotRefused)?;
        for other in payments {
            if (&other.by, other.money) != (&payment.by, payment.money) {
                return Err(AcceptError::DifferentAmounts);
            }
            payment.is_confirmed |= other.is_confirmed;
        }
        let is_paid_by = self.paid.as_ref().is_some_and(|paid| paid.by == payment.by);
        if is_paid_by || self.accepted(&payment.by).is_some() {
            return Err(AcceptError::Booked);
        }
        if !payment.is_confirmed && !is_looked_up {
            return Err(AcceptError::Unconfirmed);
        }
        if self.refunded_part_of(&payment) >= payment.money.amount {
            return Err(AcceptError::RefundedInFull);
        }
        Ok(payment)
    }

    /// The credits for a payment of less than the price, in proportion to it and rounded as a clawback is: what a person is
    /// offered to grant. `None` if the payment cannot be compared, or the order buys more than credits.
    pub fn proportional_credits(&self, payment: &RefusedPayment) -> Option<Amount> {
        let (paid, price) = (payment.money, self.terms.price);
        let is_part = paid.currency == price.currency && paid.amount < price.amount;
        let has_only_credits = self.terms.grants.iter().all(|grant| grant.credits().is_some());
        let part = self.bought(payment.pays_for).share(paid.amount, price.amount)?;
        (is_part && has_only_credits && !part.is_zero()).then_some(part)
    }

    /// Books a refused payment. It pays an unpaid order; a paid order grants its credits once more.
    pub fn accept(
        &self,
        payment: &RefusedPayment,
        credits: Option<Amount>,
        now: Timestamp,
    ) -> Result<Vec<Effect>, AcceptError> {
        let RefusedPayment { by, money, pays_for, is_confirmed: _ } = payment;
        let mut after = self.clone();
        let pays_order = *pays_for == PaysFor::Order && self.paid.is_none();
        let credits = if pays_order { credits } else { Some(self.credits_once_more(*pays_for, credits)?) };
        if credits.is_some_and(Amount::is_zero) {
            return Err(AcceptError::Nothing);
        }
        if pays_order {
            after.paid = Some(Paid { by: by.clone(), at: now });
        }
        let (by, money, pays_for) = (by.clone(), *money, *pays_for);
        let id = by.id().to_owned();
        let accepted = Accepted { by, money, pays_for, credits, posted: Amount::ZERO, postings: 0 };
        let first = accepted.money_key();
        after.accepted.insert(id.clone(), accepted);
        after.anomalies.resolve(Resolution::Accepted, |flag| flag.is_of(&id));
        let mut effects = self.change_to(after);
        if !pays_order && credits == Some(self.bought(pays_for)) {
            // What the product grants once more lasts from now on.
            date(&mut effects, &first, &self.terms.lots(pays_for == PaysFor::Period, now));
        }
        effects.extend((!pays_order).then_some(Effect::Received(money)));
        Ok(effects)
    }

    /// The credits that the product grants for such a payment.
    fn bought(&self, pays_for: PaysFor) -> Amount {
        match pays_for {
            PaysFor::Period => self.credits_each_period(),
            PaysFor::Order => self.credits(),
        }
    }

    fn credits_once_more(&self, pays_for: PaysFor, credits: Option<Amount>) -> Result<Amount, AcceptError> {
        match (credits, pays_for) {
            (Some(credits), _) => Ok(credits),
            (None, PaysFor::Period) => Ok(self.credits_each_period()),
            (None, PaysFor::Order) => {
                let is_credits = |grant: &Grant| grant.credits().is_some_and(|credits| !credits.each_period);
                let has_only_credits = self.terms.grants.iter().all(is_credits);
                has_only_credits.then(|| self.credits()).ok_or(AcceptError::NotOnlyCredits)
            }
        }
    }

    /// Clears the matching open anomalies. Those beyond the list still count. No effects if none is open.
    pub fn clear(&self, clearing: Clearing<'_>) -> Vec<Effect> {
        let mut after = self.clone();
        after.anomalies.resolve(Resolution::Cleared, |flag| {
            let is_of_reason = clearing.reason.is_none_or(|reason| flag.anomaly.reason == reason);
            let is_of_payment = clearing.payment.is_none_or(|name| flag.is_of(name));
            flag.resolution == Resolution::Open && is_of_reason && is_of_payment
        });
        self.change_to(after)
    }

    /// The payment that a person has accepted on this order.
    pub fn accepted(&self, by: &Reference) -> Option<&Accepted> {
        self.accepted.get(by.id()).filter(|accepted| accepted.by == *by)
    }

    /// The actual amount of the payment that pays the order: the price, or the accepted payment's amount.
    pub fn paid_money(&self) -> Money {
        self.accepted_instead().map_or(self.terms.price, |accepted| accepted.money)
    }

    fn accepted_instead(&self) -> Option<&Accepted> {
        self.accepted(&self.paid.as_ref()?.by)
    }

    /// The grants that the payment buys: the ordered ones, or none if a person granted credits instead.
    pub(crate) fn grants(&self) -> &[Grant] {
        if self.credits_instead().is_some() { &[] } else { &self.terms.grants }
    }

    pub(crate) fn credits_instead(&self) -> Option<Amount> {
        self.accepted_instead()?.credits
    }

    /// Whether this payment pays the order, or a person has accepted it for the order.
    pub fn is_paid_by(&self, payment: &Reference) -> bool {
        let pays = self.paid.as_ref().is_some_and(|paid| paid.by == *payment);
        pays || self.additional_payments().any(|accepted| accepted.by == *payment)
    }

    /// The accepted payments other than the one that pays the order.
    pub(crate) fn additional_payments(&self) -> impl Iterator<Item = &Accepted> {
        let paid_by = self.paid.as_ref().map(|paid| &paid.by);
        self.accepted.values().filter(move |accepted| Some(&accepted.by) != paid_by)
    }

    /// Brings the posted credits of each additional payment to the amount that the customer may keep.
    pub(crate) fn settle_additional(&mut self, before: &Self) -> Vec<Movement> {
        let additional: Vec<Accepted> = self.additional_payments().cloned().collect();
        let mut movements = Vec::new();
        for mut accepted in additional {
            let granted = accepted.credits.unwrap_or_default();
            let paid = accepted.money.amount;
            let kept = uncontested(paid, self.claims_on(&accepted.by));
            let kept = granted.share(kept, paid).unwrap_or(granted);
            let first = accepted.money_key();
            if accepted.postings == 0 && before.accepted(&accepted.by).is_some() {
                // Nothing is posted twice: an earlier write accepted this payment.
                continue;
            }
            if accepted.postings == 0 {
                movements.push(self.adjust_additional(&mut accepted, first.clone(), None, granted));
            }
            if kept != accepted.posted {
                let key = MoneyKey::of_accepted_reversal(&self.number, &accepted.by, accepted.postings);
                movements.push(self.adjust_additional(&mut accepted, key, Some(first), kept));
            }
            self.accepted.insert(accepted.by.id().to_owned(), accepted);
        }
        movements
    }

    /// The movement that changes the granted credits of an additional payment to `to`.
    fn adjust_additional(
        &self,
        accepted: &mut Accepted,
        key: MoneyKey,
        reverses: Option<MoneyKey>,
        to: Amount,
    ) -> Movement {
        let account = self.owner.account(Asset::CREDITS);
        let from = std::mem::replace(&mut accepted.posted, to);
        accepted.postings = accepted.postings.saturating_add(1);
        let posting = if to > from {
            Posting::to_customer(account, House::Revenue, to.saturating_sub(from))
        } else {
            Posting::from_customer(account, House::Revenue, from.saturating_sub(to))
        };
        // The credits may be spent already: the clawback then leaves a debt.
        let is_period = accepted.pays_for == PaysFor::Period;
        // Credits of another amount, which a person has named, do not expire.
        let is_bought = reverses.is_some() && accepted.credits == Some(self.bought(accepted.pays_for));
        let lots = if is_bought { self.terms.lots(is_period, self.created_at) } else { Vec::new() };
        Movement { key, posting, guard: Guard::Always, reverses, lots }
    }
}

/// Gives the movement with this key its lots.
fn date(effects: &mut [Effect], key: &MoneyKey, lots: &[LotShare]) {
    for effect in effects {
        if let Effect::Move(movement) = effect
            && movement.key == *key
        {
            movement.lots = lots.to_vec();
        }
    }
}
