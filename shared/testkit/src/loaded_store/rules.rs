//! The limits and latencies of the store. tests/README.md names the page of AWS that states each.

use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How long a transaction takes.
    pub transaction: Latency,
    /// How long any other call takes, and the refusal of a transaction that never began.
    pub single: Latency,
    /// Per partition key of a table, and separately of each index.
    pub write_units_per_second: u32,
    pub read_units_per_second: u32,
    /// For how many seconds unused capacity is kept.
    pub burst_seconds: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            transaction: Latency::of_median(Duration::from_millis(8)),
            single: Latency::of_median(Duration::from_millis(4)),
            write_units_per_second: 1_000,
            read_units_per_second: 3_000,
            burst_seconds: 300,
        }
    }
}

impl Rules {
    /// AWS does not guarantee the burst: these rules keep only what the last second left unused.
    #[must_use]
    pub fn without_burst(self) -> Self {
        Self { burst_seconds: 1, ..self }
    }
}

/// A distribution with a long tail. It is drawn in whole milliseconds, the resolution of tokio's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    pub median: Duration,
}

/// Of so many draws, how many are below which percentage of the median. Between two rows it is linear; the mean is 112 %.
const QUANTILES: [(u64, u64); 6] = [(0, 60), (5_000, 100), (9_000, 140), (9_900, 250), (9_990, 800), (DRAWS, 2_500)];
const DRAWS: u64 = 10_000;

impl Latency {
    pub const fn of_median(median: Duration) -> Self {
        Self { median }
    }

    pub(super) fn draw(self, rng: &mut fastrand::Rng) -> Duration {
        let draw = rng.u64(0..DRAWS);
        let percent = QUANTILES.iter().zip(QUANTILES.iter().skip(1)).find_map(|((from, low), (to, high))| {
            (draw < *to).then(|| low + (high - low) * (draw - from) / (to - from))
        });
        let median_us = u64::try_from(self.median.as_micros()).unwrap();
        Duration::from_millis(((median_us * percent.unwrap() / 100 + 500) / 1_000).max(1))
    }

    /// The time until a call takes effect, in whole milliseconds as well.
    pub(super) fn half(latency: Duration) -> Duration {
        Duration::from_millis(u64::try_from(latency.as_millis()).unwrap() / 2)
    }
}
