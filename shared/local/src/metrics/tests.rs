//! The time series of this machine, from lines as the functions log them.

#![expect(clippy::arithmetic_side_effects, reason = "small numbers of a test")]

use std::fs;

use insight::{
    LogLines as _, LogQuery, LoggedWhich, Metrics as _, SeriesName, SeriesParts as _, SeriesQuery, Stats, Summary,
    Window,
};
use ledger::{Asset, Committed, Owner, Receipt, Timestamp, Writer};
use tempfile::TempDir;
use tracing_subscriber::layer::SubscriberExt as _;

use super::series_file::SeriesFile;
use super::{CommandMetrics, LocalMetrics, MetricsLog};
use crate::home::Home;

const HOUR: i64 = 3_600;

fn home() -> (TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path()).unwrap();
    (folder, home)
}

/// A line of a delivery at this time.
fn line(outcome: &str, at: Timestamp, duration_ms: &str) -> String {
    let (ms, names) = (at.unix_ms(), r#"[["source"],["source","outcome"]]"#);
    format!(
        r#"{{"source":"usage","outcome":"{outcome}","duration_ms":{duration_ms},"events":1,"_aws":{{"Timestamp":{ms},"CloudWatchMetrics":[{{"Namespace":"hookledger-local","Dimensions":{names},"Metrics":[{{"Name":"events","Unit":"Count"}},{{"Name":"duration_ms","Unit":"Milliseconds"}}]}}]}}}}"#
    ) + "\n"
}

fn noon() -> Timestamp {
    Timestamp::parse_rfc3339("2026-06-01T12:00:30Z").unwrap()
}

async fn found(home: &Home, seconds: i64, until: Timestamp) -> Vec<(SeriesName, Summary)> {
    let metrics = LocalMetrics::open(&home.metrics(false)).unwrap();
    metrics.series(Window { from: until.plus_seconds(-seconds), until }).await.unwrap()
}

async fn booked(home: &Home, seconds: i64, until: Timestamp) -> u128 {
    let name = SeriesName::new("events", &[("source", "usage"), ("outcome", "booked")]);
    found(home, seconds, until)
        .await
        .into_iter()
        .find(|(known, _)| *known == name)
        .map_or(0, |(_, summary)| summary.sum)
}

#[tokio::test]
async fn lines_are_summed_up_over_each_time_and_after_a_restart() {
    let (_folder, home) = home();
    let mut file = SeriesFile::writer(&home, false).unwrap();
    // One each minute for two days, the newest first, in two parts.
    let lines: Vec<String> =
        (0..2 * 24 * 60).map(|minute| line("booked", noon().plus_seconds(minute * -60), "2.5")).collect();
    for part in lines.rchunks(1_000) {
        file.add(part.iter().rev().cloned().collect::<String>().as_bytes()).unwrap();
    }
    drop(file);
    let mut file = SeriesFile::writer(&home, false).unwrap();
    file.add(line("booked", noon(), "40").as_bytes()).unwrap();
    // Each time begins with a whole part: of a minute, of a quarter, of an hour.
    for (seconds, expected) in
        [(0, 2), (59, 3), (HOUR, 62), (3 * HOUR, 182), (24 * HOUR, 1_442), (7 * 24 * HOUR, 2_881)]
    {
        assert_eq!(booked(&home, seconds, noon()).await, expected, "{seconds}");
    }
    assert_eq!(booked(&home, HOUR, noon().plus_seconds(-48 * HOUR)).await, 0, "minutes are kept for three hours");
    let stats =
        Stats::of(Window { from: noon().plus_seconds(-HOUR), until: noon() }, &found(&home, HOUR, noon()).await);
    let usage = stats.sources.first().unwrap();
    assert_eq!((usage.events, usage.latest, usage.p99), (62, Some(noon()), Some(40_000)));
    assert!(usage.p50.is_some_and(|p50| (2_500..2_657).contains(&p50)), "{usage:?}");
}

/// Parts of each length, from the tier that has it: minutes, quarters, and hours of which a part has several.
#[tokio::test]
async fn parts_of_a_time_have_its_lines_where_they_came() {
    const EVENTS: insight::Wanted = &[("events", &["source", "outcome"]), ("duration_ms", &["source"])];
    let (_folder, home) = home();
    let mut file = SeriesFile::writer(&home, false).unwrap();
    let ages = [0, 59 * 60, 26 * HOUR, 20 * 24 * HOUR];
    let lines = ages.map(|age| line("booked", noon().plus_seconds(-age), "2.5"));
    file.add(lines.concat().as_bytes()).unwrap();
    let metrics = LocalMetrics::open(&home.metrics(false)).unwrap();
    // Length, number, and the parts with a line, from the end.
    let rows: [(u32, u32, &[usize]); 4] =
        [(60, 60, &[0, 59]), (900, 96, &[0, 4]), (7_200, 84, &[0, 1, 13]), (43_200, 60, &[0, 1, 3, 40])];
    for (part_s, parts, places) in rows {
        let query = SeriesQuery::until(noon(), part_s, parts, EVENTS);
        let found = metrics.parts(&query).await.unwrap();
        let names: Vec<&str> = found.iter().map(|series| series.name.metric.as_str()).collect();
        assert_eq!(names, ["duration_ms", "events"], "{part_s}: no others");
        let events = found.iter().find(|series| series.name.metric == "events").unwrap();
        let mut values = query.values(events, |summary| u64::try_from(summary.sum).unwrap());
        values.reverse();
        let is_any = |(place, value): (usize, &u64)| (*value > 0).then_some(place);
        let sum: u64 = values.iter().sum();
        assert_eq!(u128::from(sum), events.total.sum, "{part_s}: {values:?}");
        let found: Vec<usize> = values.iter().enumerate().filter_map(is_any).collect();
        assert_eq!(found, places, "{part_s}");
    }
}

/// Ten minutes apart, for so many days.
fn written(home: &Home, days: i64) -> u64 {
    let mut file = SeriesFile::writer(home, false).unwrap();
    for day in 0..days {
        let of_day = |number: i64| line("booked", noon().plus_seconds(day * 24 * HOUR + number * 600), "1");
        file.add((0..144).map(of_day).collect::<String>().as_bytes()).unwrap();
    }
    drop(file);
    fs::metadata(home.metrics(false)).unwrap().len()
}

#[tokio::test]
async fn file_stays_small_however_long_it_is_written() {
    let (_folders, homes) = [home(), home()].into_iter().unzip::<_, _, Vec<TempDir>, Vec<Home>>();
    let (month, end) = (written(&homes[0], 36), written(&homes[1], 60));
    assert!(end <= month + month / 4 && end < 1_000_000, "{month} {end}");
    let until = noon().plus_seconds(60 * 24 * HOUR);
    assert_eq!(
        booked(&homes[1], 400 * 24 * HOUR, until).await,
        31 * 144 + 6,
        "a month is kept, and the rest of an hour"
    );
    let metrics = LocalMetrics::open(&homes[1].metrics(false)).unwrap();
    let query = LogQuery { since: Timestamp::EPOCH, source: None, which: LoggedWhich::Booked, lines_max: 100_000 };
    let logged = metrics.logged(&query).await.unwrap();
    assert_eq!((logged.len(), logged[0].outcome.as_str()), (5_000, "booked"));
    assert!(logged.is_sorted_by(|one, other| one.at >= other.at), "the newest first");
    let other = LogQuery { source: Some("stripe".to_owned()), ..query };
    assert_eq!(metrics.logged(&other).await.unwrap(), []);
}

#[tokio::test]
async fn what_is_no_metric_is_not_counted_and_a_damaged_file_begins_again() {
    let (_folder, home) = home();
    assert_eq!(found(&home, HOUR, noon()).await, [], "no stack has served here");
    fs::write(home.metrics(false), "garbage ".repeat(1_000)).unwrap();
    let mut file = SeriesFile::writer(&home, false).unwrap();
    file.add(b"").unwrap();
    file.add(
        b"no json\n{\"level\":\"INFO\",\"target\":\"usage\"}\n{\"_aws\":{\"Timestamp\":1,\"CloudWatchMetrics\":[]}}\n",
    )
    .unwrap();
    file.add(line("booked", noon(), "\"text\"").as_bytes()).unwrap();
    file.add(line("booked", noon(), "null").as_bytes()).unwrap();
    assert_eq!(booked(&home, HOUR, noon()).await, 2);
    assert!(found(&home, HOUR, noon()).await.iter().all(|(name, _)| name.metric == "events"));
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(home.metrics(false)).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600, "no other user of the machine");
}

