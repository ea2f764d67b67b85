//! Backfill of events that Stripe could not deliver, for as long as Stripe lists them. Each is booked like its
//! delivery, under the same event key, so that a late delivery is a repeat.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use edge::Invocation;
use ledger::{Backlog, CommitError, EventKey, Sweep};
use providers::{CallError, EventPage, ListedEvent};
use serde::Serialize;
use webhook::{Outcome, Replayed, Webhook as _};

use crate::missing_credentials::KeyAlarms;
use crate::pass_over::report_passed_over;
use crate::{Reconcile, SOURCE, StripeApi};

const SWEEP: Sweep = Sweep::StripeBackfill;
/// Stripe lists the events of 30 days. It gives up a delivery after three, so that an outage of ours that lasts longer
/// leaves events which only this list has.
const WINDOW_SECONDS: i64 = 30 * 24 * 60 * 60;
/// Page sizes, from Stripe's maximum. If one event makes a page unreadable, smaller pages find the others.
const EVENTS_MAX: [u8; 3] = [100, 10, 1];
/// Pages in a run. A page of known events takes a second; the next run continues with the rest.
const PAGES_MAX: u32 = 10;
/// The time limit of a page, so that a hanging provider does not use up the run.
const PAGE_WITHIN: Duration = Duration::from_secs(8);
/// The time limit of an event, a sender's reply deadline.
const ONE_WITHIN: Duration = Duration::from_secs(5);

/// The result of a run, in events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct BackfillReport {
    pub listed: u32,
    /// Already in the journal, booked or refused.
    pub known: u32,
    pub booked: u32,
    /// Refused and kept for a replay.
    pub refused: u32,
    pub ignored: u32,
    /// Faults on our side, or on Stripe's.
    pub failed: u32,
    /// Whether there are more events than the run read.
    pub is_cut_short: bool,
}

impl<L: Backlog> Reconcile<L> {
    pub(crate) async fn backfill_stripe(&self, run: &Invocation) -> Result<BackfillReport, CommitError> {
        let mut report = BackfillReport::default();
        let Some(stripe) = self.stripe_api.as_ref() else {
            return Ok(report);
        };
        let cursor = self.ledger.sweep_cursor(SWEEP, &run.context()).await?;
        let ended = self.pages(stripe, cursor.as_deref(), run, &mut report).await?;
        if ended != cursor {
            self.ledger.save_sweep_cursor(SWEEP, ended.as_deref(), &run.context()).await?;
        }
        Ok(report)
    }

