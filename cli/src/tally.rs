//! Counts the outcomes of many deliveries, with latency percentiles.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::delivery::{Delivery, Outcome, milliseconds};
use crate::exit::Exit;
use crate::print::{self, Facts};

/// The deliveries so far.
#[derive(Debug)]
pub(crate) struct Tally {
    source: &'static str,
    /// Whether each event is printed by itself, for a small number of them.
    shows_each: bool,
    events: Vec<Delivery>,
    /// The count of each kind of reply.
    replies: BTreeMap<Kind, u64>,
    exit: Exit,
    took: Vec<Duration>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Kind {
    status: Option<u16>,
    outcome: Outcome,
    reason: Option<String>,
    message: String,
}

/// The totals after the last reply.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TallyFacts<'t> {
    source: &'static str,
    booked: u64,
    repeats: u64,
    refused: u64,
    ignored: u64,
    /// Success statuses of a receiver that names no outcome.
    accepted: u64,
    no_reply: u64,
    seconds: String,
    latency_ms: Latency,
    replies: Vec<Replies<'t>>,
    /// Each event, if there are up to twenty.
    events: &'t [Delivery],
    #[serde(skip)]
    shows_each: bool,
}

#[derive(Serialize)]
struct Latency {
    p50: String,
    p90: String,
    p99: String,
    max: String,
}

#[derive(Serialize)]
struct Replies<'t> {
    count: u64,
    #[serde(flatten)]
    kind: &'t Kind,
}

impl Tally {
    pub(crate) fn new(source: &'static str, shows_each: bool) -> Self {
        let (events, replies, took) = (Vec::new(), BTreeMap::new(), Vec::new());
        Self { source, shows_each, events, replies, exit: Exit::Done, took }
    }

    pub(crate) fn add(&mut self, sent: Delivery) {
        let Delivery { status, outcome, reason, exit, took, .. } = &sent;
        let kind = Kind { status: *status, outcome: *outcome, reason: reason.clone(), message: sent.message() };
        let count = self.replies.entry(kind).or_default();
        *count = count.saturating_add(1);
        self.exit = self.exit.or_worse(*exit);
        self.took.extend(*took);
        if self.shows_each {
            self.events.push(sent);
        }
    }

    pub(crate) const fn exit(&self) -> Exit {
        self.exit
    }

    pub(crate) fn first_problem(&self) -> Option<&str> {
        let mut silent = self.replies.keys().filter(|kind| kind.outcome == Outcome::NoReply);
        silent.next()?.reason.as_deref()
    }

    pub(crate) fn ended(&mut self, took: Duration) -> TallyFacts<'_> {
        self.took.sort_unstable();
        let [p50, p90, p99, max] = [50, 90, 99, 100].map(|percent| milliseconds(self.percentile(percent)));
        TallyFacts {
            source: self.source,
            booked: self.count(Outcome::Booked),
            repeats: self.count(Outcome::Repeat),
            refused: self.count(Outcome::Refused),
            ignored: self.count(Outcome::Ignored),
            accepted: self.count(Outcome::Accepted),
            no_reply: self.count(Outcome::NoReply),
            seconds: seconds(took),
            latency_ms: Latency { p50, p90, p99, max },
            replies: self.replies.iter().map(|(kind, count)| Replies { count: *count, kind }).collect(),
            events: &self.events,
            shows_each: self.shows_each,
        }
    }

    fn count(&self, outcome: Outcome) -> u64 {
        self.replies.iter().filter(|(kind, _)| kind.outcome == outcome).map(|(_, count)| count).sum()
    }

    /// The nearest-rank percentile of the latencies, which must be sorted.
    fn percentile(&self, percent: usize) -> Duration {
        let rank = self.took.len().saturating_mul(percent).div_ceil(100);
        self.took.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }
}

impl TallyFacts<'_> {
    /// Whether some replies have a success status and no outcome.
    pub(crate) const fn has_accepted(&self) -> bool {
        self.accepted > 0
    }
}

impl Facts for TallyFacts<'_> {
    /// Prints nothing for few events, since each was printed with its reply.
    fn print(&self) {
        if self.shows_each {
            return;
        }
        let row = |replies: &Replies<'_>| {
            let Replies { count, kind } = replies;
            let status = kind.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
            [format!("{count:>7}"), status, kind.outcome.as_str().to_owned(), kind.message.clone()]
        };
        print::columns(&self.replies.iter().map(row).collect::<Vec<_>>());
        let Self { booked, repeats, refused, ignored, accepted, no_reply, seconds, .. } = self;
        let replied: u64 = [booked, repeats, refused, ignored, accepted].into_iter().sum();
        let if_any = |name: &str, count: u64| if count > 0 { format!("{name} {count}, ") } else { String::new() };
        let rare = [if_any("accepted", *accepted), if_any("ignored", *ignored)].concat();
        print::line(format_args!(
            "booked {booked}, repeats {repeats}, {rare}refused {refused}, no reply {no_reply}; {replied} in {seconds} s"
        ));
        let Latency { p50, p90, p99, max } = &self.latency_ms;
        print::line(format_args!("latency ms: p50 {p50}, p90 {p90}, p99 {p99}, max {max}"));
    }
}

fn seconds(time: Duration) -> String {
    let tenths = time.as_millis().div_euclid(100);
    format!("{}.{}", tenths.div_euclid(10), tenths.rem_euclid(10))
}
