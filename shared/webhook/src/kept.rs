//! A kept delivery, read from the store. Other functions can write its row, so nothing in it is trusted: its source
//! verifies the signature again before a replay.

use edge::Request;
use ledger::{KeptBody, Timestamp};
use signing::VerifyError;
use thiserror::Error;

use crate::batch::batch_form;
use crate::{Received, Webhook};

/// A refused body is kept for 90 days, and the store deletes it some days later.
const AGE_SECONDS_MAX: i64 = 100 * 24 * 60 * 60;

/// The last delivery of an event, and its time.
#[derive(Debug)]
pub struct Kept {
    request: Request,
    /// A function with write access to the row could choose it, so it decides only whether the signature was in the
    /// replay window.
    bytes_at: Timestamp,
    forbids_body_only_hmac: bool,
}

/// Reasons why a kept delivery cannot be one that this source accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeptError {
    #[error("its time of receipt is in the future")]
    InFuture,
    #[error("its time of receipt is before the retention period")]
    TooOld,
    #[error("its body is larger than the source's limit")]
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
    /// Headers outside `HEADERS_KEPT` of this release are dropped. `forbids_body_only_hmac` is the deployment's current
    /// setting, and not the one at the time of the delivery.
    pub fn of<W: Webhook>(body: &KeptBody, now: Timestamp, forbids_body_only_hmac: bool) -> Result<Self, KeptError> {
        let KeptBody { method, path, query, headers, bytes, bytes_at } = body;
        if *bytes_at > now {
            return Err(KeptError::InFuture);
        }
        if *bytes_at < now.plus_seconds(AGE_SECONDS_MAX.saturating_neg()) {
            return Err(KeptError::TooOld);
        }
        let bytes_max = batch_form::<W>(method, path).map_or(W::BODY_BYTES_MAX, |form| form.bytes_max);
        if bytes.len() > bytes_max {
            return Err(KeptError::TooLarge);
        }
        let is_known = |(name, _): &&(String, String)| W::HEADERS_KEPT.contains(&name.as_str());
        let headers = headers.iter().filter(is_known).cloned().collect();
        let [method, path, query] = [method, path, query].map(String::clone);
        let request = Request::new(method, path, query, headers, bytes.clone());
        Ok(Self { request, bytes_at: *bytes_at, forbids_body_only_hmac })
    }

    /// Verifies the signature with these keys, as of the time at which the bytes were received.
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
