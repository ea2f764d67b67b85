//! Payment queries: asks an order's provider for the payment, and translates the reply.

use edge::{Invocation, Keyring};
use ledger::{Backlog, Order, Payment, PaymentState, Provider, Reference};
use providers::{
    CallError, EpayPayment, Http, Intent, IntentStatus, PaymentStatus, Queried, SecretKey, SessionStatus, StripeConfig,
    TradeState, Unsettled,
};

use crate::missing_credentials::QueryError;
use crate::{Reconcile, SOURCE};

/// Access to Stripe's API: client, settings and key.
#[derive(Debug)]
pub struct StripeApi {
    pub http: Http,
    pub config: StripeConfig,
    pub keys: Keyring<SecretKey>,
}

/// The result of a query for an order's payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum QueryOutcome {
    /// Paid by this payment. `of` is the queried reference; `also` are further references to point to the order.
    Paid { of: Reference, payment: Payment, also: Vec<Reference> },
    /// Paid in the other mode: test money for a live order, or the reverse.
    WrongMode { of: Reference, payment: Payment },
    /// The payment is in progress, or ends without our action.
    Pending,
    /// The buyer can pay until the order is closed at the provider.
    Open,
    /// The buyer can no longer pay.
    Ended(PaymentState),
    /// The provider has no such order.
    Unknown,
}

impl<L: Backlog> Reconcile<L> {
    /// Queries the order's provider. A provider that is not configured gives `Pending`.
    pub(crate) async fn query(&self, order: &Order, invocation: &Invocation) -> Result<QueryOutcome, QueryError> {
        let provider = order.terms.provider;
        if self.missing_credentials.contains(provider.as_str()) {
            return Err(QueryError::NoKey);
        }
        Ok(match provider {
            Provider::Stripe => match &self.stripe_api {
                Some(stripe) => stripe.query(order, self.stripe.config.livemode, invocation).await?,
                None => QueryOutcome::Pending,
            },
            Provider::Wechat => match self.wechat.as_ref().and_then(|wechat| wechat.api.as_ref()) {
                Some(api) => {
                    of_wechat(api.payment_of(order, invocation.now, invocation.deadline).await?, order, invocation)?
                }
                None => QueryOutcome::Pending,
            },
            Provider::Epay => match self.epay.as_ref().and_then(|epay| Some((epay, epay.gateway.as_ref()?))) {
                Some((epay, gateway)) => {
                    of_epay(gateway.payment_of(&epay.config, order, &invocation.context()).await?, invocation)?
                }
                None => QueryOutcome::Pending,
            },
        })
    }

    /// Closes the payment at the provider, if its API can, so that the buyer can no longer pay.
    pub(crate) async fn close_at_provider(&self, order: &Order, invocation: &Invocation) -> bool {
        let api = self.wechat.as_ref().and_then(|wechat| wechat.api.as_ref());
        match (order.terms.provider, api) {
            (Provider::Wechat, Some(api)) => {
                let closed = api.close(order, invocation.now, invocation.deadline).await;
                closed.inspect_err(|error| tracing::warn!(%error, "a payment was not closed")).is_ok()
            }
            (Provider::Wechat, None) => false,
            (Provider::Stripe | Provider::Epay, _) => true,
        }
    }
}

/// WeChat Pay is queried by the order's number.
fn of_wechat(reply: Option<Queried>, order: &Order, invocation: &Invocation) -> Result<QueryOutcome, CallError> {
    let Some(reply) = reply else {
        return Ok(QueryOutcome::Unknown);
    };
    Ok(match reply.state {
        TradeState::Success => {
            let reference = |id: &str| Reference::new(Provider::Wechat, id).map_err(|_| CallError::Unreadable);
            let by = reference(&reply.transaction.ok_or(CallError::Unreadable)?)?;
            let money = reply.money.ok_or(CallError::Unreadable)?;
            let payment = Payment { by, money, at: reply.paid_at.unwrap_or(invocation.now) };
            QueryOutcome::Paid { of: reference(order.number.as_str())?, payment, also: Vec::new() }
        }
        // Paid and refunded before either was booked: a person decides on the rest.
        TradeState::Refunded => {
            edge::alarm(SOURCE, "refunded_and_not_booked", order.number.as_str());
            QueryOutcome::Pending
        }
        TradeState::NotPaid | TradeState::Failed => QueryOutcome::Open,
        TradeState::UserPaying => QueryOutcome::Pending,
        TradeState::Closed | TradeState::Revoked => QueryOutcome::Ended(PaymentState::Canceled),
    })
}

