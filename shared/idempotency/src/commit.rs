//! The commit: one conditional transaction makes a decision durable, and the store's answer decides the result. The
//! journal row is the idempotency record.

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::CancellationReason;
use ledger::{
    AccountId, BudgetCheck, BudgetCount, CallContext, CallerKey, CommitError, Committed, Effect, Entry, JournalHeader,
    MoneyKey, Reason, Receipt, Refusal, Timestamp, charged_by,
};

use crate::budget_row::BudgetRead;
use crate::plan::{Known, MakePlan, Plan};
use crate::price_differs;
use crate::retry::{Answer, after_failure, instant, until_answered};
use crate::role::{PlanError, Role};
use crate::store::DynamoLedger;
use crate::uncounted;
use crate::verdict::{ExistingRow, Verdict, read};

/// The result of a transaction that was neither throttled nor invalid.
pub(crate) enum Outcome {
    /// With the time that its rows have.
    Applied(Timestamp),
    ExistingRow(ExistingRow),
    Moved(Vec<MoneyKey>),
    Stale,
    Conflict,
    LotsChanged(AccountId),
    Expired(AccountId),
    Budget(Box<BudgetRead>),
    TooManyCalls,
    Guarded(ledger::Reason),
}

/// Reads the reasons of a cancelled transaction; `None` has it retried.
type ReadCancelled<'r, T> = &'r (dyn Fn(&[CancellationReason], &[Role]) -> Result<Option<T>, CommitError> + Sync);

impl DynamoLedger {
    /// Books an entry exactly once.
    pub(crate) async fn record(&self, entry: &Entry, context: &CallContext<'_>) -> Result<Committed, CommitError> {
        let header = &entry.header;
        // Each round leaves out at least one more movement, or follows another change of the same lots.
        let mut known = Known::default();
        loop {
            self.read_lots_to_make(entry, &mut known.lots, context).await?;
            let plan = |now| Plan::record(self.tables(), entry, context, &known, now);
            match self.transact(&plan, context).await? {
                Outcome::Applied(processed_at) => {
                    let is_over_budget = known.is_over_budget();
                    for key in known.uncounted() {
                        uncounted::alarm(key);
                    }
                    let receipt = Receipt { key: header.receipt.clone(), processed_at, is_over_budget };
                    self.receipts().remember(&receipt, &header.fingerprints);
                    return Ok(if known.moved.is_empty() {
                        Committed::Now(receipt)
                    } else {
                        Committed::Earlier(receipt)
                    });
                }
                Outcome::ExistingRow(row) => return self.result_over(row, header, &entry.effects, context).await,
                // Another event has already booked this movement. This event is recorded without it, so no money moves
                // twice.
                Outcome::Moved(keys) => known.moved.extend(keys),
                Outcome::Stale => return Err(CommitError::Stale),
                Outcome::Conflict => return self.record_conflict(header, context).await,
                Outcome::LotsChanged(account) => {
                    let lots = Box::pin(self.snapshot(&account, context)).await?;
                    known.lots.insert(account, lots);
                }
                Outcome::Expired(account) => {
                    Box::pin(self.expire_lots(&account, context)).await?;
                    if let Some(read) = known.lots.get_mut(&account) {
                        *read = Box::pin(self.snapshot(&account, context)).await?;
                    }
                }
                Outcome::Budget(read) if !read.exceeded.is_empty() && is_refused_above_budget(entry, &read.key) => {
                    return self.refuse_entry(entry, Reason::BudgetExceeded, context).await;
                }
                Outcome::Budget(read) if read.spent.is_none() && is_refused_above_budget(entry, &read.key) => {
                    return Err(CommitError::Refused("what the key has spent cannot be read".into()));
                }
                Outcome::Budget(read) => {
                    known.budgets.insert(read.key.clone(), *read);
                }
                Outcome::Guarded(reason) => return self.refuse_entry(entry, reason, context).await,
                // Only a hold is a call.
                Outcome::TooManyCalls => return Err(unexpected()),
            }
        }
    }

