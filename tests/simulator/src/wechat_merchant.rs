//! The one merchant at WeChat Pay, and what WeChat signs with in each of the three forms.

use std::sync::LazyLock;

use fakes::{WechatSecrets, WechatSender};
use signing::wechat_v2::Algorithm;
use testkit::{FORWARDER_SECRET, MERCHANT_PAIR, PLATFORM_KEY_ID, PLATFORM_PAIR, rsa_pair};

pub(crate) const WECHAT_BASE: &str = "https://wechat.invalid";
const API_V3_KEY: &str = "0123456789abcdef0123456789abcdef";
const API_V2_KEY: &str = "192006250b4c09247ec02edce69f6a2d";

/// Generated once per process.
static SECRETS: LazyLock<[(&str, String); 5]> = LazyLock::new(|| {
    [
        ("WECHAT_PLATFORM_KEYS", format!("{PLATFORM_KEY_ID} {}", rsa_pair(PLATFORM_PAIR).public)),
        ("WECHAT_API_V3_KEY", API_V3_KEY.to_owned()),
        ("WECHAT_API_V2_KEY", API_V2_KEY.to_owned()),
        ("WECHAT_FORWARDER_SECRET", FORWARDER_SECRET.to_owned()),
        ("WECHAT_PRIVATE_KEY", rsa_pair(MERCHANT_PAIR).private),
    ]
});

pub(crate) static WECHAT_SENDER: LazyLock<WechatSender> = LazyLock::new(|| {
    let secrets = WechatSecrets {
        platform: (&rsa_pair(PLATFORM_PAIR).private, PLATFORM_KEY_ID),
        api_v3_key: API_V3_KEY,
        api_v2_key: API_V2_KEY,
        sign_type: Algorithm::HmacSha256,
        forwarder: FORWARDER_SECRET,
    };
    WechatSender::new(secrets).expect("keys")
});

/// The settings of the merchant's secrets.
pub(crate) fn wechat_secrets() -> [(&'static str, String); 5] {
    SECRETS.clone()
}
