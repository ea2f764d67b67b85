//! The keys for calls to the providers, with validation: no placeholder, and Stripe's key must have the deployment's
//! mode.

use edge::{MakeKeys, Settings};
use providers::{SecretKey, WechatKeys};
use signing::{SecretError, Strength, epay, refuse_placeholder};

/// The setting that holds Stripe's key.
pub const SETTING: &str = "STRIPE_SECRET_KEY";

/// The parser of Stripe's key for live or test mode.
pub fn keys(livemode: bool) -> MakeKeys<SecretKey> {
    if livemode { key::<true> } else { key::<false> }
}

/// The keys that the function `epay` verifies with.
pub fn epay_keys(settings: &Settings, strength: Strength) -> Result<epay::Keys, (&'static str, SecretError)> {
    epay::Keys::read(|name| settings.setting(name), strength)
}

/// The keys that the function `wechat` queries with.
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
        // A fake accepts any key.
        (None, Strength::Local) => Ok(key),
        (Some(_) | None, _) => Err(refused(SecretError::OtherMode { expected: if LIVE { "live" } else { "test" } })),
    }
}
