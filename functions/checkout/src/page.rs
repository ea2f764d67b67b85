//! Where an order is paid: its session at Stripe, opened, found again, or found done with.

use api::{ApiOutcome, Failure};
use ledger::{Effect, Ledger, Order, OrderNumber, PaymentState, Pointer};
use providers::{CallError, Session, SessionStatus};

use crate::done::{Done, stripe};
use crate::running::Running;
use crate::visit::{Ask, Visit, Written};
use crate::{decide, reply};

/// What a look at an order's page led to.
pub(crate) enum Looked {
    ApiOutcome(ApiOutcome),
    /// It is no longer as it was: look again.
    Again,
}

impl<L: Ledger> Visit<'_, L> {
    /// Of an order that is still to be paid.
    pub(crate) async fn page(&self, order: &Order) -> Result<Looked, Failure> {
        match &order.session {
            None => self.open(order, None).await,
            Some(session) => self.reopen(order, &session.id).await,
        }
    }

    /// A new page; in the place of one by which nobody can pay any more, if the order had one.
    async fn open(&self, order: &Order, replaced: Option<&str>) -> Result<Looked, Failure> {
        let product = self.product(order)?;
        let last = match self.running(product.id(), Some(&order.number)).await? {
            Running::No { last } => last,
            Running::ApiOutcome(told) => return Ok(Looked::ApiOutcome(told)),
        };
        let new = decide::session(order, replaced, product, &self.checkout.config);
        match self.ask(Ask::Create(&new)).await {
            Ok(session) => self.opened(order, session, last).await,
            Err(error) if is_kept(&error) => {
                // Stripe gives this answer under this key for a day. The next click makes another order, with another key.
                match self.close(order, PaymentState::Canceled, "stripe_failed").await? {
                    Written::Stale => Ok(Looked::Again),
                    Written::Now | Written::Earlier => Err(reply::failure(&CallError::Failed { status: 500 }, order)),
                }
            }
            Err(error) => Err(reply::failure(&error, order)),
        }
    }

    async fn opened(&self, order: &Order, session: Session, last: Option<OrderNumber>) -> Result<Looked, Failure> {
        if session.order.as_ref() != Some(&order.number) {
            return Err(reply::failure(&CallError::Unreadable, order));
        }
        let reference = stripe(&session.id, order)?;
        if session.money != Some(order.terms.price) {
            return self.mispriced(order, &session).await;
        }
        let url = session.url.clone().unwrap_or_default();
        let mut effects = order.open(ledger::Session { id: session.id.clone(), url });
        let pointer = Pointer::Provider(reference);
        effects.push(Effect::Point { pointer, from: None, to: order.number.clone() });
        // Over what was read before Stripe was asked: of two orders' pages at once one is written, and the other looks again.
        let begins = self.subscription_pointer(&order.terms.product).filter(|_| last.as_ref() != Some(&order.number));
        effects.extend(begins.map(|pointer| Effect::Point { pointer, from: last, to: order.number.clone() }));
        let is_open = session.status == SessionStatus::Open && session.url.is_some();
        match self.commit(decide::opened(order, &session.id, effects)).await? {
            Written::Now if is_open => Ok(Looked::ApiOutcome(reply::opened(order, &session))),
            Written::Now | Written::Earlier => Ok(Looked::Again),
            Written::Stale => {
                self.abandon(order, &session).await?;
                Ok(Looked::Again)
            }
        }
    }

    /// Nobody is shown a page that asks for another amount than the order.
    async fn mispriced(&self, order: &Order, session: &Session) -> Result<Looked, Failure> {
        edge::alarm("checkout", "price_mismatch", order.number.as_str());
        if let Err(error) = self.ask(Ask::Expire(&session.id)).await {
            // Whoever has no link to it cannot pay it, and it expires by itself.
            tracing::warn!(%error, "a session with a wrong price is left open");
        }
        match self.close(order, PaymentState::Canceled, "price_mismatch").await? {
            Written::Stale => Ok(Looked::Again),
            Written::Now | Written::Earlier => {
                let message = "Stripe has another price for this product.";
                Err(Failure::new(502, "price_mismatch", message).about(&order.number))
            }
        }
    }

    /// Another click was quicker. It has the same session, or it has given the order up: then nobody may find this one.
    async fn abandon(&self, order: &Order, session: &Session) -> Result<(), Failure> {
        let now = self.known(&order.number).await?;
        let is_open = matches!(now.payment, PaymentState::Unpaid | PaymentState::Failed);
        let is_its_own = now.session.is_some_and(|own| own.id == session.id);
        if !is_open
            && !is_its_own
            && let Err(error) = self.ask(Ask::Expire(&session.id)).await
        {
            tracing::warn!(%error, "a session that nobody has a link to is left open");
        }
        Ok(())
    }

    async fn reopen(&self, order: &Order, id: &str) -> Result<Looked, Failure> {
        match self.read(order, id).await? {
            Some(session) if session.status == SessionStatus::Open && session.url.is_some() => {
                Ok(Looked::ApiOutcome(reply::reopened(order, &session)))
            }
            Some(session) if session.status == SessionStatus::Complete => {
                match self.done(order, &session).await? {
                    Done::ApiOutcome(told) => Ok(Looked::ApiOutcome(told)),
                    // The same order on another page: its number stays good, and of two payments one would be a duplicate.
                    Done::Failed if session.subscription.is_none() => self.open(order, Some(id)).await,
                    Done::Failed => self.over(order, PaymentState::Expired, "subscription_ended").await,
                    // What was paid waits for a person: it is not paid for once more.
                    Done::Mispaid(order) => self.over(&order, PaymentState::Canceled, "mispaid").await,
                }
            }
            Some(session) if session.status == SessionStatus::Open => {
                Err(reply::failure(&CallError::Unreadable, order))
            }
            Some(_) | None => self.over(order, PaymentState::Expired, "session_expired").await,
        }
    }

    /// The order is over; a click on its product makes another.
    async fn over(&self, order: &Order, state: PaymentState, why: &'static str) -> Result<Looked, Failure> {
        self.close(order, state, why).await?;
        Ok(Looked::Again)
    }

    /// Makes sure that nobody can pay on this page any more. It may turn out that somebody has, or is about to.
    pub(crate) async fn retired(&self, order: &Order, id: &str) -> Result<Option<ApiOutcome>, Failure> {
        match self.ask(Ask::Expire(id)).await {
            Ok(_) => return Ok(None),
            // It was not open, or is not there: which of them, it will say itself.
            Err(CallError::Refused { status: 400 | 404, .. }) => {}
            Err(error) => return Err(reply::failure(&error, order)),
        }
        match self.read(order, id).await? {
            Some(session) if session.status == SessionStatus::Complete => match self.done(order, &session).await? {
                Done::ApiOutcome(told) => Ok(Some(told)),
                Done::Failed | Done::Mispaid(_) => Ok(None),
            },
            Some(session) if session.status == SessionStatus::Open => {
                Err(reply::failure(&CallError::Refused { status: 400, kind: None, code: None }, order))
            }
            Some(_) | None => Ok(None),
        }
    }

    /// `None` of a session that Stripe does not know, or no longer: nobody can pay on it.
    async fn read(&self, order: &Order, id: &str) -> Result<Option<Session>, Failure> {
        match self.ask(Ask::Read(id)).await {
            Ok(session) if session.order.as_ref() == Some(&order.number) => Ok(Some(session)),
            Ok(_) => Err(reply::failure(&CallError::Unreadable, order)),
            Err(CallError::Refused { status: 404, code, .. }) if code.as_deref() == Some("resource_missing") => {
                Ok(None)
            }
            Err(error) => Err(reply::failure(&error, order)),
        }
    }
}

/// An answer that Stripe repeats under the same key, however often it is asked.
fn is_kept(error: &CallError) -> bool {
    match error {
        CallError::Failed { .. } => true,
        CallError::Refused { status, kind, .. } => *status != 409 && kind.as_deref() == Some("idempotency_error"),
        CallError::NoAnswer | CallError::Unsigned | CallError::Unreadable => false,
    }
}
