//! The fields of a body, each refused with a code of its own.

use api::{Failure, read};
use ledger::{Amount, Asset, EventKey, LotKind, Owner, PRIORITY_DEFAULT, PRIORITY_MAX, Source};
use serde_json::Value;

/// As on the command line: small enough that the row stays within the 1 KB of one write unit.
const REASON_CHARS_MAX: usize = 160;

/// A text that must be there.
pub(crate) fn text(
    value: Option<&Value>,
    name: &str,
    missing: &'static str,
    invalid: &'static str,
) -> Result<String, Failure> {
    let text: Option<String> = read(value, || Failure::new(400, invalid, format!("{name} must be a text.")))?;
    text.ok_or_else(|| Failure::new(400, missing, format!("{name} is missing.")))
}

pub(crate) fn owner(value: Option<&Value>, name: &'static str) -> Result<Owner, Failure> {
    let text = text(value, name, "owner_missing", "owner_invalid")?;
    Owner::new(&text).map_err(|error| Failure::new(400, "owner_invalid", format!("{name}: {error}.")))
}

/// The event id of a usage event, with or without the `usage#` of its row, as other answers have it.
pub(crate) fn usage(value: Option<&Value>) -> Result<Option<EventKey>, Failure> {
    let wrong = |why: &str| Failure::new(400, "use_invalid", format!("use {why}."));
    let text: Option<String> = read(value, || wrong("must be the eventId of a usage event"))?;
    let key = text.map(|text| EventKey::new(Source::Usage, text.strip_prefix("usage#").unwrap_or(&text)));
    key.transpose().map_err(|error| wrong(&error.to_string()))
}

/// An amount of credits as a decimal text.
pub(crate) fn amount(value: Option<&Value>, name: &'static str) -> Result<Option<Amount>, Failure> {
    amount_of(value, name, Asset::CREDITS)
}

pub(crate) fn required_amount(value: Option<&Value>, name: &'static str) -> Result<Amount, Failure> {
    amount(value, name)?.ok_or_else(|| missing(name))
}

/// An amount above nothing: a change of nothing is a mistake.
pub(crate) fn positive_amount(value: Option<&Value>, name: &'static str, asset: Asset) -> Result<Amount, Failure> {
    let amount = amount_of(value, name, asset)?.ok_or_else(|| missing(name))?;
    if amount.is_zero() {
        return Err(Failure::new(400, "amount_invalid", format!("{name} must be above 0.")));
    }
    Ok(amount)
}

/// A JSON number is refused: many parsers read it inexactly.
fn amount_of(value: Option<&Value>, name: &'static str, asset: Asset) -> Result<Option<Amount>, Failure> {
    let wrong = |why: &str| Failure::new(400, "amount_invalid", format!("{name} {why}."));
    let text: Option<String> = read(value, || wrong("must be a decimal text, such as \"15\" or \"0.00234\""))?;
    text.map(|text| asset.parse(&text).map_err(|error| wrong(&error.to_string()))).transpose()
}

fn missing(name: &'static str) -> Failure {
    Failure::new(400, "amount_missing", format!("{name} is missing."))
}

/// When credits expire, as the request says it, and in which order they are spent. `None`: never.
pub(crate) fn lot(
    expires: Option<&Value>,
    priority: Option<&Value>,
    kind: Option<&Value>,
) -> Result<Option<(String, u8, LotKind)>, Failure> {
    let text: Option<String> = read(expires, || expires_invalid("must be a text"))?;
    let priority: Option<u8> = read(priority, priority_invalid)?;
    let kind: Option<String> = read(kind, kind_invalid)?;
    let kind = kind.map(|kind| LotKind::named(&kind).ok_or_else(kind_invalid)).transpose()?;
    if priority.is_some_and(|priority| priority > PRIORITY_MAX) {
        return Err(priority_invalid());
    }
    match text {
        Some(text) => Ok(Some((text, priority.unwrap_or(PRIORITY_DEFAULT), kind.unwrap_or(LotKind::Paid)))),
        None if priority.is_some() || kind.is_some() => {
            let message = "priority and kind are those of credits that expire: add expires, or leave them out.";
            Err(Failure::new(400, "fields_conflict", message))
        }
        None => Ok(None),
    }
}

pub(crate) fn expires_invalid(why: &str) -> Failure {
    Failure::new(400, "expires_invalid", format!("expires {why}."))
}

fn priority_invalid() -> Failure {
    Failure::new(400, "priority_invalid", format!("priority must be a whole number from 0 to {PRIORITY_MAX}."))
}

fn kind_invalid() -> Failure {
    Failure::new(400, "kind_invalid", "kind must be free or paid.")
}

/// Why: one line, which the books keep.
pub(crate) fn reason(value: Option<&Value>) -> Result<String, Failure> {
    let reason = text(value, "reason", "reason_missing", "reason_invalid")?;
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX || reason.chars().any(char::is_control) {
        let message = format!("reason must be one line of 1 to {REASON_CHARS_MAX} characters.");
        return Err(Failure::new(400, "reason_invalid", message));
    }
    Ok(reason.to_owned())
}
