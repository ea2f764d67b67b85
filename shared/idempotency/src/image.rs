//! A row as read, and parsers for its attributes. An invalid attribute is an error, never a guess.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use ledger::{Amount, Currency, Provider, Reference, Timestamp, Word};
use thiserror::Error;

use crate::names;
use crate::rows::READ_FORMAT_MAX;

pub(crate) type Image = HashMap<String, AttributeValue>;

/// The attribute that is missing or invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a row has no readable {0}")]
pub(crate) struct Unreadable(pub(crate) &'static str);

pub(crate) type Read<T> = Result<T, Unreadable>;

/// Refuses rows of a later format: a field in them may have another meaning.
pub(crate) fn known_form(row: &Image) -> Read<()> {
    let form = row.get(names::FORMAT).map(|form| form.as_n().ok()?.parse::<u8>().ok());
    let is_known = form.is_none_or(|form| form.is_some_and(|form| form <= READ_FORMAT_MAX));
    if is_known { Ok(()) } else { Err(Unreadable(names::FORMAT)) }
}

/// Whether a later release wrote the row. A form that is no number is a damaged one.
pub(crate) fn is_of_later_form(row: &Image) -> bool {
    known_form(row).is_err() && row.get(names::FORMAT).is_some_and(AttributeValue::is_n)
}

pub(crate) fn word<T>(row: &Image, name: &'static str, read: impl FnOnce(&str) -> Option<T>) -> Read<T> {
    maybe(row, name, read)?.ok_or(Unreadable(name))
}

/// `None` if the attribute is absent. An attribute that is present and invalid is an error.
pub(crate) fn maybe<T>(row: &Image, name: &'static str, read: impl FnOnce(&str) -> Option<T>) -> Read<Option<T>> {
    let Some(value) = row.get(name) else {
        return Ok(None);
    };
    value.as_s().ok().and_then(|text| read(text)).map(Some).ok_or(Unreadable(name))
}

pub(crate) fn number<N: FromStr>(row: &Image, name: &'static str) -> Read<N> {
    row.get(name).and_then(|value| value.as_n().ok()?.parse().ok()).ok_or(Unreadable(name))
}

pub(crate) fn amount(row: &Image, name: &'static str) -> Read<Amount> {
    Amount::from_wide(number(row, name)?).ok_or(Unreadable(name))
}

pub(crate) fn maybe_amount(row: &Image, name: &'static str) -> Read<Option<Amount>> {
    if row.contains_key(name) { amount(row, name).map(Some) } else { Ok(None) }
}

pub(crate) fn flag(row: &Image, name: &'static str) -> Read<bool> {
    row.get(name).and_then(|value| value.as_bool().ok()).copied().ok_or(Unreadable(name))
}

pub(crate) fn inner<'i>(row: &'i Image, name: &'static str) -> Read<Option<&'i Image>> {
    row.get(name).map(|value| value.as_m().map_err(|_| Unreadable(name))).transpose()
}

pub(crate) fn by_id<V>(row: &Image, name: &'static str, read: fn(&Image) -> Read<V>) -> Read<BTreeMap<String, V>> {
    // A map that is collected sorts first, by 5 KB of code for each type.
    let mut by_id = BTreeMap::new();
    for (id, value) in inner(row, name)?.ok_or(Unreadable(name))? {
        by_id.insert(id.clone(), read(value.as_m().map_err(|_| Unreadable(name))?)?);
    }
    Ok(by_id)
}

#[expect(clippy::unnecessary_wraps, reason = "a reader like the others")]
pub(crate) fn owned(text: &str) -> Option<String> {
    Some(text.to_owned())
}

pub(crate) fn short(text: &str) -> Option<Word> {
    Word::new(text).ok()
}

pub(crate) fn time(text: &str) -> Option<Timestamp> {
    Timestamp::parse_rfc3339(text).ok()
}

pub(crate) fn currency(code: &str) -> Option<Currency> {
    Currency::parse(code).ok()
}

pub(crate) fn reference(text: &str) -> Option<Reference> {
    let (provider, id) = text.split_once('#')?;
    Reference::new(Provider::named(provider)?, id).ok()
}

/// The number, or 0 if it is missing or invalid.
pub(crate) fn parsed<N: FromStr + Default>(row: &Image, name: &str) -> N {
    row.get(name).and_then(|value| value.as_n().ok()?.parse().ok()).unwrap_or_default()
}
