//! Kept deliveries that do not prove themselves: what no key could be had for waits, and what is disproved is closed with an alarm.

use edge::Moment;
use ledger::{Backlog, CommitError, Waiting};

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
        waiting: &Waiting,
        moment: &Moment,
        came: &mut Came,
    ) -> Result<(), CommitError> {
        let within = moment.but_for(FOR_PUTTING_OFF);
        match unproven {
            Unproven::Disproved(reason) => self.close_unproven(reason, waiting, moment, came).await,
            Unproven::Gone => {
                self.payment_asked_again(waiting, &within).await;
                self.close_unproven(EVENT_GONE, waiting, moment, came).await
            }
            Unproven::KeyVanished if self.transfer_asked_again(waiting, &within).await => {
                edge::line(SOURCE, Some(waiting.receipt.as_str()), "asked_again", Some(KEY_VANISHED), moment);
                came.tried.cured = came.tried.cured.saturating_add(1);
                self.ledger.put_off(waiting, None, &moment.delivery()).await
            }
            Unproven::KeyVanished | Unproven::NotNow => {
                edge::line(SOURCE, Some(waiting.receipt.as_str()), "not_verified_yet", None, moment);
                let waited_s = moment.now.seconds_apart(waiting.first_received_at);
                if waited_s >= CALL_AFTER_SECONDS {
                    edge::alarm(SOURCE, "still_refused", waiting.receipt.as_str());
                }
                came.tried.failed = came.tried.failed.saturating_add(1);
                came.oldest_s = came.oldest_s.max(waited_s);
                self.ledger.put_off(waiting, Some(waiting.next_look(moment.now)), &moment.delivery()).await
            }
        }
    }

    /// A person looks into who wrote the row, or puts back the key that is missing among those that were retired.
    async fn close_unproven(
        &self,
        reason: &'static str,
        waiting: &Waiting,
        moment: &Moment,
        came: &mut Came,
    ) -> Result<(), CommitError> {
        let receipt = waiting.receipt.as_str();
        edge::line(SOURCE, Some(receipt), "not_verified", Some(reason), moment);
        edge::alarm(SOURCE, "replay_unverified", receipt);
        came.tried.given_up = came.tried.given_up.saturating_add(1);
        self.ledger.put_off(waiting, None, &moment.delivery()).await
    }
}
