//! A delivery out of the books. Other functions can write the rows it stands in, so nothing in it is believed: its source verifies it
//! again, as it did when it came.

use edge::Request;
use ledger::{KeptBody, Timestamp};
use signing::VerifyError;
use thiserror::Error;

use crate::{Received, Webhook};

/// A refused body is kept for 90 days, and the store deletes it some days later.
const AGE_SECONDS_MAX: i64 = 100 * 24 * 60 * 60;

/// An event's last delivery, and when it came.
#[derive(Debug)]
pub struct Kept {
    request: Request,
    /// Whoever writes rows chooses it: it decides whether a signature was fresh, and nothing else.
    bytes_at: Timestamp,
    forbids_body_only_hmac: bool,
}

/// Why a kept delivery cannot be one that this source has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeptError {
    #[error("it came in the future")]
    InFuture,
    #[error("it came longer ago than anything is kept")]
    TooOld,
    #[error("it is larger than anything that its source takes")]
    TooLarge,
}

impl KeptError {
    /// The word for the log.
    pub fn label(self) -> &'static str {
        match self {
            Self::InFuture => "bytes_at_in_future",
            Self::TooOld => "bytes_at_too_old",
            Self::TooLarge => "body_too_large",
        }
    }
}

impl Kept {
    /// Of a header whose name this release does not know nothing is read. `forbids_body_only_hmac`: as the deployment is set now, and not
    /// as it was when the delivery came.
    pub fn of<W: Webhook>(body: &KeptBody, now: Timestamp, forbids_body_only_hmac: bool) -> Result<Self, KeptError> {
        let KeptBody { method, path, query, headers, bytes, bytes_at } = body;
        if *bytes_at > now {
            return Err(KeptError::InFuture);
        }
        if *bytes_at < now.plus_seconds(AGE_SECONDS_MAX.saturating_neg()) {
            return Err(KeptError::TooOld);
        }
        if bytes.len() > W::BODY_BYTES_MAX {
            return Err(KeptError::TooLarge);
        }
        let is_known = |(name, _): &&(String, String)| W::HEADERS_KEPT.contains(&name.as_str());
        let headers = headers.iter().filter(is_known).cloned().collect();
        let [method, path, query] = [method, path, query].map(String::clone);
        let request = Request::new(method, path, query, headers, bytes.clone());
        Ok(Self { request, bytes_at: *bytes_at, forbids_body_only_hmac })
    }

    /// What its source's own check says of it with these keys, by the clock of its bytes.
    pub fn verified<W: Webhook>(&self, source: &W, keys: &W::Keys) -> Result<Received<'_>, VerifyError> {
        let verified = source.verify(keys, &self.request, self.bytes_at)?;
        if self.forbids_body_only_hmac && verified.is_body_only() {
            return Err(VerifyError::BodyOnly);
        }
        Ok(Received::new(verified, &self.request, W::HEADERS_KEPT))
    }

    pub fn request(&self) -> &Request {
        &self.request
    }

    pub fn bytes_at(&self) -> Timestamp {
        self.bytes_at
    }
}
