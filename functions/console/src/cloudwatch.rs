//! The monitor of a deployed stage: CloudWatch, with the rights of the console's role. Values are whole numbers, for graphs.

mod client;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use insight::{Series, SeriesName, SeriesQuery, Summary, Window, whole};
use ledger::Timestamp;
use serde_json::{Value, json};

use self::client::Client;
use crate::monitor::{DeadLetters, Monitor, MonitorError, Ringing};

/// A page waits no longer for its numbers, and shows the rest.
const PATIENCE: Duration = Duration::from_secs(4);
/// The most that a call returns.
const ALARMS_MAX: u32 = 100;
/// A queue without messages has no values after some hours.
const DEAD_LETTERS_SECONDS: i64 = 900;
const DEAD_LETTERS_PERIOD_S: u64 = 300;
/// The queues of the template, each after the name of the stage.
const QUEUES: [&str; 2] = ["reconcile-failures", "fulfil-failures"];
const QUEUE_METRICS: [&str; 2] = ["ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"];
/// Answers that are kept for the minute that they were read in: those of two pages in two times.
const KEPT_MAX: usize = 4;
/// An answer is on one page, unless it has a hundred thousand values.
const PAGES_MAX: usize = 4;

/// The metrics and alarms of one stage.
pub struct CloudWatch {
    client: Client,
    stage: String,
    kept: Mutex<Vec<(SeriesQuery, Vec<Series>)>>,
}

/// What is read of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stat {
    Sum,
    P50,
    P99,
}

impl Stat {
    fn of(metric: &str) -> &'static [Self] {
        if metric == "duration_ms" { &[Self::P50, Self::P99] } else { &[Self::Sum] }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Sum => "Sum",
            Self::P50 => "p50",
            Self::P99 => "p99",
        }
    }
}

