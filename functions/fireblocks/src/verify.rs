//! Verifies the sender: a detached JWS under a published key, or, if configured, the signature of webhooks v1 under the
//! installation's fixed key.

use edge::{HeaderError, Request};
use signing::fireblocks::{Environment, SIGNATURE, SIGNATURE_V1, verify_v1};
use signing::jws::{self, PublishedKeys};
use signing::rsa::PublicKey;
use signing::{SecretError, Verified, VerifyError};

/// The published keys (a JWKS), and the installation whose webhooks v1 are accepted, by its name or its key.
pub const SETTINGS: [&str; 2] = ["FIREBLOCKS_JWKS", "FIREBLOCKS_V1"];

/// The default has no keys and verifies nothing.
#[derive(Debug, Default)]
pub struct Keys {
    published: PublishedKeys,
    v1: Option<PublicKey>,
}

impl Keys {
    pub(crate) fn read(published: &str, v1: Option<&str>) -> Result<Self, (&'static str, SecretError)> {
        let published = PublishedKeys::parse(published).map_err(|error| (SETTINGS[0], error))?;
        Ok(Self { published, ..Self::without_published(v1)? })
    }

    /// The keys before the published ones are fetched.
    pub(crate) fn without_published(v1: Option<&str>) -> Result<Self, (&'static str, SecretError)> {
        let key = |v1: &str| match Environment::named(v1) {
            Some(environment) => environment.key_v1(),
            None => PublicKey::parse(v1),
        };
        let v1 = v1.map(key).transpose().map_err(|error| (SETTINGS[1], error))?;
        Ok(Self { published: PublishedKeys::default(), v1 })
    }
}

/// The headers select the version, and the configuration permits v1. A request with a v2 signature is never verified as
/// v1.
pub(crate) fn verify<'r>(keys: &Keys, request: &'r Request) -> Result<Verified<'r>, VerifyError> {
    let header = |name| request.header(name).map_err(|HeaderError| VerifyError::Malformed);
    if let Some(jws) = header(SIGNATURE)? {
        return jws::verify(&keys.published, jws, request.body());
    }
    let signature = header(SIGNATURE_V1)?.ok_or(VerifyError::Missing)?;
    let key = keys.v1.as_ref().ok_or(VerifyError::Missing)?;
    verify_v1(key, signature, request.body())
}
