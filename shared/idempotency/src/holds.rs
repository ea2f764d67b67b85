//! Holds: opened in one transaction with their account, closed in one with the account and the usage event.

use aws_sdk_dynamodb::types::AttributeValue;
use ledger::{
    AccountId, CallContext, CallerKey, CommitError, FoundHolds, Hold, HoldClosing, HoldError, HoldId, HoldRefusal,
    HoldState, HoldStep, Holds, ReportedUse, Timestamp, UseRow,
};

use crate::batch::Read;
use crate::budget_row::BudgetRead;
use crate::commit::{Outcome, unexpected};
use crate::hold_row::{self, SHARDS};
use crate::image::{self, Image, Unreadable, known_form};
use crate::plan::Plan;
use crate::retry::{Answer, after_failure, until_answered};
use crate::rows::text;
use crate::store::{DynamoLedger, unreadable};
use crate::{names, price_differs, uncounted, verdict};

const ATTRIBUTES: [&str; 22] = [
    names::ID,
    names::FORMAT,
    names::STATUS,
    names::OPEN_HOLDS,
    names::ACCOUNT,
    names::AMOUNT_UNITS,
    names::USE_KEY,
    names::MEMBER,
    names::CALLER_KEY,
    names::DAY,
    names::MONTH,
    names::OPENED_AT,
    names::EXPIRES_AT,
    names::CHARGE_UNITS,
    names::CALLS_MAX,
    names::NOTE,
    names::COST_UNITS,
    names::CHARGED_BEFORE,
    names::CHARGED_UNITS,
    names::CLOSED_AT,
    names::REMOVED_AT,
    names::WRITTEN_BY,
];

impl Holds for DynamoLedger {
    async fn open_hold(&self, hold: &Hold, context: &CallContext<'_>) -> Result<Hold, HoldError> {
        let (mut budget, mut is_in_doubt) = (None, false);
        // An attempt without an answer may open it after a later one was refused: then the refusal is not the last word.
        let refused = |refusal: HoldRefusal, is_in_doubt| {
            if is_in_doubt { HoldError::Store(CommitError::Unavailable(None)) } else { refusal.into() }
        };
        loop {
            let plan = |now: Timestamp| Plan::open_hold(self.tables(), hold, budget.as_ref(), context, now);
            let (outcome, is_unanswered) = self.transact_in_doubt(&plan, context).await?;
            is_in_doubt |= is_unanswered;
            match outcome {
                Outcome::Applied(_) => return Ok(hold.clone()),
                // The row of another call, or of this one if its answer was lost.
                Outcome::Stale => {
                    if let Some(existing) = self.hold(&hold.id, context).await? {
                        let open = hold.reopened_over(existing)?;
                        let closed = Box::pin(self.expire_if_over(open, context)).await?;
                        return Ok(hold.reopened_over(closed)?);
                    }
                }
                Outcome::Expired(account) => {
                    Box::pin(self.expire_lots(&account, context)).await?;
                }
                Outcome::Budget(read) => {
                    if let Some(window) = read.exceeded.first() {
                        return Err(refused(HoldRefusal::BudgetExceeded(*window), is_in_doubt));
                    }
                    if read.spent.is_none() {
                        return Err(refused(HoldRefusal::BudgetUnreadable, is_in_doubt));
                    }
                    budget = Some(*read);
                }
                Outcome::TooManyCalls => return Err(refused(HoldRefusal::TooManyCalls, is_in_doubt)),
                Outcome::Guarded(_) => return Err(refused(HoldRefusal::InsufficientCredits, is_in_doubt)),
                Outcome::ExistingRow(_) | Outcome::Moved(_) | Outcome::Conflict | Outcome::LotsChanged(_) => {
                    return Err(unexpected().into());
                }
            }
        }
    }

    async fn hold(&self, id: &HoldId, context: &CallContext<'_>) -> Result<Option<Hold>, CommitError> {
        let row = self.row(&self.tables().holds, id.to_string(), context).await?;
        row.as_ref().map(hold_row::read).transpose().map_err(unreadable)
    }

