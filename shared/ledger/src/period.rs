//! Subscription periods: an invoice pays for each one, and its refunds and disputes claw back the credits of that
//! period.

use std::collections::BTreeSet;

use crate::payment::uncontested;
use crate::{
    Amount, Anomaly, Asset, Effect, Guard, House, MoneyKey, Movement, Order, Payment, PaysFor, Posting, Reference,
};

/// The current state of a period with a refund or a dispute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    pub posted: Amount,
    /// The number of corrections so far: it numbers the key of the next one.
    pub corrections: u64,
}

impl Order {
    /// Books the payment of one period of the order's subscription, once per invoice, even if several events report it.
    /// The first invoice also pays the order, and with it the commissions.
    pub fn pay_period(&self, payment: &Payment, is_first: bool) -> Result<Vec<Effect>, Anomaly> {
        let credits = self.credits_each_period();
        // The invoice of a trial has the amount zero and buys nothing.
        let is_booked = self.accepted(&payment.by).is_some();
        if is_booked
            || payment.money.amount.is_zero()
            || (credits.is_zero() && self.validate_price(payment, PaysFor::Period).is_err())
        {
            return Ok(Vec::new());
        }
        self.validate_price(payment, PaysFor::Period)?;
        let mut after = self.clone();
        if is_first && after.first_invoice.is_none() {
            after.first_invoice = Some(payment.by.clone());
        }
        let posting = Posting::to_customer(self.owner.account(Asset::CREDITS), House::Revenue, credits);
        let key = MoneyKey::of_invoice(&payment.by);
        let lots = self.terms.lots(true, payment.at);
        let posted = Effect::Move(Movement { key, posting, guard: Guard::Always, reverses: None, lots });
        // The money of the first invoice is that of the order. Its posting has a later period counted once.
        let is_first = after.first_invoice.as_ref() == Some(&payment.by);
        let of_period = [Some(posted), (!is_first).then_some(Effect::Received(payment.money))];
        let of_period = of_period.into_iter().flatten().filter(|_| !credits.is_zero());
        Ok(self.change_to(after).into_iter().chain(of_period).collect())
    }

    /// The same order, with the invoice that a payment paid. The invoice is known once the invoice's credits are
    /// posted.
    #[must_use]
    pub fn with_invoice(&self, payment: &Reference, invoice: &Reference) -> Self {
        let mut after = self.clone();
        after.claims.entry(payment.id().to_owned()).or_default().invoice = Some(invoice.clone());
        after
    }

    /// Brings the posted credits of each claimed period to the amount that the customer may keep.
    pub(crate) fn settle_periods(&mut self) -> Vec<Movement> {
        let granted = self.credits_each_period();
        let claimed: BTreeSet<Reference> = self.claims.values().filter_map(|claims| claims.invoice.clone()).collect();
        // An invoice that a person has booked is settled with the accepted payments.
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
            Posting::to_customer(account, House::Revenue, kept.saturating_sub(posted))
        } else {
            Posting::from_customer(account, House::Revenue, posted.saturating_sub(kept))
        };
        let key = MoneyKey::of_period_reversal(invoice.id(), corrections);
        // The credits may be spent already: the clawback then leaves a debt.
        let lots = self.terms.lots(true, self.created_at);
        Some(Movement { key, posting, guard: Guard::Always, reverses: Some(MoneyKey::of_invoice(invoice)), lots })
    }
}
