//! Books a page of a gateway's log: its rows that are not in the journal, key by key.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::time::Duration;

use edge::{Invocation, Request};
use futures_util::{StreamExt as _, stream};
use ledger::{Asset, Backlog, CallerKey, CommitError, EventKey, Fingerprint};
use providers::{LogKind, LogPage, LoggedUse};
use usage::{EventType, Usage};
use webhook::{Outcome, Replayed, Webhook as _};

use super::PullReport;
use crate::missing_credentials::GATEWAY;
use crate::pass_over::report_passed_over;
use crate::{Reconcile, SOURCE};

/// The time limit of a row, a sender's reply deadline.
const ONE_WITHIN: Duration = Duration::from_secs(5);
/// Keys whose uses are booked at a time. Those of one key follow each other: they meet in one account, where they would
/// only repeat each other's writes, and of two uses under one id the earlier one counts.
const KEYS_AT_ONCE: usize = 8;

/// What became of a page.
pub(super) enum Paged {
    /// Each row is in the journal, but for those of these seconds.
    Booked { stuck: BTreeSet<i64> },
    /// The run has no more time, or the store does not answer: the page is read again.
    Interrupted,
}

/// What became of the uses of one key.
struct OfKey<'p> {
    booked: Vec<(&'p LoggedUse, Replayed)>,
    /// Whether none of them is to be read again.
    is_all: bool,
}

impl<L: Backlog> Reconcile<L> {
    pub(super) async fn book_log_page(
        &self,
        page: &LogPage,
        run: &Invocation,
        report: &mut PullReport,
    ) -> Result<Paged, CommitError> {
        for _ in 0..page.unreadable {
            report.pass_over(GATEWAY, run);
        }
        let known = self.known(page, run).await?;
        report.read = report.read.saturating_add(u32::try_from(page.uses.len()).unwrap_or(u32::MAX));
        let mut stuck = BTreeSet::new();
        let of_keys = by_key(unknown(page, &known, run, report));
        let of_keys: Vec<_> = of_keys.map(|uses| self.book_in_order(uses, run)).collect();
        let mut booked = pin!(stream::iter(of_keys).buffer_unordered(KEYS_AT_ONCE));
        while let Some(OfKey { booked, is_all }) = booked.next().await {
            for (of, Replayed { outcome, is_stuck }) in booked {
                if is_stuck {
                    report.pass_over(&of.event_id, run);
                    stuck.insert(of.at.unix_s());
                } else {
                    report.count(&outcome);
                }
            }
            if !is_all {
                return Ok(Paged::Interrupted);
            }
        }
        Ok(Paged::Booked { stuck })
    }

    /// Books the uses of one key, until the time ends or one of them is to be read again.
    async fn book_in_order<'p>(&self, uses: Vec<&'p LoggedUse>, run: &Invocation) -> OfKey<'p> {
        let mut booked = Vec::new();
        for of in uses {
            if run.is_short_of(ONE_WITHIN) {
                return OfKey { booked, is_all: false };
            }
            let replayed = self.book_use(of, run).await;
            let is_ended = replayed.is_stuck || is_journaled(&replayed.outcome);
            booked.push((of, replayed));
            if !is_ended {
                return OfKey { booked, is_all: false };
            }
        }
        OfKey { booked, is_all: true }
    }

    /// A known row costs a read and no write.
    async fn known(&self, page: &LogPage, run: &Invocation) -> Result<BTreeMap<EventKey, String>, CommitError> {
        let receipts: BTreeSet<EventKey> = page.uses.iter().filter_map(receipt).collect();
        if receipts.is_empty() {
            return Ok(BTreeMap::new());
        }
        self.ledger.already_journaled(&receipts, &run.part(ONE_WITHIN).context()).await
    }

    async fn book_use(&self, of: &LoggedUse, run: &Invocation) -> Replayed {
        let invocation = run.part(ONE_WITHIN);
        let Some(keys) = self.keys.usage.as_ref().map(edge::Keyring::current) else {
            return Replayed { outcome: Outcome::Unavailable, is_stuck: false };
        };
        let body = of.body().into_bytes();
        let headers = keys.keys().sign(&of.event_id, &body, invocation.now);
        let [method, path, query] = ["POST", usage::EVENTS, ""].map(str::to_owned);
        let request = Request::new(method, path, query, headers, body);
        let booked = webhook::reported(&self.usage, &self.ledger, keys.keys(), &request, &invocation).await;
        webhook::log(SOURCE, &booked.outcome, receipt(of).as_ref().map(EventKey::as_str), &invocation);
        booked
    }
}

