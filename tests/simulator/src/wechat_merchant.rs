//! The one merchant at WeChat Pay, and what WeChat and our forwarder in its cloud sign with in each of the three forms.

use std::sync::LazyLock;

use fakes::{WechatSecrets, WechatSender};
use signing::wechat_v2::Algorithm;
use signing::{Strength, forwarder};
use testkit::{FORWARDER_SECRET, MERCHANT_PAIR, PLATFORM_KEY_ID, PLATFORM_PAIR, rsa_pair};

pub(crate) const WECHAT_BASE: &str = "https://wechat.invalid";
/// The shared secrets before and after a rotation.
pub(crate) const API_V3_KEYS: [&str; 2] = ["0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"];
pub(crate) const API_V2_KEYS: [&str; 2] = ["192006250b4c09247ec02edce69f6a2d", "291560020c4b90742fc51defc96e5b3e"];
pub(crate) const FORWARDER_SECRETS: [&str; 2] = [FORWARDER_SECRET, "another-secret-of-the-forwarder-9876543210"];

/// Generated once per process.
static KEY_PAIRS: LazyLock<[(&str, String); 2]> = LazyLock::new(|| {
    [
        ("WECHAT_PLATFORM_KEYS", format!("{PLATFORM_KEY_ID} {}", rsa_pair(PLATFORM_PAIR).public)),
        ("WECHAT_PRIVATE_KEY", rsa_pair(MERCHANT_PAIR).private),
    ]
});

static SENDERS: LazyLock<[WechatSender; 2]> = LazyLock::new(|| {
    [0, 1].map(|at| {
        let secrets = WechatSecrets {
            platform: (&rsa_pair(PLATFORM_PAIR).private, PLATFORM_KEY_ID),
            api_v3_key: API_V3_KEYS[at],
            api_v2_key: API_V2_KEYS[at],
            sign_type: Algorithm::HmacSha256,
            forwarder: FORWARDER_SECRETS[at],
        };
        WechatSender::new(secrets).expect("keys")
    })
});

/// WeChat and the forwarder, before or after the rotation of what they share with us.
pub(crate) fn wechat_sender(is_switched: bool) -> &'static WechatSender {
    &SENDERS[usize::from(is_switched)]
}

/// The keys with which the forwarder verifies our calls after the rotation.
pub(crate) fn new_forwarder_keys() -> forwarder::Keys {
    forwarder::Keys::parse(FORWARDER_SECRETS[1], Strength::Deployed).expect("a secret")
}

/// The settings that are not rotated: WeChat's public key, and the merchant's own private key.
pub(crate) fn wechat_key_pairs() -> [(&'static str, String); 2] {
    KEY_PAIRS.clone()
}
