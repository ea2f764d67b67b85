//! `event show`: what the journal has of an event, and on request its body, which leaves a row with who and why.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use insight::{EventRow, EventState, Events as _, Found, Typed, Why, find};
use ledger::KeptBody;
use local::context;
use serde::Serialize;

use crate::authorship::{Authorship, ChangeArgs, author, reason};
use crate::books::{Books, BooksArgs};
use crate::error::Error;
use crate::error::replay::ReplayRefused;
use crate::note::note;
use crate::print::{self, Facts, Form};

const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub(crate) struct ShowEvent {
    /// An event: its id or its journal id
    #[arg(value_name = "ID")]
    event: String,
    /// Print the delivery too. The journal keeps who did so, and why
    #[arg(long, requires = "reason")]
    body: bool,
    /// Why; the journal keeps it
    #[arg(long, requires = "body", value_parser = reason)]
    reason: Option<String>,
    /// Who; the journal keeps it [default: $USER]
    #[arg(long, requires = "body", value_parser = author)]
    author: Option<String>,
    /// An id for the row that keeps it [default: a new one, which is printed first]
    #[arg(long, value_name = "ID", requires = "body")]
    id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownEvent {
    event: String,
    source: String,
    kind: String,
    /// `processed`, or why it was refused.
    status: String,
    received_at: Option<String>,
    processed_at: Option<String>,
    next_retry: Option<String>,
    attempts: u64,
    order: Option<String>,
    account: Option<String>,
    facts: serde_json::Map<String, serde_json::Value>,
    /// Whether its delivery is still kept.
    kept: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<Delivery>,
}

/// As it was sent. Only `--body` prints it.
#[derive(Serialize)]
struct Delivery {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: String,
}

pub(super) async fn run(
    args: ShowEvent,
    which: &BooksArgs,
    dir: &Path,
    form: Form,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), Error> {
    let by = match args.reason {
        Some(reason) if args.body => Some(ChangeArgs::of(reason, args.author, args.id).authorship(variable)?),
        _ => None,
    };
    let books = which.open(dir).await?;
    let row = named(&books, &args.event).await?;
    let kept = books.ledger.delivery(&row, &context(PATIENCE)).await?;
    let mut shown = ShownEvent::of(&row, kept.is_some());
    if let Some(by) = by {
        shown.delivery = Some(delivery(&books, &row, kept, &by).await?);
    }
    form.show(&shown);
    Ok(())
}

/// First the row that says who reads it, then the delivery.
async fn delivery(books: &Books, row: &EventRow, kept: Option<KeptBody>, by: &Authorship) -> Result<Delivery, Error> {
    let kept = kept.ok_or_else(|| ReplayRefused::NoDelivery(row.key.to_string()))?;
    note(books, by, "show_body", vec![("event", row.key.to_string())]).await?;
    let KeptBody { method, path, query, headers, bytes, bytes_at: _ } = kept;
    Ok(Delivery { method, path, query, headers, body: String::from_utf8_lossy(&bytes).into_owned() })
}

async fn named(books: &Books, text: &str) -> Result<EventRow, Error> {
    let typed = Typed { text, code: None, merchants: &[] };
    let mut rows: Vec<EventRow> = Vec::new();
    for found in find(&books.ledger, &typed, &context(PATIENCE)).await? {
        match found {
            Found::Event(row) => rows.push(*row),
            Found::Order(found) => rows.extend(found.rows),
            Found::Hold(_)
            | Found::Key(_)
            | Found::Code(_)
            | Found::Owner(_)
            | Found::Lane(..)
            | Found::Unreadable(_) => {}
        }
    }
    // The journal id names one row, whatever else its text leads to.
    if let Some(place) = rows.iter().position(|row| row.key.as_str() == text) {
        return Ok(rows.swap_remove(place));
    }
    // Of a payment and what reported it, the report has the delivery.
    if rows.len() > 1 {
        rows.retain(EventRow::is_of_sender);
        rows.retain(|row| row.fact("event").is_none());
    }
    if rows.len() > 1 {
        let keys: Vec<String> = rows.iter().map(|row| row.key.to_string()).collect();
        return Err(ReplayRefused::Several(keys.join(", ")).into());
    }
    rows.pop().ok_or_else(|| Error::NoEvent(text.to_owned()))
}

impl ShownEvent {
    fn of(row: &EventRow, kept: bool) -> Self {
        let (status, next_retry) = match &row.state {
            EventState::Booked { .. } => ("processed".to_owned(), None),
            EventState::Refused { why, retry } => {
                (Why::as_str(why).to_owned(), retry.as_ref().map(|retry| retry.at.to_string()))
            }
        };
        Self {
            event: row.key.to_string(),
            source: row.source.clone(),
            kind: row.kind.clone(),
            status,
            received_at: row.received_at.map(|at| at.to_string()),
            processed_at: row.booked_at().map(|at| at.to_string()),
            next_retry,
            attempts: row.attempts,
            order: row.order.as_ref().map(ToString::to_string),
            account: row.posting.as_ref().map(|posting| posting.account.clone()),
            facts: row.facts.iter().map(|(name, fact)| (name.clone(), fact.as_str().into())).collect(),
            kept,
            delivery: None,
        }
    }
}

impl Facts for ShownEvent {
    fn print(&self) {
        print::line(&self.event);
        let own = [
            ("source", Some(self.source.clone())),
            ("kind", Some(self.kind.clone())),
            ("status", Some(self.status.clone())),
            ("received", self.received_at.clone()),
            ("processed", self.processed_at.clone()),
            ("next retry", self.next_retry.clone()),
            ("attempts", Some(self.attempts.to_string())),
            ("order", self.order.clone()),
            ("account", self.account.clone()),
        ];
        let own = own.into_iter().filter_map(|(name, value)| Some([format!("  {name}"), value?]));
        let facts = self
            .facts
            .iter()
            .map(|(name, fact)| [format!("  fact {name}"), fact.as_str().unwrap_or_default().to_owned()]);
        let body = if self.kept { "kept; --body --reason R prints it" } else { "not kept" };
        let body = (self.delivery.is_none()).then(|| ["  body".to_owned(), body.to_owned()]);
        print::columns(&own.chain(facts).chain(body).collect::<Vec<_>>());
        if let Some(delivery) = &self.delivery {
            let query = if delivery.query.is_empty() { String::new() } else { format!("?{}", delivery.query) };
            print::line("");
            print::line(format_args!("{} {}{query}", delivery.method, delivery.path));
            for (name, value) in &delivery.headers {
                print::line(format_args!("{name}: {value}"));
            }
            print::line("");
            print::line(&delivery.body);
        }
    }
}