    async fn close_hold(
        &self,
        hold: &Hold,
        closing: &HoldClosing,
        context: &CallContext<'_>,
    ) -> Result<Hold, HoldError> {
        // What the caller knows is tried first; both rows are read only if they are others.
        let (mut read, mut use_row, mut is_read) = (hold.clone(), UseRow::Absent, false);
        let mut budget: Option<BudgetRead> = None;
        loop {
            let now = context.time_at(crate::retry::instant());
            let change = match read.close(closing, use_row, now) {
                HoldStep::Write(change) => change,
                HoldStep::Done => return Ok(read),
                HoldStep::Refused(refusal) if is_read => return Err(refusal.into()),
                HoldStep::Refused(_) => {
                    (read, use_row) = self.hold_and_use(&hold.id, closing, context).await?;
                    is_read = true;
                    continue;
                }
            };
            let plan = |now: Timestamp| Plan::close_hold(self.tables(), &change, budget.as_ref(), context, now);
            match self.transact(&plan, context).await? {
                Outcome::Applied(_) => {
                    if let Some(read) = budget.filter(|read| read.spent.is_none()) {
                        uncounted::alarm(&read.key);
                    }
                    if let (UseRow::Charged(booked), HoldState::Settled { cost, .. }) = (use_row, change.after) {
                        price_differs::alarm_unless_equal(&change.usage, booked, Some(cost));
                    }
                    return Ok(change.closed());
                }
                Outcome::ExistingRow(_) | Outcome::Stale => {
                    (read, use_row) = self.hold_and_use(&hold.id, closing, context).await?;
                    is_read = true;
                }
                Outcome::Expired(account) => {
                    Box::pin(self.expire_lots(&account, context)).await?;
                }
                Outcome::Budget(read) => budget = Some(*read),
                Outcome::Guarded(_)
                | Outcome::TooManyCalls
                | Outcome::Moved(_)
                | Outcome::Conflict
                | Outcome::LotsChanged(_) => {
                    return Err(unexpected().into());
                }
            }
        }
    }

    async fn withdraw_hold(&self, hold: &Hold, context: &CallContext<'_>) -> Result<Hold, HoldError> {
        loop {
            if self.hold(&hold.id, context).await?.is_some() {
                return self.close_hold(hold, &HoldClosing::Release, context).await;
            }
            let plan = |now: Timestamp| Plan::withdraw_hold(self.tables(), hold, context, now);
            match self.transact(&plan, context).await? {
                Outcome::Applied(at) => return Ok(Hold { state: HoldState::Released { at }, ..hold.clone() }),
                // It was opened since it was read.
                Outcome::Stale => {}
                Outcome::ExistingRow(_)
                | Outcome::Moved(_)
                | Outcome::Conflict
                | Outcome::LotsChanged(_)
                | Outcome::Expired(_)
                | Outcome::Budget(_)
                | Outcome::TooManyCalls
                | Outcome::Guarded(_) => return Err(unexpected().into()),
            }
        }
    }

    async fn holds_due(
        &self,
        until: Timestamp,
        holds_max: u16,
        context: &CallContext<'_>,
    ) -> Result<FoundHolds, CommitError> {
        let each = holds_max.checked_div(SHARDS.into()).unwrap_or_default().max(1);
        let (mut due, mut ids) = (FoundHolds::default(), Vec::new());
        for shard in 0..SHARDS {
            let (rows, last) = self.open_in(&hold_row::shard_named(shard), Some(until), each, None, context).await?;
            ids.extend(rows.iter().filter_map(id_of));
            due.has_more |= last.is_some();
        }
        for (id, hold) in self.holds_of(&ids, context).await? {
            match hold {
                Ok(hold) if hold.is_open() && hold.expires_at <= until => due.holds.push(hold),
                // Closed since the index was written.
                Ok(_) => {}
                Err(_) => due.unreadable.push(id),
            }
        }
        due.holds.sort_by_key(|hold| hold.expires_at);
        Ok(due)
    }

    async fn open_holds(&self, account: &AccountId, context: &CallContext<'_>) -> Result<FoundHolds, CommitError> {
        const PAGE: u16 = 1_000;
        let (shard, name) = (hold_row::shard(&account.to_string()), account.to_string());
        let (mut ids, mut after) = (Vec::new(), None);
        loop {
            let (rows, last) = self.open_in(&shard, None, PAGE, after, context).await?;
            let is_of_account = |row: &&Image| {
                row.get(names::ACCOUNT).and_then(|account| account.as_s().ok()).is_some_and(|other| *other == name)
            };
            ids.extend(rows.iter().filter(is_of_account).filter_map(id_of));
            after = last;
            if after.is_none() {
                break;
            }
        }
        let mut found = FoundHolds::default();
        for (id, hold) in self.holds_of(&ids, context).await? {
            match hold {
                Ok(hold) if hold.is_open() && hold.account == *account => found.holds.push(hold),
                Ok(_) => {}
                Err(_) => found.unreadable.push(id),
            }
        }
        found.holds.sort_by(|one, other| (one.expires_at, &one.id).cmp(&(other.expires_at, &other.id)));
        Ok(found)
    }
}