/// The rows to book, from the oldest on, as they were charged. A row is known if the journal has it with its cost. Some
/// gateways take the id of a request from its caller: the same id with another cost is a conflict, and no use is hidden
/// behind an earlier one.
fn unknown<'p>(
    page: &'p LogPage,
    known: &BTreeMap<EventKey, String>,
    run: &Invocation,
    report: &mut PullReport,
) -> Vec<&'p LoggedUse> {
    let mut unknown = Vec::new();
    for of in page.uses.iter().rev() {
        match receipt(of) {
            Some(receipt) if is_same(of, known.get(&receipt)) => report.known = report.known.saturating_add(1),
            Some(_) => unknown.push(of),
            None => report.pass_over(&of.event_id, run),
        }
    }
    unknown
}

fn by_key(uses: Vec<&LoggedUse>) -> impl Iterator<Item = Vec<&LoggedUse>> {
    let mut of_keys: BTreeMap<&str, Vec<&LoggedUse>> = BTreeMap::new();
    for of in uses {
        of_keys.entry(&of.key).or_default().push(of);
    }
    of_keys.into_values()
}

fn receipt(of: &LoggedUse) -> Option<EventKey> {
    EventKey::new(Usage::SOURCE, &of.event_id).ok()
}

/// Whether this is the fingerprint under which the journal has the use.
fn is_same(of: &LoggedUse, stored: Option<&String>) -> bool {
    stored.is_some_and(|stored| fingerprint(of).is_some_and(|own| own.as_str() == stored))
}

/// `None` for what an event cannot be.
fn fingerprint(of: &LoggedUse) -> Option<Fingerprint> {
    let event_type = match of.kind {
        LogKind::Charge => EventType::Usage,
        LogKind::Refund => EventType::Refund,
    };
    let (key, cost) = (CallerKey::remote(&of.key).ok()?, Asset::CREDITS.parse_metered(&of.cost).ok()?);
    Some(usage::fingerprint_of(event_type, &of.event_id, &key, cost))
}

impl PullReport {
    /// What cannot be booked until a person corrects something.
    fn pass_over(&mut self, what: &str, run: &Invocation) {
        report_passed_over(what, run);
        self.passed_over = self.passed_over.saturating_add(1);
    }

    /// Counts what became of a row, which is in the journal unless it has failed.
    fn count(&mut self, outcome: &Outcome) {
        let count = if *outcome == Outcome::Booked {
            &mut self.booked
        } else if *outcome == Outcome::Repeat {
            &mut self.known
        } else if is_journaled(outcome) {
            &mut self.refused
        } else {
            &mut self.failed
        };
        *count = count.saturating_add(1);
    }
}

/// Whether a row of the journal has the use. If none has, it is read again.
fn is_journaled(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Booked | Outcome::Repeat | Outcome::Refused(_) | Outcome::Unparsed(_) | Outcome::Conflict => true,
        Outcome::Ignored(_)
        | Outcome::Unavailable
        | Outcome::Panicked
        | Outcome::NotFound
        | Outcome::MethodNotAllowed { .. }
        | Outcome::Forbidden
        | Outcome::TooLarge
        | Outcome::Malformed
        | Outcome::Unverified(_)
        | Outcome::Unverifiable
        | Outcome::Paused => false,
    }
}
