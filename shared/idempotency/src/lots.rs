//! An account's lots: both rows read together, the expiry, and the accounts whose lots are past their date.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use aws_sdk_dynamodb::types::AttributeValue;
use ledger::{
    AccountId, AccountLots, Amount, CallContext, CommitError, Effect, Entry, Expiring, LotMove, LotsRow, LotsSnapshot,
    Timestamp, with_terms_of_senders,
};

use crate::batch::Read;
use crate::commit::{Outcome, unexpected};
use crate::image::Image;
use crate::lots_row::{self, EXPIRING_SHARDS};
use crate::names;
use crate::plan::Plan;
use crate::retry::{Answer, after_failure, until_answered};
use crate::rows::text;
use crate::store::{DynamoLedger, unreadable};

/// Both rows in one read.
const ATTRIBUTES: [&str; 11] = [
    names::ID,
    names::FORMAT,
    names::BALANCE_UNITS,
    names::HELD_UNITS,
    names::MARK_UNITS,
    names::LOTS_VERSION,
    names::NEXT_EXPIRY,
    names::LOTS,
    names::CHANGES,
    names::EXPIRED,
    names::TAKEN,
];

impl DynamoLedger {
    /// Reads the lots of the accounts that get lots with a date, unless they are known: to read them first costs less
    /// than a cancelled transaction. What a transfer gives has a date if its sender's known lots have one.
    pub(crate) async fn read_lots_to_make(
        &self,
        entry: &Entry,
        known: &mut BTreeMap<AccountId, LotsSnapshot>,
        context: &CallContext<'_>,
    ) -> Result<(), CommitError> {
        for movement in with_terms_of_senders(entry.effects.iter().filter_map(Effect::movement), known) {
            let account = movement.posting.account();
            if LotMove::of(&movement).is_dated() && !known.contains_key(account) {
                // On the heap: few entries make lots, and the future of every commit would hold this one.
                known.insert(account.clone(), Box::pin(self.snapshot(account, context)).await?);
            }
        }
        Ok(())
    }

    pub(crate) async fn snapshot(
        &self,
        account: &AccountId,
        context: &CallContext<'_>,
    ) -> Result<LotsSnapshot, CommitError> {
        self.rows_of_account(account, &ATTRIBUTES, context).await.map(|(_, lots)| lots)
    }

    /// The account's row with these attributes, and both rows of one version. A change of lots between the two reads gives
    /// two versions, of which both are past at the next read: if they are not, only a repair makes them equal.
    pub(crate) async fn rows_of_account(
        &self,
        account: &AccountId,
        attributes: &[&str],
        context: &CallContext<'_>,
    ) -> Result<(Option<Image>, LotsSnapshot), CommitError> {
        let id = account.to_string();
        let lots_id = lots_row::id(&id);
        let read = Read { table: &self.tables().accounts, attributes, is_strong: true };
        let unequal = OnceLock::new();
        until_answered(context.deadline, self.jitter(), || async {
            let rows = self.rows(&read, &[&id, &lots_id], context).await?;
            let row = |id: &str| {
                rows.iter()
                    .find(|row| row.get(names::ID).and_then(|id| id.as_s().ok()).is_some_and(|found| found == id))
            };
            let own = row(&id).cloned();
            let account =
                own.as_ref().map_or_else(|| Ok(AccountLots::default()), lots_row::account).map_err(unreadable)?;
            let lots = row(&lots_id).map_or_else(|| Ok(LotsRow::default()), lots_row::read).map_err(unreadable)?;
            let versions = (account.version, lots.version);
            if let Some(snapshot) = LotsSnapshot::new(account, lots) {
                return Ok(Answer::Final((own, snapshot)));
            }
            let why = "the lots have another version than their account";
            if unequal.get() == Some(&versions) {
                return Err(CommitError::Refused(format!("{why}: run account repair {id} --lots").into()));
            }
            unequal.get_or_init(|| versions);
            Ok(Answer::Retry(why.into()))
        })
        .await
    }

    /// Expires what is past its date, unless another call is faster. Returns how much.
    pub(crate) async fn expire_lots(
        &self,
        account: &AccountId,
        context: &CallContext<'_>,
    ) -> Result<Amount, CommitError> {
        // The version whose entry is already booked.
        let mut booked = None;
        loop {
            let read = Box::pin(self.snapshot(account, context)).await?;
            let now = context.time_at(crate::retry::instant());
            if !read.account.is_fenced(now) {
                return Ok(Amount::ZERO);
            }
            // An expiry moves the version with its entry: this entry is of none, and no later read differs.
            if booked == Some(read.account.version) {
                return Err(CommitError::Refused("an expiry of this version is booked".into()));
            }
            let plan = |now: Timestamp| Plan::expire(self.tables(), account, &read, context, now);
            match self.transact(&plan, context).await? {
                Outcome::Applied(at) => {
                    let units = read.expire(&account.to_string(), at).units;
                    return Ok(Amount::from_wide(units).unwrap_or_default());
                }
                Outcome::ExistingRow(_) => booked = Some(read.account.version),
                // Written since it was read: by a late debit, or by another change of lots.
                Outcome::LotsChanged(_) | Outcome::Guarded(_) => {}
                Outcome::Moved(_)
                | Outcome::Stale
                | Outcome::Conflict
                | Outcome::Expired(_)
                | Outcome::Budget(_)
                | Outcome::TooManyCalls => {
                    return Err(unexpected());
                }
            }
        }
    }

    async fn expiring_in(
        &self,
        shard: u8,
        until: Timestamp,
        accounts_max: u16,
        context: &CallContext<'_>,
    ) -> Result<Vec<AccountId>, CommitError> {
        until_answered(context.deadline, self.jitter(), || async {
            let query = self
                .client()
                .query()
                .table_name(&self.tables().accounts)
                .index_name(names::EXPIRING)
                .key_condition_expression("#expiring = :shard AND #next_expiry <= :until")
                .expression_attribute_names("#expiring", names::EXPIRING)
                .expression_attribute_names("#next_expiry", names::NEXT_EXPIRY)
                .expression_attribute_values(":shard", AttributeValue::S(lots_row::shard_named(shard)))
                .expression_attribute_values(":until", text(&until))
                .limit(i32::from(accounts_max));
            match query.send().await {
                Ok(found) => Ok(Answer::Final(found.items().iter().filter_map(account_in).collect())),
                Err(error) => after_failure(error),
            }
        })
        .await
    }
}

impl Expiring for DynamoLedger {
    async fn accounts_expiring(
        &self,
        until: Timestamp,
        accounts_max: u16,
        context: &CallContext<'_>,
    ) -> Result<Vec<AccountId>, CommitError> {
        let mut accounts: Vec<AccountId> = Vec::new();
        for shard in 0..EXPIRING_SHARDS {
            let found = u16::try_from(accounts.len()).unwrap_or(u16::MAX);
            let Some(left) = accounts_max.checked_sub(found).filter(|left| *left > 0) else { break };
            accounts.extend(self.expiring_in(shard, until, left, context).await?);
        }
        Ok(accounts)
    }

    async fn lots(&self, account: &AccountId, context: &CallContext<'_>) -> Result<LotsSnapshot, CommitError> {
        Box::pin(self.snapshot(account, context)).await
    }

    async fn expire(&self, account: &AccountId, context: &CallContext<'_>) -> Result<Amount, CommitError> {
        Box::pin(self.expire_lots(account, context)).await
    }
}

/// Only credits expire, so every account of the index is named by its id alone.
fn account_in(row: &Image) -> Option<AccountId> {
    AccountId::read(row.get(names::ID)?.as_s().ok()?)
}
