//! What has become of a session whose buyer is done and whose money has not come: a bank debit takes days, and may fail.

use ledger::Deadline;

use super::{IntentStatus, Session, Stripe, StripeSubscription};
use crate::CallError;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unsettled {
    /// The bank has not answered yet: the money may still come.
    Processing,
    /// The bank has refused, or the subscription that was begun has ended: by this session nobody pays any more.
    Failed,
    /// The subscription that was begun runs, and Stripe goes on charging for it.
    Subscribed(StripeSubscription),
}

impl Stripe {
    /// Of a session that is complete and unpaid.
    pub async fn unsettled(&self, session: &Session, deadline: Deadline) -> Result<Unsettled, CallError> {
        if let Some(intent) = &session.payment_intent {
            return Ok(match self.intent(intent, deadline).await?.status {
                IntentStatus::RequiresPaymentMethod | IntentStatus::Canceled => Unsettled::Failed,
                // A buyer may still have an account to verify, and of what has succeeded an event is on its way.
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
