//! Forms and queries: strict, as the APIs are. A field that is unknown or stands twice is refused.

use api::Query;
use insight::Sentence;
use ledger::{Amount, Asset, LinePosition, Timestamp};

use crate::refusal::Refusal;
use crate::visit::Visit;
use crate::words::say;

const FORM: &str = "application/x-www-form-urlencoded";
/// As the command line bounds it.
const REASON_CHARS_MAX: usize = 160;

const REASON_FIELD: &str = "reason";

/// What a browser takes as an amount, so that a form with another one is not left.
pub(crate) const AMOUNT_PATTERN: &str = r"\s*[0-9]+(\.[0-9]{1,9})?\s*";
pub(crate) const AMOUNT: Sentence = say(
    "Give an amount above 0 with at most nine decimals, as 15 or 0.00234.",
    "请写大于 0 的数额，最多九位小数，如 15 或 0.00234。",
);

/// Of the key of a row at which a page goes on.
const KEY_CHARS_MAX: usize = 512;

/// The fields of a form.
pub(crate) fn of(visit: &Visit<'_>, fields: &[&'static str]) -> Result<Query, Refusal> {
    let kind = visit.request.header("content-type").ok().flatten().unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some(FORM) {
        return Err(Refusal::malformed());
    }
    let body = std::str::from_utf8(visit.request.body()).map_err(|_| Refusal::malformed())?;
    Query::parse(body, fields).map_err(|_| Refusal::malformed())
}

/// One field, whatever else the form has. `None` if it is missing or stands twice.
pub(crate) fn field(visit: &Visit<'_>, name: &str) -> Option<String> {
    let body = std::str::from_utf8(visit.request.body()).ok()?;
    let mut values = body.split('&').filter_map(|pair| pair.split_once('=')).filter(|(known, _)| *known == name);
    let (Some((_, value)), None) = (values.next(), values.next()) else { return None };
    api::percent_decoded(&value.replace('+', " "))
}

/// The parameters of a page's address.
pub(crate) fn query(visit: &Visit<'_>, parameters: &[&'static str]) -> Result<Query, Refusal> {
    Query::parse(&visit.request.query, parameters).map_err(|_| Refusal::malformed())
}

/// The parameters of a preview's address: also the reason, with which a form that was refused leads back.
pub(crate) fn preview(visit: &Visit<'_>, parameters: &[&'static str]) -> Result<Query, Refusal> {
    query(visit, &[parameters, &[REASON_FIELD]].concat())
}

/// The reason that was typed, for the field of another form.
pub(crate) fn typed_reason(query: &Query) -> &str {
    query.parameter(REASON_FIELD).unwrap_or_default()
}

/// A reason that the journal keeps: one line.
pub(crate) fn reason(form: &Query) -> Result<String, Refusal> {
    let text = form.parameter("reason").unwrap_or_default().trim();
    let is_line = !text.is_empty() && text.chars().count() <= REASON_CHARS_MAX && !text.chars().any(char::is_control);
    if is_line { Ok(text.to_owned()) } else { Err(Refusal::no_reason()) }
}

/// Where the next page goes on: `<time> <key>`.
pub(crate) fn place(text: &str) -> Option<LinePosition> {
    let (at, key) = text.split_once(' ')?;
    let is_time = Timestamp::parse_rfc3339(at).is_ok_and(|time| time.to_string() == at);
    (is_time && is_key(key)).then(|| LinePosition { key: key.to_owned(), at: at.to_owned() })
}

/// A key of the journal, as far as its characters say.
pub(crate) fn is_key(key: &str) -> bool {
    !key.is_empty() && key.len() <= KEY_CHARS_MAX && key.bytes().all(|byte| byte.is_ascii_graphic())
}

/// An amount of credits above 0.
pub(crate) fn amount(text: &str) -> Result<Amount, Refusal> {
    let amount = Asset::CREDITS.parse(text).ok().filter(|amount| !amount.is_zero());
    amount.ok_or(Refusal::new(400, "amount", AMOUNT))
}
