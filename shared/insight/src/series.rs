//! A series in equal parts of a time, for graphs, and the port that reads it.

use std::error::Error;

use ledger::Timestamp;

use crate::{SeriesName, Summary, Window};

/// Metrics, each with the names of its dimensions.
pub type Wanted = &'static [(&'static str, &'static [&'static str])];

/// Which series, in so many parts of which the last one has now in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesQuery {
    pub wanted: Wanted,
    /// It begins with the first part, and ends now.
    pub window: Window,
    /// How long each part is: whole minutes.
    pub part_s: u64,
    pub parts: u32,
}

/// A series with all of the time, and with each part that has values, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    pub name: SeriesName,
    pub total: Summary,
    /// By when the part begins.
    pub parts: Vec<(Timestamp, Summary)>,
}

/// The port to series in parts.
pub trait SeriesParts: Send + Sync {
    type Error: Error + Send + Sync + 'static;

    /// Those of the wanted series that have values in this time.
    fn parts(&self, query: &SeriesQuery) -> impl Future<Output = Result<Vec<Series>, Self::Error>> + Send;
}

impl SeriesQuery {
    /// The parts are those of the clock: an hour begins at its first minute, in UTC.
    pub fn until(now: Timestamp, length_s: u32, parts: u32, wanted: Wanted) -> Self {
        let part = i64::from(length_s.max(60));
        let last = now.unix_s().div_euclid(part).saturating_mul(part);
        let back = part.saturating_mul(i64::from(parts.saturating_sub(1)));
        let from = Timestamp::from_unix(last.saturating_sub(back)).unwrap_or(Timestamp::EPOCH);
        Self { wanted, window: Window { from, until: now }, part_s: part.unsigned_abs(), parts }
    }

    pub fn is_wanted(&self, name: &SeriesName) -> bool {
        self.wanted.iter().any(|(metric, dimensions)| name.is_of(metric, dimensions))
    }

    /// When each part begins, the oldest first.
    pub fn begins(&self) -> impl Iterator<Item = Timestamp> {
        let (from, part_s) = (self.window.from, i64::try_from(self.part_s).unwrap_or(i64::MAX));
        (0..self.parts).map(move |part| from.plus_seconds(part_s.saturating_mul(i64::from(part))))
    }

    /// The number of the part that this time is in.
    pub fn part_of(&self, at: Timestamp) -> Option<usize> {
        let behind = u64::try_from(at.unix_s().checked_sub(self.window.from.unix_s())?).ok()?;
        let part = usize::try_from(behind.checked_div(self.part_s)?).ok()?;
        (part < usize::try_from(self.parts).ok()?).then_some(part)
    }

    /// A value of each part of a series, without which it is nothing.
    pub fn values(&self, series: &Series, value: impl Fn(&Summary) -> u64) -> Vec<u64> {
        let mut values: Vec<u64> = self.begins().map(|_| 0).collect();
        for (at, summary) in &series.parts {
            if let Some(known) = self.part_of(*at).and_then(|part| values.get_mut(part)) {
                *known = known.saturating_add(value(summary));
            }
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).expect("a time")
    }

    #[test]
    fn parts_are_those_of_the_clock_and_the_last_has_now_in_it() {
        let query = SeriesQuery::until(at("2026-03-01T12:34:56Z"), 3_600, 3, &[]);
        let hours = ["2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z", "2026-03-01T12:00:00Z"].map(at);
        assert_eq!(query.begins().collect::<Vec<_>>(), hours);
        assert_eq!(query.window, Window { from: hours[0], until: at("2026-03-01T12:34:56Z") });
        let rows = [("09:59:59", None), ("10:00:00", Some(0)), ("11:59:59", Some(1)), ("12:59:59", Some(2))];
        for (clock, part) in rows.into_iter().chain([("13:00:00", None)]) {
            assert_eq!(query.part_of(at(&format!("2026-03-01T{clock}Z"))), part, "{clock}");
        }
        let of = |sum| Summary { sum, ..Summary::default() };
        let parts = vec![(hours[0], of(3)), (hours[2], of(5)), (at("2026-03-01T13:00:00Z"), of(9))];
        let series = Series { name: SeriesName::new("orders", &[]), total: of(8), parts };
        assert_eq!(query.values(&series, |summary| u64::try_from(summary.sum).expect("small")), [3, 0, 5]);
    }
}