impl DynamoLedger {
    /// A page of a partition of the index.
    async fn open_in(
        &self,
        shard: &str,
        until: Option<Timestamp>,
        rows_max: u16,
        after: Option<Image>,
        context: &CallContext<'_>,
    ) -> Result<(Vec<Image>, Option<Image>), CommitError> {
        until_answered(context.deadline, self.jitter(), || async {
            let query = self
                .client()
                .query()
                .table_name(&self.tables().holds)
                .index_name(names::OPEN_HOLDS)
                .expression_attribute_names("#shard", names::OPEN_HOLDS)
                .expression_attribute_values(":shard", text(shard))
                .limit(i32::from(rows_max))
                .set_exclusive_start_key(after.clone());
            let query = match until {
                None => query.key_condition_expression("#shard = :shard"),
                Some(until) => query
                    .key_condition_expression("#shard = :shard AND #expires_at <= :until")
                    .expression_attribute_names("#expires_at", names::EXPIRES_AT)
                    .expression_attribute_values(":until", text(&until)),
            };
            match query.send().await {
                Ok(found) => Ok(Answer::Final((found.items().to_vec(), found.last_evaluated_key))),
                Err(error) => after_failure(error),
            }
        })
        .await
    }

    /// The rows with these ids as they are now.
    async fn holds_of(
        &self,
        ids: &[String],
        context: &CallContext<'_>,
    ) -> Result<Vec<(String, Result<Hold, Unreadable>)>, CommitError> {
        let read = Read { table: &self.tables().holds, attributes: &ATTRIBUTES, is_strong: true };
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let rows = self.rows(&read, &ids, context).await?;
        Ok(rows.iter().filter_map(|row| Some((id_of(row)?, hold_row::read(row)))).collect())
    }

    async fn hold_and_use(
        &self,
        id: &HoldId,
        closing: &HoldClosing,
        context: &CallContext<'_>,
    ) -> Result<(Hold, UseRow), CommitError> {
        let hold = self.hold(id, context).await?;
        let hold = hold.ok_or_else(|| CommitError::Refused("the hold has no row".into()))?;
        let row = self.row(&self.tables().journal, closing.usage(&hold).to_string(), context).await?;
        let reported = closing.reported();
        let use_row = row.map_or(Ok(UseRow::Absent), |row| use_row(&row, &hold, reported)).map_err(unreadable)?;
        Ok((hold, use_row))
    }
}

fn use_row(row: &Image, hold: &Hold, reported: Option<&ReportedUse>) -> image::Read<UseRow> {
    known_form(row)?;
    let word = |name: &'static str| row.get(name).and_then(|value| value.as_s().ok()).map(String::as_str);
    let fact = |name| row.get(names::FACTS)?.as_m().ok()?.get(name)?.as_s().ok();
    // A gateway that gives an id twice: the answer of the other hold is no report of this one.
    let is_of_another = reported.is_some() && fact("hold").is_some_and(|id| id != hold.id.as_str());
    Ok(match word(names::STATUS) {
        Some(names::PROCESSED) if is_of_another => UseRow::Elsewhere,
        Some(names::PROCESSED) if word(names::ACCOUNT) == Some(&hold.account.to_string()) => {
            UseRow::Charged(verdict::charged(row))
        }
        // Its key was in no team when the event was sent, or in another: the first charge of a use stands.
        Some(names::PROCESSED) if is_of_key(row, hold.key.as_ref()) => UseRow::Charged(verdict::charged(row)),
        Some(names::FAILED) if is_of_key(row, hold.key.as_ref()) => UseRow::Absent,
        // The gateway's report came first, and its key is no owner's.
        Some(names::FAILED) if is_of_key(row, reported.map(|reported| &reported.key)) => UseRow::Absent,
        Some(names::FAILED) if word(names::ATTENTION).is_none_or(|lane| lane == hold_row::lane_of(hold)) => {
            UseRow::Absent
        }
        _ => UseRow::Elsewhere,
    })
}

fn is_of_key(row: &Image, of: Option<&CallerKey>) -> bool {
    let fact = || row.get(names::FACTS)?.as_m().ok()?.get(names::KEY)?.as_s().ok();
    let key = fact().and_then(|key| CallerKey::remote(key).ok());
    key.is_some() && key.as_ref() == of
}

fn id_of(row: &Image) -> Option<String> {
    row.get(names::ID).and_then(|id: &AttributeValue| id.as_s().ok()).cloned()
}
