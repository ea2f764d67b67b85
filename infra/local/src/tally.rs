//! What came of many requests: how many of each answer, and how long they took.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::post::Reply;
use crate::print;
use crate::sources::Source;

#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// By status and message.
    replies: BTreeMap<(u16, String), u64>,
    /// By why there was no reply.
    problems: BTreeMap<String, u64>,
    took: Vec<Duration>,
}

impl Tally {
    pub(crate) fn add(&mut self, reply: Result<Reply, String>) {
        match reply {
            Ok(reply) => {
                count(&mut self.replies, (reply.status, message(&reply.body)));
                self.took.push(reply.took);
            }
            Err(problem) => count(&mut self.problems, problem),
        }
    }

    pub(crate) fn is_all_accepted(&self) -> bool {
        self.problems.is_empty() && self.replies.keys().all(|(status, _)| (200..300).contains(status))
    }

    pub(crate) fn first_problem(&self) -> Option<&str> {
        self.problems.keys().next().map(String::as_str)
    }

    pub(crate) fn show(&mut self, source: &Source, took: Duration) {
        let mut rows: Vec<[String; 3]> = Vec::new();
        for ((status, message), count) in &self.replies {
            rows.push([format!("{count:>7}"), status.to_string(), message.clone()]);
        }
        for (problem, count) in &self.problems {
            rows.push([format!("{count:>7}"), "-".to_owned(), problem.clone()]);
        }
        print::columns(&rows);
        let accepted = match source.said {
            Some([booked, repeat]) => format!("booked {}, repeats {}", self.said(booked), self.said(repeat)),
            None => format!("accepted {}", self.accepted()),
        };
        print::line(format_args!(
            "{accepted}, refused {}, no reply {}; {} in {} s",
            self.refused(),
            self.problems.values().sum::<u64>(),
            self.took.len(),
            seconds(took),
        ));
        self.took.sort_unstable();
        let [p50, p90, p99, max] = [50, 90, 99, 100].map(|percent| milliseconds(self.percentile(percent)));
        print::line(format_args!("latency ms: p50 {p50}, p90 {p90}, p99 {p99}, max {max}"));
    }

    fn said(&self, wanted: &str) -> u64 {
        let said = self.replies.iter().filter(|((_, message), _)| message == wanted);
        said.map(|(_, count)| count).sum()
    }

    fn accepted(&self) -> u64 {
        let accepted = self.replies.iter().filter(|((status, _), _)| (200..300).contains(status));
        accepted.map(|(_, count)| count).sum()
    }

    fn refused(&self) -> u64 {
        let refused = self.replies.iter().filter(|((status, _), _)| !(200..300).contains(status));
        refused.map(|(_, count)| count).sum()
    }

    /// The least time within which so many of a hundred were answered. The times are sorted by now.
    fn percentile(&self, percent: usize) -> Duration {
        let rank = self.took.len().saturating_mul(percent).div_ceil(100);
        self.took.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }
}

fn count<K: Ord>(counts: &mut BTreeMap<K, u64>, key: K) {
    let count = counts.entry(key).or_default();
    *count = count.saturating_add(1);
}

/// Of a JSON reply the message, and of any other its first line.
fn message(body: &str) -> String {
    let json = serde_json::from_str::<Value>(body).ok();
    let said = json.as_ref().and_then(|json| json.get("message")?.as_str());
    said.or_else(|| body.lines().next()).unwrap_or_default().to_owned()
}

/// With one decimal, and no float.
pub(crate) fn milliseconds(time: Duration) -> String {
    let tenths = time.as_micros().div_euclid(100);
    format!("{}.{}", tenths.div_euclid(10), tenths.rem_euclid(10))
}

fn seconds(time: Duration) -> String {
    let tenths = time.as_millis().div_euclid(100);
    format!("{}.{}", tenths.div_euclid(10), tenths.rem_euclid(10))
}