#[tokio::test]
async fn books_in_memory_begin_with_no_metrics_and_touch_no_others() {
    let (_folder, home) = home();
    SeriesFile::writer(&home, false).unwrap().add(line("booked", noon(), "1").as_bytes()).unwrap();
    for _ in 0..2 {
        let mut file = SeriesFile::writer(&home, true).unwrap();
        file.add(line("booked", noon(), "1").as_bytes()).unwrap();
        let metrics = LocalMetrics::open(&home.metrics(true)).unwrap();
        let found = metrics.series(Window { from: noon().plus_seconds(-1), until: noon() }).await.unwrap();
        assert!(found.iter().all(|(_, summary)| summary.count == 1), "{found:?}");
    }
    assert_eq!(booked(&home, HOUR, noon()).await, 1);
}

/// What a function logs is kept at the level of every log, and by the time that the log is dropped.
#[tokio::test]
async fn lines_of_functions_are_kept() {
    let (_folder, home) = home();
    let log = MetricsLog::new();
    let subscriber = tracing_subscriber::registry().with(log.layer());
    tracing::subscriber::with_default(subscriber, || {
        // Before the folder is ours, and after.
        edge::alarm("usage", "price_differs", "usage#e1");
        log.keep_in(&home, false);
        edge::alarm("usage", "price_differs", "usage#e2");
        edge::backlog("refused", 3, 70);
        tracing::info!(target: "usage", events = 9, "no metric");
    });
    drop(log);
    let now = crate::now();
    let found = found(&home, HOUR, now.plus_seconds(1)).await;
    let stats = Stats::of(Window { from: now, until: now }, &found);
    assert_eq!(stats.alarms, [("usage".to_owned(), "price_differs".to_owned(), 2)]);
    let backlog = stats.backlogs.first().unwrap();
    assert_eq!((backlog.waiting, backlog.oldest_s), (3, 70));
}

