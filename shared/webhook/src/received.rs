//! What a parser may see of a request.

use edge::Request;
use ledger::{RawBody, Timestamp};
use signing::Verified;

/// The verified bytes, and of the rest exactly what is kept with them: so a replay from the books is the same parse.
#[derive(Debug)]
pub struct Received<'r> {
    verified: Verified<'r>,
    /// As it came, unopened.
    request: &'r Request,
    /// Nothing here was signed, unless the source's scheme says so.
    headers: Vec<(&'static str, String)>,
}

impl<'r> Received<'r> {
    /// Of the headers those of these names.
    pub fn new(verified: Verified<'r>, request: &'r Request, headers_kept: &[&'static str]) -> Self {
        Self { verified, request, headers: request.kept(headers_kept) }
    }

    /// What the sender's own API said, nobody having delivered it. No header came with it.
    pub(crate) fn listed(event: &'r Request) -> Self {
        Self { verified: Verified::when_asked(event.body()), request: event, headers: Vec::new() }
    }

    /// What was opened, where it came sealed.
    pub fn bytes(&self) -> &[u8] {
        self.verified.bytes()
    }

    pub fn path(&self) -> &str {
        &self.request.path
    }

    /// All that was sent under a name, joined, if the source keeps it.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// What is kept of it: the delivery itself, unopened.
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
