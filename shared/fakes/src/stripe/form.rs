//! Strict parsing of form bodies: a malformed escape, a duplicate name or invalid UTF-8 is a client's mistake that a
//! lenient parser would hide.

use std::collections::BTreeMap;

use thiserror::Error;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum FormError {
    #[error("Invalid form: a parameter without a name or without a value")]
    NotAPair,
    #[error("Invalid form: a percent sign that two hexadecimal digits do not follow")]
    Escape,
    #[error("Invalid form: not UTF-8")]
    Text,
    #[error("Invalid form: {0} is repeated")]
    Twice(String),
}

/// Values by name, in Stripe's bracket notation. The handlers take out each parameter that they know; the rest is
/// unknown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Params(BTreeMap<String, String>);

impl Params {
    pub(crate) fn decode(form: &str) -> Result<Self, FormError> {
        let mut params = BTreeMap::new();
        for pair in form.split('&').filter(|_| !form.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or(FormError::NotAPair)?;
            let (name, value) = (unescaped(name)?, unescaped(value)?);
            if name.is_empty() {
                return Err(FormError::NotAPair);
            }
            if params.contains_key(&name) {
                return Err(FormError::Twice(name));
            }
            params.insert(name, value);
        }
        Ok(Self(params))
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    /// Takes every `name[key]`, by key.
    pub(crate) fn take_under(&mut self, name: &str) -> BTreeMap<String, String> {
        let key = |full: &str| Some(full.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')?.to_owned());
        let direct: Vec<(String, String)> = self
            .0
            .keys()
            .filter_map(|full| {
                Some((full.clone(), key(full).filter(|key| !key.is_empty() && !key.contains(['[', ']']))?))
            })
            .collect();
        direct.into_iter().filter_map(|(full, key)| Some((key, self.0.remove(&full)?))).collect()
    }

    /// Whether any parameter is `name` or below it.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.keys().any(|full| full.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('[')))
    }

    /// The first parameter that no handler took.
    pub(crate) fn first_remaining(&self) -> Option<&str> {
        self.0.keys().next().map(String::as_str)
    }
}

fn unescaped(text: &str) -> Result<String, FormError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(hexadecimal).ok_or(FormError::Escape);
                (digit()? << 4) | digit()?
            }
            plain => plain,
        });
    }
    String::from_utf8(bytes).map_err(|_| FormError::Text)
}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}
