//! What the first page shows in numbers: money and credits by day, graphs of a time, and each source of it.

use insight::{Series, SeriesQuery, SourceStats, Stats, Summary, Wanted, is_accepted, share};
use ledger::{Amount, Asset, Currency, Money, Source, Timestamp};

use crate::events::Since;

const GRAPHS: Wanted = &[
    ("events", &["source", "outcome"]),
    ("duration_ms", &["source"]),
    ("orders_paid", &[]),
    ("nanocredits_in", &[]),
    ("nanocredits_out", &[]),
];
const DAYS: Wanted = &[
    ("paid_minor", &["currency"]),
    ("refunded_minor", &["currency"]),
    ("orders_paid", &[]),
    ("nanocredits_in", &[]),
    ("nanocredits_out", &[]),
];
const HOUR_SECONDS: u32 = 3_600;
const HOURS_A_DAY: usize = 24;
/// Today, and the seven days before it.
const DAY_HOURS: u32 = 8 * 24;
const REPEAT: &str = "repeat";

/// The parts of each time: some sixty to a hundred and twenty, of lengths that the local series has.
pub(crate) fn graphs_of(since: Since, now: Timestamp) -> SeriesQuery {
    let (length_s, parts) = match since {
        Since::Hour => (60, 60),
        Since::Day => (900, 96),
        Since::Week => (2 * HOUR_SECONDS, 84),
        Since::Month => (12 * HOUR_SECONDS, 60),
    };
    SeriesQuery::until(now, length_s, parts, GRAPHS)
}

/// Every hour of today and of the seven days before, as far as they have begun.
pub(crate) fn days_of(now: Timestamp) -> SeriesQuery {
    let hour_of_day = u32::try_from(now.unix_s().div_euclid(HOUR_SECONDS.into()).rem_euclid(24)).unwrap_or_default();
    let hours = DAY_HOURS.saturating_sub(23).saturating_add(hour_of_day);
    SeriesQuery::until(now, HOUR_SECONDS, hours, DAYS)
}

/// A number of a day beside that of yesterday and that of the same day a week ago. Of these days also until the last full
/// hour of today, which is what today can be compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DayRow {
    pub(crate) what: DayNumber,
    pub(crate) today: u64,
    pub(crate) yesterday: (u64, u64),
    pub(crate) a_week_ago: (u64, u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DayNumber {
    Paid(Currency),
    Refunded(Currency),
    Orders,
    CreditsIn,
    CreditsOut,
}

impl DayNumber {
    pub(crate) fn text(self, value: u64) -> String {
        let amount = Amount::from_units(value);
        match self {
            Self::Paid(currency) | Self::Refunded(currency) => Money { amount, currency }.to_string(),
            Self::Orders => value.to_string(),
            Self::CreditsIn | Self::CreditsOut => whole_credits(value),
        }
    }
}

/// Without what is below a hundredth: a graph's number, and no balance.
pub(crate) fn whole_credits(nanocredits: u64) -> String {
    const HUNDREDTH: u64 = 10_000_000;
    let rounded = nanocredits.saturating_sub(nanocredits.checked_rem(HUNDREDTH).unwrap_or_default());
    Asset::CREDITS.format(Amount::from_units(rounded))
}

pub(crate) fn day_rows(query: &SeriesQuery, series: &[Series]) -> Vec<DayRow> {
    let row = |what: DayNumber, of: Option<&Series>| {
        let hours = of.map(|series| query.values(series, sum)).unwrap_or_default();
        let day = |back: usize| {
            let of_today = hours.len().saturating_sub(7_usize.saturating_mul(HOURS_A_DAY));
            let begin = 7_usize.saturating_sub(back).saturating_mul(HOURS_A_DAY);
            let take =
                |count: usize| hours.iter().skip(begin).take(count).fold(0_u64, |all, one| all.saturating_add(*one));
            (take(of_today.saturating_sub(1)), take(HOURS_A_DAY))
        };
        DayRow { what, today: day(0).1, yesterday: day(1), a_week_ago: day(7) }
    };
    let named = |metric: &'static str| series.iter().find(move |series| series.name.is_of(metric, &[]));
    let money = |metric: &'static str, number: fn(Currency) -> DayNumber| {
        let of = series.iter().filter(move |series| series.name.is_of(metric, &["currency"]));
        of.filter_map(move |series| {
            Some(row(number(Currency::parse(series.name.value("currency")).ok()?), Some(series)))
        })
    };
    let (paid, refunded) = (money("paid_minor", DayNumber::Paid), money("refunded_minor", DayNumber::Refunded));
    let others = [
        (DayNumber::Orders, "orders_paid"),
        (DayNumber::CreditsIn, "nanocredits_in"),
        (DayNumber::CreditsOut, "nanocredits_out"),
    ];
    paid.chain(refunded).chain(others.map(|(what, metric)| row(what, named(metric)))).collect()
}

