//! Who we are to WeChat Pay, and where and how it is asked.

use thiserror::Error;

const V3_BASE: &str = "https://api.mch.weixin.qq.com";
/// Only there, and only from inside of WeChat's cloud, needs nobody a key; from elsewhere it is a way in of our own.
const CLOUD_BASE: &str = "http://api.weixin.qq.com";

/// Whose payments are ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WechatIds {
    /// `WECHAT_MCH_ID`: the merchant who is paid, or the service provider who takes payments for another.
    pub mch_id: String,
    /// `WECHAT_APP_ID`: its app.
    pub app_id: String,
    /// `WECHAT_SUB_MCH_ID`: the merchant whom a service provider takes payments for. Empty: none, it is paid itself.
    pub sub_mch_id: Option<String>,
    /// `WECHAT_SUB_APP_ID`: that merchant's app, where it has one.
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

    /// Who has the money in the end.
    pub fn payee(&self) -> &str {
        self.sub_mch_id.as_ref().unwrap_or(&self.mch_id)
    }

    /// The app that the payee's buyers are in.
    pub fn payee_app(&self) -> &str {
        self.sub_app_id.as_ref().unwrap_or(&self.app_id)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WechatConfig {
    pub ids: WechatIds,
    /// `WECHAT_API_BASE`: where it is asked, and nowhere else. Empty: at WeChat's own address of the interface.
    pub base: String,
    /// `WECHAT_API`: `v3` or `cloudrun`. Empty: nobody is asked anything.
    pub interface: WechatInterface,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WechatInterface {
    V3 {
        /// `WECHAT_MERCHANT_SERIAL`: of the certificate to the merchant's private key.
        merchant_serial: String,
        /// `WECHAT_NOTIFY_URL`: where WeChat tells of payments. The order's number is put after it.
        notify_url: String,
    },
    CloudRun(CloudRunConfig),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudRunConfig {
    /// `WECHAT_CLOUD_ENV`: the cloud environment.
    pub env: String,
    /// `WECHAT_CLOUD_SERVICE`: the container in it that is told of payments, and forwards that to us.
    pub service: String,
    /// `WECHAT_CLOUD_PATH`: where in the container. The order's number is put after it.
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

    /// `None` where a deployment asks nobody.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, WechatConfigError> {
        let [api, base, merchant_serial, notify_url, env, service, path] = Self::VARIABLES;
        let required = |name| id(&variable, name)?.ok_or(WechatConfigError::Missing(name));
        let (interface, otherwise) = match set(&variable, api).as_deref() {
            None => return Ok(None),
            Some("v3") => {
                let merchant_serial = required(merchant_serial)?;
                let notify_url = required(notify_url)?.trim_end_matches('/').to_owned();
                // WeChat takes no address with a query.
                if !is_http(&notify_url) || notify_url.contains('?') {
                    return Err(WechatConfigError::Url("WECHAT_NOTIFY_URL"));
                }
                (WechatInterface::V3 { merchant_serial, notify_url }, V3_BASE)
            }
            Some("cloudrun") => {
                let path = required(path)?.trim_end_matches('/').to_owned();
                let cloud = CloudRunConfig { env: required(env)?, service: required(service)?, path };
                (WechatInterface::CloudRun(cloud), CLOUD_BASE)
            }
            Some(_) => return Err(WechatConfigError::Api),
        };
        let base = set(&variable, base).unwrap_or_else(|| otherwise.to_owned());
        if !is_http(&base) {
            return Err(WechatConfigError::Url("WECHAT_API_BASE"));
        }
        let base = base.trim_end_matches('/').to_owned();
        Ok(Some(Self { ids: WechatIds::read(&variable)?, base, interface }))
    }
}

fn set(variable: impl Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// Such a value may stand in a header, a path or a query as it is, but for a quote.
fn id(variable: impl Fn(&str) -> Option<String>, name: &'static str) -> Result<Option<String>, WechatConfigError> {
    let is_id = |value: &str| value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    match set(variable, name) {
        Some(value) if !is_id(&value) => Err(WechatConfigError::NotAnId(name)),
        value => Ok(value),
    }
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
}
