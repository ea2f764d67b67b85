//! Kept deliveries that do not verify: without keys they wait for a retry; a disproved one is closed with an alarm.

use edge::Invocation;
use ledger::{Backlog, CommitError, RefusedEvent};

use crate::proof::Unproven;
use crate::refused::{ALARM_AFTER_SECONDS, RESCHEDULE_MARGIN, SweepTally};
use crate::{Reconcile, SOURCE};

/// Reasons of the log line: the provider no longer has the event, or no longer publishes the key.
const EVENT_GONE: &str = "event_gone";
const KEY_VANISHED: &str = "key_vanished";

impl<L: Backlog> Reconcile<L> {
    pub(crate) async fn leave_unproven(
        &self,
        unproven: Unproven,
        waiting: &RefusedEvent,
        invocation: &Invocation,
        tally: &mut SweepTally,
    ) -> Result<(), CommitError> {
        let within = invocation.but_for(RESCHEDULE_MARGIN);
        match unproven {
            Unproven::Disproved(reason) => self.close_unproven(reason, waiting, invocation, tally).await,
            Unproven::EventGone => {
                self.requery_payment(waiting, &within).await;
                self.close_unproven(EVENT_GONE, waiting, invocation, tally).await
            }
            Unproven::KeyVanished if self.requery_transfer(waiting, &within).await => {
                edge::line(SOURCE, Some(waiting.receipt.as_str()), "queried_again", Some(KEY_VANISHED), invocation);
                tally.tried.resolved = tally.tried.resolved.saturating_add(1);
                self.ledger.reschedule(waiting, None, &invocation.context()).await
            }
            Unproven::KeyVanished | Unproven::NotNow => {
                edge::line(SOURCE, Some(waiting.receipt.as_str()), "not_verified_yet", None, invocation);
                let waited_s = invocation.now.seconds_apart(waiting.first_received_at);
                if waited_s >= ALARM_AFTER_SECONDS {
                    edge::alarm(SOURCE, "still_refused", waiting.receipt.as_str());
                }
                tally.tried.failed = tally.tried.failed.saturating_add(1);
                tally.oldest_s = tally.oldest_s.max(waited_s);
                self.ledger
                    .reschedule(waiting, Some(waiting.next_retry_at(invocation.now)), &invocation.context())
                    .await
            }
        }
    }

    /// Closes the event with an alarm. A person finds out who wrote the row, or adds the missing retired key.
    async fn close_unproven(
        &self,
        reason: &'static str,
        waiting: &RefusedEvent,
        invocation: &Invocation,
        tally: &mut SweepTally,
    ) -> Result<(), CommitError> {
        let receipt = waiting.receipt.as_str();
        edge::line(SOURCE, Some(receipt), "not_verified", Some(reason), invocation);
        edge::alarm(SOURCE, "replay_unverified", receipt);
        tally.tried.given_up = tally.tried.given_up.saturating_add(1);
        self.ledger.reschedule(waiting, None, &invocation.context()).await
    }
}
