//! The parameters of an epay request: strict decoding from a query or form, and the text that the signature covers.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use crate::VerifyError;

/// A notification has at most fifteen parameters; gateways may add some.
const PARAMS_MAX: usize = 64;

/// The characters that PHP's `trim` removes. A value of only these is not signed.
const BLANK: [char; 6] = [' ', '\t', '\n', '\r', '\0', '\u{b}'];

/// Parameters by name, in the byte order of the names, which is also the order in the signed text.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Params(BTreeMap<String, String>);

impl Params {
    /// Accepts only forms that every parser reads in the same way. Refuses a repeated name (some parsers take the first
    /// value, some the last), bytes that are not UTF-8, and `a[]`, which some parsers read as a list.
    pub fn decode(form: &str) -> Result<Self, VerifyError> {
        let mut params = BTreeMap::new();
        for pair in form.split('&').filter(|_| !form.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or(VerifyError::Malformed)?;
            let (name, value) = (unescaped(name)?, unescaped(value)?);
            let is_plain = !name.is_empty() && !name.contains(['=', '&', '[', ']']);
            if !is_plain || params.len() >= PARAMS_MAX || params.insert(name, value).is_some() {
                return Err(VerifyError::Malformed);
            }
        }
        Ok(Self(params))
    }

    /// Parses the signed text of a verified request: no value contains a `&` and no name a `=`.
    pub fn of_signed(text: &str) -> Result<Self, VerifyError> {
        let mut params = BTreeMap::new();
        for pair in text.split('&').filter(|_| !text.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or(VerifyError::Malformed)?;
            if params.insert(name.to_owned(), value.to_owned()).is_some() {
                return Err(VerifyError::Malformed);
            }
        }
        Ok(Self(params))
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The text that is signed: `a=1&b=2` of the decoded values, without the signature fields and without blank values.
    pub fn signed_text(&self) -> String {
        let pairs: Vec<String> = self.signed().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("&")
    }

    /// Whether the signed text can be split into parameters in only one way. If a value contains a `&`, a buyer may
    /// have written parameters of another order into a name.
    pub fn is_unambiguous(&self) -> bool {
        self.signed().all(|(_, value)| !value.contains('&'))
    }

    fn signed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all()
            .filter(|(name, value)| !matches!(*name, "sign" | "sign_type") && !value.trim_matches(BLANK).is_empty())
    }

    /// Encodes the parameters as a query or form.
    pub fn encoded(&self) -> String {
        let mut form = String::new();
        for (name, value) in self.all() {
            if !form.is_empty() {
                form.push('&');
            }
            escape(name, &mut form);
            form.push('=');
            escape(value, &mut form);
        }
        form
    }
}

/// Names only: a value may be a signature or a key.
impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A form contains only visible ASCII; all other characters are percent-encoded.
fn unescaped(text: &str) -> Result<String, VerifyError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(hexadecimal).ok_or(VerifyError::Malformed);
                (digit()? << 4) | digit()?
            }
            plain if plain.is_ascii_graphic() => plain,
            _ => return Err(VerifyError::Malformed),
        });
    }
    String::from_utf8(bytes).map_err(|_| VerifyError::Malformed)
}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn escape(text: &str, form: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            form.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(form, "%{byte:02X}");
        }
    }
}
