//! The journal by day: which rows are listed, and the port that reads them page by page.
//!
//! A booked usage event is not listed, since that would cost a unit more for each: it is found by its id, or in the
//! statement of its account.

use crate::{CallContext, CommitError, DueOrder, Effect, Entry, LinePosition, Reason, Source, Timestamp, Work, Writer};

const DAY_SECONDS: i64 = 86_400;

/// One part of the rows that first arrived on a day. One partition takes a thousand writes a second, and refused usage
/// may come in bursts: it has parts of its own, so that a list of orders or payments never reads past it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DayShard {
    /// The beginning of the day, UTC.
    day: Timestamp,
    shard: u8,
}

impl DayShard {
    pub const COUNT: u8 = 8;
    /// The first of those of usage, which are as many as the others.
    const OF_USAGE: u8 = 4;

    /// Where the row of an event is listed.
    pub fn of(key: &str, first_received_at: Timestamp) -> Self {
        let sum = key.bytes().fold(0_u8, u8::wrapping_add).rem_euclid(Self::OF_USAGE);
        let shard = if is_of_usage(key) { sum.saturating_add(Self::OF_USAGE) } else { sum };
        Self { day: day_of(first_received_at), shard }
    }

    /// All parts of the day at this time.
    pub fn of_day(at: Timestamp) -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(move |shard| Self { day: day_of(at), shard })
    }

    /// Whether the events of sources of usage are here, and no others.
    pub const fn is_of_usage(self) -> bool {
        self.shard >= Self::OF_USAGE
    }

    /// `2026-01-31#3`, the key of the index.
    pub fn word(self) -> String {
        let day = self.day.to_string();
        format!("{}#{}", day.get(.."2026-01-31".len()).unwrap_or_default(), self.shard)
    }
}

/// Whether it is the key of an event of such a source, or of a body of it that could not be parsed.
fn is_of_usage(key: &str) -> bool {
    let of_event = key.strip_prefix("unparsed#").unwrap_or(key);
    let source = of_event.split_once('#').and_then(|(source, _)| Source::named(source));
    source.is_some_and(Source::reports_usage)
}

fn day_of(at: Timestamp) -> Timestamp {
    Timestamp::from_unix(at.unix_s().div_euclid(DAY_SECONDS).saturating_mul(DAY_SECONDS)).unwrap_or(Timestamp::EPOCH)
}

/// Whether the index by day has a booked entry. It has every refused one, and of fulfilment the steps that move an amount.
pub fn is_listed(entry: &Entry) -> bool {
    match entry.header.writer {
        // A second report of a payment keeps no body, as it changes nothing.
        Writer::Source(source) => !source.reports_usage() && entry.keeps_body,
        Writer::Orders
        | Writer::Checkout
        | Writer::Reconcile
        | Writer::Redeem
        | Writer::Credits
        | Writer::Console
        | Writer::Manual
        | Writer::Repair
        | Writer::Expiry => true,
        Writer::Fulfil => entry.effects.iter().any(|effect| matches!(effect, Effect::Move(_))),
        // A use that a hold charges is like any other: booked usage is not in the index.
        Writer::Hold => false,
    }
}

/// Which rows of a part, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListingQuery {
    pub shard: DayShard,
    /// Of this time and later ones.
    pub from: Timestamp,
    /// Only rows with this status, of this writer, of this kind. They are picked from the page that is read, which then has fewer rows,
    /// or none.
    pub is_failed: Option<bool>,
    pub writer: Option<String>,
    pub kind: Option<String>,
    /// Older rows than the one at this place, which the page before ended with.
    pub after: Option<LinePosition>,
    pub rows_max: u16,
}

/// Which flagged orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlaggedQuery {
    pub reason: Reason,
    /// Since this time or a later one.
    pub from: Timestamp,
    /// Since this time or an earlier one.
    pub until: Option<Timestamp>,
    pub orders_max: u16,
}

/// A row as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRow {
    pub key: String,
    /// The stored text of the time at which the event first arrived.
    pub at: String,
    pub writer: String,
    pub kind: String,
    pub is_failed: bool,
    /// Of a refused one.
    pub reason: Option<String>,
    pub order: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListedPage {
    pub rows: Vec<ListedRow>,
    /// Where the next page goes on; `None` at the end.
    pub next: Option<LinePosition>,
}

/// The port to what a person lists, beside the ledger's: the journal by day, and orders that wait. Each method reads an
/// index that may lag by some seconds, in one round trip.
pub trait Listing: Send + Sync {
    /// A page of a part.
    fn listed(
        &self,
        query: &ListingQuery,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<ListedPage, CommitError>> + Send;

    /// The orders for which this work is outstanding, due now or later, the earliest due first.
    fn orders_with_work(
        &self,
        work: Work,
        orders_max: u16,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Vec<DueOrder>, CommitError>> + Send;

    /// Each with the time since which it is flagged, the newest first.
    fn flagged_orders(
        &self,
        query: &FlaggedQuery,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Vec<LinePosition>, CommitError>> + Send;
}
