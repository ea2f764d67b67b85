//! The one merchant at the epay gateway, which signs by V1, and whose key the gateway resets.

use signing::Strength;
use signing::epay::{Keys, SETTINGS};

/// The merchant's setting before and after the reset.
pub(crate) const EPAY_KEYS: [&str; 2] = ["1001:the-first-key-of-the-merchant", "1001:the-key-after-its-reset"];

/// The keys of the gateway, before or after the reset.
pub(crate) fn epay_keys(is_reset: bool) -> Keys {
    let [md5, ..] = SETTINGS;
    let text = EPAY_KEYS[usize::from(is_reset)];
    Keys::read(|name| (name == md5).then_some(text), Strength::Deployed).expect("keys")
}
