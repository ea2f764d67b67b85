//! The keys of our conversation with WeChat: ours, which signs what we ask, and theirs, which sign the answers.

use signing::SecretError;
use signing::rsa::PrivateKey;
use signing::wechat_v3::PlatformKeys;

#[derive(Debug)]
pub struct WechatKeys {
    pub(super) merchant: Option<PrivateKey>,
    pub(super) platform: Option<PlatformKeys>,
}

impl WechatKeys {
    /// The settings that hold them: the merchant's private key, and the platform's certificates and public keys.
    pub const SETTINGS: [&str; 2] = ["WECHAT_PRIVATE_KEY", "WECHAT_PLATFORM_KEYS"];

    /// Neither is needed where nothing is signed: then a call that needs one is not made. Half of them is a mistake.
    pub fn parse(private: Option<&str>, platform: Option<&str>) -> Result<Self, (&'static str, SecretError)> {
        let [of_merchant, of_platform] = Self::SETTINGS;
        let merchant = private.map(PrivateKey::parse).transpose().map_err(|error| (of_merchant, error))?;
        let platform = platform.map(PlatformKeys::parse).transpose().map_err(|error| (of_platform, error))?;
        if merchant.is_some() && platform.is_none() {
            return Err((of_platform, SecretError::Empty));
        }
        Ok(Self { merchant, platform })
    }
}
