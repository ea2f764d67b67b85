//! The values of Stripe's JSON: ids, times, words, lists and money.

use ledger::{Amount, Currency, Money, Provider, Reference, Timestamp};
use webhook::{JsonField, JsonObject, ParseError};

const MS_PER_SECOND: i64 = 1_000;

/// The id itself, or the id of the object that Stripe puts in its place when a request expands the field.
pub(super) fn id(field: &JsonField<'_>) -> Result<Reference, ParseError> {
    let id = |text: &str| Reference::new(Provider::Stripe, text);
    if field.is_object() { field.object()?.required("id")?.parsed(id) } else { field.parsed(id) }
}

pub(super) fn optional_id(object: &JsonObject<'_>, name: &str) -> Result<Option<Reference>, ParseError> {
    object.field(name)?.map(|field| id(&field)).transpose()
}

/// The ids of a payment: of its intent and of its charge, as far as the object has them.
pub(super) fn payment_ids(object: &JsonObject<'_>) -> Result<Vec<Reference>, ParseError> {
    let [intent, charge] = ["payment_intent", "charge"].map(|name| optional_id(object, name));
    Ok([intent?, charge?].into_iter().flatten().collect())
}

/// The meaning of one of Stripe's words. An unknown word is refused, so that an operator sees it.
pub(super) fn one_of<T: Copy>(field: &JsonField<'_>, words: &[(&str, T)]) -> Result<T, ParseError> {
    let text = field.text()?;
    let known = words.iter().find(|(word, _)| *word == text);
    known.map(|(_, meaning)| *meaning).ok_or_else(|| field.problem("is not a word that is known here"))
}

pub(super) fn seconds(field: &JsonField<'_>) -> Result<Timestamp, ParseError> {
    let seconds: i64 = field.read("must be whole seconds")?;
    // A value that saturates is out of range anyway.
    let ms = seconds.saturating_mul(MS_PER_SECOND);
    Timestamp::from_unix_ms(ms).map_err(|error| field.problem(&error.to_string()))
}

/// The objects of one of Stripe's lists, `{"data": […]}`; empty if there is no list.
pub(super) fn items<'b>(object: &JsonObject<'b>, name: &str) -> Result<Vec<JsonObject<'b>>, ParseError> {
    let data = object.object(name)?.map(|list| list.field("data")).transpose()?.flatten();
    data.map_or_else(|| Ok(Vec::new()), |data| data.array()?.iter().map(JsonField::object).collect())
}

/// The length of a JSON array; zero if there is none.
pub(super) fn length(object: &JsonObject<'_>, name: &str) -> Result<usize, ParseError> {
    let values = object.field(name)?.map(|field| field.array()).transpose()?;
    Ok(values.map_or(0, |values| values.len()))
}

/// This amount, in the currency of the field `currency` of the same object. It counts the currency's smallest unit:
/// Stripe sends no fraction, exponent or text.
pub(super) fn money(object: &JsonObject<'_>, amount: &str) -> Result<Money, ParseError> {
    let amount = object.required(amount)?.whole_number().map(Amount::from_units)?;
    Ok(Money { amount, currency: object.required("currency")?.parsed(Currency::parse)? })
}
