//! The first page: what needs a person stands first, graphs have their words, and the page stays small.

use insight::{AnomalyDay, AnomalyDays, Lang, Newest, Series, SeriesName, SeriesQuery, Summary, Waiting, WaitingFor};
use ledger::{AuditProgress, Pauses, Provider, Reason, Source, Timestamp};

use crate::events::Since;
use crate::figures::{Figures, day_rows, days_of, graphs_of};
use crate::overview::{KnownNumbers, Numbers, OverviewView, markup};

/// The whole page has the bar around it.
const MAIN_BYTES_MAX: usize = 50 * 1024;

fn now() -> Timestamp {
    Timestamp::parse_rfc3339("2026-01-08T14:20:00Z").expect("a time")
}

/// A long value in each part of each series.
fn full(query: &SeriesQuery) -> Vec<Series> {
    let summary = Summary {
        sum: 987_654_321_987,
        p50: Some(123_456),
        p99: Some(9_876_543),
        latest: Some(now()),
        ..Summary::default()
    };
    let series = |metric: &str, dimensions: &[(&str, &str)]| Series {
        name: SeriesName::new(metric, dimensions),
        total: summary.clone(),
        parts: query.begins().map(|at| (at, summary.clone())).collect(),
    };
    let mut all: Vec<Series> =
        ["orders_paid", "nanocredits_in", "nanocredits_out"].map(|name| series(name, &[])).into();
    let functions = ["orders", "checkout", "credits", "chat", "console", "fulfil", "reconcile"];
    for source in Source::ALL.iter().map(|source| source.as_str()).chain(functions) {
        all.push(series("duration_ms", &[("source", source)]));
        for outcome in ["booked", "repeat", "ignored", "failed", "refused"] {
            all.push(series("events", &[("source", source), ("outcome", outcome)]));
        }
    }
    for currency in ["CNY", "EUR", "MNT", "USD"] {
        for metric in ["paid_minor", "refunded_minor"] {
            all.push(series(metric, &[("currency", currency)]));
        }
    }
    all
}

fn known(since: Since, series: impl Fn(&SeriesQuery) -> Vec<Series>) -> Numbers {
    let (days, graphs) = (days_of(now()), graphs_of(since, now()));
    let figures = Figures::of(graphs.clone(), &series(&graphs));
    Numbers::Known(Box::new(KnownNumbers { days: day_rows(&days, &series(&days)), until: "14:00".to_owned(), figures }))
}

fn page(numbers: &Numbers, since: Since, lang: Lang) -> String {
    let day = |reason| AnomalyDay { day: "2026-01-07".to_owned(), reason, orders: 3 };
    let anomalies = AnomalyDays { days: Reason::ALL.into_iter().map(day).collect(), has_more: true };
    let waiting = |what| Waiting { what, count: 100, has_more: true, since: Some(now()) };
    let view = OverviewView {
        failed: &Newest::default(),
        pauses: &Pauses::default(),
        audit: &AuditProgress::default(),
        anomalies: &anomalies,
        waiting: &[waiting(WaitingFor::Refused(Source::Usage)), waiting(WaitingFor::Payment(Provider::Stripe))],
        numbers,
        since,
        books: "",
        may_act: true,
        lang,
    };
    markup(&view).into_string()
}

#[test]
fn page_is_small_and_has_no_style_and_no_script_whatever_the_time() {
    for (since, lang) in Since::ALL.into_iter().flat_map(|since| Lang::ALL.map(|lang| (since, lang))) {
        let page = page(&known(since, full), since, lang);
        assert!(page.len() < MAIN_BYTES_MAX, "{since:?}: {} bytes", page.len());
        assert!(!page.contains("style") && !page.contains("<script"), "{page}");
        assert_eq!(page.matches("<h1").count(), 1);
        let pictures = page.matches("<svg ").count();
        let words = [page.matches("<desc id=").count(), page.matches("aria-labelledby=\"p-").count()];
        assert!(pictures == 7 && words == [7, 7], "{pictures} {words:?}");
        assert_eq!(page.matches("aria-current=\"true\"").count(), 1, "one time is chosen");
    }
}

#[test]
fn what_needs_a_person_stands_before_the_numbers() {
    let page = page(&known(Since::Day, full), Since::Day, Lang::En);
    let places: Vec<Option<usize>> =
        ["id=\"anomalies\"", "id=\"failed\"", "id=\"waits\"", "id=\"days\"", "id=\"graphs\""]
            .map(|id| page.find(id))
            .into();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
    assert_eq!(page.matches("2026-01-07: ").count(), 5, "five of them, and the rest in a word");
    assert!(page.contains("There are more.") && page.contains("Yesterday until 14:00"), "{page}");
    // The words and the number are of the same share, in parts of ten thousand.
    assert!(page.contains("<span>Not accepted</span> <strong>40.00 %</strong>"), "{page}");
    assert!(page.contains("stripe: orders, until they are paid: <strong>100+</strong>"), "{page}");
}

#[test]
fn time_without_events_has_its_words_and_metrics_that_fail_hide_nothing_else() {
    let quiet = page(&known(Since::Hour, |_| Vec::new()), Since::Hour, Lang::En);
    assert!(quiet.contains("Nothing was received in this time.") && !quiet.contains("<path"), "{quiet}");
    let unread = page(&Numbers::Unread, Since::Hour, Lang::Zh);
    assert!(
        unread.contains("暂时读不到指标") && unread.contains("id=\"failed\"") && !unread.contains("<svg"),
        "{unread}"
    );
}
