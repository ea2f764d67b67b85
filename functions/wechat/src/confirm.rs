//! Whether it is true: WeChat is asked about what nobody has signed, and about whatever a deployment wants to be asked about.

use std::time::Duration;

use edge::Keyring;
use ledger::{CallContext, Deadline, Order, Timestamp};
use providers::wechat::QueriedRefund;
use providers::{CallError, Http, PaymentApi as _, Queried, WechatConfig, WechatKeys};

use crate::parse::{Report, WechatEvent};
use crate::{Config, Wechat, decide};

/// What is left of the time for the commit, once WeChat has answered or has not.
const COMMIT_WITHIN: Duration = Duration::from_millis(1_300);

/// The way to WeChat.
#[derive(Debug)]
pub struct Api {
    pub http: Http,
    pub config: WechatConfig,
    pub keys: Keyring<WechatKeys>,
}

/// What WeChat says when it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// There was no need to.
    NotAsked,
    /// It knows nothing of it, or there is nobody to be asked.
    Nothing,
    /// It was asked, and has not answered.
    NoAnswer,
    Payment(Box<Queried>),
    Refund(Box<QueriedRefund>),
}

impl Wechat {
    /// Nobody is asked about what will be refused in any case, or is booked already.
    pub(crate) async fn asked(
        &self,
        event: &WechatEvent,
        order: &Order,
        config: &Config,
        context: &CallContext<'_>,
    ) -> Said {
        if !decide::needs_confirmation(event, order, config) {
            return Said::NotAsked;
        }
        let Some(api) = &self.api else {
            tracing::error!(
                form = event.form.as_str(),
                "nobody can be asked whether it is true: WECHAT_API is not set"
            );
            return Said::Nothing;
        };
        let deadline = Deadline(context.deadline.0.checked_sub(COMMIT_WITHIN).unwrap_or(context.deadline.0));
        let said = match &event.report {
            Report::Refund { number, .. } => api.refund(number, context.received_at, deadline).await,
            Report::Payment { .. } | Report::Hint(_) | Report::Unpaid(_) | Report::Awaiting | Report::Other => {
                api.payment(order, context.received_at, deadline).await
            }
        };
        said.unwrap_or_else(|error| {
            tracing::warn!(%error, "WeChat was asked and has not answered");
            // No retry mends it: the forwarder has another secret or another clock, or somebody answers in its place.
            if error == CallError::Unsigned {
                edge::alarm("wechat", "answer_unsigned", order.number.as_str());
            }
            Said::NoAnswer
        })
    }
}

impl Api {
    /// The payment of an order as WeChat has it now; `None`: there is none.
    pub async fn payment_of(
        &self,
        order: &Order,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<Option<Queried>, CallError> {
        self.asked(now, |wechat| async move { wechat.query(&order.number, now, deadline).await }).await
    }

    /// Nobody can pay it there any more.
    pub async fn close(&self, order: &Order, now: Timestamp, deadline: Deadline) -> Result<(), CallError> {
        self.asked(now, |wechat| async move { wechat.close(&order.number, now, deadline).await }).await
    }

    async fn payment(&self, order: &Order, now: Timestamp, deadline: Deadline) -> Result<Said, CallError> {
        let said = self.payment_of(order, now, deadline).await?;
        Ok(said.map_or(Said::Nothing, |said| Said::Payment(Box::new(said))))
    }

    async fn refund(&self, number: &str, now: Timestamp, deadline: Deadline) -> Result<Said, CallError> {
        let said = self.asked(now, |wechat| async move { wechat.refund(number, now, deadline).await }).await?;
        Ok(said.map_or(Said::Nothing, |said| Said::Refund(Box::new(said))))
    }

    async fn asked<T, F>(&self, now: Timestamp, ask: impl Fn(providers::Wechat) -> F) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        let ask = |keys| ask(providers::Wechat::new(self.http.clone(), &self.config, keys));
        self.keys.asked(now, CallError::is_of_the_key, ask).await
    }
}