/// The numbers of a time, each by its part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) query: SeriesQuery,
    pub(crate) sources: Vec<SourceStats>,
    /// Deliveries of webhooks after which their sender owes nothing, the others, and those of events that were booked
    /// before.
    pub(crate) accepted: Vec<u64>,
    pub(crate) refused: Vec<u64>,
    pub(crate) repeats: Vec<u64>,
    /// In microseconds: of each part, the slowest source's.
    pub(crate) p99: Vec<u64>,
    pub(crate) paid: Vec<u64>,
    pub(crate) credits_in: Vec<u64>,
    pub(crate) credits_out: Vec<u64>,
}

impl Figures {
    pub(crate) fn of(query: SeriesQuery, series: &[Series]) -> Self {
        let totals: Vec<_> = series.iter().map(|series| (series.name.clone(), series.total.clone())).collect();
        let sources = Stats::of(query.window, &totals).sources;
        let is_webhook = |series: &&Series| Source::named(series.name.value("source")).is_some();
        let events = |is_of: fn(&str) -> bool| {
            let of = series.iter().filter(|series| series.name.is_of("events", &["source", "outcome"]));
            of.filter(is_webhook).filter(move |series| is_of(series.name.value("outcome")))
        };
        let all = |metric: &'static str| series.iter().filter(move |series| series.name.is_of(metric, &[]));
        let slow = series.iter().filter(|series| series.name.is_of("duration_ms", &["source"])).filter(is_webhook);
        let p99 = slow.map(|series| query.values(series, |summary| summary.p99.unwrap_or_default()));
        Self {
            accepted: added(&query, events(is_accepted)),
            refused: added(&query, events(|outcome| !is_accepted(outcome))),
            repeats: added(&query, events(|outcome| outcome == REPEAT)),
            p99: merged(&query, p99, u64::max),
            paid: added(&query, all("orders_paid")),
            credits_in: added(&query, all("nanocredits_in")),
            credits_out: added(&query, all("nanocredits_out")),
            sources,
            query,
        }
    }

    /// Of ten thousand deliveries in each part those that were accepted; `None` of a part without any.
    pub(crate) fn success(&self) -> Vec<Option<u64>> {
        let parts = self.accepted.iter().zip(&self.refused);
        parts.map(|(accepted, refused)| share(*accepted, accepted.saturating_add(*refused))).collect()
    }
}

fn sum(summary: &Summary) -> u64 {
    u64::try_from(summary.sum).unwrap_or(u64::MAX)
}

fn added<'s>(query: &SeriesQuery, series: impl Iterator<Item = &'s Series>) -> Vec<u64> {
    merged(query, series.map(|series| query.values(series, sum)), u64::saturating_add)
}

fn merged(query: &SeriesQuery, all: impl Iterator<Item = Vec<u64>>, with: fn(u64, u64) -> u64) -> Vec<u64> {
    let nothing: Vec<u64> = query.begins().map(|_| 0).collect();
    all.fold(nothing, |sums, values| sums.into_iter().zip(values).map(|(one, other)| with(one, other)).collect())
}

