//! Strict JSON request bodies: unknown and duplicate fields are refused. A lenient parser would hide a caller's
//! mistake, such as an amount that the caller must not choose.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Failure;

/// Parses a JSON object. `T` must deny unknown fields; every derived reader refuses duplicate fields.
pub fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    // serde accepts an array in place of an object.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(not_an_object());
    }
    serde_json::from_slice(body).map_err(|error| refused(&error))
}

/// Reads one field as this type. `null` counts as absent.
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
    let text = error.to_string();
    let named = |prefix: &str| text.strip_prefix(prefix)?.split_once('`').map(|(name, _)| name.to_owned());
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
