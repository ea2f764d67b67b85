//! Who is asked of an order's payment, and what the answer says.

use std::sync::Arc;

use edge::{Keyring, Moment};
use ledger::{Backlog, Order, Payment, PaymentState, Provider, Reference};
use providers::{CallError, EpayPayment, Http, PaymentStatus, Queried, SecretKey, SessionStatus, TradeState};

use crate::unpaid::Said;
use crate::{Reconcile, SOURCE};

/// Where Stripe is asked, and with what.
#[derive(Debug)]
pub struct StripeApi {
    pub http: Http,
    pub base: String,
    pub keys: Keyring<SecretKey>,
}

impl<L: Backlog> Reconcile<L> {
    /// Of a provider that is not configured nothing is known.
    pub(crate) async fn ask(&self, order: &Order, moment: &Moment) -> Result<Said, CallError> {
        match order.terms.provider {
            Provider::Stripe => match &self.stripe_api {
                Some(stripe) => stripe.ask(order, moment).await,
                None => Ok(Said::NotYet),
            },
            Provider::Wechat => match self.wechat.as_ref().and_then(|wechat| wechat.api.as_ref()) {
                Some(api) => of_wechat(api.payment_of(order, moment.now, moment.deadline).await?, order, moment),
                None => Ok(Said::NotYet),
            },
            Provider::Epay => match self.epay.as_ref().and_then(|epay| Some((epay, epay.gateway.as_ref()?))) {
                Some((epay, gateway)) => {
                    of_epay(gateway.payment_of(&epay.config, order, &moment.delivery()).await?, moment)
                }
                None => Ok(Said::NotYet),
            },
        }
    }

    /// Makes sure that nobody can pay it there any more, where the provider has a way to.
    pub(crate) async fn ended(&self, order: &Order, moment: &Moment) -> bool {
        let api = self.wechat.as_ref().and_then(|wechat| wechat.api.as_ref());
        match (order.terms.provider, api) {
            (Provider::Wechat, Some(api)) => {
                let closed = api.close(order, moment.now, moment.deadline).await;
                closed.inspect_err(|error| tracing::warn!(%error, "a payment was not closed")).is_ok()
            }
            (Provider::Wechat, None) => false,
            (Provider::Stripe | Provider::Epay, _) => true,
        }
    }
}

/// Asked by the order's number, which is what it is known by there.
fn of_wechat(said: Option<Queried>, order: &Order, moment: &Moment) -> Result<Said, CallError> {
    let Some(said) = said else {
        return Ok(Said::Nothing);
    };
    Ok(match said.state {
        TradeState::Success => {
            let reference = |id: &str| Reference::new(Provider::Wechat, id).map_err(|_| CallError::Unreadable);
            let by = reference(&said.transaction.ok_or(CallError::Unreadable)?)?;
            let money = said.money.ok_or(CallError::Unreadable)?;
            let payment = Payment { by, money, at: said.paid_at.unwrap_or(moment.now) };
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

fn of_epay(said: Option<EpayPayment>, moment: &Moment) -> Result<Said, CallError> {
    Ok(match said {
        Some(EpayPayment { pid, trade, money, is_paid: true, .. }) => {
            let by = epay::reference(&pid, &trade).map_err(|_| CallError::Unreadable)?;
            let payment = Payment { by: by.clone(), money, at: moment.now };
            Said::Paid { of: by.clone(), payment, also: vec![by] }
        }
        Some(_) => Said::Open,
        None => Said::Nothing,
    })
}

impl StripeApi {
    async fn ask(&self, order: &Order, moment: &Moment) -> Result<Said, CallError> {
        let Some(page) = &order.session else {
            return Ok(Said::Nothing);
        };
        let session = match self.session(&page.id, moment).await {
            Err(error) if error.is_missing() => return Ok(Said::Over(PaymentState::Expired)),
            session => session?,
        };
        if session.order.as_ref() != Some(&order.number) {
            return Err(CallError::Unreadable);
        }
        Ok(match (session.status, session.payment_status) {
            (SessionStatus::Expired, _) => Said::Over(PaymentState::Expired),
            // Done on the page, and the bank takes its time.
            (SessionStatus::Open, _) | (SessionStatus::Complete, PaymentStatus::Unpaid) => Said::NotYet,
            (SessionStatus::Complete, PaymentStatus::Paid | PaymentStatus::NoPaymentRequired) => {
                let (of, payment) = session.payment(moment.now)?;
                let also = session.payment_intent.iter().map(|_| payment.by.clone()).collect();
                Said::Paid { of, payment, also }
            }
        })
    }

    /// With the key that we have; and where Stripe does not know it, once more with the one that may have replaced it.
    async fn session(&self, id: &str, moment: &Moment) -> Result<providers::Session, CallError> {
        let ask = |key: Arc<SecretKey>| {
            let stripe = providers::Stripe::new(self.http.clone(), &self.base, key);
            async move { stripe.session(id, moment.deadline).await }
        };
        match ask(self.keys.current()).await {
            Err(refused @ CallError::Refused { status: 401, .. }) => match self.keys.refreshed(moment.now).await {
                Ok(Some(key)) => ask(key).await,
                Ok(None) => Err(refused),
                Err(error) => {
                    tracing::error!(error = %edge::chain(&error), "the key could not be fetched");
                    Err(refused)
                }
            },
            answer => answer,
        }
    }
}
