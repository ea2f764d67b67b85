//! Who sent it: a detached JWS under a key that Fireblocks publishes, or where that is configured the signature of the first version,
//! under the key that its installation has had for ever.

use edge::{HeaderError, Request};
use signing::fireblocks::{Environment, SIGNATURE, SIGNATURE_V1, verify_v1};
use signing::jws::{self, PublishedKeys};
use signing::rsa::PublicKey;
use signing::{SecretError, Verified, VerifyError};

/// The keys that are published, as they are; and the installation whose webhooks of the first version are taken, by its name or by its
/// key.
pub const SETTINGS: [&str; 2] = ["FIREBLOCKS_JWKS", "FIREBLOCKS_V1"];

/// The default knows none: then nobody is believed.
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

    /// Until there are others.
    pub(crate) fn without_published(v1: Option<&str>) -> Result<Self, (&'static str, SecretError)> {
        let key = |v1: &str| match Environment::named(v1) {
            Some(environment) => environment.key_v1(),
            None => PublicKey::parse(v1),
        };
        let v1 = v1.map(key).transpose().map_err(|error| (SETTINGS[1], error))?;
        Ok(Self { published: PublishedKeys::default(), v1 })
    }
}

/// Which version it is, its headers say; which versions are believed is configuration. Whoever signs by the second is verified by it
/// alone.
pub(crate) fn verify<'r>(keys: &Keys, request: &'r Request) -> Result<Verified<'r>, VerifyError> {
    let header = |name| request.header(name).map_err(|HeaderError| VerifyError::Malformed);
    if let Some(jws) = header(SIGNATURE)? {
        return jws::verify(&keys.published, jws, request.body());
    }
    let signature = header(SIGNATURE_V1)?.ok_or(VerifyError::Missing)?;
    let key = keys.v1.as_ref().ok_or(VerifyError::Missing)?;
    verify_v1(key, signature, request.body())
}
