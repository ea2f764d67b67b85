//! The members of a JSON object as they are spelled, so that a few can be read or changed and all others pass byte for
//! byte.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// OpenAI's API has about forty.
pub(crate) const MEMBERS_MAX: usize = 128;

/// An object of the text that it was parsed from. No member stands in it twice: of two, we would price one, and the
/// upstream might obey the other.
pub(crate) struct Members<'t>(Vec<(Cow<'t, str>, &'t RawValue)>);

/// Why there are no members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unread {
    NotAnObject,
    /// This one stands there twice.
    Twice(String),
    TooMany,
}

impl<'t> Members<'t> {
    pub(crate) fn read(text: &'t str) -> Result<Self, Unread> {
        let Spelled(members) = serde_json::from_str(text).map_err(|_| Unread::NotAnObject)?;
        if members.len() > MEMBERS_MAX {
            return Err(Unread::TooMany);
        }
        for (number, (name, _)) in members.iter().enumerate() {
            if members.iter().take(number).any(|(known, _)| known == name) {
                return Err(Unread::Twice(name.clone().into_owned()));
            }
        }
        Ok(Self(members))
    }

    /// `null` counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&'t RawValue> {
        self.spelled(name).filter(|value| value.get() != "null")
    }

    /// A member that an upstream may take for one of these, although it is spelled otherwise: we would price another request
    /// than the upstream serves.
    pub(crate) fn disguised<'n>(&self, names: &[&'n str]) -> Option<(&str, &'n str)> {
        self.0.iter().find_map(|(name, _)| {
            let is_disguised = |known: &&&str| name != **known && folded(name) == **known;
            names.iter().find(is_disguised).map(|known| (name.as_ref(), *known))
        })
    }

    /// The names, in their order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_ref())
    }

    /// As it stands there, also `null`.
    pub(crate) fn spelled(&self, name: &str) -> Option<&'t RawValue> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }
}

/// How a reader that ignores case reads a name. Go's does, and takes two letters beyond ASCII for `s` and `k`.
pub(crate) fn folded(name: &str) -> String {
    let fold = |letter| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    name.chars().map(fold).collect()
}

/// Where a value stands in the text that it was parsed from.
pub(crate) fn place(text: &str, value: &RawValue) -> Range<usize> {
    let value = value.get();
    let start = value.as_ptr().addr().saturating_sub(text.as_ptr().addr());
    start..start.saturating_add(value.len())
}

/// Where the name of a member stands whose value this is, with its quotes.
pub(crate) fn name_of(text: &str, value: &RawValue) -> Option<Range<usize>> {
    let before = text.get(..place(text, value).start)?.trim_end().strip_suffix(':')?.trim_end();
    let start = before.strip_suffix('"')?.rfind('"')?;
    Some(start..before.len())
}

/// The text with these parts of it replaced. They do not overlap.
pub(crate) fn spliced(text: &str, mut changes: Vec<(Range<usize>, String)>) -> String {
    changes.sort_by_key(|(place, _)| place.start);
    let (mut whole, mut from) = (String::with_capacity(text.len().saturating_add(64)), 0);
    for (place, with) in changes {
        whole.push_str(text.get(from..place.start).unwrap_or_default());
        whole.push_str(&with);
        from = place.end;
    }
    whole.push_str(text.get(from..).unwrap_or_default());
    whole
}

/// Every member of an object, in their order.
struct Spelled<'t>(Vec<(Cow<'t, str>, &'t RawValue)>);

impl<'de> Deserialize<'de> for Spelled<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OfObject)
    }
}

struct OfObject;

impl<'de> Visitor<'de> for OfObject {
    type Value = Spelled<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Spelled<'de>, A::Error> {
        let mut members: Vec<(Cow<'de, str>, &'de RawValue)> = Vec::new();
        while let Some(name) = object.next_key::<Cow<'de, str>>()? {
            let value = object.next_value()?;
            // One more says that there are too many.
            if members.len() <= MEMBERS_MAX {
                members.push((name, value));
            }
        }
        Ok(Spelled(members))
    }
}
