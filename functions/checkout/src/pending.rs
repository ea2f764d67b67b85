//! Finds a click's order: the pending order of the same product and terms, or a new one.

use api::{ApiOutcome, Failure};
use ledger::{Effect, Ledger, Order, OrderNumber, PaymentState, Pointer, Provider, Terms};

use crate::decide;
use crate::page::PageOutcome;
use crate::parse::not_found;
use crate::reply;
use crate::running::Running;
use crate::visit::{CommitStatus, ROUNDS_MAX, Visit, Way};

/// The buyer's pending order of a product.
enum Pending {
    Order(Box<Order>),
    /// The last order is paid or being paid.
    ApiOutcome(ApiOutcome),
    /// Another click has changed the pointer: the caller reads it again.
    Retry,
}

impl<L: Ledger> Visit<'_, L> {
    /// Buys a product on these terms.
    pub(crate) async fn buy(&self, terms: &Terms) -> Result<ApiOutcome, Failure> {
        for _ in 0..ROUNDS_MAX {
            let order = match self.pending(terms).await? {
                Pending::Order(order) => order,
                Pending::ApiOutcome(outcome) => return Ok(outcome),
                Pending::Retry => continue,
            };
            if let PageOutcome::ApiOutcome(outcome) = self.start_payment(&order).await? {
                return Ok(outcome);
            }
        }
        Err(Failure::unavailable())
    }

    /// Pays an existing order on its own terms.
    pub(crate) async fn pay(&self, number: &OrderNumber) -> Result<ApiOutcome, Failure> {
        let refused = |code, message: &str| Err(Failure::new(409, code, message).about(number));
        for _ in 0..ROUNDS_MAX {
            let order = self.ledger.order(number, &self.context).await?;
            let order = order.filter(|order| order.owner == *self.caller).ok_or_else(not_found)?;
            if order.terms.provider != self.way.provider() {
                return refused("wrong_provider", "This order is payable with another provider.");
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
                PaymentState::Expired => return refused("order_expired", "This order has expired."),
                PaymentState::Unpaid | PaymentState::Failed => {
                    if let PageOutcome::ApiOutcome(outcome) = self.start_payment(&order).await? {
                        return Ok(outcome);
                    }
                }
            }
        }
        Err(Failure::unavailable().about(number))
    }

    /// Starts the payment of an unpaid order with the click's provider.
    async fn start_payment(&self, order: &Order) -> Result<PageOutcome, Failure> {
        match &self.way {
            Way::Stripe => self.page(order).await,
            Way::Epay(options) => self.start_epay(order, options).await,
            Way::Wechat(options) => self.start_wechat(order, options).await,
        }
    }

    async fn pending(&self, terms: &Terms) -> Result<Pending, Failure> {
        let pointer = Pointer::Pending { owner: self.caller.clone(), product: terms.product.clone() };
        let number = self.ledger.resolve_pointer(&pointer, &self.context).await?;
        // Before an order is created that could not be paid.
        if let Running::ApiOutcome(outcome) = self.running(&terms.product, number.as_ref()).await? {
            return Ok(Pending::ApiOutcome(outcome));
        }
        let Some(number) = number else {
            return self.create(terms, pointer, None, Vec::new()).await;
        };
        let last = self.existing_order(&number).await?;
        let is_open = matches!(last.payment, PaymentState::Unpaid | PaymentState::Failed);
        let is_stripes = last.terms.provider == Provider::Stripe;
        // Stripe's session shows whether the order can be paid. Elsewhere the order's number is the payment, and can be
        // paid only once.
        let is_payable = is_open && (is_stripes || !last.is_mispaid());
        if is_payable && last.terms == *terms {
            return Ok(Pending::Order(Box::new(last)));
        }
        // A replaced order's session is closed first, if it is Stripe's: other providers' payments cannot be closed
        // here.
        let mut closing = Vec::new();
        let may_be_open = is_stripes && (is_open || last.payment == PaymentState::Canceled);
        if let Some(session) = last.session.as_ref().filter(|_| may_be_open) {
            if let Some(outcome) = self.retire(&last, &session.id).await? {
                return Ok(Pending::ApiOutcome(outcome));
            }
            closing = last.apply_unpaid(PaymentState::Expired);
        } else if is_open {
            closing = last.apply_unpaid(PaymentState::Canceled);
        }
        self.create(terms, pointer, Some(number), closing).await
    }

    /// Ends the last order, creates the new one and moves the pointer, in one commit.
    async fn create(
        &self,
        terms: &Terms,
        pointer: Pointer,
        from: Option<OrderNumber>,
        closing: Vec<Effect>,
    ) -> Result<Pending, Failure> {
        let number = OrderNumber::from_random(self.checkout.order_numbers.bits()?);
        let order = Order::new(number, self.caller.clone(), terms.clone(), self.invocation.now);
        let is_over = |effect: &Effect| matches!(effect, Effect::Order { .. });
        let replaces = from.as_ref().filter(|_| closing.iter().any(is_over));
        let place = self.checkout.places.take(&order, replaces);
        let (product, last) = (pointer.clone(), from.clone());
        let mut effects = closing;
        effects.push(order.clone().created());
        effects.push(Effect::Point { pointer, from, to: order.number.clone() });
        effects.extend(place);
        let created = decide::order_after(&effects, &order);
        match self.commit(decide::created(&order, effects)).await? {
            CommitStatus::Now => Ok(created.map_or(Pending::Retry, |order| Pending::Order(Box::new(order)))),
            CommitStatus::Earlier => Ok(Pending::Retry),
            CommitStatus::Stale => {
                // If another click was faster, its order is the one to pay. Otherwise all places may be taken.
                if self.ledger.resolve_pointer(&product, &self.context).await? == last {
                    self.checkout.places.free(self.caller, self.ledger, &self.context).await?;
                }
                Ok(Pending::Retry)
            }
        }
    }
}

const fn is_over(order: &Order) -> bool {
    matches!(order.payment, PaymentState::Canceled | PaymentState::Expired)
}
