//! The periods of a subscription: each is paid by an invoice, and what is claimed back of one takes back what that one bought.

use std::collections::BTreeSet;

use crate::payment::uncontested;
use crate::{
    Amount, Anomaly, Asset, Effect, Guard, House, MoneyKey, Movement, Order, Payment, PaysFor, Posting, Reference,
};

/// What stands of a period that something was claimed back of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    pub posted: Amount,
    /// How many corrections have been posted: each has a key of its own.
    pub corrections: u64,
}

impl Order {
    /// Pays for one period of the subscription that this order began: once for each invoice, whichever event tells of it. The first
    /// is the one that pays the order too, and with it whoever earns by the order.
    pub fn pay_period(&self, payment: &Payment, is_first: bool) -> Result<Vec<Effect>, Anomaly> {
        let credits = self.credits_each_period();
        // A trial's invoice is paid with nothing, and buys nothing.
        let is_booked = self.accepted(&payment.by).is_some();
        if is_booked
            || payment.money.amount.is_zero()
            || (credits.is_zero() && self.agrees(payment, PaysFor::Period).is_err())
        {
            return Ok(Vec::new());
        }
        self.agrees(payment, PaysFor::Period)?;
        let mut after = self.clone();
        if is_first && after.first_invoice.is_none() {
            after.first_invoice = Some(payment.by.clone());
        }
        let posting = Posting::to_customer(self.owner.account(Asset::CREDITS), House::Revenue, credits);
        let key = MoneyKey::of_invoice(&payment.by);
        let posted = Effect::Move(Movement { key, posting, guard: Guard::Always, reverses: None });
        Ok(self.changed_to(after).into_iter().chain((!credits.is_zero()).then_some(posted)).collect())
    }

    /// The same order, knowing which of its invoices a payment has paid. An invoice is known here once its credits are posted.
    #[must_use]
    pub fn with_invoice(&self, payment: &Reference, invoice: &Reference) -> Self {
        let mut after = self.clone();
        after.claims.entry(payment.id().to_owned()).or_default().invoice = Some(invoice.clone());
        after
    }

    /// Brings what stands of each claimed period to what may be kept of it.
    pub(crate) fn settle_periods(&mut self) -> Vec<Movement> {
        let granted = self.credits_each_period();
        let claimed: BTreeSet<Reference> = self.claims.values().filter_map(|claims| claims.invoice.clone()).collect();
        // Of an invoice that a person has booked, that booking says what stands.
        let invoices: Vec<Reference> = claimed.into_iter().filter(|by| self.accepted(by).is_none()).collect();
        invoices.iter().filter_map(|invoice| self.settle_period(invoice, granted)).collect()
    }

    fn settle_period(&mut self, invoice: &Reference, granted: Amount) -> Option<Movement> {
        let price = self.terms.price.amount;
        let kept = granted.share(uncontested(price, self.claims_on(invoice)), price).unwrap_or(granted);
        let known = self.periods.get(invoice.id()).copied();
        let Period { posted, corrections } = known.unwrap_or(Period { posted: granted, corrections: 0 });
        if kept == posted {
            return None;
        }
        let corrected = Period { posted: kept, corrections: corrections.saturating_add(1) };
        self.periods.insert(invoice.id().to_owned(), corrected);
        let account = self.owner.account(Asset::CREDITS);
        let posting = if kept > posted {
            Posting::to_customer(account, House::Revenue, kept.less(posted))
        } else {
            Posting::from_customer(account, House::Revenue, posted.less(kept))
        };
        let key = MoneyKey::of_period_reversal(invoice.id(), corrections);
        // What is taken back may have been spent: then it is owed.
        Some(Movement { key, posting, guard: Guard::Always, reverses: Some(MoneyKey::of_invoice(invoice)) })
    }
}
