//! `replay`: has refused events tried again now, by the sweep that would try them later.
//!
//! The command holds no secret that verifies a delivery, so it makes the events due; `reconcile` verifies and books them
//! within a minute, as it does every other one. A delivery of the sender at the same moment books each event once.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use insight::{EventRow, Events as _, NotReplayable, Replayable, Typed, Why, apart, replayable};
use ledger::{Backlog as _, CallContext, DueRow, EventKey, Lanes as _, Order, Source, Timestamp};
use local::{context, now};
use serde::Serialize;

use crate::authorship::{Authorship, ChangeArgs};
use crate::books::{Books, BooksArgs};
use crate::change_result::ChangeResult;
use crate::error::Error;
use crate::error::replay::ReplayRefused;
use crate::exit::Exit;
use crate::note::note;
use crate::parse;
use crate::print::{self, Facts, Form};
use crate::progress::Progress;
use crate::prompt;

const PATIENCE: Duration = Duration::from_secs(20);
/// One run of the sweep tries a hundred of each source.
const EVENTS_MAX: u16 = 1_000;
/// Lanes are few, and each has one due time for all of its events.
const LANES_MAX: u16 = 100;
/// Longer than any lane waits.
const AHEAD_SECONDS: i64 = 400 * 24 * 60 * 60;
const LISTED_MAX: usize = 20;

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// An event, as `explain` takes it: its id, its journal id, its payment or its order
    #[arg(value_name = "ID", required_unless_present = "failed")]
    event: Option<String>,
    /// All refused events of a source that wait
    #[arg(long, requires = "source", conflicts_with = "event")]
    failed: bool,
    /// The source: usage, stripe, wechat, epay or fireblocks
    #[arg(long, requires = "failed", value_parser = source)]
    source: Option<Source>,
    /// Only events that were first received since: 1h, 7d, or a date or time as 2026-01-01T00:00:00Z
    #[arg(long, value_name = "24h|TIME", requires = "failed")]
    since: Option<String>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    which: BooksArgs,
    #[command(flatten)]
    by: ChangeArgs,
}

/// What a command has made due.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReplayFacts {
    #[serde(flatten)]
    changed: ChangeResult,
    /// The events that are due now.
    due: Vec<String>,
    /// Those that a retry or a delivery has changed since they were read.
    overtaken: Vec<String>,
    /// Those that cannot be tried again.
    skipped: Vec<Skipped>,
    /// Whether more wait than one command takes.
    more: bool,
}

#[derive(Serialize)]
struct Skipped {
    event: String,
    why: String,
}

impl Skipped {
    fn of(why: NotReplayable) -> Self {
        let event = why.event().unwrap_or_default().to_owned();
        Self { event, why: ReplayRefused::from(why).to_string() }
    }
}

/// What a command found.
#[derive(Default)]
struct Chosen {
    rows: Vec<EventRow>,
    skipped: Vec<NotReplayable>,
    /// Whether more wait than one command takes.
    more: bool,
}

