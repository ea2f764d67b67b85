//! Where webhooks go, and how they are signed.

use std::fmt;

use http::Uri;
use ledger::Timestamp;
use signing::{SecretError, Strength, hmac_hex, standard_webhooks};
use thiserror::Error;

use crate::Event;
use crate::post::{Post, Signed};
use crate::repeats::ATTEMPT_TIMEOUT;

/// The scheme of a signature and its keys. Of several keys the first signs.
#[derive(Debug)]
pub enum Signature {
    /// `X-Webhook-Signature`: HMAC-SHA256 of the body, in hex.
    Hmac(hmac_hex::Keys),
    /// The headers of Standard Webhooks, with the time of the attempt.
    Standard(standard_webhooks::Keys),
}

impl Signature {
    pub fn hmac(secret: &str) -> Result<Self, SecretError> {
        hmac_hex::Keys::parse(secret, Strength::Deployed).map(Self::Hmac)
    }

    pub fn standard(secret: &str) -> Result<Self, SecretError> {
        standard_webhooks::Keys::parse(secret).map(Self::Standard)
    }

    /// Standard Webhooks signs the id too, and joins it with dots.
    fn takes_id(&self, id: &str) -> bool {
        match self {
            Self::Hmac(_) => true,
            Self::Standard(_) => id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')),
        }
    }

    fn headers(&self, event: &Event, now: Timestamp) -> Vec<(&'static str, String)> {
        let Event { id, body } = event;
        match self {
            Self::Hmac(keys) => vec![("x-webhook-signature", hmac_hex::sign(keys, body.as_bytes()))],
            Self::Standard(keys) => vec![
                ("webhook-id", id.clone()),
                ("webhook-timestamp", now.unix_s().to_string()),
                ("webhook-signature", standard_webhooks::sign(keys, id, now.unix_s(), body.as_bytes())),
            ],
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EndpointError {
    #[error("{0} is no URL of a receiver: it begins with https:// or http://, and has no password in it")]
    Url(String),
    #[error(
        "{0:?} is no id: it has 1 to 128 visible ASCII characters, and only letters, digits, _ and - for Standard Webhooks"
    )]
    Id(String),
}

const ID_BYTES_MAX: usize = 128;

/// A receiver of webhooks.
pub struct Endpoint {
    post: Post,
    signature: Signature,
}

impl Endpoint {
    pub fn new(url: &str, signature: Signature) -> Result<Self, EndpointError> {
        let wrong = || EndpointError::Url(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        // What stands before an @ would be a password in a log.
        let has_name = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        if !is_http || !has_name {
            return Err(wrong());
        }
        Ok(Self::over(Post::to(url.to_owned(), ATTEMPT_TIMEOUT), signature))
    }

    /// An endpoint over another client; tests pass one without a network.
    pub fn over(post: Post, signature: Signature) -> Self {
        Self { post, signature }
    }

    pub(crate) fn check(&self, event: &Event) -> Result<(), EndpointError> {
        let id = &event.id;
        let is_visible = id.bytes().all(|byte| byte.is_ascii_graphic());
        let fits = (1..=ID_BYTES_MAX).contains(&id.len()) && is_visible && self.signature.takes_id(id);
        if fits { Ok(()) } else { Err(EndpointError::Id(id.clone())) }
    }

    pub(crate) fn post(&self) -> &Post {
        &self.post
    }

    /// Signed again at each attempt, since a signature may cover its time.
    pub(crate) fn signed(&self, event: &Event, now: Timestamp) -> Signed {
        let mut headers = self.signature.headers(event, now);
        headers.push(("content-type", "application/json".to_owned()));
        Signed::post(event.body.clone(), headers)
    }
}

/// Without the keys.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("post", &self.post).finish_non_exhaustive()
    }
}
