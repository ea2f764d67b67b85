//! The address of an API, and paths below it.

use std::fmt::Write as _;

use http::Uri;

use crate::Error;

const LOCAL_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// An address without a slash at its end.
#[derive(Debug, Clone)]
pub(crate) struct Address(String);

impl Address {
    pub(crate) fn parse(url: &str) -> Result<Self, Error> {
        let wrong = || Error::Url(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let authority = uri.authority().ok_or_else(wrong)?;
        // What stands before an @ would be a password in a log.
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err(wrong());
        }
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if LOCAL_NAMES.contains(&authority.host()) => {}
            _ => return Err(wrong()),
        }
        Ok(Self(url.trim_end_matches('/').to_owned()))
    }

    /// The address of a path, or of one with a query, that begins with a slash.
    pub(crate) fn of(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

/// A part of a path, or the value of a parameter.
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // A string takes everything.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
