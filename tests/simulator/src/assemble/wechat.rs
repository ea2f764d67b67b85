//! WeChat Pay's function, and what others call its API with.

use std::time::Duration;

use checkout::WechatPayments;
use edge::{Keyring, MakeKeys, Service};
use providers::WechatConfig;
use testkit::{WECHAT_APP, WECHAT_MERCHANT};
use webhook::{Admission, Function, Webhook as _};
use wechat::{Api, Wechat};

use crate::port::PortLedger;
use crate::sandbox::{Deployed, Parts};
use crate::wechat_merchant::{WECHAT_BASE, wechat_secrets};

pub(crate) type WechatFunction = Function<Wechat, PortLedger>;

impl Deployed for WechatFunction {
    const FUNCTION: &'static str = "wechat";
    const PATIENCE: Duration = <Self as Service>::REPLY_WITHIN;

    async fn open(mut parts: Parts) -> Option<Self> {
        let source = source(&mut parts);
        Some(Function::new(source, keyring(Wechat::keys), Admission::default(), parts.ledger))
    }
}

/// The source in all three forms. Its queries go to APIv3.
pub(super) fn source(parts: &mut Parts) -> Wechat {
    let config = wechat::Config::read(setting).expect("settings");
    let api = Api { http: super::http(parts), config: api_config(), keys: keyring(wechat::api_keys) };
    Wechat { config, api: Some(api) }
}

pub(super) fn payments() -> WechatPayments {
    WechatPayments { config: api_config(), keys: keyring(checkout::wechat_keys) }
}

pub(super) fn keyring<K>(make: MakeKeys<K>) -> Keyring<K> {
    let secrets = wechat_secrets();
    super::keyring(&secrets.each_ref().map(|(name, value)| (*name, value.as_str())), make)
}

fn api_config() -> WechatConfig {
    WechatConfig::read(setting, "prod").expect("settings").expect("an interface")
}

fn setting(name: &str) -> Option<String> {
    let value = match name {
        "WECHAT_MCH_ID" => WECHAT_MERCHANT,
        "WECHAT_APP_ID" => WECHAT_APP,
        "WECHAT_API" => "v3",
        "WECHAT_API_BASE" => WECHAT_BASE,
        "WECHAT_MERCHANT_SERIAL" => "0000000000000000000000000000000000000001",
        "WECHAT_NOTIFY_URL" => "https://shop.invalid/payment/callback",
        _ => return None,
    };
    Some(value.to_owned())
}