pub(crate) async fn run(
    args: Replay,
    dir: &Path,
    form: Form,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Exit, Error> {
    let by = args.by.authorship(variable)?;
    let since = args.since.as_deref().map(|since| parse::since(since, now())).transpose()?;
    let books = args.which.open(dir).await?;
    let Chosen { rows, mut skipped, more } = match (&args.event, args.source) {
        (Some(text), _) => {
            let typed = Typed { text, code: None, merchants: &[] };
            match replayable(&books.ledger, &typed, &context(PATIENCE)).await?.map_err(ReplayRefused::from)? {
                Replayable::Query(order) => {
                    return query(&books, &order, &by, args.yes, form).await.map(|()| Exit::Done);
                }
                Replayable::Events(rows, skipped) => Chosen { rows, skipped, more: false },
            }
        }
        (None, Some(source)) => failed(&books, source, since).await?,
        (None, None) => Chosen::default(),
    };
    list(&rows, more);
    if rows.is_empty() {
        let last = skipped.pop().map_or(ReplayRefused::Nothing, ReplayRefused::from);
        for why in skipped {
            print::error(ReplayRefused::from(why));
        }
        return Err(last.into());
    }
    let skipped: Vec<Skipped> = skipped.into_iter().map(Skipped::of).collect();
    for Skipped { why, .. } in &skipped {
        print::error(format_args!("left out: {why}"));
    }
    if !args.yes && !prompt::is_confirmed(&format!("{} events are tried again now.", rows.len())) {
        return Err(ReplayRefused::NotConfirmed.into());
    }
    let what = args.event.as_ref().map_or_else(
        || vec![("source", args.source.map_or("", Source::as_str).to_owned()), ("events", rows.len().to_string())],
        |_| vec![("event", rows.first().map(|row| row.key.to_string()).unwrap_or_default())],
    );
    // First who and why, then the events: the same command again makes due what is not.
    let changed = note(&books, &by, "replay", what).await?;
    let (mut due, mut overtaken) = (Vec::new(), Vec::new());
    let progress = Progress::of(rows.len(), form);
    for row in &rows {
        progress.add(1);
        let list = if books.ledger.retry_now(row, &context(PATIENCE)).await? { &mut due } else { &mut overtaken };
        list.push(row.key.to_string());
    }
    drop(progress);
    let is_whole = skipped.is_empty();
    form.show(&ReplayFacts { changed, due, overtaken, skipped, more });
    Ok(if is_whole { Exit::Done } else { Exit::Refused })
}

/// Has the sweep of unpaid orders query the provider now, and book what it reports.
async fn query(books: &Books, order: &Order, by: &Authorship, is_confirmed: bool, form: Form) -> Result<(), Error> {
    let provider = order.terms.provider.as_str();
    let question = format!("{provider} is queried about {} now, and what it reports is booked.", order.number);
    if !is_confirmed && !prompt::is_confirmed(&question) {
        return Err(ReplayRefused::NotConfirmed.into());
    }
    let changed = note(books, by, "replay", vec![("order", order.number.to_string())]).await?;
    let context = context(PATIENCE);
    books.ledger.reschedule_order(order, Some(context.received_at), &context).await?;
    let due = vec![order.number.to_string()];
    form.show(&ReplayFacts { changed, due, overtaken: Vec::new(), skipped: Vec::new(), more: false });
    Ok(())
}

/// All that wait, those in lanes too.
async fn failed(books: &Books, source: Source, since: Option<Timestamp>) -> Result<Chosen, Error> {
    let context = context(PATIENCE);
    let mut keys: BTreeSet<EventKey> = books.ledger.waiting(source, EVENTS_MAX, &context).await?.into_iter().collect();
    let later = CallContext { received_at: context.received_at.plus_seconds(AHEAD_SECONDS), ..context.clone() };
    for lane in books.ledger.due_lanes(source, LANES_MAX, &later).await? {
        keys.extend(in_lane(books, source, &lane, &later).await?);
    }
    let more = keys.len() >= usize::from(EVENTS_MAX);
    let mut rows = stored(books, &keys).await?;
    rows.retain(|row| !row.is_booked() && since.is_none_or(|since| row.received_at >= Some(since)));
    rows.sort_by_key(|row| row.received_at);
    rows.truncate(EVENTS_MAX.into());
    let (rows, skipped) = apart(&books.ledger, rows, &context).await?;
    Ok(Chosen { rows, skipped, more })
}

async fn in_lane(
    books: &Books,
    source: Source,
    row: &DueRow,
    context: &CallContext<'_>,
) -> Result<Vec<EventKey>, Error> {
    let Some(state) = books.ledger.lane(row, context).await? else { return Ok(Vec::new()) };
    let waiting = books.ledger.refused_in_lane(source, &state.lane, EVENTS_MAX.into(), context).await?;
    Ok(waiting.iter().map(ledger::Owed::receipt).collect())
}

async fn stored(books: &Books, keys: &BTreeSet<EventKey>) -> Result<Vec<EventRow>, Error> {
    let rows = books.ledger.events(keys, &context(PATIENCE)).await?;
    Ok(rows.into_values().filter_map(Result::ok).collect())
}

fn list(rows: &[EventRow], more: bool) {
    for row in rows.iter().take(LISTED_MAX) {
        let at = row.received_at.map(|at| at.to_string()).unwrap_or_default();
        let why = row.refused_for().map_or("", Why::as_str);
        print::error(format_args!("{at}  {}  {why}", row.key));
    }
    let unlisted = rows.len().saturating_sub(LISTED_MAX);
    if unlisted > 0 {
        print::error(format_args!("and {unlisted} more"));
    }
    if more {
        print::error("more wait than one command takes: run it again afterwards");
    }
}

fn source(word: &str) -> Result<Source, String> {
    Source::named(word).ok_or_else(|| {
        let names: Vec<&str> = Source::ALL.into_iter().map(Source::as_str).collect();
        format!("give one of {}", names.join(", "))
    })
}

impl Facts for ReplayFacts {
    fn print(&self) {
        self.changed.print();
        print::line(format_args!("due now: {}; `reconcile` tries them within a minute", self.due.len()));
        if !self.overtaken.is_empty() {
            print::line(format_args!("changed meanwhile: {}", self.overtaken.join(", ")));
        }
        if !self.skipped.is_empty() {
            let events: Vec<&str> = self.skipped.iter().map(|skipped| skipped.event.as_str()).collect();
            print::line(format_args!("left out: {}", events.join(", ")));
        }
    }
}
