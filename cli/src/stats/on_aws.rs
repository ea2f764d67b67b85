//! The metrics of a deployed stage, from CloudWatch: which series there are, and then their values, through the AWS CLI.

#![expect(clippy::indexing_slicing, reason = "a member of JSON that is not there is null")]

use std::collections::{BTreeMap, BTreeSet};

use insight::{Metrics, SeriesName, Summary, Window, whole};
use ledger::Timestamp;
use serde_json::{Value, json};

use crate::aws_cli::AwsCli;
use crate::error::Error;
use crate::error::of_tools::ToolError;

/// A request takes five hundred, and answers 100,800 values.
const QUERIES_MAX: usize = 250;
const DAY_SECONDS: u64 = 86_400;

pub(super) struct AwsMetrics {
    aws: AwsCli,
    namespace: String,
}

/// A statistic of CloudWatch, over parts of the time or over all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stat {
    Sum,
    Count,
    Min,
    Max,
    P50,
    P99,
    /// The sum of each part, for the last one with a value.
    Sums,
    /// The largest of each part, of which the last is the state.
    States,
}

impl Stat {
    const fn of(metric: &str) -> &'static [Self] {
        match metric.as_bytes() {
            b"events" => &[Self::Sums],
            b"duration_ms" => &[Self::P50, Self::P99],
            b"delay_ms" => &[Self::Count, Self::Sum, Self::Min, Self::Max, Self::P50, Self::P99],
            b"waiting" | b"oldest_s" => &[Self::States],
            _ => &[Self::Sum],
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Sum | Self::Sums => "Sum",
            Self::Count => "SampleCount",
            Self::Min => "Minimum",
            Self::Max | Self::States => "Maximum",
            Self::P50 => "p50",
            Self::P99 => "p99",
        }
    }

    /// CloudWatch keeps minutes for 15 days, five minutes for 63 and hours for longer.
    fn period_s(self, window: Window) -> u64 {
        match self {
            Self::Sums | Self::States => match window.seconds() {
                ..=10_800 => 60,
                10_801..=172_800 => 300,
                _ => 3_600,
            },
            Self::Sum | Self::Count | Self::Min | Self::Max | Self::P50 | Self::P99 => {
                window.seconds().div_ceil(60).max(1).saturating_mul(60).min(DAY_SECONDS)
            }
        }
    }
}

impl AwsMetrics {
    pub(super) fn new(aws: AwsCli, stage: &str) -> Self {
        Self { aws, namespace: format!("hookledger-{stage}") }
    }

    /// The series that had values in the last two weeks. The AWS CLI reads all pages.
    async fn listed(&self) -> Result<BTreeSet<SeriesName>, Error> {
        let answer = self.aws.json(&["cloudwatch", "list-metrics", "--namespace", &self.namespace]).await?;
        let series = answer["Metrics"].as_array().into_iter().flatten().filter_map(|metric| {
            let dimensions = metric["Dimensions"].as_array().into_iter().flatten();
            let dimensions = dimensions.map(|one| Some((one["Name"].as_str()?, one["Value"].as_str()?)));
            Some(SeriesName::new(metric["MetricName"].as_str()?, &dimensions.collect::<Option<Vec<_>>>()?))
        });
        Ok(series.filter(SeriesName::is_wanted).collect())
    }

    fn query(&self, id: usize, series: &SeriesName, stat: Stat, window: Window) -> Value {
        let dimensions: Vec<Value> =
            series.dimensions.iter().map(|(name, value)| json!({ "Name": name, "Value": value })).collect();
        json!({
            "Id": format!("m{id}"),
            "MetricStat": {
                "Metric": { "Namespace": self.namespace, "MetricName": series.metric, "Dimensions": dimensions },
                "Period": stat.period_s(window),
                "Stat": stat.name(),
            },
        })
    }
}

impl Metrics for AwsMetrics {
    type Error = Error;

    async fn series(&self, window: Window) -> Result<Vec<(SeriesName, Summary)>, Error> {
        let listed = self.listed().await?;
        let wanted: Vec<(&SeriesName, Stat)> =
            listed.iter().flat_map(|series| Stat::of(&series.metric).iter().map(move |stat| (series, *stat))).collect();
        let mut found: BTreeMap<SeriesName, Summary> = BTreeMap::new();
        for chunk in wanted.chunks(QUERIES_MAX) {
            let queries = chunk.iter().enumerate().map(|(id, (series, stat))| self.query(id, series, *stat, window));
            let queries = Value::from(queries.collect::<Vec<_>>()).to_string();
            let (from, until) = (window.from.to_string(), window.until.to_string());
            // From stdin, since they are longer than an argument may be.
            let words = ["cloudwatch", "get-metric-data", "--metric-data-queries", "file:///dev/stdin"];
            let times = ["--start-time", &from, "--end-time", &until, "--scan-by", "TimestampAscending"];
            let answer = self.aws.json_with(&[words.as_slice(), times.as_slice()].concat(), Some(queries)).await?;
            // A query whose values are on several pages is in the answer several times.
            for result in answer["MetricDataResults"].as_array().into_iter().flatten() {
                if let status @ ("Forbidden" | "InternalError") = result["StatusCode"].as_str().unwrap_or_default() {
                    let said = format!("CloudWatch answers {status} for a metric: run the same command again");
                    return Err(ToolError::AwsCli { command: "cloudwatch get-metric-data".to_owned(), said }.into());
                }
                let id = result["Id"].as_str().and_then(|id| id.strip_prefix('m')?.parse::<usize>().ok());
                let Some((series, stat)) = id.and_then(|id| chunk.get(id)) else { continue };
                let is_ms = series.metric.ends_with("_ms");
                let times = result["Timestamps"].as_array().into_iter().flatten();
                let values = result["Values"].as_array().into_iter().flatten();
                let summary = found.entry((*series).clone()).or_default();
                for (at, value) in times.zip(values) {
                    add(summary, *stat, time(at), whole(&value.to_string(), is_ms && *stat != Stat::Count));
                }
            }
        }
        found.retain(|_, summary| *summary != Summary::default());
        Ok(found.into_iter().collect())
    }
}

/// The second version of the AWS CLI prints a time as text, the first one the seconds since 1970, as the service has them.
fn time(at: &Value) -> Option<Timestamp> {
    let seconds = || i64::try_from(whole(&at.as_number()?.to_string(), false)).ok();
    at.as_str().map_or_else(|| Timestamp::from_unix(seconds()?).ok(), |at| Timestamp::parse_rfc3339(at).ok())
}

/// A longer time has a value for each day: of their quantiles this is the largest.
fn add(summary: &mut Summary, stat: Stat, at: Option<Timestamp>, value: u64) {
    match stat {
        Stat::Sum => summary.sum = summary.sum.saturating_add(value.into()),
        Stat::Sums => {
            summary.sum = summary.sum.saturating_add(value.into());
            if value > 0 {
                summary.latest = summary.latest.max(at);
            }
        }
        Stat::Count => summary.count = summary.count.saturating_add(value),
        Stat::Min => summary.min = Some(summary.min.map_or(value, |min| min.min(value))),
        Stat::Max => summary.max = summary.max.max(Some(value)),
        Stat::P50 => summary.p50 = summary.p50.max(Some(value)),
        Stat::P99 => summary.p99 = summary.p99.max(Some(value)),
        Stat::States => summary.last = Some(value),
    }
}

#[cfg(test)]
mod tests;
