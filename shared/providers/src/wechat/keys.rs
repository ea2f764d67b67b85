//! Keys of the WeChat Pay adapter: ours sign requests, WeChat's platform keys verify responses.

use signing::rsa::PrivateKey;
use signing::wechat_v3::PlatformKeys;
use signing::{SecretError, Strength, forwarder};

#[derive(Debug)]
pub struct WechatKeys {
    pub(super) merchant: Option<PrivateKey>,
    pub(super) platform: Option<PlatformKeys>,
    /// The secret shared with our forwarder in WeChat's cloud, which signs requests and responses.
    pub(super) forwarder: Option<forwarder::Keys>,
}

impl WechatKeys {
    /// `WECHAT_SIGNING_SECRET_ID`: the secret that holds these keys. The keys that verify notifications are in another
    /// secret, since checkout may read only this one.
    pub const SECRET_ID: &str = "WECHAT_SIGNING_SECRET_ID";
    /// The settings: the merchant's private key, the platform's certificates and public keys, and the forwarder's
    /// secret.
    pub const SETTINGS: [&str; 3] = ["WECHAT_PRIVATE_KEY", "WECHAT_PLATFORM_KEYS", "WECHAT_FORWARDER_SECRET"];

    /// Every key is optional: a call without its key is not made. A merchant key without platform keys is an error.
    pub fn read<'s>(
        setting: impl Fn(&str) -> Option<&'s str>,
        strength: Strength,
    ) -> Result<Self, (&'static str, SecretError)> {
        let [of_merchant, of_platform, of_forwarder] = Self::SETTINGS;
        let merchant = setting(of_merchant).map(PrivateKey::parse).transpose().map_err(|error| (of_merchant, error))?;
        let platform =
            setting(of_platform).map(PlatformKeys::parse).transpose().map_err(|error| (of_platform, error))?;
        let forwarder = setting(of_forwarder).map(|text| forwarder::Keys::parse(text, strength)).transpose();
        let forwarder = forwarder.map_err(|error| (of_forwarder, error))?;
        if merchant.is_some() && platform.is_none() {
            return Err((of_platform, SecretError::Empty));
        }
        Ok(Self { merchant, platform, forwarder })
    }
}