/// One query: a metric, the names of its dimensions, and what is read of it.
type Read = (&'static str, &'static [&'static str], Stat);

impl CloudWatch {
    pub fn new(sdk: &SdkConfig, stage: &str) -> Self {
        Self::over(Client::new(sdk), stage)
    }

    fn over(client: Client, stage: &str) -> Self {
        Self { client, stage: stage.to_owned(), kept: Mutex::new(Vec::new()) }
    }

    fn namespace(&self) -> String {
        format!("hookledger-{}", self.stage)
    }

    /// The results of these queries over a time, page by page.
    async fn data(&self, queries: Vec<Value>, window: Window) -> Result<Vec<Value>, MonitorError> {
        let mut request = json!({
            "MetricDataQueries": queries,
            "StartTime": window.from.unix_s(),
            "EndTime": window.until.unix_s(),
            "ScanBy": "TimestampAscending",
        });
        let mut results = Vec::new();
        for _ in 0..PAGES_MAX {
            let mut answer = self.client.call("GetMetricData", &request, window.until).await?;
            if let Some(Value::Array(page)) = answer.get_mut("MetricDataResults").map(Value::take) {
                results.extend(page);
            }
            let next = answer.get_mut("NextToken").map(Value::take).filter(Value::is_string);
            let (Some(next), Some(members)) = (next, request.as_object_mut()) else { break };
            members.insert("NextToken".to_owned(), next);
        }
        let is_refused = |result: &Value| ["Forbidden", "InternalError"].contains(&word(result, "StatusCode"));
        if results.iter().any(is_refused) { Err("CloudWatch refuses a metric".into()) } else { Ok(results) }
    }

    async fn read_series(&self, query: &SeriesQuery) -> Result<Vec<Series>, MonitorError> {
        let minute = |query: &SeriesQuery| query.window.until.unix_s().div_euclid(60);
        let question = |query: &SeriesQuery| (minute(query), query.part_s, query.parts, query.wanted);
        let is_same = |kept: &SeriesQuery| question(kept) == question(query);
        let known = self.kept().iter().find(|(kept, _)| is_same(kept)).map(|(_, series)| series.clone());
        if let Some(known) = known {
            return Ok(known);
        }
        let (reads, namespace) = (reads(query), self.namespace());
        let queries = reads.iter().enumerate();
        let queries = queries.map(|(number, read)| series_query(number, &namespace, read, query.part_s));
        let series = series_from(&reads, &self.data(queries.collect(), query.window).await?);
        let mut kept = self.kept();
        kept.retain(|(kept, _)| minute(kept) == minute(query) && !is_same(kept));
        kept.truncate(KEPT_MAX.saturating_sub(1));
        kept.push((query.clone(), series.clone()));
        Ok(series)
    }

    fn kept(&self) -> MutexGuard<'_, Vec<(SeriesQuery, Vec<Series>)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read_alarms(&self, now: Timestamp) -> Result<Vec<Ringing>, MonitorError> {
        let prefix = format!("{}-", self.namespace());
        let request = json!({ "AlarmNamePrefix": prefix, "StateValue": "ALARM", "MaxRecords": ALARMS_MAX });
        let answer = self.client.call("DescribeAlarms", &request, now).await?;
        let ringing = members(&answer, "MetricAlarms").map(|alarm| {
            let name = word(alarm, "AlarmName");
            let mut since = ["StateTransitionedTimestamp", "StateUpdatedTimestamp"].into_iter();
            let since = since.find_map(|name| time(alarm.get(name)?));
            Ringing { name: name.strip_prefix(&prefix).unwrap_or(name).to_owned(), since }
        });
        let mut ringing: Vec<Ringing> = ringing.collect();
        ringing.sort_by(|one, other| (one.since, &one.name).cmp(&(other.since, &other.name)));
        Ok(ringing)
    }

    async fn read_dead_letters(&self, now: Timestamp) -> Result<Vec<DeadLetters>, MonitorError> {
        let queues = QUEUES.map(|queue| format!("{}-{queue}", self.namespace()));
        let wanted = queues.iter().flat_map(|queue| QUEUE_METRICS.iter().map(move |metric| (queue, *metric)));
        let queries = wanted.enumerate().map(|(number, (queue, metric))| queue_query(number, queue, metric));
        let window = Window { from: now.plus_seconds(DEAD_LETTERS_SECONDS.saturating_neg()), until: now };
        let results = self.data(queries.collect(), window).await?;
        let last = |number: usize| {
            let id = format!("m{number}");
            let values = results.iter().filter(|result| word(result, "Id") == id);
            values.flat_map(|result| members(result, "Values")).last().map(|value| whole(&value.to_string(), false))
        };
        let queues = queues.into_iter().enumerate().map(|(number, queue)| {
            let first = number.saturating_mul(QUEUE_METRICS.len());
            let count = last(first).unwrap_or_default();
            DeadLetters { queue, count, oldest_s: last(first.saturating_add(1)).filter(|_| count > 0) }
        });
        Ok(queues.collect())
    }
}

impl Monitor for CloudWatch {
    fn series<'m>(&'m self, query: &'m SeriesQuery) -> BoxFuture<'m, Result<Option<Vec<Series>>, MonitorError>> {
        within(self.read_series(query)).boxed()
    }

    fn alarms(&self, now: Timestamp) -> BoxFuture<'_, Result<Option<Vec<Ringing>>, MonitorError>> {
        within(self.read_alarms(now)).boxed()
    }

    fn dead_letters(&self, now: Timestamp) -> BoxFuture<'_, Result<Option<Vec<DeadLetters>>, MonitorError>> {
        within(self.read_dead_letters(now)).boxed()
    }
}

async fn within<T>(read: impl Future<Output = Result<T, MonitorError>>) -> Result<Option<T>, MonitorError> {
    let answer = tokio::time::timeout(PATIENCE, read).await;
    answer.map_err(|_| "CloudWatch does not answer in time")?.map(Some)
}

