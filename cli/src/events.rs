//! `events`: the newest payments, refused events, orders and changes by people, and those to come; with `--log` all
//! deliveries.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use insight::{ListFilter, LogQuery, LoggedEvent, LoggedWhich, Newest, newest};
use ledger::{ListedRow, Writer};
use local::{context, now};
use serde::Serialize;

use crate::account::PATIENCE;
use crate::books::{Books, BooksArgs};
use crate::error::Error;
use crate::logged::logged;
use crate::parse;
use crate::print::{self, Facts, Form};

/// Between two looks of `--follow`, and how far back each of them goes: an index may lag by some seconds.
const LOOK_EVERY: Duration = Duration::from_secs(2);
const OVERLAP_SECONDS: i64 = 120;

#[derive(Debug, Args)]
pub(crate) struct Events {
    #[command(flatten)]
    which: BooksArgs,
    /// Only refused events
    #[arg(long)]
    failed: bool,
    /// Only events of this source or writer: stripe, usage, orders, checkout, manual, credits
    #[arg(long, value_name = "SOURCE", value_parser = writer)]
    source: Option<String>,
    /// Since when: 1h, 7d, or a date or time as 2026-01-01T00:00:00Z
    #[arg(long, value_name = "24h|TIME", default_value = "24h")]
    since: String,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = parse::number(1..=1_000_u16))]
    limit: u16,
    /// All deliveries in place of those, booked usage too: from the log lines, and without orders and changes by people
    #[arg(long, conflicts_with = "follow")]
    log: bool,
    /// Go on with those to come, until it is stopped
    #[arg(long)]
    follow: bool,
}

pub(crate) async fn run(
    args: &Events,
    dir: &Path,
    form: Form,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), Error> {
    let books = args.which.open_to_read(dir).await?;
    let began = now();
    if args.log {
        let query = LogQuery {
            since: parse::since(&args.since, began)?,
            source: args.source.clone(),
            which: if args.failed { LoggedWhich::Failed } else { LoggedWhich::All },
            lines_max: usize::from(args.limit).saturating_add(1),
        };
        let mut found = logged(&books, dir, variable, &query, form).await?;
        let more = found.len() > usize::from(args.limit);
        found.truncate(args.limit.into());
        form.show(&EventsFacts { events: found.iter().map(EventFacts::logged).collect(), more });
        return Ok(());
    }
    let filter = ListFilter {
        since: parse::since(&args.since, began)?,
        is_failed: args.failed.then_some(true),
        writer: args.source.clone(),
        kind: None,
        after: None,
        rows_max: args.limit.into(),
    };
    let found = newest(&books.ledger, &filter, &context(PATIENCE)).await?;
    let mut shown: BTreeSet<String> = found.rows.iter().map(seen).collect();
    form.show(&EventsFacts::of(found));
    if args.follow {
        follow(&books, &filter, &mut shown, form).await?;
    }
    Ok(())
}

fn writer(text: &str) -> Result<String, String> {
    if Writer::all().any(|writer| writer.as_str() == text) {
        return Ok(text.to_owned());
    }
    let names: Vec<&str> = Writer::all().map(Writer::as_str).collect();
    Err(format!("give one of {}", names.join(", ")))
}

/// Shows what comes, until the process is stopped.
async fn follow(books: &Books, filter: &ListFilter, shown: &mut BTreeSet<String>, form: Form) -> Result<(), Error> {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let at = now();
        let filter = ListFilter {
            since: at.plus_seconds(OVERLAP_SECONDS.saturating_neg()).max(filter.since),
            rows_max: 1_000,
            ..filter.clone()
        };
        let found = newest(&books.ledger, &filter, &context(PATIENCE)).await?;
        for row in found.rows.iter().rev().filter(|row| shown.insert(seen(row))) {
            form.show(&EventFacts::of(row));
        }
        if !print::is_read() {
            return Ok(());
        }
    }
}

/// A row is shown again once it has another result.
fn seen(row: &ListedRow) -> String {
    format!("{}{}", row.key, if row.is_failed { "" } else { "+" })
}

/// Events, the newest first.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EventsFacts {
    events: Vec<EventFacts>,
    more: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EventFacts {
    event: String,
    received_at: String,
    source: String,
    /// A log line has none.
    kind: Option<String>,
    /// `processed`, or why it was refused.
    status: String,
    order: Option<String>,
}

impl EventsFacts {
    fn of(Newest { rows, has_more }: Newest) -> Self {
        Self { events: rows.iter().map(EventFacts::of).collect(), more: has_more }
    }
}

impl EventFacts {
    fn of(row: &ListedRow) -> Self {
        Self {
            event: row.key.clone(),
            received_at: row.at.clone(),
            source: row.writer.clone(),
            kind: Some(row.kind.clone()),
            status: row.reason.clone().unwrap_or_else(|| "processed".to_owned()),
            order: row.order.clone(),
        }
    }

    fn logged(event: &LoggedEvent) -> Self {
        Self {
            event: event.event.clone().unwrap_or_default(),
            received_at: event.at.to_string(),
            source: event.source.clone(),
            kind: None,
            status: event.reason.clone().unwrap_or_else(|| event.outcome.clone()),
            order: None,
        }
    }

    fn cells(&self) -> [String; 5] {
        let order = self.order.as_ref().map(|order| format!("order {order}")).unwrap_or_default();
        let kind = self.kind.clone().unwrap_or_else(|| self.source.clone());
        [self.received_at.clone(), kind, self.status.clone(), self.event.clone(), order]
    }
}

impl Facts for EventsFacts {
    fn print(&self) {
        if self.events.is_empty() {
            print::line("no such events");
        }
        print::columns(&self.events.iter().map(EventFacts::cells).collect::<Vec<_>>());
        if self.more {
            print::line("there are more: name a later --since, or a larger --limit");
        }
    }
}

impl Facts for EventFacts {
    fn print(&self) {
        print::line(self.cells().join("  ").trim_end());
    }
}