    /// The row may be the charge of a hold, made by another channel for the same use: that charge stands.
    pub(crate) async fn result_over(
        &self,
        row: ExistingRow,
        header: &JournalHeader,
        effects: &[Effect],
        context: &CallContext<'_>,
    ) -> Result<Committed, CommitError> {
        match row.processed_at {
            Some(processed_at) if row.is_charge_of_hold(header, effects) => {
                // A refused one says no cost.
                if let Some(reported) = charged_by(effects) {
                    price_differs::alarm_unless_equal(&header.receipt, row.charged, Some(reported));
                }
                Ok(Committed::Earlier(Receipt { key: header.receipt.clone(), processed_at, is_over_budget: false }))
            }
            _ => self.result_of_existing_row(row, header, context).await,
        }
    }

    async fn refuse_entry(
        &self,
        entry: &Entry,
        reason: ledger::Reason,
        context: &CallContext<'_>,
    ) -> Result<Committed, CommitError> {
        let refusal = entry.refused(reason);
        let row = self.write_refusal(&refusal, context).await?;
        self.result_over(row, &refusal.header, &entry.effects, context).await
    }

    /// Writes the refusal before the caller receives the error.
    pub(crate) async fn refuse(&self, refusal: &Refusal, context: &CallContext<'_>) -> Result<Committed, CommitError> {
        let row = self.write_refusal(refusal, context).await?;
        self.result_over(row, &refusal.header, &refusal.effects, context).await
    }

    /// The refusal is an error once it is written; otherwise this is the row that the event has already.
    async fn write_refusal(&self, refusal: &Refusal, context: &CallContext<'_>) -> Result<ExistingRow, CommitError> {
        match self.transact(&|_| Plan::refuse(self.tables(), refusal, context), context).await? {
            Outcome::Applied(_) => Err(CommitError::Rejected(refusal.reason)),
            Outcome::ExistingRow(row) if row.is_own_refusal(&refusal.header, context) => {
                Err(CommitError::Rejected(refusal.reason))
            }
            Outcome::ExistingRow(row) => Ok(row),
            Outcome::Stale => Err(CommitError::Stale),
            Outcome::Moved(_)
            | Outcome::Conflict
            | Outcome::LotsChanged(_)
            | Outcome::TooManyCalls
            | Outcome::Expired(_)
            | Outcome::Budget(_)
            | Outcome::Guarded(_) => Err(unexpected()),
        }
    }

    /// Writes orders and pointers without a receipt.
    pub(crate) async fn write_amendment(
        &self,
        effects: &[Effect],
        context: &CallContext<'_>,
    ) -> Result<(), CommitError> {
        let is_allowed = |effect: &Effect| matches!(effect, Effect::Order { .. } | Effect::Point { .. });
        if !effects.iter().all(is_allowed) {
            return Err(CommitError::Refused("an amendment writes only orders and pointers".into()));
        }
        match self.transact(&|_| Plan::amend(self.tables(), effects, context), context).await? {
            Outcome::Applied(_) => Ok(()),
            // The order's state forbids the change: it has changed since it was read.
            Outcome::Stale | Outcome::Guarded(_) => Err(CommitError::Stale),
            Outcome::ExistingRow(_)
            | Outcome::Moved(_)
            | Outcome::Conflict
            | Outcome::LotsChanged(_)
            | Outcome::TooManyCalls
            | Outcome::Budget(_)
            | Outcome::Expired(_) => Err(unexpected()),
        }
    }

    /// The event already has a row. It shows whether the event was booked, and by which delivery.
    pub(crate) async fn result_of_existing_row(
        &self,
        row: ExistingRow,
        header: &JournalHeader,
        context: &CallContext<'_>,
    ) -> Result<Committed, CommitError> {
        match row.processed_at {
            Some(processed_at) if row.is_same_event(&header.fingerprints) => {
                let receipt = Receipt { key: header.receipt.clone(), processed_at, is_over_budget: row.is_over_budget };
                self.receipts().remember(&receipt, &header.fingerprints);
                // The row has our own mark: a call of this delivery was applied although its answer was lost.
                let is_ours = row.written_by == context.attempt.as_str();
                Ok(if is_ours { Committed::Now(receipt) } else { Committed::Earlier(receipt) })
            }
            _ => self.record_conflict(header, context).await,
        }
    }

