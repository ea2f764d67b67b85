//! Reads or replaces one value of a JSON text and keeps every other byte: a signature covers the digits of a number and the order of
//! members.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use thiserror::Error;

/// The text of the value at `path`: `data.creditCost`, `items.0.price`.
pub(crate) fn value_at<'j>(json: &'j str, path: &str) -> Option<&'j str> {
    path.split('.').try_fold(json.trim(), |json, name| {
        let (_, value) = members(json).ok()?.into_iter().find(|(known, _)| known == name)?;
        Some(value)
    })
}

/// The sibling paths of `path`, as far as it exists: candidates for a mistyped path.
pub(crate) fn siblings(json: &str, path: &str) -> Vec<String> {
    let (place, _) = path.rsplit_once('.').unwrap_or_default();
    let Some(json) = (if place.is_empty() { Some(json) } else { value_at(json, place) }) else {
        return siblings(json, place);
    };
    let path_of = |name: &str| if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
    members(json).unwrap_or_default().iter().map(|(name, _)| path_of(name)).collect()
}

/// The same text with the JSON `value` at `path`. Creates missing objects on the way.
pub(crate) fn with_value(json: &str, path: &str, value: &str) -> Result<String, PathError> {
    let names: Vec<&str> = path.split('.').collect();
    replaced(json, &names, value).map_err(|problem| PathError { path: path.to_owned(), problem })
}

fn replaced(json: &str, path: &[&str], value: &str) -> Result<String, &'static str> {
    let Some((name, rest)) = path.split_first() else {
        return Ok(value.to_owned());
    };
    if name.is_empty() {
        return Err("has an empty name");
    }
    match members(json)?.into_iter().find(|(known, _)| known == name) {
        Some((_, old)) => {
            let new = replaced(old, rest, value)?;
            let from = start_of(json, old);
            let to = from.saturating_add(old.len());
            let (head, tail) = json.get(..from).zip(json.get(to..)).ok_or("cannot be found")?;
            Ok(format!("{head}{new}{tail}"))
        }
        None => appended(json, name, &replaced("{}", rest, value)?),
    }
}

fn appended(json: &str, name: &str, value: &str) -> Result<String, &'static str> {
    let open = json.trim_end().strip_suffix('}').ok_or("is beyond the end of a list")?;
    let comma = if members(json)?.is_empty() { "" } else { "," };
    let name = quoted(name);
    Ok(format!("{}{comma}{name}:{value}}}", open.trim_end()))
}

/// The members of an object by name, or of a list by index, as slices of `json` itself.
fn members(json: &str) -> Result<Vec<(Cow<'_, str>, &str)>, &'static str> {
    if json.trim_start().starts_with('[') {
        let values: Vec<&RawValue> =
            serde_json::from_str(json).map_err(|_| "leads through a value that is not JSON")?;
        let numbered = values.into_iter().enumerate();
        return Ok(numbered.map(|(n, value)| (n.to_string().into(), value.get())).collect());
    }
    let Members(members) = serde_json::from_str(json).map_err(|_| "leads through a value that is not an object")?;
    Ok(members)
}

/// The offset of `part`, a slice of `whole`.
fn start_of(whole: &str, part: &str) -> usize {
    part.as_ptr().addr().saturating_sub(whole.as_ptr().addr())
}

/// The text as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

struct Members<'j>(Vec<(Cow<'j, str>, &'j str)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InOrder)
    }
}

struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((name, value)) = map.next_entry::<Name<'de>, &RawValue>()? {
            members.push((name.0, value.get()));
        }
        Ok(Members(members))
    }
}

/// A `Cow`, since a name with an escape cannot be borrowed.
#[derive(Deserialize)]
#[serde(transparent)]
struct Name<'j>(#[serde(borrow)] Cow<'j, str>);

/// A path that leads to no place for a value.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("{path} {problem}")]
pub struct PathError {
    path: String,
    problem: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_value_at_the_path_changes() {
        let json = "{\n  \"id\": \"a\",\n  \"data\": { \"cost\": 1.50, \"list\": [10, {\"x\": 2e0}] }\n}\n";
        let rows = [
            ("id", "\"b\"", json.replace("\"a\"", "\"b\"")),
            ("data.cost", "3.10", json.replace("1.50", "3.10")),
            ("data.list.0", "7", json.replace("10", "7")),
            ("data.list.1.x", "null", json.replace("2e0", "null")),
            ("data.new", "true", json.replace("2e0}] }", "2e0}],\"new\":true}")),
            ("a.b", "1", json.replace("] }\n}\n", "] },\"a\":{\"b\":1}}")),
        ];
        for (path, value, expected) in rows {
            assert_eq!(with_value(json, path, value), Ok(expected), "{path}");
        }
        assert_eq!(with_value("{}", "a", "1"), Ok("{\"a\":1}".to_owned()));
        assert_eq!(value_at(json, "data.cost"), Some("1.50"));
        assert_eq!(value_at(json, "data.list.1"), Some("{\"x\": 2e0}"));
        assert_eq!(value_at(json, "data.none"), None);
    }

    #[test]
    fn missing_field_gives_its_siblings() {
        let json = r#"{"id": "a", "data": {"cost": 1, "list": [10]}}"#;
        let rows: [(&str, &[&str]); 5] = [
            ("ID", &["id", "data"]),
            ("data.Cost", &["data.cost", "data.list"]),
            ("data.list.9", &["data.list.0"]),
            ("Data.cost", &["id", "data"]),
            ("id.x", &[]),
        ];
        for (path, expected) in rows {
            assert_eq!(siblings(json, path), expected, "{path}");
        }
    }

    #[test]
    fn path_that_leads_nowhere_is_an_error() {
        let rows = [
            ("id.x", "id.x leads through a value that is not an object"),
            ("list.9", "list.9 is beyond the end of a list"),
            ("a..b", "a..b has an empty name"),
            ("", " has an empty name"),
        ];
        for (path, expected) in rows {
            let error = with_value(r#"{"id":1,"list":[]}"#, path, "1").expect_err(path);
            assert_eq!(error.to_string(), expected);
        }
    }
}
