//! Confirms payments with a query to the gateway: V1's key signs and also travels in queries, so its signature alone
//! proves little.

use std::sync::Arc;
use std::time::Duration;

use edge::Keyring;
use ledger::{CallContext, Deadline, Order, Source};
use providers::{CallError, Epay as Client, EpayMerchant, EpayNumber, EpayPayment, Http};
use signing::epay::{Keys, Pid};

use crate::Config;
use crate::parse::EpayEvent;

/// The part of the reply deadline that is reserved for the commit after the query.
const COMMIT_WITHIN: Duration = Duration::from_millis(1_500);

/// The gateway's client, with its own keys: the keys that verified the notification are not available here.
#[derive(Debug)]
pub struct Gateway {
    pub http: Http,
    pub keys: Keyring<Keys>,
}

impl Gateway {
    /// Whether the gateway confirms the payment. A failed query does not: the event is kept and retried.
    pub(crate) async fn confirms(&self, config: &Config, event: &EpayEvent, context: &CallContext<'_>) -> bool {
        let Some(merchant) = config.gateway.merchant(&event.pid) else {
            return false;
        };
        match self.payment(config, merchant, EpayNumber::Theirs(&event.trade), context).await {
            Ok(payment) => payment.is_some_and(|payment| is_the_same(&payment, event)),
            Err(error) => {
                tracing::warn!(%error, "the gateway did not confirm a payment");
                // The gateway will refuse every query like this one: the key or its format is wrong, and nothing is
                // booked until it is right.
                if matches!(error, CallError::Refused { .. }) {
                    edge::alarm(Source::Epay.as_str(), "query_refused", event.pid.as_str());
                }
                false
            }
        }
    }

    /// The order's payment, from the merchant with which it was started. `None` if there is none, or no key to query
    /// with.
    pub async fn payment_of(
        &self,
        config: &Config,
        order: &Order,
        context: &CallContext<'_>,
    ) -> Result<Option<EpayPayment>, CallError> {
        let started_with = order.session.as_ref().and_then(|session| Pid::new(session.id.split_once('.')?.0));
        let merchant = started_with.and_then(|pid| config.gateway.merchant(&pid));
        let merchant = merchant.filter(|merchant| self.keys.current().can_sign(&merchant.pid, merchant.scheme));
        let Some(merchant) = merchant else {
            return Ok(None);
        };
        let payment = self.payment(config, merchant, EpayNumber::Ours(&order.number), context).await?;
        let is_ours = |payment: &EpayPayment| payment.order == order.number.as_str() && payment.pid == merchant.pid;
        // An answer about another payment is an error.
        if payment.as_ref().is_none_or(is_ours) { Ok(payment) } else { Err(CallError::Unreadable) }
    }

    /// The payment of this number, of whichever of our merchants has it. It needs to be no order here.
    pub async fn payment_named(
        &self,
        config: &Config,
        of: EpayNumber<'_>,
        context: &CallContext<'_>,
    ) -> Result<Option<EpayPayment>, CallError> {
        for merchant in &config.gateway.merchants {
            let is_queried = self.keys.current().can_sign(&merchant.pid, merchant.scheme);
            if is_queried && let Some(payment) = self.payment(config, merchant, of, context).await? {
                return Ok(Some(payment));
            }
        }
        Ok(None)
    }

    /// Queries with the current key, and once more with a replaced one if the gateway refuses it.
    async fn payment(
        &self,
        config: &Config,
        merchant: &EpayMerchant,
        of: EpayNumber<'_>,
        context: &CallContext<'_>,
    ) -> Result<Option<EpayPayment>, CallError> {
        let until = context.deadline.0.checked_sub(COMMIT_WITHIN).map_or(context.deadline, Deadline);
        let query = |keys: Arc<Keys>| async move {
            let client = Client::new(self.http.clone(), &config.gateway, merchant.clone(), keys);
            client.payment(of, context.received_at, until).await
        };
        // Gateways differ in their code for a wrong signature, so every refusal counts.
        let are_refused = |error: &CallError| matches!(error, CallError::Refused { .. });
        self.keys.call(context.received_at, are_refused, query).await
    }

    /// Whether the gateway responds at all.
    pub(crate) async fn answers(&self, config: &Config, deadline: Deadline) -> bool {
        let until = deadline.0.checked_sub(COMMIT_WITHIN).map_or(deadline, Deadline);
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
