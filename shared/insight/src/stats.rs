//! What happened in a time, in numbers: deliveries by source, outcome and reason, payments, deliveries of orders, backlogs
//! and alarms. All of it from the metrics.

use std::collections::BTreeMap;

use ledger::{Source, Timestamp};

use crate::{SeriesName, Summary, Window};

/// Outcomes of a delivery after which its sender owes nothing: it is booked, was booked before, or is of no interest.
pub const ACCEPTED: [&str; 3] = ["booked", "repeat", "ignored"];

/// Whether it is one of them.
pub fn is_accepted(outcome: &str) -> bool {
    ACCEPTED.contains(&outcome)
}

const REPEAT: &str = "repeat";
const TEN_THOUSAND: u128 = 10_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    pub window: Window,
    /// The sources of webhooks that had deliveries, and then all else that logs events: APIs, workers, sweeps.
    pub sources: Vec<SourceStats>,
    pub orders: u64,
    pub orders_paid: u64,
    /// From payment to full delivery.
    pub delivery: Option<Delay>,
    pub backlogs: Vec<BacklogStats>,
    /// By source and alarm.
    pub alarms: Vec<(String, String, u64)>,
    /// Events by source, outcome and reason; no reason is empty.
    counts: BTreeMap<(String, String, String), u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceStats {
    pub source: String,
    pub is_webhook: bool,
    pub events: u64,
    pub accepted: u64,
    pub repeats: u64,
    pub latest: Option<Timestamp>,
    /// In microseconds.
    pub p50: Option<u64>,
    pub p99: Option<u64>,
}

/// In microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delay {
    pub orders: u64,
    pub average: u64,
    pub min: u64,
    pub max: u64,
    pub p50: Option<u64>,
    pub p99: Option<u64>,
}

/// What a sweep last found waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BacklogStats {
    pub name: String,
    pub waiting: u64,
    pub oldest_s: u64,
}

/// By what events are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum By {
    Source,
    Status,
    Reason,
}

impl By {
    pub const ALL: [Self; 3] = [Self::Source, Self::Status, Self::Reason];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Status => "status",
            Self::Reason => "reason",
        }
    }

    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.as_str() == word)
    }
}

impl Stats {
    pub fn of(window: Window, series: &[(SeriesName, Summary)]) -> Self {
        let of = |metric: &'static str, dimensions: &'static [&'static str]| {
            series.iter().filter(move |(name, _)| name.is_of(metric, dimensions))
        };
        let total = |metric| {
            let sums = of(metric, &[]).map(|(_, summary)| summary.sum);
            short(sums.fold(0, u128::saturating_add))
        };
        let last = |metric: &'static str| {
            let found =
                of(metric, &["backlog"]).filter_map(|(name, summary)| Some((name.value("backlog"), summary.last?)));
            found.collect::<BTreeMap<&str, u64>>()
        };
        let (waiting, oldest) = (last("waiting"), last("oldest_s"));
        let backlogs = waiting.into_iter().map(|(name, waiting)| BacklogStats {
            name: name.to_owned(),
            waiting,
            oldest_s: oldest.get(name).copied().unwrap_or_default(),
        });
        let alarms = of("alarms", &["source", "alarm"]).map(|(name, summary)| {
            (name.value("source").to_owned(), name.value("alarm").to_owned(), short(summary.sum))
        });
        let mut alarms: Vec<_> = alarms.filter(|(.., count)| *count > 0).collect();
        alarms.sort();
        Self {
            window,
            sources: sources(series),
            orders: total("orders"),
            orders_paid: total("orders_paid"),
            delivery: delay(of("delay_ms", &["source"]).map(|(_, summary)| summary)),
            backlogs: backlogs.collect(),
            alarms,
            counts: counts(series),
        }
    }

    /// The number of events by these, the most first.
    pub fn counted(&self, by: &[By]) -> Vec<(Vec<&str>, u64)> {
        let mut groups: BTreeMap<Vec<&str>, u64> = BTreeMap::new();
        for ((source, outcome, reason), count) in &self.counts {
            let key = by.iter().map(|by| match by {
                By::Source => source.as_str(),
                By::Status => outcome.as_str(),
                By::Reason => reason.as_str(),
            });
            let sum = groups.entry(key.collect()).or_default();
            *sum = sum.saturating_add(*count);
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by(|(one, count), (other, more)| (more, one).cmp(&(count, other)));
        groups
    }
}