fn of_epay(reply: Option<EpayPayment>, invocation: &Invocation) -> Result<QueryOutcome, CallError> {
    Ok(match reply {
        Some(EpayPayment { pid, trade, money, is_paid: true, .. }) => {
            let by = epay::reference(&pid, &trade).map_err(|_| CallError::Unreadable)?;
            let payment = Payment { by: by.clone(), money, at: invocation.now };
            QueryOutcome::Paid { of: by.clone(), payment, also: vec![by] }
        }
        Some(_) => QueryOutcome::Open,
        None => QueryOutcome::Unknown,
    })
}

/// Payment intents without a checkout session of ours: another client created them, with the order's number.
fn of_intents(intents: &[Intent], livemode: bool, invocation: &Invocation) -> Result<QueryOutcome, CallError> {
    let is = |wanted: &[IntentStatus]| intents.iter().any(|intent| wanted.contains(&intent.status));
    // Of two successful intents the first pays the order; the other is a duplicate, which a webhook reports.
    let succeeded = intents.iter().filter(|intent| intent.status == IntentStatus::Succeeded);
    if let Some(first) = succeeded.min_by_key(|intent| intent.created) {
        let payment = first.payment(invocation.now)?;
        let of = payment.by.clone();
        if first.livemode != livemode {
            return Ok(QueryOutcome::WrongMode { of, payment });
        }
        return Ok(QueryOutcome::Paid { also: vec![of.clone()], of, payment });
    }
    Ok(if is(&[IntentStatus::Processing, IntentStatus::RequiresCapture]) {
        QueryOutcome::Pending
    } else if is(&[
        IntentStatus::RequiresPaymentMethod,
        IntentStatus::RequiresConfirmation,
        IntentStatus::RequiresAction,
    ]) {
        QueryOutcome::Open
    } else {
        // A canceled intent does not exclude another one later.
        QueryOutcome::Unknown
    })
}

impl StripeApi {
    async fn query(&self, order: &Order, livemode: bool, invocation: &Invocation) -> Result<QueryOutcome, CallError> {
        let Some(page) = &order.session else {
            let intents = self
                .call(invocation, |stripe| async move { stripe.intents_of(&order.number, invocation.deadline).await })
                .await?;
            return of_intents(&intents, livemode, invocation);
        };
        let session =
            self.call(invocation, |stripe| async move { stripe.session(&page.id, invocation.deadline).await }).await;
        let session = match session {
            Err(error) if error.is_missing() => return Ok(QueryOutcome::Ended(PaymentState::Expired)),
            session => session?,
        };
        if session.order.as_ref() != Some(&order.number) {
            return Err(CallError::Unreadable);
        }
        Ok(match (session.status, session.payment_status) {
            (SessionStatus::Expired, _) => QueryOutcome::Ended(PaymentState::Expired),
            (SessionStatus::Open, _) => QueryOutcome::Pending,
            (SessionStatus::Complete, PaymentStatus::Unpaid) => {
                let session = &session;
                let unsettled = self
                    .call(invocation, |stripe| async move { stripe.unsettled(session, invocation.deadline).await })
                    .await?;
                match unsettled {
                    Unsettled::Processing | Unsettled::Subscribed(_) => QueryOutcome::Pending,
                    Unsettled::Failed => QueryOutcome::Ended(PaymentState::Failed),
                }
            }
            (SessionStatus::Complete, PaymentStatus::Paid | PaymentStatus::NoPaymentRequired) => {
                let (of, payment) = session.payment(invocation.now)?;
                let also = session.payment_intent.iter().map(|_| payment.by.clone()).collect();
                QueryOutcome::Paid { of, payment, also }
            }
        })
    }

    pub(crate) async fn call<T, F>(
        &self,
        invocation: &Invocation,
        call: impl Fn(providers::Stripe) -> F,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        let call = |key| call(providers::Stripe::new(self.http.clone(), &self.config, key));
        self.keys.call(invocation.now, CallError::is_of_the_key, call).await
    }
}
