//! Configuration: the merchant's ids, APIv2's signature algorithm, and the forms that a query must confirm.

use ledger::CallContext;
use providers::{WechatConfigError, WechatIds};
use signing::wechat_v2::Algorithm;
use thiserror::Error;

use crate::Form;

#[derive(Debug, Clone)]
pub struct Config {
    pub ids: WechatIds,
    /// `WECHAT_V2_SIGN_TYPE`: `MD5` or `HMAC-SHA256`, the algorithm with which the orders are created. Empty:
    /// `HMAC-SHA256`.
    pub v2: Algorithm,
    /// `WECHAT_CONFIRM_CLOUDRUN`: whether a query confirms a payment that CloudRun reports before it is booked, since
    /// WeChat does not sign CloudRun's callbacks. Empty: `true`.
    pub confirm_cloudrun: bool,
    /// `WECHAT_CONFIRM_V3`: the same for APIv3, although WeChat signs it. Empty: `false`.
    pub confirm_v3: bool,
    /// `WECHAT_CONFIRM_V2`: the same for payments over APIv2. Its refunds are unsigned and always confirmed. Empty:
    /// `false`.
    pub confirm_v2: bool,
}

impl Config {
    /// The environment variables that [`Config::read`] reads beside those of [`WechatIds`].
    pub const VARIABLES: [&str; 4] =
        ["WECHAT_V2_SIGN_TYPE", "WECHAT_CONFIRM_CLOUDRUN", "WECHAT_CONFIRM_V3", "WECHAT_CONFIRM_V2"];

    /// Whether the deployment has a merchant. If it has one, every other missing setting is an error.
    pub fn is_set_up(variable: impl Fn(&str) -> Option<String>) -> bool {
        variable("WECHAT_MCH_ID").is_some_and(|set| !set.trim().is_empty())
    }

    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let [sign_type, confirm_cloudrun, confirm_v3, confirm_v2] = Self::VARIABLES;
        let set = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let flag = |name: &'static str, otherwise: bool| match set(name).as_deref() {
            None => Ok(otherwise),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(_) => Err(ConfigError::Flag(name)),
        };
        Ok(Self {
            v2: match set(sign_type) {
                None => Algorithm::HmacSha256,
                Some(name) => Algorithm::named(&name).ok_or(ConfigError::SignType)?,
            },
            confirm_cloudrun: flag(confirm_cloudrun, true)?,
            confirm_v3: flag(confirm_v3, false)?,
            confirm_v2: flag(confirm_v2, false)?,
            ids: WechatIds::read(variable)?,
        })
    }

    /// The configuration for this delivery. A replay is always confirmed: the function itself could have written the
    /// kept delivery, and shares the forwarder's secret. So is a delivery under a retired key of APIv2, which others
    /// may know.
    pub(crate) fn of(&self, context: &CallContext<'_>) -> Self {
        Self {
            confirm_cloudrun: self.confirm_cloudrun || context.is_replay(),
            confirm_v2: self.confirm_v2 || context.is_by_retired_key(),
            ..self.clone()
        }
    }

    /// Whether a query must confirm a payment that is reported in this form.
    pub(crate) fn confirms(&self, form: Form) -> bool {
        match form {
            Form::V3 => self.confirm_v3,
            Form::V2 => self.confirm_v2,
            Form::CloudRun => self.confirm_cloudrun,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ConfigError {
    #[error(transparent)]
    Ids(#[from] WechatConfigError),
    #[error("WECHAT_V2_SIGN_TYPE must be MD5 or HMAC-SHA256")]
    SignType,
    #[error("{0} must be true or false")]
    Flag(&'static str),
}
