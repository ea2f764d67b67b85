//! What has become of a page that its buyer is done with: paid, paid otherwise than the order says, still being paid, or failed.

use api::{Api as _, ApiOutcome, Failure};
use ledger::{Effect, Ledger, Order, Pointer, Provider, Reference};
use providers::{CallError, PaymentStatus, Session, Unsettled};

use crate::visit::{ROUNDS_MAX, Visit, Written};
use crate::{Checkout, reply};

pub(crate) enum Done {
    ApiOutcome(ApiOutcome),
    /// The bank has refused, or the subscription that was begun has ended: nothing is paid, and by this page nobody can pay any more.
    Failed,
    /// Another amount or currency was paid than the order asks for. It is flagged, and nothing more can be paid by this page.
    Mispaid(Box<Order>),
}

impl<L: Ledger> Visit<'_, L> {
    /// Of a complete session.
    pub(crate) async fn done(&self, order: &Order, session: &Session) -> Result<Done, Failure> {
        if session.payment_status != PaymentStatus::Unpaid {
            return self.booked(order, session).await;
        }
        let until = self.for_asking();
        let asked = self.stripe(|stripe| async move { stripe.unsettled(session, until).await }).await;
        match asked.map_err(|error| reply::failure(&error, order))? {
            Unsettled::Processing => Err(reply::processing(order)),
            Unsettled::Failed => Ok(Done::Failed),
            Unsettled::Subscribed(subscription) => Err(self.subscribed(order, &subscription).await),
        }
    }

    /// The buyer is back before the webhook: what Stripe said when asked is as good.
    async fn booked(&self, order: &Order, session: &Session) -> Result<Done, Failure> {
        let mut order = order.clone();
        let (of, payment) = session.payment(self.invocation.now).map_err(|error| reply::failure(&error, &order))?;
        for _ in 0..ROUNDS_MAX {
            let points = self.resolve_pointer(session, &order).await?.into_iter().collect();
            let Some((decision, reason)) = order.queried(Checkout::NAME, &of, &payment, points) else {
                return Ok(Done::of(order));
            };
            if let Some(reason) = reason {
                edge::alarm(Checkout::NAME, reason.as_str(), order.number.as_str());
            }
            let written = self.commit(Ok(decision)).await?;
            order = self.known(&order.number).await?;
            if written != Written::Stale {
                return Ok(Done::of(order));
            }
        }
        Err(Failure::unavailable().about(&order.number))
    }

    /// The payment leads to its order from now on, unless it does already: refunds name nothing else.
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

impl Done {
    fn of(order: Order) -> Self {
        if order.payment.is_payable() { Self::Mispaid(Box::new(order)) } else { Self::ApiOutcome(reply::state(&order)) }
    }
}

pub(crate) fn stripe(id: &str, order: &Order) -> Result<Reference, Failure> {
    Reference::new(Provider::Stripe, id).map_err(|_| reply::failure(&CallError::Unreadable, order))
}
