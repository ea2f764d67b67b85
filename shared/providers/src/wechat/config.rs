//! Settings of the WeChat Pay adapter: merchant ids, interface and URLs.

use thiserror::Error;

use crate::address::is_address;

const V3_BASE: &str = "https://api.mch.weixin.qq.com";
/// WeChat's host for CloudRun. It serves unauthenticated calls from inside WeChat's cloud alone; from anywhere else a
/// man in the middle could answer in its place.
const CLOUD_HOST: &str = "api.weixin.qq.com";

/// The ids of the merchant whose payments we accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WechatIds {
    /// `WECHAT_MCH_ID`: the merchant, or the service provider that takes payments for another merchant.
    pub mch_id: String,
    /// `WECHAT_APP_ID`: its app.
    pub app_id: String,
    /// `WECHAT_SUB_MCH_ID`: the merchant for whom a service provider takes payments. Empty: the merchant above is paid
    /// itself.
    pub sub_mch_id: Option<String>,
    /// `WECHAT_SUB_APP_ID`: that merchant's app, if it has one.
    pub sub_app_id: Option<String>,
}

impl WechatIds {
    /// The environment variables that [`WechatIds::read`] reads.
    pub const VARIABLES: [&str; 4] = ["WECHAT_MCH_ID", "WECHAT_APP_ID", "WECHAT_SUB_MCH_ID", "WECHAT_SUB_APP_ID"];

    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, WechatConfigError> {
        let [mch_id, app_id, sub_mch_id, sub_app_id] = Self::VARIABLES;
        Ok(Self {
            mch_id: id(&variable, mch_id)?.ok_or(WechatConfigError::Missing(mch_id))?,
            app_id: id(&variable, app_id)?.ok_or(WechatConfigError::Missing(app_id))?,
            sub_mch_id: id(&variable, sub_mch_id)?,
            sub_app_id: id(&variable, sub_app_id)?,
        })
    }

    /// The merchant that receives the money.
    pub fn payee(&self) -> &str {
        self.sub_mch_id.as_ref().unwrap_or(&self.mch_id)
    }

    /// The app in which the payee's buyers pay.
    pub fn payee_app(&self) -> &str {
        self.sub_app_id.as_ref().unwrap_or(&self.app_id)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WechatConfig {
    pub ids: WechatIds,
    /// `WECHAT_API_BASE`: the only base URL that is called. Empty: WeChat's own address of APIv3. For CloudRun it is
    /// our forwarder's address and never WeChat's own. Only the stage `local` may call without TLS.
    pub base: String,
    /// `WECHAT_API`: `v3` or `cloudrun`. Empty: WeChat is never called.
    pub interface: WechatInterface,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WechatInterface {
    V3 {
        /// `WECHAT_MERCHANT_SERIAL`: the serial number of the certificate for the merchant's private key.
        merchant_serial: String,
        /// `WECHAT_NOTIFY_URL`: where WeChat sends payment notifications. The order number is appended.
        notify_url: String,
    },
    CloudRun(CloudRunConfig),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudRunConfig {
    /// `WECHAT_CLOUD_ENV`: the cloud environment.
    pub env: String,
    /// `WECHAT_CLOUD_SERVICE`: the container that receives payment notifications and forwards them to us.
    pub service: String,
    /// `WECHAT_CLOUD_PATH`: the path in the container. The order number is appended.
    pub path: String,
}

impl WechatConfig {
    /// The environment variables that [`WechatConfig::read`] reads beside those of [`WechatIds`].
    pub const VARIABLES: [&str; 7] = [
        "WECHAT_API",
        "WECHAT_API_BASE",
        "WECHAT_MERCHANT_SERIAL",
        "WECHAT_NOTIFY_URL",
        "WECHAT_CLOUD_ENV",
        "WECHAT_CLOUD_SERVICE",
        "WECHAT_CLOUD_PATH",
    ];

    /// `None` if the deployment never calls WeChat.
    pub fn read(variable: impl Fn(&str) -> Option<String>, stage: &str) -> Result<Option<Self>, WechatConfigError> {
        let [api, base, merchant_serial, notify_url, env, service, path] = Self::VARIABLES;
        let required = |name| id(&variable, name)?.ok_or(WechatConfigError::Missing(name));
        let configured = set(&variable, base);
        let (interface, base) = match set(&variable, api).as_deref() {
            None => return Ok(None),
            Some("v3") => {
                let merchant_serial = required(merchant_serial)?;
                let notify_url = required(notify_url)?.trim_end_matches('/').to_owned();
                // WeChat rejects a notify URL with a query.
                if !is_http(&notify_url) || notify_url.contains('?') {
                    return Err(WechatConfigError::Url("WECHAT_NOTIFY_URL"));
                }
                (WechatInterface::V3 { merchant_serial, notify_url }, configured.unwrap_or_else(|| V3_BASE.to_owned()))
            }
            Some("cloudrun") => {
                let path = required(path)?.trim_end_matches('/').to_owned();
                let cloud = CloudRunConfig { env: required(env)?, service: required(service)?, path };
                let base = configured.ok_or(WechatConfigError::Missing(base))?;
                if host(&base).is_some_and(|host| host.eq_ignore_ascii_case(CLOUD_HOST)) {
                    return Err(WechatConfigError::Unauthenticated);
                }
                (WechatInterface::CloudRun(cloud), base)
            }
            Some(_) => return Err(WechatConfigError::Api),
        };
        if !is_address(&base, stage) {
            return Err(WechatConfigError::Base);
        }
        let base = base.trim_end_matches('/').to_owned();
        Ok(Some(Self { ids: WechatIds::read(&variable)?, base, interface }))
    }
}

fn set(variable: impl Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// Accepts a value that is safe in a header, a path or a query: visible ASCII without a quote.
fn id(variable: impl Fn(&str) -> Option<String>, name: &'static str) -> Result<Option<String>, WechatConfigError> {
    let is_id = |value: &str| value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    match set(variable, name) {
        Some(value) if !is_id(&value) => Err(WechatConfigError::NotAnId(name)),
        value => Ok(value),
    }
}

/// The host name, without a port or a trailing dot.
fn host(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split('/').next()?;
    Some(authority.split(':').next()?.trim_end_matches('.'))
}

fn is_http(url: &str) -> bool {
    ["https://", "http://"].iter().any(|scheme| url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WechatConfigError {
    #[error("{0} is not set")]
    Missing(&'static str),
    #[error("{0} must be visible ASCII characters without a quote")]
    NotAnId(&'static str),
    #[error("WECHAT_API must be v3 or cloudrun, or empty")]
    Api,
    #[error("{0} must be an address that begins with https:// or http://, without a query")]
    Url(&'static str),
    #[error("WECHAT_API_BASE must be an address that begins with https://, without a query")]
    Base,
    #[error(
        "WECHAT_API_BASE must be the address of our own forwarder: api.weixin.qq.com serves CloudRun's calls only inside WeChat's cloud"
    )]
    Unauthenticated,
}
