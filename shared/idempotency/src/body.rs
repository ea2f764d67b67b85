//! What was received, kept for whoever has to say later what happened, and for trying it again.

use std::collections::HashMap;
use std::io::{Error, Read as _, Write as _};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use ledger::{KeptBody, REFUSED_BODY_KEPT_DAYS, RawBody, Timestamp};

use crate::names;
use crate::order_image::Unreadable;

/// A row holds 400 KB; the rest is room for the headers.
const STORED_BYTES_MAX: usize = 300 * 1024;
const KEPT_DAYS_PROCESSED: i64 = 7;
const SECONDS_PER_DAY: i64 = 86_400;
/// What a gateway lets through at most: no source takes as much. Beyond it, it was not we who wrote it.
const BYTES_MAX: u64 = 10 * 1024 * 1024;

pub(crate) fn row(
    id: &str,
    body: RawBody<'_>,
    processed: bool,
    first_received_at: Timestamp,
) -> Result<HashMap<String, AttributeValue>, Error> {
    let (stored, truncated) = compressed(body.bytes)?;
    let days = if processed { KEPT_DAYS_PROCESSED } else { REFUSED_BODY_KEPT_DAYS };
    let expires_at = first_received_at.plus_seconds(days.saturating_mul(SECONDS_PER_DAY)).unix_s();
    let headers = body.headers.iter().map(|(name, value)| ((*name).to_owned(), AttributeValue::S(value.clone())));
    let mut row = HashMap::from([
        (names::ID.to_owned(), AttributeValue::S(id.to_owned())),
        (names::BODY.to_owned(), AttributeValue::B(Blob::new(stored))),
        (names::LENGTH.to_owned(), AttributeValue::N(body.bytes.len().to_string())),
        (names::PATH.to_owned(), AttributeValue::S(body.path.to_owned())),
        (names::HEADERS.to_owned(), AttributeValue::M(headers.collect())),
        (names::RECEIVED_AT.to_owned(), AttributeValue::S(first_received_at.to_string())),
        (names::EXPIRES_AT.to_owned(), AttributeValue::N(expires_at.to_string())),
    ]);
    if truncated {
        row.insert(names::TRUNCATED.to_owned(), AttributeValue::Bool(true));
    }
    Ok(row)
}

/// The whole of it as it was received; `None` of one that was cut.
pub(crate) fn kept(row: &HashMap<String, AttributeValue>) -> Result<Option<KeptBody>, Unreadable> {
    if row.contains_key(names::TRUNCATED) {
        return Ok(None);
    }
    let bytes = bytes(row).ok_or(Unreadable(names::BODY))?;
    let headers = row.get(names::HEADERS).and_then(|headers| headers.as_m().ok()).ok_or(Unreadable(names::HEADERS))?;
    let header = |(name, value): (&String, &AttributeValue)| Some((name.clone(), value.as_s().ok()?.clone()));
    let headers = headers.iter().map(header).collect::<Option<_>>().ok_or(Unreadable(names::HEADERS))?;
    let path = row.get(names::PATH).and_then(|path| path.as_s().ok()).ok_or(Unreadable(names::PATH))?.clone();
    Ok(Some(KeptBody { bytes, path, headers }))
}

fn bytes(row: &HashMap<String, AttributeValue>) -> Option<Vec<u8>> {
    let stored = row.get(names::BODY)?.as_b().ok()?.as_ref();
    let mut bytes = Vec::new();
    GzDecoder::new(stored).take(BYTES_MAX).read_to_end(&mut bytes).ok()?;
    let length: usize = row.get(names::LENGTH)?.as_n().ok()?.parse().ok()?;
    (bytes.len() == length).then_some(bytes)
}

/// gzip; of a body that does not fit, as much of its beginning as surely does.
fn compressed(body: &[u8]) -> Result<(Vec<u8>, bool), Error> {
    let whole = gzip(body)?;
    if whole.len() <= STORED_BYTES_MAX {
        return Ok((whole, false));
    }
    // Of bytes that cannot be compressed gzip makes slightly more: a kilobyte is room enough for its frames.
    let beginning = body.get(..STORED_BYTES_MAX.saturating_sub(1024)).unwrap_or(body);
    Ok((gzip(beginning)?, true))
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}