    async fn record_conflict(
        &self,
        header: &JournalHeader,
        context: &CallContext<'_>,
    ) -> Result<Committed, CommitError> {
        match self.transact(&|_| Plan::conflict(self.tables(), header, context), context).await? {
            Outcome::Applied(_) | Outcome::ExistingRow(_) => Err(CommitError::Conflict),
            Outcome::Moved(_)
            | Outcome::Stale
            | Outcome::Conflict
            | Outcome::LotsChanged(_)
            | Outcome::TooManyCalls
            | Outcome::Expired(_)
            | Outcome::Budget(_)
            | Outcome::Guarded(_) => Err(unexpected()),
        }
    }

    /// Runs one transaction and retries it until the store answers. A retry is safe: if the first call was applied, the
    /// condition of the journal row fails. Each attempt uses its own time, since statements are sorted by it, and an
    /// entry with an older time would appear among lines that were already read.
    pub(crate) fn transact(
        &self,
        plan: MakePlan<'_>,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Outcome, CommitError>> {
        self.answered(plan, context, Outcome::Applied, &outcome)
    }

    /// Also whether an attempt before it had no answer, and may be applied yet.
    pub(crate) async fn transact_in_doubt(
        &self,
        plan: MakePlan<'_>,
        context: &CallContext<'_>,
    ) -> Result<(Outcome, bool), CommitError> {
        let unanswered = AtomicUsize::new(0);
        let plan = |now| {
            unanswered.fetch_add(1, Ordering::Relaxed);
            plan(now)
        };
        let cancelled = |reasons: &[CancellationReason], roles: &[Role]| {
            unanswered.fetch_sub(1, Ordering::Relaxed);
            outcome(reasons, roles)
        };
        let outcome = self.answered(&plan, context, Outcome::Applied, &cancelled).await?;
        Ok((outcome, unanswered.load(Ordering::Relaxed) > 0))
    }

    pub(crate) async fn answered<T>(
        &self,
        plan: MakePlan<'_>,
        context: &CallContext<'_>,
        applied: fn(Timestamp) -> T,
        cancelled: ReadCancelled<'_, T>,
    ) -> Result<T, CommitError> {
        until_answered(context.deadline, self.jitter(), || async {
            let now = context.time_at(instant());
            let Plan { items, roles } = plan(now).map_err(invalid_plan)?;
            let sent = self.client().transact_write_items().set_transact_items(Some(items)).send().await;
            let Err(error) = sent else {
                if let Some(batch) = context.body.and_then(|body| body.batch).filter(|_| roles.contains(&Role::Body)) {
                    batch.kept();
                }
                return Ok(Answer::Final(applied(now)));
            };
            let Some(TransactWriteItemsError::TransactionCanceledException(reasons)) = error.as_service_error() else {
                return after_failure(error);
            };
            let answer = cancelled(reasons.cancellation_reasons(), &roles)?;
            Ok(answer.map_or_else(|| Answer::Retry(Box::new(error)), Answer::Final))
        })
        .await
    }
}

/// Of a cancelled transaction; `None` has it retried.
fn outcome(reasons: &[CancellationReason], roles: &[Role]) -> Result<Option<Outcome>, CommitError> {
    Ok(Some(match read(reasons, roles) {
        Verdict::Retry => return Ok(None),
        Verdict::ExistingRow(row) => Outcome::ExistingRow(row),
        Verdict::Moved(keys) => Outcome::Moved(keys),
        Verdict::Stale => Outcome::Stale,
        Verdict::Conflict => Outcome::Conflict,
        Verdict::LotsChanged(account) => Outcome::LotsChanged(account),
        Verdict::Expired(account) => Outcome::Expired(account),
        Verdict::Budget(read) => Outcome::Budget(read),
        Verdict::TooManyCalls => Outcome::TooManyCalls,
        Verdict::Guarded(reason) => Outcome::Guarded(reason),
        Verdict::Invalid(why) => return Err(CommitError::Refused(why.into())),
    }))
}

/// Whether the use has not begun yet.
fn is_refused_above_budget(entry: &Entry, of: &CallerKey) -> bool {
    entry.effects.iter().any(|effect| {
        let Effect::CountInBudget(BudgetCount { key, check, .. }) = effect else { return false };
        key == of && matches!(check, BudgetCheck::Refuse(_))
    })
}

fn invalid_plan(error: PlanError) -> CommitError {
    CommitError::Refused(Box::new(error))
}

pub(crate) fn unexpected() -> CommitError {
    CommitError::Refused("the store names a guard that the transaction does not have".into())
}
