//! Which order a click is about: the one that the buyer is about to pay, or a new one.

use api::{ApiOutcome, Failure};
use ledger::{Effect, Ledger, Order, OrderNumber, PaymentState, Pointer, Provider, Terms};

use crate::decide;
use crate::page::Looked;
use crate::parse::not_found;
use crate::reply;
use crate::running::Running;
use crate::visit::{ROUNDS_MAX, Visit, Way, Written};

/// The order of a product that is being bought, if there is one now.
enum Pending {
    Order(Box<Order>),
    /// The last one turned out to be paid.
    ApiOutcome(ApiOutcome),
    /// Somebody else has written: look again.
    Again,
}

impl<L: Ledger> Visit<'_, L> {
    /// A product, on these terms.
    pub(crate) async fn buy(&self, terms: &Terms) -> Result<ApiOutcome, Failure> {
        for _ in 0..ROUNDS_MAX {
            let order = match self.pending(terms).await? {
                Pending::Order(order) => order,
                Pending::ApiOutcome(told) => return Ok(told),
                Pending::Again => continue,
            };
            if let Looked::ApiOutcome(told) = self.begin(&order).await? {
                return Ok(told);
            }
        }
        Err(Failure::unavailable())
    }

    /// An order that was made before, on its own terms.
    pub(crate) async fn pay(&self, number: &OrderNumber) -> Result<ApiOutcome, Failure> {
        let refused = |code, message: &str| Err(Failure::new(409, code, message).about(number));
        for _ in 0..ROUNDS_MAX {
            let order = self.ledger.order(number, &self.context).await?;
            let order = order.filter(|order| order.owner == *self.caller).ok_or_else(not_found)?;
            if order.terms.provider != self.way.provider() {
                return refused("wrong_provider", "This order is to be paid elsewhere.");
            }
            if order.is_mispaid() && (is_over(&order) || order.terms.provider != Provider::Stripe) {
                return Err(reply::mispaid(&order));
            }
            match order.payment {
                PaymentState::Paid
                | PaymentState::PartlyRefunded
                | PaymentState::Refunded
                | PaymentState::DisputedLost => {
                    return Ok(reply::state(&order));
                }
                PaymentState::Canceled => return refused("order_canceled", "This order was canceled."),
                PaymentState::Expired => return refused("order_expired", "The time to pay this order is over."),
                PaymentState::Unpaid | PaymentState::Failed => {
                    if let Looked::ApiOutcome(told) = self.begin(&order).await? {
                        return Ok(told);
                    }
                }
            }
        }
        Err(Failure::unavailable().about(number))
    }

    /// The payment of an order that is still to be paid, where this click wants to pay.
    async fn begin(&self, order: &Order) -> Result<Looked, Failure> {
        match &self.way {
            Way::Stripe => self.page(order).await,
            Way::Epay(wish) => self.begin_epay(order, wish).await,
            Way::Wechat(payer) => self.begin_wechat(order, payer).await,
        }
    }

    async fn pending(&self, terms: &Terms) -> Result<Pending, Failure> {
        let pointer = Pointer::Pending { owner: self.caller.clone(), product: terms.product.clone() };
        let number = self.ledger.resolve_pointer(&pointer, &self.context).await?;
        // Before an order is made that could not be paid.
        if let Running::ApiOutcome(told) = self.running(&terms.product, number.as_ref()).await? {
            return Ok(Pending::ApiOutcome(told));
        }
        let Some(number) = number else {
            return self.made(terms, pointer, None, Vec::new()).await;
        };
        let last = self.known(&number).await?;
        let is_open = matches!(last.payment, PaymentState::Unpaid | PaymentState::Failed);
        let is_stripes = last.terms.provider == Provider::Stripe;
        // Of a page of Stripe's Stripe is asked; elsewhere the order's number is the payment, and is paid but once.
        let is_payable = is_open && (is_stripes || !last.is_mispaid());
        if is_payable && last.terms == *terms {
            return Ok(Pending::Order(Box::new(last)));
        }
        // What can still be paid is not left behind with a page that can still be paid on, where a page can be closed at all.
        let mut closing = Vec::new();
        let may_be_open = is_stripes && (is_open || last.payment == PaymentState::Canceled);
        if let Some(session) = last.session.as_ref().filter(|_| may_be_open) {
            if let Some(told) = self.retired(&last, &session.id).await? {
                return Ok(Pending::ApiOutcome(told));
            }
            closing = last.apply_unpaid(PaymentState::Expired);
        } else if is_open {
            closing = last.apply_unpaid(PaymentState::Canceled);
        }
        self.made(terms, pointer, Some(number), closing).await
    }

    /// In one commit: that the last one is over, the new one, and that the next click leads to it.
    async fn made(
        &self,
        terms: &Terms,
        pointer: Pointer,
        from: Option<OrderNumber>,
        closing: Vec<Effect>,
    ) -> Result<Pending, Failure> {
        let number = OrderNumber::from_random(self.checkout.dice.bits()?);
        let order = Order::new(number, self.caller.clone(), terms.clone(), self.invocation.now);
        let is_over = |effect: &Effect| matches!(effect, Effect::Order { .. });
        let replaces = from.as_ref().filter(|_| closing.iter().any(is_over));
        let place = self.checkout.places.take(&order, replaces);
        let (product, last) = (pointer.clone(), from.clone());
        let mut effects = closing;
        effects.push(order.clone().created());
        effects.push(Effect::Point { pointer, from, to: order.number.clone() });
        effects.extend(place);
        let created = decide::written(&effects, &order);
        match self.commit(decide::made(&order, effects)).await? {
            Written::Now => Ok(created.map_or(Pending::Again, |order| Pending::Order(Box::new(order)))),
            Written::Earlier => Ok(Pending::Again),
            Written::Stale => {
                // Where another click was faster, its order is the one to pay. Otherwise there may be no place.
                if self.ledger.resolve_pointer(&product, &self.context).await? == last {
                    self.checkout.places.free(self.caller, self.ledger, &self.context).await?;
                }
                Ok(Pending::Again)
            }
        }
    }
}

const fn is_over(order: &Order) -> bool {
    matches!(order.payment, PaymentState::Canceled | PaymentState::Expired)
}
