//! WeChat Pay's function, and what others call its API with.

use std::time::Duration;

use checkout::WechatPayments;
use edge::{Keyring, MakeKeys, Service};
use providers::WechatConfig;
use testkit::{WECHAT_APP, WECHAT_MERCHANT};
use webhook::{Admission, Function, Webhook as _};
use wechat::{Api, Wechat};

use crate::port::PortLedger;
use crate::sandbox::{Deployed, Parts, WechatInterface};
use crate::secrets;
use crate::wechat_merchant::WECHAT_BASE;

pub(crate) type WechatFunction = Function<Wechat, PortLedger>;

impl Deployed for WechatFunction {
    const FUNCTION: &'static str = "wechat";
    const PATIENCE: Duration = <Self as Service>::REPLY_WITHIN;

    async fn open(mut parts: Parts) -> Option<Self> {
        let interface = parts.optional.wechat?;
        let keys = keyring(&parts, Wechat::keys).await?;
        let source = source(&mut parts, interface).await?;
        Some(Function::new(source, keys, Admission::default(), parts.ledger))
    }
}

/// The source in all three forms. Its queries go to one interface.
pub(super) async fn source(parts: &mut Parts, interface: WechatInterface) -> Option<Wechat> {
    let config = wechat::Config::read(|name| setting(interface, name)).expect("settings");
    let keys = keyring(parts, wechat::api_keys).await?;
    let api = Api { http: super::http(parts), config: api_config(interface), keys };
    Some(Wechat { config, api: Some(api) })
}

pub(super) async fn payments(parts: &Parts, interface: WechatInterface) -> Option<WechatPayments> {
    let keys = keyring(parts, checkout::wechat_keys).await?;
    Some(WechatPayments { config: api_config(interface), keys })
}

pub(super) async fn keyring<K>(parts: &Parts, make: MakeKeys<K>) -> Option<Keyring<K>> {
    parts.secrets.keyring(secrets::WECHAT, make, &parts.calls).await
}

fn api_config(interface: WechatInterface) -> WechatConfig {
    WechatConfig::read(|name| setting(interface, name), "prod").expect("settings").expect("an interface")
}

fn setting(interface: WechatInterface, name: &str) -> Option<String> {
    let value = match name {
        "WECHAT_MCH_ID" => WECHAT_MERCHANT,
        "WECHAT_APP_ID" => WECHAT_APP,
        "WECHAT_API" => match interface {
            WechatInterface::V3 => "v3",
            WechatInterface::CloudRun => "cloudrun",
        },
        "WECHAT_API_BASE" => WECHAT_BASE,
        "WECHAT_MERCHANT_SERIAL" => "0000000000000000000000000000000000000001",
        "WECHAT_NOTIFY_URL" => "https://shop.invalid/payment/callback",
        "WECHAT_CLOUD_ENV" => "prod-0123456789",
        "WECHAT_CLOUD_SERVICE" => "callback",
        "WECHAT_CLOUD_PATH" => "/pay/callback",
        _ => return None,
    };
    Some(value.to_owned())
}