    /// Books the newest page, whose buyers are waiting, and then the pages from the last run's cursor. Returns the next
    /// run's cursor, or `None` to start over.
    async fn pages(
        &self,
        api: &StripeApi,
        cursor: Option<&str>,
        run: &Invocation,
        report: &mut BackfillReport,
    ) -> Result<Option<String>, CommitError> {
        let (mut place, mut checked_at) = (None, BTreeSet::new());
        for _ in 0..PAGES_MAX {
            if run.is_short_of(PAGE_WITHIN) {
                report.is_cut_short = true;
                return Ok(resumed(place, cursor));
            }
            let page = match api.page(place.as_deref(), run).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(%error, "Stripe's undelivered events could not be listed");
                    edge::line(SOURCE, None, "not_answered", Some(stripe::Stripe::SOURCE.as_str()), run);
                    if error.is_of_the_key() {
                        KeyAlarms::default().report_unusable_key(stripe::Stripe::SOURCE.as_str());
                    }
                    report.failed = report.failed.saturating_add(1);
                    report.is_cut_short = true;
                    // Stripe refuses a cursor that it no longer has.
                    let is_refused = matches!(error, CallError::Refused { status: 400 | 404, .. });
                    return Ok(if is_refused { None } else { resumed(place, cursor) });
                }
            };
            if !self.book_page(&page, run, report).await? {
                report.is_cut_short = true;
                return Ok(resumed(place, cursor));
            }
            let is_first = place.is_none();
            match page.events.last().filter(|_| page.has_more) {
                None => return Ok(None),
                Some(last) if !checked_at.insert(last.id.clone()) => {
                    tracing::warn!("Stripe lists the same events again");
                    report.failed = report.failed.saturating_add(1);
                    return Ok(None);
                }
                Some(_) if is_first && cursor.is_some() => place = cursor.map(str::to_owned),
                Some(last) => place = Some(last.id.clone()),
            }
        }
        report.is_cut_short = true;
        Ok(place)
    }

    /// Books a page. Returns whether there was time for all of it.
    async fn book_page(
        &self,
        page: &EventPage,
        run: &Invocation,
        report: &mut BackfillReport,
    ) -> Result<bool, CommitError> {
        let known = self.already_journaled(page, run).await?;
        for _ in 0..page.unreadable {
            report.failed = report.failed.saturating_add(1);
            report_passed_over("an event without an id", run);
        }
        // From the oldest on, since later events depend on earlier ones.
        for event in page.events.iter().rev() {
            report.listed = report.listed.saturating_add(1);
            let Ok(receipt) = receipt(event) else {
                report.failed = report.failed.saturating_add(1);
                report_passed_over(&event.id, run);
                continue;
            };
            if known.contains_key(&receipt) || known.contains_key(&unparsed(event)) {
                report.known = report.known.saturating_add(1);
                continue;
            }
            if run.is_short_of(ONE_WITHIN) {
                return Ok(false);
            }
            let invocation = run.part(ONE_WITHIN);
            let event = event.json().as_bytes();
            let listed = webhook::listed(&self.stripe, &self.ledger, event, stripe::LISTED_AT, &invocation).await;
            let Replayed { outcome, is_stuck } = listed;
            if is_stuck {
                report_passed_over(receipt.as_str(), &invocation);
            }
            let count = report.of(&outcome);
            *count = count.saturating_add(1);
            // Ignored events are not logged, since every run lists them again.
            if !matches!(outcome, Outcome::Ignored(_)) {
                webhook::log(SOURCE, &outcome, Some(receipt.as_str()), &invocation);
            }
        }
        Ok(true)
    }

    /// The event keys that are in the journal, as an event or as an unparsed delivery.
    async fn already_journaled(
        &self,
        page: &EventPage,
        run: &Invocation,
    ) -> Result<BTreeMap<EventKey, String>, CommitError> {
        let names = page.events.iter().flat_map(|event| receipt(event).into_iter().chain([unparsed(event)]));
        let names: BTreeSet<EventKey> = names.collect();
        if names.is_empty() {
            Ok(BTreeMap::new())
        } else {
            self.ledger.already_journaled(&names, &run.part(ONE_WITHIN).context()).await
        }
    }
}

/// The last run's cursor, until this run is beyond the newest page.
fn resumed(place: Option<String>, cursor: Option<&str>) -> Option<String> {
    place.or_else(|| cursor.map(str::to_owned))
}

fn receipt(event: &ListedEvent) -> Result<EventKey, ledger::KeyError> {
    EventKey::new(stripe::Stripe::SOURCE, &event.id)
}

fn unparsed(event: &ListedEvent) -> EventKey {
    EventKey::unparsed(stripe::Stripe::SOURCE, event.json().as_bytes())
}

impl BackfillReport {
    fn of(&mut self, outcome: &Outcome) -> &mut u32 {
        match outcome {
            Outcome::Booked => &mut self.booked,
            Outcome::Repeat => &mut self.known,
            Outcome::Ignored(_) => &mut self.ignored,
            Outcome::Refused(_) | Outcome::Unparsed(_) | Outcome::Conflict => &mut self.refused,
            Outcome::Paused
            | Outcome::Unavailable
            | Outcome::Panicked
            | Outcome::NotFound
            | Outcome::MethodNotAllowed { .. }
            | Outcome::Forbidden
            | Outcome::TooLarge
            | Outcome::Malformed
            | Outcome::Unverified(_)
            | Outcome::Unverifiable => &mut self.failed,
        }
    }
}

impl StripeApi {
    async fn page(&self, after: Option<&str>, run: &Invocation) -> Result<EventPage, CallError> {
        let since = run.now.plus_seconds(WINDOW_SECONDS.saturating_neg());
        let mut last = Err(CallError::Unreadable);
        for events_max in EVENTS_MAX {
            let invocation = run.part(PAGE_WITHIN);
            let until = invocation.deadline;
            last = self
                .call(&invocation, |stripe| async move {
                    stripe.list_undelivered_events(since, after, events_max, until).await
                })
                .await;
            if !matches!(last, Err(CallError::Unreadable)) {
                break;
            }
        }
        last
    }
}
