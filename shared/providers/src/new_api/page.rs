//! A page of a gateway's log, in each dialect. A row that cannot be read costs no other row of its page.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::logged_use::{self, LoggedUse};
use super::pricing::Pricing;
use super::{LogKind, LogWindow, NewApiDialect};
use crate::CallError;

/// Ten times the length that an event may have, which names what is wrong with a longer one.
const MODEL_BYTES_MAX: usize = 1280;

/// One page, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPage {
    pub uses: Vec<LoggedUse>,
    /// The number of rows that cannot be read, or that charge less than nothing.
    pub unreadable: u32,
    pub is_last: bool,
}

/// The part of a response that says whether the gateway did what it was to do.
#[derive(Deserialize)]
struct Success<'b> {
    success: Option<bool>,
    /// Of sub2api. A number, or for some failures a word.
    #[serde(borrow)]
    code: Option<&'b RawValue>,
}

/// The kind of error for a response whose body says that the call failed: mostly a token that is not valid any more.
pub(super) const UNSUCCESSFUL: &str = "unsuccessful";

pub(super) fn succeeded(body: &[u8], dialect: NewApiDialect) -> Result<(), CallError> {
    let Success { success, code } = serde_json::from_slice(body).map_err(|_| CallError::Unreadable)?;
    let is_success = match dialect {
        NewApiDialect::NewApi | NewApiDialect::OneApi => success == Some(true),
        NewApiDialect::Sub2Api => code.is_some_and(|code| code.get() == "0"),
    };
    let unsuccessful = || CallError::Refused { status: 200, kind: Some(UNSUCCESSFUL.to_owned()), code: None };
    is_success.then_some(()).ok_or_else(unsuccessful)
}

#[derive(Deserialize)]
struct Response<'b> {
    #[serde(borrow)]
    data: &'b RawValue,
}

#[derive(Deserialize)]
struct Paged<'b> {
    #[serde(borrow)]
    items: Option<Vec<&'b RawValue>>,
    total: Option<u64>,
    page_size: Option<u32>,
}

fn data(body: &[u8]) -> Result<&RawValue, CallError> {
    let Response { data } = serde_json::from_slice(body).map_err(|_| CallError::Unreadable)?;
    Ok(data)
}

fn bare(data: &RawValue) -> Result<Vec<&RawValue>, CallError> {
    // An empty list is `null` in Go.
    let rows: Option<Vec<&RawValue>> = serde_json::from_str(data.get()).map_err(|_| CallError::Unreadable)?;
    Ok(rows.unwrap_or_default())
}

/// The rows of a page, and whether none follow. Old versions of new-api return the bare list, as one-api does. How many
/// rows a gateway allows in a page is known where it says so; elsewhere only an empty page is the last one.
fn paged(data: &RawValue, number: u32) -> Result<(Vec<&RawValue>, bool), CallError> {
    if !data.get().trim_start().starts_with('{') {
        let rows = bare(data)?;
        let is_last = rows.is_empty();
        return Ok((rows, is_last));
    }
    let Paged { items, total, page_size } = serde_json::from_str(data.get()).map_err(|_| CallError::Unreadable)?;
    let rows = items.unwrap_or_default();
    let is_all = number == 1 && u64::try_from(rows.len()).ok() == total;
    let is_short = page_size.is_some_and(|size| is_short(rows.len(), size));
    let is_last = rows.is_empty() || is_all || is_short;
    Ok((rows, is_last))
}

fn is_short(rows: usize, rows_max: u32) -> bool {
    u32::try_from(rows).is_ok_and(|rows| rows < rows_max)
}

pub(super) fn of_new_api(body: &[u8], kind: LogKind, number: u32, pricing: &Pricing) -> Result<LogPage, CallError> {
    let (rows, is_last) = paged(data(body)?, number)?;
    Ok(LogPage::of(&rows, is_last, |row| logged_use::of_new_api(row, kind, pricing)))
}

pub(super) fn of_one_api(body: &[u8], kind: LogKind, rows_max: u32, pricing: &Pricing) -> Result<LogPage, CallError> {
    let rows = bare(data(body)?)?;
    let is_last = is_short(rows.len(), rows_max);
    Ok(LogPage::of(&rows, is_last, |row| logged_use::of_one_api(row, kind, pricing)))
}

/// It filters by days, so rows beside the window are left out here. Newest first: after one that is older than the
/// window, none of it follows. New rows shift the pages to later ones, which repeats rows and leaves none out.
pub(super) fn of_sub2api(body: &[u8], window: LogWindow, number: u32, pricing: &Pricing) -> Result<LogPage, CallError> {
    let (rows, is_last) = paged(data(body)?, number)?;
    let mut page = LogPage::of(&rows, is_last, |row| logged_use::of_sub2api(row, pricing));
    // In whole seconds: a window ends with its last one.
    let seconds = window.start.unix_s()..=window.end.unix_s();
    page.is_last |= page.uses.last().is_some_and(|oldest| oldest.at.unix_s() < *seconds.start());
    page.uses.retain(|of| seconds.contains(&of.at.unix_s()));
    Ok(page)
}

impl LogPage {
    fn of(rows: &[&RawValue], is_last: bool, read: impl Fn(&str) -> Option<LoggedUse>) -> Self {
        let is_short = |of: &LoggedUse| of.model.len() <= MODEL_BYTES_MAX;
        let uses: Vec<LoggedUse> = rows.iter().filter_map(|row| read(row.get())).filter(is_short).collect();
        let unreadable = u32::try_from(rows.len().saturating_sub(uses.len())).unwrap_or(u32::MAX);
        Self { uses, unreadable, is_last }
    }
}
