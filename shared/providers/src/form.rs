//! Form bodies: names and values, percent-encoded to the last character that is not plain.

use std::fmt::Write as _;

#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Form(String);

impl Form {
    pub(crate) fn push(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.escape(name);
        self.0.push('=');
        self.escape(value);
    }

    fn escape(&mut self, text: &str) {
        for byte in text.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                self.0.push(char::from(byte));
            } else {
                // Writing to a String cannot fail.
                let _ = write!(self.0, "%{byte:02X}");
            }
        }
    }

    pub(crate) fn into_body(self) -> String {
        self.0
    }
}