fn reads(query: &SeriesQuery) -> Vec<Read> {
    let all = query.wanted.iter();
    all.flat_map(|(metric, dimensions)| Stat::of(metric).iter().map(move |stat| (*metric, *dimensions, *stat)))
        .collect()
}

/// A metric without dimensions is one series. One with some is a search, whose answer has a series for each of their values,
/// with these as its label; no list of metrics is read.
fn series_query(number: usize, namespace: &str, (name, dimensions, stat): &Read, part_s: u64) -> Value {
    let (id, stat) = (format!("m{number}"), stat.name());
    if dimensions.is_empty() {
        let metric = json!({ "Namespace": namespace, "MetricName": name });
        return json!({ "Id": id, "MetricStat": { "Metric": metric, "Period": part_s, "Stat": stat } });
    }
    let by = dimensions.join(",");
    let label = dimensions.iter().map(|dimension| format!("${{PROP('Dim.{dimension}')}}"));
    json!({
        "Id": id,
        "Expression": format!("SEARCH('{{\"{namespace}\",{by}}} MetricName=\"{name}\"', '{stat}', {part_s})"),
        "Label": label.collect::<Vec<_>>().join(" "),
    })
}

fn queue_query(number: usize, queue: &str, name: &str) -> Value {
    let dimensions = [json!({ "Name": "QueueName", "Value": queue })];
    let metric = json!({ "Namespace": "AWS/SQS", "MetricName": name, "Dimensions": dimensions });
    let stat = json!({ "Metric": metric, "Period": DEAD_LETTERS_PERIOD_S, "Stat": "Maximum" });
    json!({ "Id": format!("m{number}"), "MetricStat": stat })
}

fn series_from(reads: &[Read], results: &[Value]) -> Vec<Series> {
    let mut found: BTreeMap<SeriesName, BTreeMap<Timestamp, Summary>> = BTreeMap::new();
    for result in results {
        let number = word(result, "Id").strip_prefix('m').and_then(|id| id.parse::<usize>().ok());
        let Some((metric, dimensions, stat)) = number.and_then(|number| reads.get(number)) else { continue };
        let values = word(result, "Label").split(' ');
        let pairs: Vec<(&str, &str)> = dimensions.iter().copied().zip(values).collect();
        let parts = found.entry(SeriesName::new(metric, &pairs)).or_default();
        for (at, value) in members(result, "Timestamps").zip(members(result, "Values")) {
            let Some(at) = time(at) else { continue };
            let value = whole(&value.to_string(), metric.ends_with("_ms"));
            add(parts.entry(at).or_default(), *stat, value, at);
        }
    }
    found.into_iter().map(|(name, parts)| series_of(name, parts)).collect()
}

fn add(summary: &mut Summary, stat: Stat, value: u64, at: Timestamp) {
    match stat {
        Stat::Sum => {
            summary.sum = summary.sum.saturating_add(value.into());
            if value > 0 {
                summary.latest = summary.latest.max(Some(at));
            }
        }
        Stat::P50 => summary.p50 = summary.p50.max(Some(value)),
        Stat::P99 => summary.p99 = summary.p99.max(Some(value)),
    }
}

/// Of the quantiles of the parts, that of all of the time is the largest.
fn series_of(name: SeriesName, parts: BTreeMap<Timestamp, Summary>) -> Series {
    let mut total = Summary::default();
    for part in parts.values() {
        total.sum = total.sum.saturating_add(part.sum);
        total.latest = total.latest.max(part.latest);
        total.p50 = total.p50.max(part.p50);
        total.p99 = total.p99.max(part.p99);
    }
    Series { name, total, parts: parts.into_iter().collect() }
}

fn word<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn members<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// The seconds since 1970, perhaps with decimals.
fn time(at: &Value) -> Option<Timestamp> {
    Timestamp::from_unix(i64::try_from(whole(&at.as_number()?.to_string(), false)).ok()?).ok()
}

impl fmt::Debug for CloudWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudWatch").field("stage", &self.stage).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
