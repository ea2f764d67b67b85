//! Events that Stripe has not got through to us with: it is asked for them, for as long as it goes on sending them itself. Each is
//! parsed, decided on and committed as its delivery would have been, under its own receipt, so that one that comes after all is a
//! repeat.

use std::collections::BTreeSet;
use std::time::Duration;

use edge::Invocation;
use ledger::{Backlog, CommitError, EventKey};
use providers::{CallError, EventPage, ListedEvent};
use serde::Serialize;
use webhook::{Outcome, Replayed, Webhook as _};

use crate::missing_credentials::Called;
use crate::pass_over::report_passed_over;
use crate::{Reconcile, SOURCE, StripeApi};

const SWEEP: &str = "stripe_backfill";
/// For so long Stripe goes on sending an event.
const WINDOW_SECONDS: i64 = 3 * 24 * 60 * 60;
/// At most what Stripe gives. Where one event makes a page that cannot be read, those beside it are asked for by fewer.
const EVENTS_MAX: [u8; 3] = [100, 10, 1];
/// A page of what is known takes a second; what is left is gone on with by the next run.
const PAGES_MAX: u32 = 10;
/// A provider that hangs must not take the whole run.
const PAGE_WITHIN: Duration = Duration::from_secs(8);
/// As long as a sender would wait.
const ONE_WITHIN: Duration = Duration::from_secs(5);

/// What a run has come to, in events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct BackfillReport {
    pub listed: u32,
    /// Booked, or refused and tried again from what is kept of them.
    pub known: u32,
    pub booked: u32,
    /// Kept, and refused.
    pub refused: u32,
    pub ignored: u32,
    /// Trouble on our side, or on Stripe's.
    pub failed: u32,
    /// Whether there is more than was looked at.
    pub is_cut_short: bool,
}

impl<L: Backlog> Reconcile<L> {
    pub(crate) async fn backfill_stripe(&self, run: &Invocation) -> Result<BackfillReport, CommitError> {
        let mut told = BackfillReport::default();
        let Some(stripe) = self.stripe_api.as_ref() else {
            return Ok(told);
        };
        let begun = self.ledger.sweep_cursor(SWEEP, &run.context()).await?;
        let ended = self.pages(stripe, begun.as_deref(), run, &mut told).await?;
        if ended != begun {
            self.ledger.save_sweep_cursor(SWEEP, ended.as_deref(), &run.context()).await?;
        }
        Ok(told)
    }

    /// The newest page, whose buyers are waiting; then those from where the last run stopped. Says where the next one goes on, or
    /// nothing where it begins anew.
    async fn pages(
        &self,
        api: &StripeApi,
        begun: Option<&str>,
        run: &Invocation,
        told: &mut BackfillReport,
    ) -> Result<Option<String>, CommitError> {
        let (mut place, mut checked_at) = (None, BTreeSet::new());
        for _ in 0..PAGES_MAX {
            if run.is_short_of(PAGE_WITHIN) {
                told.is_cut_short = true;
                return Ok(resumed(place, begun));
            }
            let page = match api.page(place.as_deref(), run).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(%error, "the events that were not delivered could not be listed");
                    edge::line(SOURCE, None, "not_answered", Some(stripe::Stripe::SOURCE.as_str()), run);
                    if error.is_of_the_key() {
                        Called::default().nobody_can_be_asked(stripe::Stripe::SOURCE.as_str());
                    }
                    told.failed = told.failed.saturating_add(1);
                    told.is_cut_short = true;
                    // What Stripe refuses is mostly a place that it no longer knows.
                    let is_refused = matches!(error, CallError::Refused { status: 400 | 404, .. });
                    return Ok(if is_refused { None } else { resumed(place, begun) });
                }
            };
            if !self.book_page(&page, run, told).await? {
                told.is_cut_short = true;
                return Ok(resumed(place, begun));
            }
            let is_first = place.is_none();
            match page.events.last().filter(|_| page.has_more) {
                None => return Ok(None),
                Some(last) if !checked_at.insert(last.id.clone()) => {
                    tracing::warn!("Stripe lists the same events again");
                    told.failed = told.failed.saturating_add(1);
                    return Ok(None);
                }
                Some(_) if is_first && begun.is_some() => place = begun.map(str::to_owned),
                Some(last) => place = Some(last.id.clone()),
            }
        }
        told.is_cut_short = true;
        Ok(place)
    }

    /// Whether there was time for all of it.
    async fn book_page(
        &self,
        page: &EventPage,
        run: &Invocation,
        told: &mut BackfillReport,
    ) -> Result<bool, CommitError> {
        let known = self.already_journaled(page, run).await?;
        for _ in 0..page.unreadable {
            told.failed = told.failed.saturating_add(1);
            report_passed_over("an event that names itself in no way", run);
        }
        // From the oldest, since what follows from another comes after it.
        for event in page.events.iter().rev() {
            told.listed = told.listed.saturating_add(1);
            let Ok(receipt) = receipt(event) else {
                told.failed = told.failed.saturating_add(1);
                report_passed_over(&event.id, run);
                continue;
            };
            if known.contains(&receipt) || known.contains(&unparsed(event)) {
                told.known = told.known.saturating_add(1);
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
            let count = told.of(&outcome);
            *count = count.saturating_add(1);
            // What is of no interest is listed again and again.
            if !matches!(outcome, Outcome::Ignored(_)) {
                webhook::log(SOURCE, &outcome, Some(receipt.as_str()), &invocation);
            }
        }
        Ok(true)
    }

    /// By the event's own name, or as what could not be read.
    async fn already_journaled(&self, page: &EventPage, run: &Invocation) -> Result<BTreeSet<EventKey>, CommitError> {
        let names = page.events.iter().flat_map(|event| receipt(event).into_iter().chain([unparsed(event)]));
        let names: BTreeSet<EventKey> = names.collect();
        if names.is_empty() {
            Ok(names)
        } else {
            self.ledger.already_journaled(&names, &run.part(ONE_WITHIN).context()).await
        }
    }
}

/// Where the run before stopped, until this one is beyond the newest page.
fn resumed(place: Option<String>, begun: Option<&str>) -> Option<String> {
    place.or_else(|| begun.map(str::to_owned))
}

fn receipt(event: &ListedEvent) -> Result<EventKey, ledger::KeyError> {
    EventKey::new(stripe::Stripe::SOURCE.as_str(), &event.id)
}

fn unparsed(event: &ListedEvent) -> EventKey {
    EventKey::unparsed(stripe::Stripe::SOURCE.as_str(), event.json().as_bytes())
}

impl BackfillReport {
    fn of(&mut self, outcome: &Outcome) -> &mut u32 {
        match outcome {
            Outcome::Booked => &mut self.booked,
            Outcome::Repeat => &mut self.known,
            Outcome::Ignored(_) => &mut self.ignored,
            Outcome::Refused(_) | Outcome::Unparsed(_) | Outcome::Conflict => &mut self.refused,
            Outcome::Unavailable
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
                .asked(&invocation, |stripe| async move {
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
