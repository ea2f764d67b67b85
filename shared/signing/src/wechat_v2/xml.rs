//! A reader for the XML subset that WeChat Pay APIv2 writes: one root element whose children contain only text.
//! Attributes, comments, processing instructions, declarations and entities are refused, so nothing can be expanded or
//! resolved (XXE) and each value has one reading.

use std::str;

/// Four times the longest documented notification, and the limit of a request's body.
pub const XML_BYTES_MAX: usize = 64 * 1024;
/// All documented fields with ten coupons.
pub const FIELDS_MAX: usize = 64;
/// The longest documented name has 21 characters.
const NAME_CHARS_MAX: usize = 64;

const CDATA: &str = "<![CDATA[";
const CDATA_END: &str = "]]>";

/// The fields of a document in their order, with unique names.
#[derive(Clone, PartialEq, Eq)]
pub struct Fields<'b> {
    root: &'b str,
    pairs: Vec<(&'b str, &'b str)>,
}

impl<'b> Fields<'b> {
    /// `None` if the document is anything else than such flat XML.
    pub fn read(bytes: &'b [u8]) -> Option<Self> {
        if bytes.len() > XML_BYTES_MAX {
            return None;
        }
        let text = str::from_utf8(bytes).ok()?.trim_ascii_end();
        let (root, mut rest) = opening(text)?;
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        loop {
            rest = rest.trim_ascii_start();
            if let Some(end) = rest.strip_prefix("</") {
                return (end.strip_prefix(root)? == ">").then_some(Self { root, pairs });
            }
            let pair;
            (pair, rest) = field(rest)?;
            if pairs.len() >= FIELDS_MAX || pairs.iter().any(|(name, _)| *name == pair.0) {
                return None;
            }
            pairs.push(pair);
        }
    }

    /// Builds a document from trusted fields, to sign and write it.
    pub fn of(root: &'b str, pairs: Vec<(&'b str, &'b str)>) -> Self {
        Self { root, pairs }
    }

    pub fn root(&self) -> &'b str {
        self.root
    }

    /// `None` if the field is absent or empty: WeChat treats an empty field as absent.
    pub fn value(&self, name: &str) -> Option<&'b str> {
        self.pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| *value).filter(|value| !value.is_empty())
    }

    pub fn names(&self) -> impl Iterator<Item = &'b str> {
        self.pairs.iter().map(|(name, _)| *name)
    }

    pub fn pairs(&self) -> impl Iterator<Item = (&'b str, &'b str)> {
        self.pairs.iter().copied()
    }
}

/// Splits off `<name>`.
fn opening(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.strip_prefix('<')?.split_once('>')?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let is_name = (1..=NAME_CHARS_MAX).contains(&name.len()) && name.bytes().all(plain);
    is_name.then_some((name, rest))
}

type Pair<'b> = (&'b str, &'b str);

/// Splits off an element and its text, which is either plain or one whole CDATA section.
fn field(text: &str) -> Option<(Pair<'_>, &str)> {
    let (name, rest) = opening(text)?;
    let (value, rest) = if let Some(rest) = rest.strip_prefix(CDATA) {
        rest.split_once(CDATA_END)?
    } else {
        let (value, _) = rest.split_once('<')?;
        (value, rest.get(value.len()..)?)
    };
    let rest = rest.strip_prefix("</")?.strip_prefix(name)?.strip_prefix('>')?;
    is_value(value).then_some(((name, value), rest))
}

/// Outside CDATA a `&` starts an entity, and in the signed text it would start another field.
fn is_value(value: &str) -> bool {
    !value.contains('&') && !value.chars().any(char::is_control)
}

/// Omits the values.
impl std::fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fields({}, {} fields)", self.root, self.pairs.len())
    }
}
