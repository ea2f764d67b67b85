//! The state of a completed session without payment: a bank debit takes days and may fail.

use ledger::Deadline;

use super::{IntentStatus, Session, Stripe, StripeSubscription};
use crate::CallError;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unsettled {
    /// The bank has not decided: the payment may still succeed.
    Processing,
    /// The bank refused, or the subscription ended: this session can no longer be paid.
    Failed,
    /// The subscription is active, and Stripe keeps charging for it.
    Subscribed(StripeSubscription),
}

impl Stripe {
    /// Queries a session that is complete and unpaid.
    pub async fn unsettled(&self, session: &Session, deadline: Deadline) -> Result<Unsettled, CallError> {
        if let Some(intent) = &session.payment_intent {
            return Ok(match self.intent(intent, deadline).await?.status {
                IntentStatus::RequiresPaymentMethod | IntentStatus::Canceled => Unsettled::Failed,
                // The buyer may still have to verify an account; a successful intent has an event on its way.
                IntentStatus::RequiresConfirmation
                | IntentStatus::RequiresAction
                | IntentStatus::Processing
                | IntentStatus::RequiresCapture
                | IntentStatus::Succeeded => Unsettled::Processing,
            });
        }
        let Some(subscription) = &session.subscription else {
            return Ok(Unsettled::Processing);
        };
        match self.subscription(subscription, deadline).await {
            Ok(subscription) if subscription.is_live() => Ok(Unsettled::Subscribed(subscription)),
            Ok(_) => Ok(Unsettled::Failed),
            Err(error) if error.is_missing() => Ok(Unsettled::Failed),
            Err(error) => Err(error),
        }
    }
}
