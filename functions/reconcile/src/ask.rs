//! Who is asked of an order's payment, and what the answer says.

use std::sync::Arc;

use edge::{Keyring, Moment};
use ledger::{Order, PaymentState, Provider};
use providers::{CallError, Http, PaymentStatus, SecretKey, SessionStatus};

use crate::unpaid::Said;

/// The providers that can be asked. Of one that is not configured nobody is asked.
#[derive(Debug, Default)]
pub struct Providers {
    pub stripe: Option<StripeApi>,
}

/// Where Stripe is asked, and with what.
#[derive(Debug)]
pub struct StripeApi {
    pub http: Http,
    pub base: String,
    pub keys: Keyring<SecretKey>,
}

impl Providers {
    pub(crate) async fn ask(&self, order: &Order, moment: &Moment) -> Result<Said, CallError> {
        match (order.terms.provider, &self.stripe) {
            (Provider::Stripe, Some(stripe)) => stripe.ask(order, moment).await,
            (Provider::Stripe, None) | (Provider::Wechat | Provider::Epay, _) => Ok(Said::NotYet),
        }
    }
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
