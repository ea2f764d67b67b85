//! Bodies, strictly: an object whose every field is known and stands once. A lenient reader would hide a mistake of the caller's,
//! such as an amount that is none of his business.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Failure;

/// A JSON object. `T` refuses unknown fields itself; of a field that stands twice every reader made by serde says so.
pub fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    // serde takes a list for an object whose names were left out.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(not_an_object());
    }
    serde_json::from_slice(body).map_err(|error| refused(&error))
}

/// One field, in whatever type it is wanted. `null` is as good as nothing.
pub fn read<T: for<'v> Deserialize<'v>>(
    value: Option<&Value>,
    wrong: impl FnOnce() -> Failure,
) -> Result<Option<T>, Failure> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => T::deserialize(value).map(Some).map_err(|_| wrong()),
    }
}

fn refused(error: &serde_json::Error) -> Failure {
    let said = error.to_string();
    let named = |prefix: &str| said.strip_prefix(prefix)?.split_once('`').map(|(name, _)| name.to_owned());
    if let Some(name) = named("unknown field `") {
        return Failure::new(400, "unknown_field", format!("The body has a field that is not known here: {name}."));
    }
    if let Some(name) = named("duplicate field `") {
        return Failure::new(400, "duplicate_field", format!("The body has a field twice: {name}."));
    }
    not_an_object()
}

fn not_an_object() -> Failure {
    Failure::new(400, "body_invalid", "The body must be a JSON object.")
}
