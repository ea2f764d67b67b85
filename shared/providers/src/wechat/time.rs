//! Parses WeChat's timestamps without a zone, which are Beijing time.

use ledger::Timestamp;

/// Reads `20260101080000` and `2026-01-01 08:00:00`.
pub fn beijing(text: &str) -> Option<Timestamp> {
    let rfc3339 = match text.len() {
        14 => {
            let part = |from: usize, to: usize| text.get(from..to);
            let (date, time) = ([part(0, 4)?, part(4, 6)?, part(6, 8)?], [part(8, 10)?, part(10, 12)?, part(12, 14)?]);
            format!("{}T{}+08:00", date.join("-"), time.join(":"))
        }
        19 => format!("{}+08:00", text.replacen(' ', "T", 1)),
        _ => return None,
    };
    Timestamp::parse_rfc3339(&rfc3339).ok()
}
