//! Asks the gateway whether a payment was made. V1's key signs and travels in queries, so that its signature alone proves little.

use std::sync::Arc;
use std::time::Duration;

use edge::Keyring;
use ledger::{CallContext, Deadline, Order};
use providers::{CallError, Epay as Client, EpayMerchant, EpayNumber, EpayPayment, Http};
use signing::epay::{Keys, Pid};

use crate::Config;
use crate::parse::EpayEvent;

/// What is kept of the time for writing down what the gateway has said.
const FOR_THE_BOOKS: Duration = Duration::from_millis(1_500);

/// The way to the gateway, and keys of its own: those that a notification is verified with are not at hand once it is.
#[derive(Debug)]
pub struct Gateway {
    pub http: Http,
    pub keys: Keyring<Keys>,
}

impl Gateway {
    /// No answer is none that says so: it is kept, and asked again.
    pub(crate) async fn confirms(&self, config: &Config, event: &EpayEvent, context: &CallContext<'_>) -> bool {
        let Some(merchant) = config.gateway.merchant(&event.pid) else {
            return false;
        };
        match self.payment(config, merchant, EpayNumber::Theirs(&event.trade), context).await {
            Ok(payment) => payment.is_some_and(|payment| is_the_same(&payment, event)),
            Err(error) => {
                tracing::warn!(%error, "the gateway did not confirm a payment");
                // It answers, and will refuse every query like this one: the key or how it is sent is wrong, and nothing is booked until then.
                if matches!(error, CallError::Refused { .. }) {
                    edge::alarm("epay", "query_refused", event.pid.as_str());
                }
                false
            }
        }
    }

    /// The payment of an order, with whichever merchant it was begun. `None`: there is none, or nobody here to ask.
    pub async fn payment_of(
        &self,
        config: &Config,
        order: &Order,
        context: &CallContext<'_>,
    ) -> Result<Option<EpayPayment>, CallError> {
        let begun_with = order.session.as_ref().and_then(|session| Pid::new(session.id.split_once('.')?.0));
        let merchant = begun_with.and_then(|pid| config.gateway.merchant(&pid));
        let asking = merchant.filter(|merchant| self.keys.current().can_sign(&merchant.pid, merchant.scheme));
        let Some(merchant) = asking else {
            return Ok(None);
        };
        let payment = self.payment(config, merchant, EpayNumber::Ours(&order.number), context).await?;
        let is_ours = |payment: &EpayPayment| payment.order == order.number.as_str() && payment.pid == merchant.pid;
        // What is said of another payment is no answer.
        if payment.as_ref().is_none_or(is_ours) { Ok(payment) } else { Err(CallError::Unreadable) }
    }

    /// With the key that we have; and where the gateway does not take it, once more with the one that may have replaced it.
    async fn payment(
        &self,
        config: &Config,
        merchant: &EpayMerchant,
        of: EpayNumber<'_>,
        context: &CallContext<'_>,
    ) -> Result<Option<EpayPayment>, CallError> {
        let until = context.deadline.0.checked_sub(FOR_THE_BOOKS).map_or(context.deadline, Deadline);
        let ask = |keys: Arc<Keys>| async move {
            let client = Client::new(self.http.clone(), &config.gateway, merchant.clone(), keys);
            client.payment(of, context.received_at, until).await
        };
        // A gateway has a word of its own for a wrong signature, or none.
        let are_refused = |error: &CallError| matches!(error, CallError::Refused { .. });
        self.keys.asked(context.received_at, are_refused, ask).await
    }

    /// Whether anything answers where the gateway is.
    pub(crate) async fn answers(&self, config: &Config, deadline: Deadline) -> bool {
        let until = deadline.0.checked_sub(FOR_THE_BOOKS).map_or(deadline, Deadline);
        let Some(merchant) = config.gateway.merchants.first() else {
            return false;
        };
        Client::new(self.http.clone(), &config.gateway, merchant.clone(), self.keys.current()).answers(until).await
    }
}

fn is_the_same(payment: &EpayPayment, event: &EpayEvent) -> bool {
    let EpayPayment { pid, trade, order, money, is_paid } = payment;
    let same = *pid == event.pid && *trade == event.trade && *order == event.order.as_str() && *money == event.money;
    same && *is_paid
}
