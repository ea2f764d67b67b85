//! Who is asked of an order's payment, and what the answer says.

use edge::{Invocation, Keyring};
use ledger::{Backlog, Order, Payment, PaymentState, Provider, Reference};
use providers::{
    CallError, EpayPayment, Http, Intent, IntentStatus, PaymentStatus, Queried, SecretKey, SessionStatus, StripeConfig,
    TradeState, Unsettled,
};

use crate::missing_credentials::Unheard;
use crate::unpaid::Said;
use crate::{Reconcile, SOURCE};

/// Where Stripe is asked, and with what.
#[derive(Debug)]
pub struct StripeApi {
    pub http: Http,
    pub config: StripeConfig,
    pub keys: Keyring<SecretKey>,
}

impl<L: Backlog> Reconcile<L> {
    /// Of a provider that is not configured nothing is known.
    pub(crate) async fn ask(&self, order: &Order, invocation: &Invocation) -> Result<Said, Unheard> {
        let provider = order.terms.provider;
        if self.missing_credentials.contains(provider.as_str()) {
            return Err(Unheard::NoKey);
        }
        Ok(match provider {
            Provider::Stripe => match &self.stripe_api {
                Some(stripe) => stripe.ask(order, self.stripe.config.livemode, invocation).await?,
                None => Said::NotYet,
            },
            Provider::Wechat => match self.wechat.as_ref().and_then(|wechat| wechat.api.as_ref()) {
                Some(api) => {
                    of_wechat(api.payment_of(order, invocation.now, invocation.deadline).await?, order, invocation)?
                }
                None => Said::NotYet,
            },
            Provider::Epay => match self.epay.as_ref().and_then(|epay| Some((epay, epay.gateway.as_ref()?))) {
                Some((epay, gateway)) => {
                    of_epay(gateway.payment_of(&epay.config, order, &invocation.context()).await?, invocation)?
                }
                None => Said::NotYet,
            },
        })
    }

    /// Makes sure that nobody can pay it there any more, where the provider has a way to.
    pub(crate) async fn ended(&self, order: &Order, invocation: &Invocation) -> bool {
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

/// Asked by the order's number, which is what it is known by there.
fn of_wechat(said: Option<Queried>, order: &Order, invocation: &Invocation) -> Result<Said, CallError> {
    let Some(said) = said else {
        return Ok(Said::Nothing);
    };
    Ok(match said.state {
        TradeState::Success => {
            let reference = |id: &str| Reference::new(Provider::Wechat, id).map_err(|_| CallError::Unreadable);
            let by = reference(&said.transaction.ok_or(CallError::Unreadable)?)?;
            let money = said.money.ok_or(CallError::Unreadable)?;
            let payment = Payment { by, money, at: said.paid_at.unwrap_or(invocation.now) };
            Said::Paid { of: reference(order.number.as_str())?, payment, also: Vec::new() }
        }
        // Paid and given back before we heard of either: what stands of it, a person has to say.
        TradeState::Refunded => {
            edge::alarm(SOURCE, "refunded_and_not_booked", order.number.as_str());
            Said::NotYet
        }
        TradeState::NotPaid | TradeState::Failed => Said::Open,
        TradeState::UserPaying => Said::NotYet,
        TradeState::Closed | TradeState::Revoked => Said::Over(PaymentState::Canceled),
    })
}

fn of_epay(said: Option<EpayPayment>, invocation: &Invocation) -> Result<Said, CallError> {
    Ok(match said {
        Some(EpayPayment { pid, trade, money, is_paid: true, .. }) => {
            let by = epay::reference(&pid, &trade).map_err(|_| CallError::Unreadable)?;
            let payment = Payment { by: by.clone(), money, at: invocation.now };
            Said::Paid { of: by.clone(), payment, also: vec![by] }
        }
        Some(_) => Said::Open,
        None => Said::Nothing,
    })
}

/// Of a payment without a page of ours: somebody else has begun it, and named the order.
fn of_intents(intents: &[Intent], livemode: bool, invocation: &Invocation) -> Result<Said, CallError> {
    let is = |wanted: &[IntentStatus]| intents.iter().any(|intent| wanted.contains(&intent.status));
    // Of two that have succeeded the first counts; the other is a duplicate, of which an event tells.
    let succeeded = intents.iter().filter(|intent| intent.status == IntentStatus::Succeeded);
    if let Some(first) = succeeded.min_by_key(|intent| intent.created) {
        let payment = first.payment(invocation.now)?;
        let of = payment.by.clone();
        if first.livemode != livemode {
            return Ok(Said::OfOtherMode { of, payment });
        }
        return Ok(Said::Paid { also: vec![of.clone()], of, payment });
    }
    Ok(if is(&[IntentStatus::Processing, IntentStatus::RequiresCapture]) {
        Said::NotYet
    } else if is(&[
        IntentStatus::RequiresPaymentMethod,
        IntentStatus::RequiresConfirmation,
        IntentStatus::RequiresAction,
    ]) {
        Said::Open
    } else {
        // What is canceled there says nothing of another that may be begun.
        Said::Nothing
    })
}

impl StripeApi {
    async fn ask(&self, order: &Order, livemode: bool, invocation: &Invocation) -> Result<Said, CallError> {
        let Some(page) = &order.session else {
            let intents = self
                .asked(invocation, |stripe| async move { stripe.intents_of(&order.number, invocation.deadline).await })
                .await?;
            return of_intents(&intents, livemode, invocation);
        };
        let session =
            self.asked(invocation, |stripe| async move { stripe.session(&page.id, invocation.deadline).await }).await;
        let session = match session {
            Err(error) if error.is_missing() => return Ok(Said::Over(PaymentState::Expired)),
            session => session?,
        };
        if session.order.as_ref() != Some(&order.number) {
            return Err(CallError::Unreadable);
        }
        Ok(match (session.status, session.payment_status) {
            (SessionStatus::Expired, _) => Said::Over(PaymentState::Expired),
            (SessionStatus::Open, _) => Said::NotYet,
            (SessionStatus::Complete, PaymentStatus::Unpaid) => {
                let session = &session;
                let asked = self
                    .asked(invocation, |stripe| async move { stripe.unsettled(session, invocation.deadline).await })
                    .await?;
                match asked {
                    Unsettled::Processing | Unsettled::Subscribed(_) => Said::NotYet,
                    Unsettled::Failed => Said::Over(PaymentState::Failed),
                }
            }
            (SessionStatus::Complete, PaymentStatus::Paid | PaymentStatus::NoPaymentRequired) => {
                let (of, payment) = session.payment(invocation.now)?;
                let also = session.payment_intent.iter().map(|_| payment.by.clone()).collect();
                Said::Paid { of, payment, also }
            }
        })
    }

    pub(crate) async fn asked<T, F>(
        &self,
        invocation: &Invocation,
        ask: impl Fn(providers::Stripe) -> F,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        let ask = |key| ask(providers::Stripe::new(self.http.clone(), &self.config, key));
        self.keys.asked(invocation.now, CallError::is_of_the_key, ask).await
    }
}