/// As a command does while a stack writes there, and where none has ever served.
#[tokio::test]
async fn change_of_a_command_is_counted_beside_those_of_a_stack() {
    let (_folder, home) = home();
    let by = manual::By { writer: Writer::Manual, id: "c1", author: "amy", reason: "a gift" };
    let account = Owner::new("alice").unwrap().account(Asset::CREDITS);
    let what = manual::What::Credit { account, amount: Asset::CREDITS.parse("7").unwrap(), expiry: None };
    let decision = manual::Change { by, what }.decision().unwrap();
    let receipt = Receipt { key: by.receipt().unwrap(), processed_at: noon(), is_over_budget: false };
    let repeat = Ok(Committed::Earlier(receipt.clone()));
    assert!(CommandMetrics::of(&decision, &repeat).is_none());
    let metrics = CommandMetrics::of(&decision, &Ok(Committed::Now(receipt))).unwrap();
    metrics.keep_in(&home).unwrap();
    let mut stack = SeriesFile::writer(&home, false).unwrap();
    let now = crate::now();
    stack.add(line("booked", now, "1").as_bytes()).unwrap();
    metrics.keep_in(&home).unwrap();
    stack.add(line("booked", now, "1").as_bytes()).unwrap();
    assert_eq!(booked(&home, HOUR, now.plus_seconds(5)).await, 2);
    let reader = SeriesFile::reader(&home.metrics(false)).unwrap();
    let query = SeriesQuery::until(now.plus_seconds(60), 60, 60, &[("nanocredits_in", &[])]);
    let sum: u128 = reader.parts(&query).unwrap().iter().map(|series| series.total.sum).sum();
    assert_eq!(sum, 14_000_000_000);
}
