//! Verified input for a parser: the signed bytes, the path and the kept headers.

use edge::Request;
use ledger::{RawBody, Timestamp};
use signing::Verified;

/// The verified bytes, and of the rest exactly the parts that are kept, so that a replay parses the same input.
#[derive(Debug)]
pub struct Received<'r> {
    verified: Verified<'r>,
    /// As received, not decrypted.
    request: &'r Request,
    /// Not signed, unless the source's scheme signs headers.
    headers: Vec<(&'static str, String)>,
}

impl<'r> Received<'r> {
    /// Takes only the headers with these names.
    pub fn new(verified: Verified<'r>, request: &'r Request, headers_kept: &[&'static str]) -> Self {
        Self { verified, request, headers: request.kept(headers_kept) }
    }

    /// An event from the provider's API instead of a delivery. It has no headers.
    pub(crate) fn listed(event: &'r Request) -> Self {
        Self { verified: Verified::from_provider_api(event.body()), request: event, headers: Vec::new() }
    }

    /// The body, decrypted if the source encrypts it.
    pub fn bytes(&self) -> &[u8] {
        self.verified.bytes()
    }

    pub fn path(&self) -> &str {
        &self.request.path
    }

    /// The value of a kept header; repeated headers are joined.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// The parts of the delivery to keep, not decrypted.
    pub(crate) fn raw(&self, bytes_at: Timestamp) -> RawBody<'_> {
        RawBody {
            method: &self.request.method,
            path: &self.request.path,
            query: &self.request.query,
            headers: &self.headers,
            bytes: self.request.body(),
            bytes_at,
        }
    }
}
