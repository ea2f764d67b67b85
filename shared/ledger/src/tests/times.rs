//! Timestamps: which texts are valid, and how they are written.

use super::*;

#[test]
fn times_are_read_and_written() {
    let rows: &[(&str, Option<&str>)] = &[
        ("1970-01-01T00:00:00Z", Some("1970-01-01T00:00:00.000Z")),
        ("2024-02-29T23:59:59.9999Z", Some("2024-02-29T23:59:59.999Z")),
        ("2026-01-01T08:00:00+08:00", Some("2026-01-01T00:00:00.000Z")),
        ("2025-12-31t19:30:00.5-04:30", Some("2026-01-01T00:00:00.500Z")),
        ("9999-12-31T23:59:59Z", Some("9999-12-31T23:59:59.000Z")),
        ("2023-02-29T00:00:00Z", None),
        ("2026-13-01T00:00:00Z", None),
        ("2026-01-01T24:00:00Z", None),
        ("2026-01-01T00:00:60Z", None),
        ("2026-01-01", None),
        ("2026-01-01T00:00:00", None),
        ("2026-01-01T00:00:00.Z", None),
        ("2026-01-01T00:00:00+0800", None),
        ("2026-01-01T00:00:00Zjunk", None),
        ("1969-12-31T23:59:59Z", None),
        ("２026-01-01T00:00:00Z", None),
        ("", None),
    ];
    for (text, expected) in rows {
        let read = Timestamp::parse_rfc3339(text).ok().map(|time| time.to_string());
        assert_eq!(read.as_deref(), *expected, "{text:?}");
    }
    for (count, expected) in [
        (1_767_225_600, Some("2026-01-01T00:00:00.000Z")),
        (1_767_225_600_123, Some("2026-01-01T00:00:00.123Z")),
        (-1, None),
        (i64::MAX, None),
    ] {
        assert_eq!(Timestamp::from_unix(count).ok().map(|time| time.to_string()).as_deref(), expected, "{count}");
    }
}

proptest! {
    #[test]
    fn every_moment_reads_back_and_sorts_as_text(a in 0_i64..253_402_300_800_000, b in 0_i64..253_402_300_800_000) {
        let (a, b) = (Timestamp::from_unix_ms(a).expect("in range"), Timestamp::from_unix_ms(b).expect("in range"));
        prop_assert_eq!(Timestamp::parse_rfc3339(&a.to_string()), Ok(a));
        prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
    }

    #[test]
    fn arbitrary_text_does_not_panic(text in "\\PC{0,40}|[0-9TZ:.+-]{10,40}") {
        let _ = Timestamp::parse_rfc3339(&text);
    }
}
