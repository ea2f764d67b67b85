//! What log lines add up to: the series of the metrics, the port that reads them, and the sum of a part of a series.
//!
//! A value is a whole number: of milliseconds as microseconds, of all else as it is.

use std::collections::BTreeMap;
use std::error::Error;

use ledger::Timestamp;

use crate::Histogram;

/// The metrics that [`crate::Stats`] are made of, each with the names of its dimensions.
pub const WANTED: [(&str, &[&str]); 9] = [
    ("events", &["source", "outcome"]),
    ("events", &["source", "outcome", "reason"]),
    ("duration_ms", &["source"]),
    ("orders", &[]),
    ("orders_paid", &[]),
    ("delay_ms", &["source"]),
    ("waiting", &["backlog"]),
    ("oldest_s", &["backlog"]),
    ("alarms", &["source", "alarm"]),
];

/// A time whose log lines are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub from: Timestamp,
    pub until: Timestamp,
}

impl Window {
    pub fn seconds(self) -> u64 {
        if self.from < self.until { self.until.seconds_apart(self.from) } else { 0 }
    }
}

/// A metric with the values of its dimensions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeriesName {
    pub metric: String,
    pub dimensions: BTreeMap<String, String>,
}

impl SeriesName {
    pub fn new(metric: &str, dimensions: &[(&str, &str)]) -> Self {
        let dimensions = dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self { metric: metric.to_owned(), dimensions: dimensions.collect() }
    }

    /// Whether it is of this metric, by these dimensions and no others.
    pub fn is_of(&self, metric: &str, dimensions: &[&str]) -> bool {
        self.metric == metric
            && self.dimensions.len() == dimensions.len()
            && dimensions.iter().all(|name| self.dimensions.contains_key(*name))
    }

    pub fn is_wanted(&self) -> bool {
        WANTED.iter().any(|(metric, dimensions)| self.is_of(metric, dimensions))
    }

    pub fn value(&self, dimension: &str) -> &str {
        self.dimensions.get(dimension).map_or("", String::as_str)
    }
}

/// What the values of a series add up to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many values there were.
    pub count: u64,
    pub sum: u128,
    pub min: Option<u64>,
    pub max: Option<u64>,
    /// The last value above zero, or about when it was.
    pub latest: Option<Timestamp>,
    /// The value of the last line.
    pub last: Option<u64>,
    pub p50: Option<u64>,
    pub p99: Option<u64>,
}

/// The port to the metrics.
pub trait Metrics: Send + Sync {
    type Error: Error + Send + Sync + 'static;

    /// The series of [`WANTED`] that have values in this time. Others may be among them.
    fn series(&self, window: Window) -> impl Future<Output = Result<Vec<(SeriesName, Summary)>, Self::Error>> + Send;
}

/// The values of a series in one part of time, with their sizes where those are of interest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    pub count: u64,
    pub sum: u128,
    pub min: u64,
    pub max: u64,
    pub last: u64,
    /// In milliseconds: of the last value, and of the last one above zero; zero without any.
    pub last_at: u64,
    pub latest_at: u64,
    pub sizes: Histogram,
}

impl Cell {
    pub fn add(&mut self, value: u64, at_ms: u64, is_sized: bool) {
        let mut other = Self {
            count: 1,
            sum: value.into(),
            min: value,
            max: value,
            last: value,
            last_at: at_ms,
            ..Self::default()
        };
        other.latest_at = if value > 0 { at_ms } else { 0 };
        if is_sized {
            other.sizes.add(value);
        }
        self.merge(&other);
    }

    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        self.min = if self.count == 0 { other.min } else { self.min.min(other.min) };
        self.max = self.max.max(other.max);
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
        if other.last_at >= self.last_at {
            (self.last, self.last_at) = (other.last, other.last_at);
        }
        self.latest_at = self.latest_at.max(other.latest_at);
        self.sizes.merge(&other.sizes);
    }

    pub fn summary(&self) -> Summary {
        let is_any = self.count > 0;
        // A step ends a little above its largest value, and none is larger than the largest.
        let quantile = |per_mille| Some(self.sizes.quantile(per_mille)?.min(self.max));
        let time = |ms: u64| Timestamp::from_unix_ms(i64::try_from(ms).ok().filter(|ms| *ms > 0)?).ok();
        Summary {
            count: self.count,
            sum: self.sum,
            min: is_any.then_some(self.min),
            max: is_any.then_some(self.max),
            latest: time(self.latest_at),
            last: is_any.then_some(self.last),
            p50: quantile(500),
            p99: quantile(990),
        }
    }
}

/// A value of a metric as a whole number. `text` is a decimal number as JSON has it; what is below a millionth of a second,
/// negative or no number is nothing.
pub fn whole(text: &str, is_ms: bool) -> u64 {
    let (number, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (digits, decimals) = number.split_once('.').unwrap_or((number, ""));
    let Ok(exponent) = exponent.parse::<i64>() else { return 0 };
    let places = i64::try_from(decimals.len()).unwrap_or(i64::MAX);
    let shift = exponent.saturating_sub(places).saturating_add(if is_ms { 3 } else { 0 });
    let Ok(all) = format!("{digits}{decimals}").parse::<u128>() else { return 0 };
    let power = u32::try_from(shift.unsigned_abs()).ok().and_then(|shift| 10_u128.checked_pow(shift));
    let value = match power {
        Some(power) if shift < 0 => all.checked_div(power).unwrap_or_default(),
        Some(power) => all.saturating_mul(power),
        None if shift < 0 => 0,
        None => u128::MAX,
    };
    u64::try_from(value).unwrap_or(u64::MAX)
}
