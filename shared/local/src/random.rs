//! New secrets, in the form that each setting wants.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::Error;

/// As many as the HMAC's hash has, so that a guess at the key is no easier than one at the signature.
const SECRET_BYTES: usize = 32;

pub(crate) type Generate = fn() -> Result<String, Error>;

pub(crate) fn hex() -> Result<String, Error> {
    let digits = random()?.into_iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    Ok(digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect())
}

pub(crate) fn whsec() -> Result<String, Error> {
    Ok(format!("whsec_{}", STANDARD.encode(random()?)))
}

/// The prefix tells people, and scanners of repositories, what has been leaked.
pub fn api_key() -> Result<String, Error> {
    Ok(format!("hk_{}", hex()?))
}

/// As Stripe's own look that are not worth anything.
pub(crate) fn stripe_key() -> Result<String, Error> {
    Ok(format!("sk_test_{}", hex()?))
}

fn random() -> Result<[u8; SECRET_BYTES], Error> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(Error::Random)?;
    Ok(bytes)
}
