//! Decides hints: signed CloudRun callbacks that name only the order, or only parts of the payment. A hint reports that
//! a payment may exist; the query's answer is booked.

use ledger::{Anomaly, Effect, Order, Payment, PaysFor, Provider, Reason, Reference, RefusedPayment};
use providers::{Queried, TradeState};

use crate::agree::{amount_mismatch, answer_agrees};
use crate::parse::{Hint, WechatEvent};
use crate::{Config, Confirmation};

impl Hint {
    /// If the hint has an amount, it must be the order's price.
    pub(crate) fn agrees(&self, event: &WechatEvent, order: &Order) -> Result<(), Anomaly> {
        let price = order.terms.price;
        match self.money.filter(|money| *money != price) {
            Some(money) => {
                Err(amount_mismatch(money, price, format!("{}: it names {money}; the price is {price}", event.receipt)))
            }
            None => Ok(()),
        }
    }

    /// Whether the hint can add a payment: not if the order is paid, unless the hint names another payment.
    pub(crate) fn is_news(&self, order: &Order) -> bool {
        match (&order.paid, &self.by) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(paid), Some(by)) => paid.by != *by,
        }
    }

    pub(crate) fn effects(
        &self,
        event: &WechatEvent,
        order: &Order,
        config: &Config,
        confirmation: &Confirmation,
    ) -> Result<Vec<Effect>, Anomaly> {
        if !self.is_news(order) {
            return Ok(Vec::new());
        }
        let unconfirmed = || Anomaly { reason: Reason::Unconfirmed, details: String::new(), payment: None };
        let Confirmation::Payment(answer) = confirmation else { return Err(unconfirmed()) };
        let payment = self.payment(order, answer).ok_or_else(unconfirmed)?;
        answer_agrees(event, order, config, answer)?;
        order.pay(&payment)
    }

    /// The payment from WeChat's answer. A refunded payment is left out: it would need its refunds, too.
    fn payment(&self, order: &Order, answer: &Queried) -> Option<Payment> {
        let id = answer.transaction.as_ref().filter(|_| answer.state == TradeState::Success)?;
        let by = Reference::new(Provider::Wechat, id).ok()?;
        let is_named = self.by.as_ref().is_none_or(|named| *named == by);
        let at = answer.paid_at.unwrap_or(order.created_at);
        is_named.then_some(Payment { by, money: answer.money?, at })
    }
}

/// The payment in WeChat's answer to a hint that disagrees with its order, for a person to refund or accept.
pub(crate) fn refused(confirmation: &Confirmation) -> Option<RefusedPayment> {
    let Confirmation::Payment(queried) = confirmation else { return None };
    let id = queried.transaction.as_ref().filter(|_| queried.state.is_paid())?;
    let by = Reference::new(Provider::Wechat, id).ok()?;
    Some(RefusedPayment { by, money: queried.money?, pays_for: PaysFor::Order, is_confirmed: true })
}
