//! The JWT (RS256) that authorizes one request to the Fireblocks API: its path and query, body, API key and expiry.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::rsa::{Hash, PrivateKey, PublicKey};
use crate::{VerifyError, hex};

/// Fireblocks accepts at most 55 seconds. A request never takes longer than this.
pub const TOKEN_LIFE_S: i64 = 30;
const TOKEN_LIFE_S_MAX: i64 = 55;

/// The allowed difference between Fireblocks' clock and ours.
const SKEW_S: i64 = 10;

/// `{"alg":"RS256","typ":"JWT"}`: the only header that is written and accepted.
const HEADER: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PaymentReversals {
    uri: String,
    nonce: String,
    iat: i64,
    exp: i64,
    sub: String,
    body_hash: String,
}

/// `uri` is the path with its query. Each request needs its own `nonce`, even a retry of the same request.
pub fn token(key: &PrivateKey, api_key: &str, uri: &str, body: &[u8], nonce: &str, now_unix_s: i64) -> String {
    let claims = PaymentReversals {
        uri: uri.to_owned(),
        nonce: nonce.to_owned(),
        iat: now_unix_s,
        exp: now_unix_s.saturating_add(TOKEN_LIFE_S),
        sub: api_key.to_owned(),
        body_hash: hash(body),
    };
    // Serializing strings and integers cannot fail.
    let claims = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims).unwrap_or_default());
    let signed = format!("{HEADER}.{claims}");
    let signature = URL_SAFE_NO_PAD.encode(key.sign(Hash::Sha256, signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// Verifies a token as Fireblocks does and returns its nonce.
pub fn verify_token(
    key: &PublicKey,
    api_key: &str,
    token: &str,
    uri: &str,
    body: &[u8],
    now_unix_s: i64,
) -> Result<String, VerifyError> {
    let (signed, signature) = token.rsplit_once('.').ok_or(VerifyError::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(VerifyError::Malformed)?;
    let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| VerifyError::Malformed);
    let (claims, signature) = (decoded(claims)?, decoded(signature)?);
    if header != HEADER {
        return Err(VerifyError::Malformed);
    }
    let claims: PaymentReversals = serde_json::from_slice(&claims).map_err(|_| VerifyError::Malformed)?;
    let life_s = claims.exp.saturating_sub(claims.iat);
    let is_current = claims.iat <= now_unix_s.saturating_add(SKEW_S) && now_unix_s < claims.exp.saturating_add(SKEW_S);
    if !is_current || !(1..=TOKEN_LIFE_S_MAX).contains(&life_s) {
        return Err(VerifyError::Stale);
    }
    let is_right_key = bool::from(claims.sub.as_bytes().ct_eq(api_key.as_bytes()));
    let is_right_request = claims.uri == uri && claims.body_hash == hash(body);
    let is_valid = is_right_key && is_right_request && key.verifies(Hash::Sha256, signed.as_bytes(), &signature);
    if is_valid { Ok(claims.nonce) } else { Err(VerifyError::BadSignature) }
}

fn hash(body: &[u8]) -> String {
    hex::write(&Sha256::digest(body))
}
