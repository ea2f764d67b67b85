//! Strict query strings: a parameter that is unknown, or stands twice, is refused, as a field of a body is.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::Failure;
use crate::openapi::Named;

/// The parameters of a request, by name, decoded.
#[derive(Debug, Default)]
pub struct Query(BTreeMap<&'static str, String>);

impl Query {
    pub fn parse(raw: &str, known: &[impl Named]) -> Result<Self, Failure> {
        let mut parameters = BTreeMap::new();
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = decoded(name)
                .zip(decoded(value))
                .ok_or_else(|| Failure::new(400, "query_invalid", "The query must be percent-encoded UTF-8."))?;
            let Some(name) = known.iter().map(Named::name).find(|known| *known == name) else {
                let names = known.iter().map(Named::name).collect::<Vec<_>>().join(", ");
                let message = format!("No such parameter here; there are {names}.");
                return Err(Failure::new(400, "unknown_parameter", message));
            };
            if parameters.insert(name, value).is_some() {
                return Err(Failure::new(
                    400,
                    "duplicate_parameter",
                    format!("The query has a parameter twice: {name}."),
                ));
            }
        }
        Ok(Self(parameters))
    }

    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// Percent-decodes a part of a path or query. In a query, `+` is a space.
fn decoded(text: &str) -> Option<String> {
    percent_decoded(&text.replace('+', " "))
}

/// `None` if it is not UTF-8, or an escape is incomplete.
pub fn percent_decoded(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

/// Percent-encodes everything but the characters that no URL reserves.
pub fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            // A string takes everything.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 2] = ["from", "kind"];

    #[test]
    fn parameter_is_decoded_and_refused_if_unknown_or_double() {
        let rows = [
            ("", Ok((None, None))),
            ("from=a", Ok((Some("a"), None))),
            ("&kind=b&&from=a%3A%2b1+c&", Ok((Some("a:+1 c"), Some("b")))),
            ("from", Ok((Some(""), None))),
            ("from=a=b", Ok((Some("a=b"), None))),
            ("fr%6fm=%e4%bd%99", Ok((Some("余"), None))),
            ("from=a&from=a", Err("duplicate_parameter")),
            ("from=a&fr%6Fm=b", Err("duplicate_parameter")),
            ("From=a", Err("unknown_parameter")),
            ("other=1", Err("unknown_parameter")),
            ("=1", Err("unknown_parameter")),
            ("from=%", Err("query_invalid")),
            ("from=%4", Err("query_invalid")),
            ("from=%+4", Err("query_invalid")),
            ("from=%ff", Err("query_invalid")),
        ];
        for (raw, expected) in rows {
            let query = Query::parse(raw, &KNOWN);
            let found = query.as_ref().map(|query| (query.parameter("from"), query.parameter("kind")));
            assert_eq!(found.map_err(|failure| failure.code), expected, "{raw}");
        }
    }

    #[test]
    fn encoded_text_is_decoded_to_itself() {
        for text in ["", "alice@example.com", "a b+c/%41?&=#\"<>", "余额"] {
            let encoded = percent_encoded(text);
            assert!(encoded.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"&=+# ".contains(&byte)), "{encoded}");
            assert_eq!(percent_decoded(&encoded).as_deref(), Some(text));
        }
    }
}
