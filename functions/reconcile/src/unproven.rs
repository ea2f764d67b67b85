//! Kept deliveries that do not prove themselves: what no key could be had for waits, and what is disproved is closed with an alarm.

use edge::Invocation;
use ledger::{Backlog, CommitError, RefusedEvent};

use crate::proof::Unproven;
use crate::refused::{CALL_AFTER_SECONDS, Came, FOR_PUTTING_OFF};
use crate::{Reconcile, SOURCE};

/// What a provider no longer has, and what its answer stands in for.
const EVENT_GONE: &str = "event_gone";
const KEY_VANISHED: &str = "key_vanished";

impl<L: Backlog> Reconcile<L> {
    pub(crate) async fn leave_unproven(
        &self,
        unproven: Unproven,
        waiting: &RefusedEvent,
        invocation: &Invocation,
        came: &mut Came,
    ) -> Result<(), CommitError> {
        let within = invocation.but_for(FOR_PUTTING_OFF);
        match unproven {
            Unproven::Disproved(reason) => self.close_unproven(reason, waiting, invocation, came).await,
            Unproven::MissingAccounts => {
                self.payment_asked_again(waiting, &within).await;
                self.close_unproven(EVENT_GONE, waiting, invocation, came).await
            }
            Unproven::KeyVanished if self.transfer_asked_again(waiting, &within).await => {
                edge::line(SOURCE, Some(waiting.receipt.as_str()), "asked_again", Some(KEY_VANISHED), invocation);
                came.tried.cured = came.tried.cured.saturating_add(1);
                self.ledger.reschedule(waiting, None, &invocation.context()).await
            }
            Unproven::KeyVanished | Unproven::NotNow => {
                edge::line(SOURCE, Some(waiting.receipt.as_str()), "not_verified_yet", None, invocation);
                let waited_s = invocation.now.seconds_apart(waiting.first_received_at);
                if waited_s >= CALL_AFTER_SECONDS {
                    edge::alarm(SOURCE, "still_refused", waiting.receipt.as_str());
                }
                came.tried.failed = came.tried.failed.saturating_add(1);
                came.oldest_s = came.oldest_s.max(waited_s);
                self.ledger
                    .reschedule(waiting, Some(waiting.next_retry_at(invocation.now)), &invocation.context())
                    .await
            }
        }
    }

    /// A person looks into who wrote the row, or puts back the key that is missing among those that were retired.
    async fn close_unproven(
        &self,
        reason: &'static str,
        waiting: &RefusedEvent,
        invocation: &Invocation,
        came: &mut Came,
    ) -> Result<(), CommitError> {
        let receipt = waiting.receipt.as_str();
        edge::line(SOURCE, Some(receipt), "not_verified", Some(reason), invocation);
        edge::alarm(SOURCE, "replay_unverified", receipt);
        came.tried.given_up = came.tried.given_up.saturating_add(1);
        self.ledger.reschedule(waiting, None, &invocation.context()).await
    }
}
