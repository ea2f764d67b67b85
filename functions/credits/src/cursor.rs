//! The cursor of a list: the place of the last row that was read, as a text that callers hand back; and how many rows
//! a page has.

use api::{Failure, Query};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ledger::{LinePosition, Timestamp};

/// Longer than any key of the journal.
const KEY_CHARS_MAX: usize = 512;
pub(crate) const PATTERN: &str = "^[A-Za-z0-9_-]+$";

pub(crate) fn written(place: &LinePosition) -> String {
    encoded(&text_of(place))
}

/// A text as a cursor, which callers hand back unread.
pub(crate) fn encoded(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

pub(crate) fn decoded(text: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

pub(crate) fn text_of(LinePosition { key, at }: &LinePosition) -> String {
    format!("{at} {key}")
}

/// `None` if it is no cursor. One that names another place than a line's own leads there: it shows only lines of the
/// account that the path names.
pub(crate) fn read(text: &str) -> Option<(LinePosition, Timestamp)> {
    position(&decoded(text)?)
}

pub(crate) fn position(text: &str) -> Option<(LinePosition, Timestamp)> {
    let (at, key) = text.split_once(' ')?;
    let time = Timestamp::parse_rfc3339(at).ok().filter(|time| time.to_string() == at)?;
    let is_key = !key.is_empty() && key.len() <= KEY_CHARS_MAX && key.bytes().all(|byte| byte.is_ascii_graphic());
    is_key.then(|| (LinePosition { key: key.to_owned(), at: at.to_owned() }, time))
}

/// The cursor of a request for a page.
pub(crate) fn parameter(parameters: &Query) -> Result<Option<LinePosition>, Failure> {
    let Some(text) = parameters.parameter("cursor") else { return Ok(None) };
    read(text).map(|(place, _)| Some(place)).ok_or_else(invalid)
}

pub(crate) fn invalid() -> Failure {
    Failure::new(400, "cursor_invalid", "cursor must be that of the page before.")
}

/// How many rows a request wants in a page.
pub(crate) fn limit(parameters: &Query, default: u16, most: u16) -> Result<u16, Failure> {
    let Some(text) = parameters.parameter("limit") else { return Ok(default) };
    let limit = text.parse().ok().filter(|limit| (1..=most).contains(limit) && !text.starts_with('+'));
    limit.ok_or_else(|| Failure::new(400, "limit_invalid", format!("limit must be a number from 1 to {most}.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_is_the_place_that_was_written() {
        let place = LinePosition { key: "usage#evt_1".to_owned(), at: "2026-01-01T00:00:00.000Z".to_owned() };
        assert_eq!(read(&written(&place)).map(|(place, _)| place), Some(place));
        let texts = [
            "2026-01-01T00:00:00.000Z ",
            "2026-01-01T00:00:00.000Z",
            "2026-01-01T00:00:00Z usage#evt_1",
            " usage#evt_1",
            "2026-01-01T00:00:00.000Z a\nb",
        ];
        for text in texts.map(|text| URL_SAFE_NO_PAD.encode(text)).into_iter().chain([String::new(), "%".to_owned()]) {
            assert_eq!(read(&text), None, "{text}");
        }
    }
}
