//! Freshness of a signature: the format of its timestamp, and the replay window.

/// Twelve digits of seconds reach the year 33658; thirteen would be milliseconds.
const MAX_DIGITS: usize = 12;

/// Exactly `^[0-9]{1,12}$`.
pub(crate) fn unix_seconds(text: &str) -> Option<i64> {
    let digits = (1..=MAX_DIGITS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// Checks both directions: a signature with a future time could be replayed until then. With a negative tolerance
/// nothing is fresh.
pub(crate) fn is_fresh(sent_unix_s: i64, now_unix_s: i64, tolerance_s: i64) -> bool {
    u64::try_from(tolerance_s).is_ok_and(|tolerance_s| now_unix_s.abs_diff(sent_unix_s) <= tolerance_s)
}
