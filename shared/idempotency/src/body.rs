//! Storage of an event's last delivery, unparsed and compressed: for people who investigate, and for retries, which
//! verify it again.

use std::collections::HashMap;
use std::io::{Error, ErrorKind, Read as _, Write as _};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use ledger::{AttemptMark, KeptBody, REFUSED_BODY_KEPT_DAYS, RawBody, Timestamp};

use crate::image::{Image, Unreadable, known_form};
use crate::names;
use crate::rows::{ROW_FORMAT, number, text};

/// A row holds at most 400 KB; the difference leaves room for the headers and the query.
const PART_BYTES_MAX: usize = 300 * 1024;
/// The gzip output of 1 MiB, the most that a source accepts, fits in so many parts even if it cannot be compressed.
pub(crate) const PARTS_MAX: usize = 4;
const KEPT_DAYS_PROCESSED: i64 = 7;
const SECONDS_PER_DAY: i64 = 86_400;
/// Twice the limit of any source. A larger body was written by another program.
const BYTES_MAX: u64 = 2 * 1024 * 1024;

/// How long a body is stored, and which attempt writes it.
pub(crate) struct BodyMeta<'d> {
    pub(crate) is_processed: bool,
    pub(crate) first_received_at: Timestamp,
    pub(crate) attempt: &'d AttemptMark,
}

/// The first row has the metadata and the first part of the body; each later part has its own row.
pub(crate) fn rows(id: &str, body: RawBody<'_>, meta: &BodyMeta<'_>) -> Result<Vec<Image>, Error> {
    let stored = gzip(body.bytes)?;
    let parts: Vec<&[u8]> = stored.chunks(PART_BYTES_MAX).collect();
    if parts.len() > PARTS_MAX {
        return Err(Error::new(ErrorKind::FileTooLarge, "the body is larger than any source takes"));
    }
    let days = if meta.is_processed { KEPT_DAYS_PROCESSED } else { REFUSED_BODY_KEPT_DAYS };
    let expires_at = meta.first_received_at.plus_seconds(days.saturating_mul(SECONDS_PER_DAY)).unix_s();
    let row = |(n, part): (usize, &&[u8])| {
        HashMap::from([
            (names::ID.to_owned(), text(&part_id(id, n))),
            (names::FORMAT.to_owned(), number(&ROW_FORMAT)),
            (names::BODY.to_owned(), AttributeValue::B(Blob::new(*part))),
            (names::WRITTEN_BY.to_owned(), text(meta.attempt.as_str())),
            (names::EXPIRES_AT.to_owned(), number(&expires_at)),
        ])
    };
    let mut rows: Vec<Image> = parts.iter().enumerate().map(|(n, part)| row((n, part))).collect();
    if let Some(first) = rows.first_mut() {
        let headers = body.headers.iter().map(|(name, value)| ((*name).to_owned(), text(value)));
        first.extend([
            (names::PARTS.to_owned(), number(&parts.len())),
            (names::LENGTH.to_owned(), number(&body.bytes.len())),
            (names::METHOD.to_owned(), text(body.method)),
            (names::PATH.to_owned(), text(body.path)),
            (names::QUERY.to_owned(), text(body.query)),
            (names::HEADERS.to_owned(), AttributeValue::M(headers.collect())),
            (names::RECEIVED_AT.to_owned(), text(&meta.first_received_at)),
            (names::BYTES_AT.to_owned(), text(&body.bytes_at)),
        ]);
    }
    Ok(rows)
}

/// The id of a part starts with the event's own id, so that a role that may write the event may write its parts.
fn part_id(id: &str, n: usize) -> String {
    if n == 0 { id.to_owned() } else { format!("{id}#body#{n}") }
}

/// The ids of the rows after the first.
pub(crate) fn later_part_ids(id: &str, first: &Image) -> Result<Vec<String>, Unreadable> {
    known_form(first)?;
    let parts: usize = count(first, names::PARTS).filter(|parts| (1..=PARTS_MAX).contains(parts)).ok_or(PARTS)?;
    Ok((1..parts).map(|n| part_id(id, n)).collect())
}

const PARTS: Unreadable = Unreadable(names::PARTS);

/// Joins the parts, with `further` in their order. Parts of two deliveries are refused.
pub(crate) fn read(first: &Image, further: &[Image]) -> Result<KeptBody, Unreadable> {
    let word = |name| first.get(name).and_then(|value| value.as_s().ok()).ok_or(Unreadable(name));
    let by = word(names::WRITTEN_BY)?;
    let mut stored = Vec::new();
    for part in std::iter::once(first).chain(further) {
        if part.get(names::WRITTEN_BY).and_then(|value| value.as_s().ok()) != Some(by) {
            return Err(PARTS);
        }
        let bytes = part.get(names::BODY).and_then(|body| body.as_b().ok()).ok_or(Unreadable(names::BODY))?;
        stored.extend_from_slice(bytes.as_ref());
    }
    let headers = first.get(names::HEADERS).and_then(|headers| headers.as_m().ok());
    let headers = headers.ok_or(Unreadable(names::HEADERS))?;
    let header = |(name, value): (&String, &AttributeValue)| Some((name.clone(), value.as_s().ok()?.clone()));
    Ok(KeptBody {
        method: word(names::METHOD)?.clone(),
        path: word(names::PATH)?.clone(),
        query: word(names::QUERY)?.clone(),
        headers: headers.iter().map(header).collect::<Option<_>>().ok_or(Unreadable(names::HEADERS))?,
        bytes: unpacked(first, &stored).ok_or(Unreadable(names::BODY))?,
        bytes_at: Timestamp::parse_rfc3339(word(names::BYTES_AT)?).map_err(|_| Unreadable(names::BYTES_AT))?,
    })
}

fn unpacked(first: &Image, stored: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    GzDecoder::new(stored).take(BYTES_MAX).read_to_end(&mut bytes).ok()?;
    (count(first, names::LENGTH) == Some(bytes.len())).then_some(bytes)
}

fn count(row: &Image, name: &str) -> Option<usize> {
    row.get(name)?.as_n().ok()?.parse().ok()
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}
