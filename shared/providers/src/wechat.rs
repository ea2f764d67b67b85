//! WeChat Pay, over whichever of its interfaces a deployment has: APIv3 for whoever is a merchant, or the unified order of CloudRun.

mod cloudrun;
mod config;
mod keys;
mod time;
mod v3;

use std::sync::Arc;

use ledger::{Deadline, Money, OrderNumber, RefundState, Timestamp};

use crate::{CallError, Http, NewPayment, Payable, PaymentApi, Queried};

use cloudrun::CloudRun;
use v3::V3;

pub use config::{CloudRunConfig, WechatConfig, WechatConfigError, WechatIds, WechatInterface};
pub use keys::WechatKeys;
pub use time::beijing;

/// What we write on every payment, so that it names its order once more.
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

    /// A refund by our own number of it. `None`: there is none, or nobody here to be asked.
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
}

/// A refund as WeChat has it now.
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

/// A word of WeChat's for what went wrong, if it is one.
fn word(text: Option<String>) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.filter(|text| (1..=64).contains(&text.len()) && text.bytes().all(plain))
}
