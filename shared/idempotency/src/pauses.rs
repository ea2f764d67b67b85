//! What is paused, as a process knows it: read during init, and again every few seconds beside an event.

use std::time::Duration;

use ledger::{CallContext, CommitError, Pausable, Pauses};

use crate::image::Image;
use crate::names;
use crate::pause_row;
use crate::retry::{Answer, after_failure};
use crate::rows::text;
use crate::store::{DynamoLedger, unreadable};

/// A read that takes longer is given up: the next event begins another.
const READ_TIMEOUT: Duration = Duration::from_secs(1);

impl DynamoLedger {
    /// Reads the row once, which may lag by a moment. Called during init, it also connects to the store.
    pub(crate) async fn read_pauses_once(&self) -> Result<(), CommitError> {
        let call = self.client().get_item().table_name(&self.tables().accounts).key(names::ID, text(pause_row::ID));
        let row = match call.send().await {
            Ok(found) => found.item,
            Err(error) => {
                return match after_failure::<(), _>(error)? {
                    Answer::Retry(cause) => Err(CommitError::Unavailable(Some(cause))),
                    Answer::Final(()) => Err(CommitError::Unavailable(None)),
                };
            }
        };
        if let Some(known) = self.known_pauses() {
            known.remember(read(row)?);
        }
        Ok(())
    }

    pub(crate) async fn recalls_as_paused(&self, what: Pausable, context: &CallContext<'_>) -> bool {
        let Some(known) = self.known_pauses() else { return false };
        let (pauses, is_old) = known.recall(context.received_at);
        let has = |pauses: Option<Pauses>| pauses.is_some_and(|pauses| pauses.has(what));
        let is_paused = has(pauses);
        if is_old && is_paused {
            Box::pin(self.renew_pauses()).await;
            return has(known.known());
        }
        if is_old {
            // In a task of its own: no event waits for it, and it goes on with the next one if this one ends before it.
            let ledger = self.clone();
            tokio::spawn(async move { ledger.renew_pauses().await });
        }
        is_paused
    }

    /// What cannot be read stays as it was last known.
    async fn renew_pauses(&self) {
        let read = tokio::time::timeout(READ_TIMEOUT, self.read_pauses_once()).await;
        if let Err(error) = read.unwrap_or(Err(CommitError::Unavailable(None))) {
            tracing::warn!(%error, "what is paused could not be read");
        }
    }

    pub(crate) async fn recent_pauses(&self, context: &CallContext<'_>) -> Result<Pauses, CommitError> {
        let Some(cached) = self.known_pauses() else { return Ok(Pauses::default()) };
        let (pauses, is_old) = cached.recall(context.received_at);
        match pauses {
            Some(pauses) if !is_old => Ok(pauses),
            known => {
                // On the heap, since most calls find what is known.
                let row = Box::pin(self.row(&self.tables().accounts, pause_row::ID.to_owned(), context)).await;
                match (row.and_then(read), known) {
                    (Ok(pauses), _) => {
                        cached.remember(pauses.clone());
                        Ok(pauses)
                    }
                    (Err(error), Some(known)) => {
                        tracing::warn!(%error, "what is paused could not be read");
                        Ok(known)
                    }
                    (Err(error), None) => Err(error),
                }
            }
        }
    }
}

fn read(row: Option<Image>) -> Result<Pauses, CommitError> {
    row.map_or_else(|| Ok(Pauses::default()), |row| pause_row::read(&row)).map_err(unreadable)
}
