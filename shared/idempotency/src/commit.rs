//! The commit. One conditional transaction makes a decision durable; what the store answers decides what the caller is told.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use ledger::{CallContext, CommitError, Committed, Entry, JournalHeader, MoneyKey, Receipt, Refusal, Timestamp};

use crate::plan::Plan;
use crate::retry::{Answer, after_failure, instant, until_answered};
use crate::role::PlanError;
use crate::store::DynamoLedger;
use crate::verdict::{Found, Verdict, read};

/// How a transaction ended that was neither held up nor impossible.
enum Outcome {
    /// With the time that its rows carry.
    Applied(Timestamp),
    Found(Found),
    Moved(Vec<MoneyKey>),
    Stale,
    Contradicted,
    Guarded(ledger::Reason),
}

impl DynamoLedger {
    /// Books an entry, once.
    pub(crate) async fn record(&self, entry: &Entry, context: &CallContext<'_>) -> Result<Committed, CommitError> {
        let header = &entry.header;
        // Each round leaves out at least one movement more, so there are at most as many rounds as movements.
        let mut moved = BTreeSet::new();
        loop {
            let plan = |now| Plan::record(self.tables(), entry, context, &moved, now);
            match self.transact(plan, context).await? {
                Outcome::Applied(processed_at) => {
                    let receipt = Receipt { key: header.receipt.clone(), processed_at };
                    self.receipts.remember(&receipt, &header.fingerprints);
                    return Ok(if moved.is_empty() { Committed::Now(receipt) } else { Committed::Earlier(receipt) });
                }
                Outcome::Found(found) => return self.told_by_row(found, header, context).await,
                // Another event was first to move it. This one is recorded, and moves nothing twice.
                Outcome::Moved(keys) => moved.extend(keys),
                Outcome::Stale => return Err(CommitError::Stale),
                Outcome::Contradicted => return self.contradict(header, context).await,
                Outcome::Guarded(reason) => {
                    return self.refuse(&entry.refused(reason), context).await;
                }
            }
        }
    }

    /// Writes a refusal down before anybody is told of it.
    pub(crate) async fn refuse(&self, refusal: &Refusal, context: &CallContext<'_>) -> Result<Committed, CommitError> {
        match self.transact(|_| Plan::refuse(self.tables(), refusal, context), context).await? {
            Outcome::Applied(_) => Err(CommitError::Rejected(refusal.reason)),
            // Ours, written by a call whose answer was lost.
            Outcome::Found(found) if found.processed_at.is_none() && found.written_by == context.attempt.as_str() => {
                Err(CommitError::Rejected(refusal.reason))
            }
            Outcome::Found(found) => self.told_by_row(found, &refusal.header, context).await,
            Outcome::Stale => Err(CommitError::Stale),
            Outcome::Moved(_) | Outcome::Contradicted | Outcome::Guarded(_) => Err(unexpected()),
        }
    }

    /// The event has a row. It says what was booked, and by whom.
    async fn told_by_row(
        &self,
        found: Found,
        header: &JournalHeader,
        context: &CallContext<'_>,
    ) -> Result<Committed, CommitError> {
        match found.processed_at {
            Some(processed_at) if found.is_same_event(&header.fingerprints) => {
                let receipt = Receipt { key: header.receipt.clone(), processed_at };
                self.receipts.remember(&receipt, &header.fingerprints);
                // Our own mark: a call of this delivery was applied although its answer was lost.
                let ours = found.written_by == context.attempt.as_str();
                Ok(if ours { Committed::Now(receipt) } else { Committed::Earlier(receipt) })
            }
            _ => self.contradict(header, context).await,
        }
    }

    async fn contradict(&self, header: &JournalHeader, context: &CallContext<'_>) -> Result<Committed, CommitError> {
        match self.transact(|_| Plan::contradict(self.tables(), header, context), context).await? {
            Outcome::Applied(_) | Outcome::Found(_) => Err(CommitError::Conflict),
            Outcome::Moved(_) | Outcome::Stale | Outcome::Contradicted | Outcome::Guarded(_) => Err(unexpected()),
        }
    }

    /// One transaction, asked until it is answered. Asking twice is safe: what was applied fails the journal row's condition.
    /// Each attempt carries the time at which it is made: a statement is sorted by it, and must not grow in its past.
    async fn transact(
        &self,
        plan: impl Fn(Timestamp) -> Result<Plan, PlanError>,
        context: &CallContext<'_>,
    ) -> Result<Outcome, CommitError> {
        until_answered(context.deadline, self.jitter(), || async {
            let now = context.time_at(instant());
            let Plan { items, roles } = plan(now).map_err(impossible)?;
            let sent = self.client().transact_write_items().set_transact_items(Some(items)).send().await;
            let Err(error) = sent else {
                return Ok(Answer::Final(Outcome::Applied(now)));
            };
            let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error()
            else {
                return after_failure(error);
            };
            Ok(match read(cancelled.cancellation_reasons(), &roles) {
                Verdict::Again => Answer::Again(Box::new(error)),
                Verdict::Found(found) => Answer::Final(Outcome::Found(found)),
                Verdict::Moved(keys) => Answer::Final(Outcome::Moved(keys)),
                Verdict::Stale => Answer::Final(Outcome::Stale),
                Verdict::Contradicted => Answer::Final(Outcome::Contradicted),
                Verdict::Guarded(reason) => Answer::Final(Outcome::Guarded(reason)),
                Verdict::Invalid(why) => return Err(CommitError::Refused(why.into())),
            })
        })
        .await
    }
}

fn impossible(error: PlanError) -> CommitError {
    CommitError::Refused(Box::new(error))
}

fn unexpected() -> CommitError {
    CommitError::Refused("the store names a guard that the transaction does not have".into())
}
