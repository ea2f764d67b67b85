//! The WeChat Pay adapter, over either interface: APIv3 for merchants, or the unified order of CloudRun.

mod cloudrun;
mod config;
mod keys;
mod time;
mod v3;

use std::sync::Arc;

use ledger::{Deadline, Money, OrderNumber, RefundState, Timestamp};

use crate::{CallError, Http, NewPayment, Payable, PaymentApi, Queried, TradeState};

use cloudrun::CloudRun;
use v3::V3;

pub use config::{CloudRunConfig, WechatConfig, WechatConfigError, WechatIds, WechatInterface};
pub use keys::WechatKeys;
pub use time::beijing;

/// Our data on every payment: it repeats the order number.
pub fn attach(order: &OrderNumber) -> String {
    // Letters, digits, - and _ need no escape.
    format!("{{\"orderNumber\":\"{order}\"}}")
}

#[derive(Debug, Clone)]
pub enum Wechat {
    V3(V3),
    CloudRun(CloudRun),
}

impl Wechat {
    pub fn new(http: Http, config: &WechatConfig, keys: Arc<WechatKeys>) -> Self {
        match &config.interface {
            WechatInterface::V3 { merchant_serial, notify_url } => {
                Self::V3(V3::new(http, config, merchant_serial, notify_url, keys))
            }
            WechatInterface::CloudRun(cloud) => Self::CloudRun(CloudRun::new(http, config, cloud, keys)),
        }
    }

    /// Queries a refund by our refund number; `None` if there is none, or if the interface has no such query.
    pub async fn refund(
        &self,
        number: &str,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<Option<QueriedRefund>, CallError> {
        match self {
            Self::V3(api) => api.refund(number, now, deadline).await,
            Self::CloudRun(_) => Ok(None),
        }
    }

    /// Queries a payment by WeChat's number; `None` if there is none, or if the interface has no such query.
    pub async fn transaction(
        &self,
        id: &str,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<Option<QueriedTransaction>, CallError> {
        match self {
            Self::V3(api) => api.transaction(id, now, deadline).await,
            Self::CloudRun(_) => Ok(None),
        }
    }
}

/// The current state of a payment that WeChat's number names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueriedTransaction {
    pub order: String,
    pub state: TradeState,
    pub money: Option<Money>,
}

/// The current state of a refund at WeChat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueriedRefund {
    pub id: String,
    pub transaction: String,
    pub order: String,
    pub state: RefundState,
    pub money: Money,
}

impl PaymentApi for Wechat {
    async fn create(&self, new: &NewPayment, now: Timestamp, deadline: Deadline) -> Result<Payable, CallError> {
        match self {
            Self::V3(api) => api.create(new, now, deadline).await,
            Self::CloudRun(api) => api.create(new, now, deadline).await,
        }
    }

    async fn query(
        &self,
        order: &OrderNumber,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<Option<Queried>, CallError> {
        match self {
            Self::V3(api) => api.query(order, now, deadline).await,
            Self::CloudRun(api) => api.query(order, now, deadline).await,
        }
    }

    async fn close(&self, order: &OrderNumber, now: Timestamp, deadline: Deadline) -> Result<(), CallError> {
        match self {
            Self::V3(api) => api.close(order, now, deadline).await,
            Self::CloudRun(api) => api.close(order, now, deadline).await,
        }
    }
}

/// Returns WeChat's error code if it is a plain word.
fn word(text: Option<String>) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.filter(|text| (1..=64).contains(&text.len()) && text.bytes().all(plain))
}
