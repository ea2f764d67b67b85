//! The numbers as one JSON document. A share, a rate and a time in milliseconds are decimals as text.

use insight::{BacklogStats, By, Delay, Lang, SourceStats, Waiting, share};
use ledger::TopUpState;
use serde::Serialize;
use serde_json::{Map, Value};

use super::Numbers;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatsFacts {
    pub(super) since: String,
    pub(super) until: String,
    pub(super) sources: Vec<SourceFacts>,
    /// With `--by`.
    pub(super) counts: Vec<CountFacts>,
    pub(super) payments: PaymentFacts,
    pub(super) delivery: Option<DelayFacts>,
    /// From the provider's time of a payment to ours.
    pub(super) sync: Option<DelayFacts>,
    pub(super) top_ups: Vec<TopUpFacts>,
    pub(super) top_ups_more: bool,
    pub(super) waiting: Vec<WaitingFacts>,
    pub(super) backlogs: Vec<BacklogFacts>,
    pub(super) anomalies: Vec<AnomalyFacts>,
    pub(super) anomalies_more: bool,
    pub(super) alarms: Vec<AlarmFacts>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SourceFacts {
    pub(super) source: String,
    pub(super) events: u64,
    pub(super) per_minute: String,
    /// Only of a source of webhooks.
    pub(super) success_percent: Option<String>,
    pub(super) repeats: u64,
    pub(super) p50_ms: Option<String>,
    pub(super) p99_ms: Option<String>,
    pub(super) latest: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct CountFacts {
    #[serde(flatten)]
    pub(super) by: Map<String, Value>,
    pub(super) events: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PaymentFacts {
    /// Made in the time.
    pub(super) orders: u64,
    /// Paid in the time, whenever they were made.
    pub(super) paid: u64,
    /// Of the orders made in the time, those that are paid by now: never more than all of them.
    pub(super) success_percent: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DelayFacts {
    pub(super) orders: u64,
    pub(super) average_ms: String,
    pub(super) min_ms: String,
    pub(super) max_ms: String,
    pub(super) p50_ms: Option<String>,
    pub(super) p99_ms: Option<String>,
    #[serde(skip)]
    pub(super) of: Delay,
}

#[derive(Debug, Serialize)]
pub(super) struct TopUpFacts {
    pub(super) state: &'static str,
    pub(super) orders: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct WaitingFacts {
    pub(super) what: &'static str,
    pub(super) of: Option<&'static str>,
    #[serde(skip)]
    pub(super) text: String,
    pub(super) count: usize,
    pub(super) more: bool,
    pub(super) since: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BacklogFacts {
    pub(super) name: String,
    pub(super) waiting: u64,
    pub(super) oldest_seconds: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct AnomalyFacts {
    pub(super) day: String,
    pub(super) reason: &'static str,
    pub(super) orders: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct AlarmFacts {
    pub(super) source: String,
    pub(super) alarm: String,
    pub(super) count: u64,
}

impl StatsFacts {
    pub(super) fn of(Numbers { stats, by, waiting, anomalies, top_ups }: &Numbers) -> Self {
        let seconds = stats.window.seconds();
        let (orders, paid) = (stats.orders, stats.orders_paid);
        let state = |state: &Option<TopUpState>| state.map_or("not_called", TopUpState::as_str);
        Self {
            since: stats.window.from.to_string(),
            until: stats.window.until.to_string(),
            sources: stats.sources.iter().map(|source| SourceFacts::of(source, seconds)).collect(),
            counts: if by.is_empty() { Vec::new() } else { counts(&stats.counted(by), by) },
            payments: PaymentFacts { orders, paid, success_percent: share(top_ups.paid, top_ups.made).map(hundredths) },
            delivery: stats.delivery.as_ref().map(DelayFacts::of),
            sync: top_ups.sync.as_ref().map(DelayFacts::of),
            top_ups: top_ups
                .by_state
                .iter()
                .map(|(of, orders)| TopUpFacts { state: state(of), orders: *orders })
                .collect(),
            top_ups_more: top_ups.has_more,
            waiting: waiting.iter().map(WaitingFacts::of).collect(),
            backlogs: stats.backlogs.iter().map(BacklogFacts::of).collect(),
            anomalies: anomalies
                .days
                .iter()
                .map(|found| AnomalyFacts {
                    day: found.day.clone(),
                    reason: found.reason.as_str(),
                    orders: found.orders,
                })
                .collect(),
            anomalies_more: anomalies.has_more,
            alarms: stats
                .alarms
                .iter()
                .map(|(source, alarm, count)| AlarmFacts {
                    source: source.clone(),
                    alarm: alarm.clone(),
                    count: *count,
                })
                .collect(),
        }
    }
}

fn counts(counted: &[(Vec<&str>, u64)], by: &[By]) -> Vec<CountFacts> {
    let count = |(words, events): &(Vec<&str>, u64)| {
        let words = by.iter().zip(words).map(|(by, word)| {
            let word = if word.is_empty() { Value::Null } else { Value::from(*word) };
            (by.as_str().to_owned(), word)
        });
        CountFacts { by: words.collect(), events: *events }
    };
    counted.iter().map(count).collect()
}

impl SourceFacts {
    fn of(source: &SourceStats, seconds: u64) -> Self {
        let per_minute =
            u128::from(source.events).saturating_mul(6_000).checked_div(seconds.into()).unwrap_or_default();
        Self {
            source: source.source.clone(),
            events: source.events,
            per_minute: hundredths(u64::try_from(per_minute).unwrap_or(u64::MAX)),
            success_percent: source.success().map(hundredths),
            repeats: source.repeats,
            p50_ms: source.p50.map(milliseconds),
            p99_ms: source.p99.map(milliseconds),
            latest: source.latest.map(|at| at.to_string()),
        }
    }
}

impl DelayFacts {
    fn of(delay: &Delay) -> Self {
        Self {
            orders: delay.orders,
            average_ms: milliseconds(delay.average),
            min_ms: milliseconds(delay.min),
            max_ms: milliseconds(delay.max),
            p50_ms: delay.p50.map(milliseconds),
            p99_ms: delay.p99.map(milliseconds),
            of: delay.clone(),
        }
    }
}

impl WaitingFacts {
    fn of(waiting: &Waiting) -> Self {
        let (what, of) = waiting.what.words();
        Self {
            what,
            of: (!of.is_empty()).then_some(of),
            text: waiting.what.text(Lang::En),
            count: waiting.count,
            more: waiting.has_more,
            since: waiting.since.map(|since| since.to_string()),
        }
    }
}

impl BacklogFacts {
    fn of(BacklogStats { name, waiting, oldest_s }: &BacklogStats) -> Self {
        Self { name: name.clone(), waiting: *waiting, oldest_seconds: *oldest_s }
    }
}

/// `99.53` of 9953.
fn hundredths(number: u64) -> String {
    format!("{}.{:02}", number.div_euclid(100), number.rem_euclid(100))
}

/// `2.345` of 2345 microseconds.
pub(super) fn milliseconds(us: u64) -> String {
    format!("{}.{:03}", us.div_euclid(1_000), us.rem_euclid(1_000))
}
