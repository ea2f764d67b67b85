//! What may call the providers for us: real keys, and Stripe's of the mode that this deployment is in.

use edge::{MakeKeys, Settings};
use providers::{SecretKey, WechatKeys};
use signing::{SecretError, Strength, epay, refuse_placeholder};

/// The setting that holds Stripe's.
pub const SETTING: &str = "STRIPE_SECRET_KEY";

/// How the settings become a key where money is real, or where it is not.
pub fn keys(livemode: bool) -> MakeKeys<SecretKey> {
    if livemode { key::<true> } else { key::<false> }
}

/// Those that the function `epay` verifies with.
pub fn epay_keys(settings: &Settings, strength: Strength) -> Result<epay::Keys, (&'static str, SecretError)> {
    epay::Keys::read(|name| settings.setting(name), strength)
}

/// Those of the function `wechat` that it asks with.
pub fn wechat_keys(settings: &Settings, strength: Strength) -> Result<WechatKeys, (&'static str, SecretError)> {
    WechatKeys::read(|name| settings.setting(name), strength)
}

fn key<const LIVE: bool>(settings: &Settings, strength: Strength) -> Result<SecretKey, (&'static str, SecretError)> {
    let refused = |error| (SETTING, error);
    let text = settings.setting(SETTING).unwrap_or_default().trim();
    refuse_placeholder(text).map_err(refused)?;
    let other_kind = SecretError::OtherKind { expected: "sk_ or rk_ and hold letters, digits and _ alone" };
    let key = SecretKey::parse(text).map_err(|_| refused(other_kind))?;
    match (key.is_live(), strength) {
        (Some(live), _) if live == LIVE => Ok(key),
        // A stand-in takes any key.
        (None, Strength::Local) => Ok(key),
        (Some(_) | None, _) => Err(refused(SecretError::OtherMode { expected: if LIVE { "live" } else { "test" } })),
    }
}
