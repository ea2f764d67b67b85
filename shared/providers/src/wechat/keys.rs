//! The keys of our conversation with WeChat: ours, which signs what we ask, and theirs, which sign the answers.

use signing::rsa::PrivateKey;
use signing::wechat_v3::PlatformKeys;
use signing::{SecretError, Strength, forwarder};

#[derive(Debug)]
pub struct WechatKeys {
    pub(super) merchant: Option<PrivateKey>,
    pub(super) platform: Option<PlatformKeys>,
    /// Of our container in WeChat's cloud, which signs what we call through it and what it answers.
    pub(super) forwarder: Option<forwarder::Keys>,
}

impl WechatKeys {
    /// `WECHAT_SIGNING_SECRET_ID`: the secret that holds them, apart from what verifies notifications: checkout reads this one alone.
    pub const SECRET_ID: &str = "WECHAT_SIGNING_SECRET_ID";
    /// The settings that hold them: the merchant's private key, the platform's certificates and public keys, and the forwarder's secret.
    pub const SETTINGS: [&str; 3] = ["WECHAT_PRIVATE_KEY", "WECHAT_PLATFORM_KEYS", "WECHAT_FORWARDER_SECRET"];

    /// None is needed where nothing is signed: then a call that needs one is not made. Half of APIv3's is a mistake.
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
