//! Generates secrets in the format of each setting.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::Error;

/// The size of the HMAC's hash, so that the key is no easier to guess than the signature.
const SECRET_BYTES: usize = 32;

pub(crate) type Generate = fn() -> Result<String, Error>;

pub(crate) fn hex() -> Result<String, Error> {
    let digits = random()?.into_iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    Ok(digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect())
}

pub(crate) fn whsec() -> Result<String, Error> {
    Ok(format!("whsec_{}", STANDARD.encode(random()?)))
}

/// The prefix identifies a leaked key to people and to secret scanners.
pub fn api_key() -> Result<String, Error> {
    Ok(format!("hk_{}", hex()?))
}

pub fn service_key() -> Result<String, Error> {
    Ok(format!("{}{}", ledger::ServiceKey::PREFIX, hex()?))
}

/// Randomness for a redeem code.
pub fn bits() -> Result<u128, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(Error::Random)?;
    Ok(u128::from_be_bytes(bytes))
}

/// The format of Stripe's test keys.
pub(crate) fn stripe_key() -> Result<String, Error> {
    Ok(format!("sk_test_{}", hex()?))
}

fn random() -> Result<[u8; SECRET_BYTES], Error> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(Error::Random)?;
    Ok(bytes)
}
