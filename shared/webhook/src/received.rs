//! What a parser may see of a request.

use ledger::{KeptBody, RawBody};
use signing::Verified;

/// The verified bytes, and of the rest exactly what is kept with them: so a replay from the books is the same parse.
#[derive(Debug, Clone)]
pub struct Received<'r> {
    verified: Verified<'r>,
    path: String,
    /// Nothing here was signed, unless the source's scheme says so.
    headers: Vec<(&'static str, String)>,
}

impl<'r> Received<'r> {
    pub fn new(verified: Verified<'r>, path: &str, headers: Vec<(&'static str, String)>) -> Self {
        Self { verified, path: path.to_owned(), headers }
    }

    /// What was kept when it came, having been verified then. Of a header whose name this release does not know nothing is read.
    pub(crate) fn again(kept: &'r KeptBody, known: &'static [&'static str]) -> Self {
        let headers = known.iter().filter_map(|name| {
            let (_, value) = kept.headers.iter().find(|(kept, _)| kept == name)?;
            Some((*name, value.clone()))
        });
        Self { verified: Verified::when_kept(&kept.bytes), path: kept.path.clone(), headers: headers.collect() }
    }

    /// What the sender's own API listed, nobody having delivered it. No header came with it.
    pub(crate) fn listed(event: &'r [u8], path: &str) -> Self {
        Self { verified: Verified::when_asked(event), path: path.to_owned(), headers: Vec::new() }
    }

    pub fn bytes(&self) -> &[u8] {
        self.verified.bytes()
    }

    pub fn path(&self) -> &str {
        &self.path
    }

    /// All that was sent under a name, joined, if the source keeps it.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn raw(&self) -> RawBody<'_> {
        RawBody { bytes: self.bytes(), path: &self.path, headers: &self.headers }
    }
}
