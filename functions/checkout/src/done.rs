//! Decides the outcome of a completed session: paid, paid with another amount, still processing, or failed.

use api::{Api as _, ApiOutcome, Failure};
use ledger::{Effect, Ledger, Order, Pointer, Provider, Reference, Writer};
use providers::{CallError, PaymentStatus, Session, Unsettled};

use crate::visit::{CommitStatus, ROUNDS_MAX, Visit};
use crate::{Checkout, reply};

pub(crate) enum Completed {
    ApiOutcome(ApiOutcome),
    /// The bank has refused the payment, or the new subscription has ended: nothing is paid, and this session can no
    /// longer be paid.
    Failed,
    /// The payment's amount or currency differs from the order's price. The order is flagged, and this session can no
    /// longer be paid.
    Mispaid(Box<Order>),
}

impl<L: Ledger> Visit<'_, L> {
    /// The outcome of a complete session.
    pub(crate) async fn complete(&self, order: &Order, session: &Session) -> Result<Completed, Failure> {
        if session.payment_status != PaymentStatus::Unpaid {
            return self.booked(order, session).await;
        }
        let until = self.provider_deadline();
        let unsettled = self.stripe(|stripe| async move { stripe.unsettled(session, until).await }).await;
        match unsettled.map_err(|error| reply::failure(&error, order))? {
            Unsettled::Processing => Err(reply::processing(order)),
            Unsettled::Failed => Ok(Completed::Failed),
            Unsettled::Subscribed(subscription) => Err(self.subscribed(order, &subscription).await),
        }
    }

    /// Books a payment before its webhook arrives: Stripe's answer to a query proves the same.
    async fn booked(&self, order: &Order, session: &Session) -> Result<Completed, Failure> {
        let mut order = order.clone();
        let (of, payment) = session.payment(self.invocation.now).map_err(|error| reply::failure(&error, &order))?;
        for _ in 0..ROUNDS_MAX {
            let points = self.resolve_pointer(session, &order).await?.into_iter().collect();
            let Some((decision, reason)) = order.queried(Writer::Checkout, &of, &payment, points) else {
                return Ok(Completed::of(order));
            };
            if let Some(reason) = reason {
                edge::alarm(Checkout::NAME, reason.as_str(), order.number.as_str());
            }
            let status = self.commit(decision).await?;
            order = self.existing_order(&order.number).await?;
            if status != CommitStatus::Stale {
                return Ok(Completed::of(order));
            }
        }
        Err(Failure::unavailable().about(&order.number))
    }

    /// The payment's pointer to its order, unless there is one already: refunds carry only the payment's id.
    async fn resolve_pointer(&self, session: &Session, order: &Order) -> Result<Option<Effect>, Failure> {
        let Some(intent) = &session.payment_intent else {
            return Ok(None);
        };
        let pointer = Pointer::Provider(stripe(intent, order)?);
        let leads = self.ledger.resolve_pointer(&pointer, &self.context).await?;
        let point = Effect::Point { pointer, from: None, to: order.number.clone() };
        Ok(leads.is_none().then_some(point))
    }
}

impl Completed {
    fn of(order: Order) -> Self {
        if order.payment.is_payable() { Self::Mispaid(Box::new(order)) } else { Self::ApiOutcome(reply::state(&order)) }
    }
}

pub(crate) fn stripe(id: &str, order: &Order) -> Result<Reference, Failure> {
    Reference::new(Provider::Stripe, id).map_err(|_| reply::failure(&CallError::Unreadable, order))
}
