//! A request as the sender made it: the exact bytes, and headers that must occur once.

use std::fmt;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

/// A request whose body is not decoded yet.
pub struct Incoming {
    pub method: String,
    pub path: String,
    /// As sent, not decoded.
    pub query: String,
    /// Names in lower case; a repeated header occurs repeatedly.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    pub(crate) is_base64: bool,
    pub source_ip: Option<IpAddr>,
}

impl Incoming {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether the body begins with this byte.
    pub fn body_begins_with(&self, byte: u8) -> bool {
        if !self.is_base64 {
            return self.body.as_bytes().first() == Some(&byte);
        }
        let group = self.body.get(..4).and_then(|group| STANDARD.decode(group).ok());
        group.is_some_and(|bytes| bytes.first() == Some(&byte))
    }

    /// Decodes the body. The limit of `bytes_max` applies before anything is decoded or hashed.
    pub fn open(self, bytes_max: usize) -> Result<Request, OpenError> {
        let Self { method, path, query, headers, body, is_base64, source_ip: _ } = self;
        // Four characters encode three bytes.
        let encoded_max = if is_base64 { bytes_max.div_ceil(3).saturating_mul(4) } else { bytes_max };
        if body.len() > encoded_max {
            return Err(OpenError::TooLarge);
        }
        let body = if is_base64 { STANDARD.decode(body).map_err(|_| OpenError::NotBase64)? } else { body.into_bytes() };
        if body.len() > bytes_max {
            return Err(OpenError::TooLarge);
        }
        Ok(Request { method, path, query, headers, body })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OpenError {
    #[error("the body is too large")]
    TooLarge,
    #[error("the event marks the body as base64, but it does not decode")]
    NotBase64,
}

/// A request with its decoded body, which a source verifies and an API reads.
#[derive(Default)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// Builds a request from its parts. Header names must be in lower case.
    pub fn new(method: String, path: String, query: String, headers: Vec<(String, String)>, body: Vec<u8>) -> Self {
        Self { method, path, query, headers, body }
    }

    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// A header that must occur at most once: of two, one reader would use the first and another the last.
    pub fn header(&self, name: &str) -> Result<Option<&str>, HeaderError> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            (_, Some(_)) => Err(HeaderError),
        }
    }

    /// The headers with these names, in this order; repeated headers are joined.
    pub fn kept(&self, names: &[&'static str]) -> Vec<(&'static str, String)> {
        let all = |name: &&'static str| {
            let values: Vec<&str> =
                self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect();
            (!values.is_empty()).then(|| (*name, values.join(", ")))
        };
        names.iter().filter_map(all).collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a header occurs more than once")]
pub struct HeaderError;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the event is not a request of API Gateway or a function URL")]
pub struct MalformedEvent;

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({} characters)", self.method, self.path, self.body.len())
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({} bytes)", self.method, self.path, self.body.len())
    }
}
