//! Forms and queries: strict, as the APIs are. A field that is unknown or stands twice is refused.

use api::Query;

use crate::refusal::Refusal;
use crate::visit::Visit;

const FORM: &str = "application/x-www-form-urlencoded";
/// As the command line bounds it.
const REASON_CHARS_MAX: usize = 160;

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

/// A reason that the journal keeps: one line.
pub(crate) fn reason(form: &Query) -> Result<String, Refusal> {
    let text = form.parameter("reason").unwrap_or_default().trim();
    let is_line = !text.is_empty() && text.chars().count() <= REASON_CHARS_MAX && !text.chars().any(char::is_control);
    if is_line { Ok(text.to_owned()) } else { Err(Refusal::no_reason()) }
}