impl SourceStats {
    /// How many of ten thousand deliveries were accepted; only of a source of webhooks.
    pub fn success(&self) -> Option<u64> {
        self.is_webhook.then(|| share(self.accepted, self.events)).flatten()
    }
}

/// How many of ten thousand `part` is of `whole`.
pub fn share(part: u64, whole: u64) -> Option<u64> {
    u128::from(part).saturating_mul(TEN_THOUSAND).checked_div(whole.into()).map(short)
}

fn short(sum: u128) -> u64 {
    u64::try_from(sum).unwrap_or(u64::MAX)
}

fn sources(series: &[(SeriesName, Summary)]) -> Vec<SourceStats> {
    let mut sources: BTreeMap<&str, SourceStats> = BTreeMap::new();
    for (name, summary) in series.iter().filter(|(name, _)| name.is_of("events", &["source", "outcome"])) {
        let (source, outcome) = (name.value("source"), name.value("outcome"));
        let stats = sources.entry(source).or_default();
        let count = short(summary.sum);
        stats.events = stats.events.saturating_add(count);
        stats.latest = stats.latest.max(summary.latest);
        if is_accepted(outcome) {
            stats.accepted = stats.accepted.saturating_add(count);
        }
        if outcome == REPEAT {
            stats.repeats = stats.repeats.saturating_add(count);
        }
    }
    for (name, summary) in series.iter().filter(|(name, _)| name.is_of("duration_ms", &["source"])) {
        if let Some(stats) = sources.get_mut(name.value("source")) {
            (stats.p50, stats.p99) = (summary.p50, summary.p99);
        }
    }
    let mut sources: Vec<SourceStats> = sources
        .into_iter()
        .map(|(source, stats)| SourceStats {
            source: source.to_owned(),
            is_webhook: Source::named(source).is_some(),
            ..stats
        })
        .filter(|stats| stats.events > 0)
        .collect();
    sources.sort_by_key(|stats| !stats.is_webhook);
    sources
}

/// The series without a reason has those with one, too.
fn counts(series: &[(SeriesName, Summary)]) -> BTreeMap<(String, String, String), u64> {
    let mut counts: BTreeMap<(String, String, String), u64> = BTreeMap::new();
    for (name, summary) in series.iter().filter(|(name, _)| name.metric == "events") {
        let key = |reason: &str| (name.value("source").to_owned(), name.value("outcome").to_owned(), reason.to_owned());
        if name.is_of("events", &["source", "outcome"]) {
            counts.insert(key(""), short(summary.sum));
        }
    }
    let with_reason = series.iter().filter(|(name, _)| name.is_of("events", &["source", "outcome", "reason"]));
    for (name, summary) in with_reason {
        let (source, outcome) = (name.value("source").to_owned(), name.value("outcome").to_owned());
        let count = short(summary.sum);
        if let Some(rest) = counts.get_mut(&(source.clone(), outcome.clone(), String::new())) {
            *rest = rest.saturating_sub(count);
        }
        counts.insert((source, outcome, name.value("reason").to_owned()), count);
    }
    counts.retain(|_, count| *count > 0);
    counts
}

fn delay<'s>(summaries: impl Iterator<Item = &'s Summary>) -> Option<Delay> {
    let mut all = Summary::default();
    for summary in summaries {
        all.count = all.count.saturating_add(summary.count);
        all.sum = all.sum.saturating_add(summary.sum);
        all.min = [all.min, summary.min].into_iter().flatten().min();
        all.max = all.max.max(summary.max);
        all.p50 = all.p50.max(summary.p50);
        all.p99 = all.p99.max(summary.p99);
    }
    let average = short(all.sum.checked_div(all.count.into())?);
    Some(Delay { orders: all.count, average, min: all.min?, max: all.max?, p50: all.p50, p99: all.p99 })
}
