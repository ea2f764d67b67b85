//! Verified input for a parser: the signed bytes, the path and the kept headers.

use std::sync::atomic::AtomicBool;

use edge::Request;
use ledger::{BatchBody, EventKey, RawBody, Source, Timestamp};
use signing::Verified;

use crate::{BatchForm, ParseError};

/// The verified bytes, and of the rest exactly the parts that are kept, so that a replay parses the same input.
#[derive(Debug)]
pub struct Received<'r> {
    verified: Verified<'r>,
    /// As received, not decrypted.
    request: &'r Request,
    /// Not signed, unless the source's scheme signs headers.
    headers: Vec<(&'static str, String)>,
    /// Where the body is kept, if this is one of its events, and whether it is.
    batch: Option<(EventKey, AtomicBool)>,
}

impl<'r> Received<'r> {
    /// Takes only the headers with these names.
    pub fn new(verified: Verified<'r>, request: &'r Request, headers_kept: &[&'static str]) -> Self {
        Self { verified, request, headers: request.kept(headers_kept), batch: None }
    }

    /// An event from the provider's API instead of a delivery. It has no headers.
    pub(crate) fn listed(event: &'r Request) -> Self {
        let verified = Verified::from_provider_api(event.body());
        Self { verified, request: event, headers: Vec::new(), batch: None }
    }

    /// Its events, each as a delivery of its own with the same proof.
    pub(crate) fn parts(&self, source: Source, form: &BatchForm) -> Result<Vec<Received<'_>>, ParseError> {
        let places = (form.split)(self.bytes())?;
        if places.len() > form.events_max {
            let most = form.events_max;
            return Err(ParseError::new("body", &format!("has {} events, more than {most}", places.len())));
        }
        // A single event is kept under its own receipt, as one that came alone.
        let batch = (places.len() > 1).then(|| EventKey::of_batch(source, self.request.body()));
        let part = |place| {
            let verified = self.verified.part(place)?;
            let headers = self.headers.clone();
            let batch = batch.clone().map(|batch| (batch, AtomicBool::new(false)));
            Some(Received { verified, request: self.request, headers, batch })
        };
        Ok(places.into_iter().filter_map(part).collect())
    }

    /// The body, decrypted if the source encrypts it. Of one of several events its own part.
    pub fn bytes(&self) -> &[u8] {
        self.verified.bytes()
    }

    pub(crate) fn method(&self) -> &str {
        &self.request.method
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
            batch: self.batch.as_ref().map(|(id, is_kept)| BatchBody { id: id.as_str(), is_kept }),
        }
    }
}