#[cfg(test)]
mod tests {
    use insight::SeriesName;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).expect("a time")
    }

    fn series(metric: &str, dimensions: &[(&str, &str)], parts: &[(&str, u128)]) -> Series {
        let of = |sum| Summary { sum, p99: u64::try_from(sum).ok(), ..Summary::default() };
        let total = of(parts.iter().map(|(_, sum)| sum).sum());
        let parts = parts.iter().map(|(time, sum)| (at(time), of(*sum))).collect();
        Series { name: SeriesName::new(metric, dimensions), total, parts }
    }

    #[test]
    fn day_is_compared_with_the_same_hours_of_others() {
        let query = days_of(at("2026-01-08T14:20:00Z"));
        assert_eq!(query.begins().next(), Some(at("2026-01-01T00:00:00Z")));
        let paid = [
            ("2026-01-01T13:00:00Z", 1),
            ("2026-01-01T14:00:00Z", 20),
            ("2026-01-07T00:00:00Z", 300),
            ("2026-01-07T23:00:00Z", 4_000),
            ("2026-01-08T00:00:00Z", 50_000),
            ("2026-01-08T14:00:00Z", 600_000),
        ];
        let rows = day_rows(&query, &[series("paid_minor", &[("currency", "USD")], &paid)]);
        let usd = DayNumber::Paid(Currency::parse("USD").expect("a currency"));
        let row = DayRow { what: usd, today: 650_000, yesterday: (300, 4_300), a_week_ago: (1, 21) };
        assert_eq!(rows.first(), Some(&row));
        assert_eq!(usd.text(650_000), "6500 USD");
        let nothing = DayRow { what: DayNumber::Orders, today: 0, yesterday: (0, 0), a_week_ago: (0, 0) };
        assert_eq!((rows.len(), rows.get(1)), (4, Some(&nothing)));
    }

    #[test]
    fn first_hour_of_a_day_is_compared_with_nothing() {
        let query = days_of(at("2026-01-08T00:10:00Z"));
        let rows = day_rows(
            &query,
            &[series("orders_paid", &[], &[("2026-01-07T00:00:00Z", 3), ("2026-01-08T00:00:00Z", 2)])],
        );
        let row = DayRow { what: DayNumber::Orders, today: 2, yesterday: (0, 3), a_week_ago: (0, 0) };
        assert_eq!(rows.first(), Some(&row));
    }

    #[test]
    fn figures_have_webhooks_only_and_the_slowest_source() {
        let query = graphs_of(Since::Hour, at("2026-01-08T14:20:00Z"));
        let (first, last) = ("2026-01-08T13:21:00Z", "2026-01-08T14:20:00Z");
        let event = |source, outcome, parts: &[(&str, u128)]| {
            series("events", &[("source", source), ("outcome", outcome)], parts)
        };
        let all = [
            event("usage", "booked", &[(first, 3), (last, 1)]),
            event("usage", "repeat", &[(last, 2)]),
            event("stripe", "failed", &[(last, 1)]),
            event("console", "shown", &[(last, 9)]),
            series("duration_ms", &[("source", "usage")], &[(first, 40)]),
            series("duration_ms", &[("source", "stripe")], &[(first, 70)]),
            series("duration_ms", &[("source", "console")], &[(first, 900)]),
            series("nanocredits_out", &[], &[(last, 7)]),
        ];
        let figures = Figures::of(query, &all);
        let ends = |values: &[u64]| (values.len(), values.first().copied(), values.last().copied());
        assert_eq!(ends(&figures.accepted), (60, Some(3), Some(3)));
        assert_eq!(ends(&figures.refused), (60, Some(0), Some(1)));
        assert_eq!(ends(&figures.repeats), (60, Some(0), Some(2)));
        assert_eq!(ends(&figures.p99), (60, Some(70), Some(0)));
        assert_eq!(ends(&figures.credits_out), (60, Some(0), Some(7)));
        let success = figures.success();
        assert_eq!(
            (success.first(), success.get(1), success.last()),
            (Some(&Some(10_000)), Some(&None), Some(&Some(7_500)))
        );
        assert_eq!(figures.sources.iter().filter(|source| source.is_webhook).count(), 2);
    }

    #[test]
    fn credits_of_a_graph_have_two_decimals() {
        let rows = [(0, "0"), (9_999_999, "0"), (1_239_999_999, "1.23"), (100_000_000_000, "100")];
        for (nanocredits, text) in rows {
            assert_eq!(whole_credits(nanocredits), text);
        }
    }
}
