//! Opens an order's session at Stripe, reopens it, or follows up a session that has ended. Price validation: a session
//! whose price differs from the order's is closed.

use api::{ApiOutcome, Failure};
use ledger::{Effect, Ledger, Order, OrderNumber, PaymentState};
use providers::{CallError, Session, SessionStatus};

use crate::done::{Completed, stripe};
use crate::running::Running;
use crate::visit::{CommitStatus, SessionCall, Visit};
use crate::{decide, reply};

/// The outcome of opening an order's session.
pub(crate) enum PageOutcome {
    ApiOutcome(ApiOutcome),
    /// The order has changed since it was read: the caller reads it again.
    Retry,
}

impl<L: Ledger> Visit<'_, L> {
    /// The session of an unpaid order.
    pub(crate) async fn page(&self, order: &Order) -> Result<PageOutcome, Failure> {
        match &order.session {
            None => self.open(order, None).await,
            Some(session) => self.reopen(order, &session.id).await,
        }
    }

    /// Opens a session, in place of one that can no longer be paid if the order had one.
    async fn open(&self, order: &Order, replaced: Option<&str>) -> Result<PageOutcome, Failure> {
        let product = self.product(order)?;
        let last = match self.running(product.id(), Some(&order.number)).await? {
            Running::No { last } => last,
            Running::ApiOutcome(outcome) => return Ok(PageOutcome::ApiOutcome(outcome)),
        };
        let new = decide::session(order, replaced, product, &self.checkout.config);
        match self.session_call(SessionCall::Create(&new)).await {
            Ok(session) => self.opened(order, session, last).await,
            Err(error) if is_kept(&error) => {
                // Stripe repeats this answer under this idempotency key for a day. The next click creates another
                // order, with another key.
                match self.close(order, PaymentState::Canceled, "stripe_failed").await? {
                    CommitStatus::Stale => Ok(PageOutcome::Retry),
                    CommitStatus::Now | CommitStatus::Earlier => {
                        Err(reply::failure(&CallError::Failed { status: 500 }, order))
                    }
                }
            }
            Err(error) => Err(reply::failure(&error, order)),
        }
    }

    async fn opened(&self, order: &Order, session: Session, last: Option<OrderNumber>) -> Result<PageOutcome, Failure> {
        if session.order.as_ref() != Some(&order.number) {
            return Err(reply::failure(&CallError::Unreadable, order));
        }
        // Every later report of the session names the order, so that its id needs no pointer; but it must be an id.
        stripe(&session.id, order)?;
        if session.money != Some(order.terms.price) {
            return self.mispriced(order, &session).await;
        }
        let url = session.url.clone().unwrap_or_default();
        let mut effects = order.open(ledger::Session { id: session.id.clone(), url });
        // Conditional on the pointer that was read before the call to Stripe: of two orders' concurrent sessions one
        // commits, and the other one retries.
        let starts = self.subscription_pointer(&order.terms.product).filter(|_| last.as_ref() != Some(&order.number));
        effects.extend(starts.map(|pointer| Effect::Point { pointer, from: last, to: order.number.clone() }));
        let is_open = session.status == SessionStatus::Open && session.url.is_some();
        match self.amend(&effects).await? {
            CommitStatus::Now if is_open => Ok(PageOutcome::ApiOutcome(reply::opened(order, &session))),
            CommitStatus::Now | CommitStatus::Earlier => Ok(PageOutcome::Retry),
            CommitStatus::Stale => {
                self.abandon(order, &session).await?;
                Ok(PageOutcome::Retry)
            }
        }
    }

    /// Closes a session whose price differs from the order's: no buyer may see it.
    async fn mispriced(&self, order: &Order, session: &Session) -> Result<PageOutcome, Failure> {
        edge::alarm("checkout", "price_mismatch", order.number.as_str());
        if let Err(error) = self.session_call(SessionCall::Expire(&session.id)).await {
            // Without its link no one can pay it, and it expires by itself.
            tracing::warn!(%error, "a session with a wrong price could not be closed");
        }
        match self.close(order, PaymentState::Canceled, "price_mismatch").await? {
            CommitStatus::Stale => Ok(PageOutcome::Retry),
            CommitStatus::Now | CommitStatus::Earlier => {
                let message = "Stripe has another price for this product.";
                Err(Failure::new(502, "price_mismatch", message).about(&order.number))
            }
        }
    }

    /// Another click was faster. If it kept the order open, it has the same session; otherwise this session must be
    /// closed.
    async fn abandon(&self, order: &Order, session: &Session) -> Result<(), Failure> {
        let now = self.existing_order(&order.number).await?;
        let is_open = matches!(now.payment, PaymentState::Unpaid | PaymentState::Failed);
        let is_its_own = now.session.is_some_and(|own| own.id == session.id);
        if !is_open
            && !is_its_own
            && let Err(error) = self.session_call(SessionCall::Expire(&session.id)).await
        {
            tracing::warn!(%error, "an abandoned session could not be closed");
        }
        Ok(())
    }

    async fn reopen(&self, order: &Order, id: &str) -> Result<PageOutcome, Failure> {
        match self.read(order, id).await? {
            Some(session) if session.status == SessionStatus::Open && session.url.is_some() => {
                Ok(PageOutcome::ApiOutcome(reply::reopened(order, &session)))
            }
            Some(session) if session.status == SessionStatus::Complete => {
                match self.complete(order, &session).await? {
                    Completed::ApiOutcome(outcome) => Ok(PageOutcome::ApiOutcome(outcome)),
                    // Another session for the same order, so that the order's number stays valid and a second payment
                    // counts as a duplicate.
                    Completed::Failed if session.subscription.is_none() => self.open(order, Some(id)).await,
                    Completed::Failed => self.end(order, PaymentState::Expired, "subscription_ended").await,
                    // A person decides about the mismatched payment; the order is not paid again.
                    Completed::Mispaid(order) => self.end(&order, PaymentState::Canceled, "mispaid").await,
                }
            }
            Some(session) if session.status == SessionStatus::Open => {
                Err(reply::failure(&CallError::Unreadable, order))
            }
            Some(_) | None => self.end(order, PaymentState::Expired, "session_expired").await,
        }
    }

    /// Ends the order; the next click on its product creates another.
    async fn end(&self, order: &Order, state: PaymentState, why: &'static str) -> Result<PageOutcome, Failure> {
        self.close(order, state, why).await?;
        Ok(PageOutcome::Retry)
    }

    /// Closes the session, so that it can no longer be paid. Returns the outcome if it turns out to be paid or
    /// processing.
    pub(crate) async fn retire(&self, order: &Order, id: &str) -> Result<Option<ApiOutcome>, Failure> {
        match self.session_call(SessionCall::Expire(id)).await {
            Ok(_) => return Ok(None),
            // The session is not open or not known; reading it tells which.
            Err(CallError::Refused { status: 400 | 404, .. }) => {}
            Err(error) => return Err(reply::failure(&error, order)),
        }
        match self.read(order, id).await? {
            Some(session) if session.status == SessionStatus::Complete => match self.complete(order, &session).await? {
                Completed::ApiOutcome(outcome) => Ok(Some(outcome)),
                Completed::Failed | Completed::Mispaid(_) => Ok(None),
            },
            Some(session) if session.status == SessionStatus::Open => {
                Err(reply::failure(&CallError::Refused { status: 400, kind: None, code: None }, order))
            }
            Some(_) | None => Ok(None),
        }
    }

    /// `None` if Stripe does not know the session or no longer does, so that it cannot be paid.
    async fn read(&self, order: &Order, id: &str) -> Result<Option<Session>, Failure> {
        match self.session_call(SessionCall::Read(id)).await {
            Ok(session) if session.order.as_ref() == Some(&order.number) => Ok(Some(session)),
            Ok(_) => Err(reply::failure(&CallError::Unreadable, order)),
            Err(CallError::Refused { status: 404, code, .. }) if code.as_deref() == Some("resource_missing") => {
                Ok(None)
            }
            Err(error) => Err(reply::failure(&error, order)),
        }
    }
}

/// Whether Stripe repeats this answer for every call with the same idempotency key.
fn is_kept(error: &CallError) -> bool {
    match error {
        CallError::Failed { .. } => true,
        CallError::Refused { status, kind, .. } => *status != 409 && kind.as_deref() == Some("idempotency_error"),
        CallError::NoAnswer | CallError::Unsigned | CallError::Unreadable => false,
    }
}
