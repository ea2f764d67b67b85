//! The one merchant at the epay gateway, which signs by V1.

use signing::Strength;
use signing::epay::{Keys, SETTINGS};
use testkit::EPAY_KEY;

/// The settings of the merchant's secret.
pub(crate) fn epay_secrets() -> [(&'static str, String); 1] {
    let [md5, ..] = SETTINGS;
    [(md5, format!("1001:{EPAY_KEY}"))]
}

pub(crate) fn epay_keys() -> Keys {
    let secrets = epay_secrets();
    let set = |name: &str| secrets.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
    Keys::read(set, Strength::Deployed).expect("keys")
}
