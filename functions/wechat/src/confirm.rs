//! Confirms unsigned reports, and those that the configuration selects, with a query to WeChat's API.

use std::time::Duration;

use edge::Keyring;
use ledger::{CallContext, Deadline, Order, OrderNumber, Source, Timestamp};
use providers::wechat::{QueriedRefund, QueriedTransaction, WechatInterface};
use providers::{CallError, Http, PaymentApi as _, Queried, WechatConfig, WechatKeys};

use crate::parse::{Report, WechatEvent};
use crate::{Config, Wechat, decide};

/// The part of the reply deadline that is reserved for the commit after the query.
const COMMIT_WITHIN: Duration = Duration::from_millis(1_300);

/// A client of WeChat's API with its keys.
#[derive(Debug)]
pub struct Api {
    pub http: Http,
    pub config: WechatConfig,
    pub keys: Keyring<WechatKeys>,
}

/// The result of the query that confirms an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmation {
    /// No query was needed.
    NotNeeded,
    /// WeChat does not know the payment or refund, or no API is configured.
    Unknown,
    /// The query failed.
    NoAnswer,
    Payment(Box<Queried>),
    Refund(Box<QueriedRefund>),
}

impl Wechat {
    /// Queries WeChat, except about an event that will be refused anyway or is already booked.
    pub(crate) async fn confirm(
        &self,
        event: &WechatEvent,
        order: &Order,
        config: &Config,
        context: &CallContext<'_>,
    ) -> Confirmation {
        if !decide::needs_confirmation(event, order, config) {
            return Confirmation::NotNeeded;
        }
        let Some(api) = &self.api else {
            tracing::error!(form = event.form.as_str(), "WECHAT_API is not set: the payment cannot be confirmed");
            return Confirmation::Unknown;
        };
        let deadline = Deadline(context.deadline.0.checked_sub(COMMIT_WITHIN).unwrap_or(context.deadline.0));
        let answer = match &event.report {
            Report::Refund { number, .. } => api.refund(number, context.received_at, deadline).await,
            Report::Payment { .. } | Report::Hint(_) | Report::Unpaid(_) | Report::Awaiting | Report::Other => {
                api.payment(order, context.received_at, deadline).await
            }
        };
        answer.unwrap_or_else(|error| {
            tracing::warn!(%error, "the query to WeChat failed");
            // No retry corrects this: the forwarder has another secret or clock, or an attacker answers in its place.
            if error == CallError::Unsigned {
                edge::alarm(Source::Wechat.as_str(), "answer_unsigned", order.number.as_str());
            }
            Confirmation::NoAnswer
        })
    }
}

impl Api {
    /// The order's payment as WeChat reports it now; `None` if there is none.
    pub async fn payment_of(
        &self,
        order: &Order,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<Option<Queried>, CallError> {
        self.call(now, |wechat| async move { wechat.query(&order.number, now, deadline).await }).await
    }

    /// The payment of this number, which needs to be no order here.
    pub async fn payment_named(
        &self,
        number: &OrderNumber,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<Option<Queried>, CallError> {
        self.call(now, |wechat| async move { wechat.query(number, now, deadline).await }).await
    }

    /// The payment that WeChat calls this. Only APIv3 has the query.
    pub async fn transaction_named(
        &self,
        id: &str,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<Option<QueriedTransaction>, CallError> {
        self.call(now, |wechat| async move { wechat.transaction(id, now, deadline).await }).await
    }

    /// The refund of this number, which the merchant gave it. Only APIv3 has the query.
    pub async fn refund_named(
        &self,
        number: &str,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<Option<QueriedRefund>, CallError> {
        self.call(now, |wechat| async move { wechat.refund(number, now, deadline).await }).await
    }

    /// Whether payments and refunds are queried by other numbers than those of orders.
    pub const fn queries_by_all_numbers(&self) -> bool {
        matches!(self.config.interface, WechatInterface::V3 { .. })
    }

    /// Closes the order at WeChat, so that it can no longer be paid.
    pub async fn close(&self, order: &Order, now: Timestamp, deadline: Deadline) -> Result<(), CallError> {
        self.call(now, |wechat| async move { wechat.close(&order.number, now, deadline).await }).await
    }

    async fn payment(&self, order: &Order, now: Timestamp, deadline: Deadline) -> Result<Confirmation, CallError> {
        let payment = self.payment_of(order, now, deadline).await?;
        Ok(payment.map_or(Confirmation::Unknown, |payment| Confirmation::Payment(Box::new(payment))))
    }

    async fn refund(&self, number: &str, now: Timestamp, deadline: Deadline) -> Result<Confirmation, CallError> {
        let refund = self.refund_named(number, now, deadline).await?;
        Ok(refund.map_or(Confirmation::Unknown, |refund| Confirmation::Refund(Box::new(refund))))
    }

    async fn call<T, F>(&self, now: Timestamp, query: impl Fn(providers::Wechat) -> F) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        let query = |keys| query(providers::Wechat::new(self.http.clone(), &self.config, keys));
        self.keys.call(now, CallError::is_of_the_key, query).await
    }
}
