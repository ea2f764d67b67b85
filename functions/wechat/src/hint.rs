//! A CloudRun callback that our container has signed and that names the order alone, or not all of the payment. It says no more than that
//! something may have been paid: WeChat is asked, and what it answers is booked or not.

use ledger::{Anomaly, Effect, Order, Payment, PaysFor, Provider, Reason, Reference, RefusedPayment};
use providers::{Queried, TradeState};

use crate::agree::{another_sum, says_the_same};
use crate::parse::{Hint, WechatEvent};
use crate::{Config, Said};

impl Hint {
    /// A sum that it does name must be what the order costs.
    pub(crate) fn agrees(&self, event: &WechatEvent, order: &Order) -> Result<(), Anomaly> {
        let price = order.terms.price;
        match self.money.filter(|money| *money != price) {
            Some(money) => {
                Err(another_sum(money, price, format!("{}: it is of {money}; the price is {price}", event.receipt)))
            }
            None => Ok(()),
        }
    }

    /// Of an order that is paid it says nothing new, unless it names another payment.
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
        said: &Said,
    ) -> Result<Vec<Effect>, Anomaly> {
        if !self.is_news(order) {
            return Ok(Vec::new());
        }
        let unconfirmed = || Anomaly { reason: Reason::Unconfirmed, details: String::new(), payment: None };
        let Said::Payment(said) = said else { return Err(unconfirmed()) };
        let payment = self.payment(order, said).ok_or_else(unconfirmed)?;
        says_the_same(event, order, config, said)?;
        order.pay(&payment)
    }

    /// As WeChat has it. Of one that was given back since, its refunds would have to be known too.
    fn payment(&self, order: &Order, said: &Queried) -> Option<Payment> {
        let id = said.transaction.as_ref().filter(|_| said.state == TradeState::Success)?;
        let by = Reference::new(Provider::Wechat, id).ok()?;
        let is_named = self.by.as_ref().is_none_or(|named| *named == by);
        let at = said.paid_at.unwrap_or(order.created_at);
        is_named.then_some(Payment { by, money: said.money?, at })
    }
}

/// The payment that WeChat says was made, of a hint that disagrees with its order: for a person to give back or to accept.
pub(crate) fn refused(said: &Said) -> Option<RefusedPayment> {
    let Said::Payment(queried) = said else { return None };
    let id = queried.transaction.as_ref().filter(|_| queried.state.is_paid())?;
    let by = Reference::new(Provider::Wechat, id).ok()?;
    Some(RefusedPayment { by, money: queried.money?, pays_for: PaysFor::Order, is_confirmed: true })
}
