//! Reads for people: an account, its statement and its keys.

use std::collections::HashMap;
use std::error::Error as StdError;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use ledger::{
    AccountId, AccountRow, Amount, Balance, Budgets, CallContext, CallerKey, CommitError, KeyBudget, Owner, Policy,
    SpendingTerms, Spent, Word,
};

use crate::batch::Read as RowsToRead;
use crate::image::{Image, Read, known_form, parsed};
use crate::retry::{Answer, after_failure, until_answered};
use crate::rows::text;
use crate::store::{DynamoLedger, unreadable};
use crate::{budget_row, names};

/// One entry of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub id: String,
    pub kind: String,
    pub change: Balance,
    pub processed_at: String,
}

/// A key that callers use for an owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    pub key: CallerKey,
    pub since: String,
    pub revoked_at: Option<String>,
}

impl Budgets for DynamoLedger {
    async fn key_named(
        &self,
        owner: &Owner,
        short_id: &str,
        context: &CallContext<'_>,
    ) -> Result<Option<CallerKey>, CommitError> {
        let is_named = |row: &KeyRow| row.revoked_at.is_none() && row.key.short_id() == short_id;
        let mut found = self.keys(owner, context).await?.into_iter().filter(is_named);
        let first = found.next();
        Ok(first.filter(|_| found.next().is_none()).map(|row| row.key))
    }

    async fn budgets(&self, owner: &Owner, context: &CallContext<'_>) -> Result<Vec<KeyBudget>, CommitError> {
        let live = self.keys(owner, context).await?.into_iter().filter(|row| row.revoked_at.is_none());
        let keys: Vec<CallerKey> = live.map(|row| row.key).collect();
        let ids: Vec<String> = keys.iter().flat_map(|key| [key.to_string(), key.budget_id()]).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let read = RowsToRead { table: &self.tables().accounts, attributes: &budget_row::ATTRIBUTES, is_strong: true };
        let rows: HashMap<String, _> = self.rows(&read, &ids, context).await?.into_iter().map(with_id).collect();
        let mut budgets = Vec::new();
        for key in keys {
            let bound = rows.get(&key.to_string()).map_or(Ok(None), budget_row::bound).map_err(unreadable)?;
            if let Some(budget) = bound.and_then(|bound| bound.budget.transpose()) {
                let spent = rows.get(&key.budget_id()).map_or_else(|| Ok(Spent::default()), budget_row::read).ok();
                budgets.push(KeyBudget { key, budget, spent });
            }
        }
        Ok(budgets)
    }
}

impl DynamoLedger {
    /// What a key has spent, if anything was ever counted.
    pub async fn spent(&self, key: &CallerKey, context: &CallContext<'_>) -> Result<Option<Spent>, CommitError> {
        let row = self.row(&self.tables().accounts, key.budget_id(), context).await?;
        row.as_ref().map(budget_row::read).transpose().map_err(unreadable)
    }

    /// The keys of an owner with the revoked ones, the oldest first. The index is eventually consistent.
    pub async fn keys(&self, owner: &Owner, context: &CallContext<'_>) -> Result<Vec<KeyRow>, CommitError> {
        let (mut keys, mut last) = (Vec::new(), None);
        loop {
            let page = until_answered(context.deadline, self.jitter(), || async {
                let query = self
                    .client()
                    .query()
                    .table_name(&self.tables().accounts)
                    .index_name(names::KEYS)
                    .key_condition_expression("#key_owner = :owner")
                    .expression_attribute_names("#key_owner", names::KEY_OWNER)
                    .expression_attribute_values(":owner", text(owner))
                    .set_exclusive_start_key(last.clone());
                query.send().await.map_or_else(after_failure, |page| Ok(Answer::Final(page)))
            });
            let page = page.await?;
            let key = |row: &HashMap<String, AttributeValue>| {
                let revoked_at = row.get(names::REVOKED_AT).and_then(|time| time.as_s().ok()).cloned();
                let key = CallerKey::of_row(&word(row, names::ID))?;
                Some(KeyRow { key, since: word(row, names::RECEIVED_AT), revoked_at })
            };
            keys.extend(page.items().iter().filter_map(key));
            last = page.last_evaluated_key;
            if last.is_none() {
                return Ok(keys);
            }
        }
    }

    /// The ids of the codes of a campaign. The index is eventually consistent.
    pub(crate) async fn ids_of_campaign(&self, campaign: Word) -> Result<Vec<String>, CommitError> {
        self.ids_in(names::CAMPAIGNS, names::CAMPAIGN, campaign.as_str()).await
    }

    /// The ids of the keys under this word in the index of keys, which is eventually consistent.
    pub(crate) async fn ids_of_keys(&self, of: &str) -> Result<Vec<String>, CommitError> {
        self.ids_in(names::KEYS, names::KEY_OWNER, of).await
    }

    /// The ids of all rows in a partition of an index of the accounts.
    async fn ids_in(&self, index: &str, attribute: &str, value: &str) -> Result<Vec<String>, CommitError> {
        let (mut ids, mut last) = (Vec::new(), None);
        loop {
            let query = self
                .client()
                .query()
                .table_name(&self.tables().accounts)
                .index_name(index)
                .key_condition_expression("#key = :value")
                .expression_attribute_names("#key", attribute)
                .expression_attribute_values(":value", text(value))
                .set_exclusive_start_key(last);
            let page = query.send().await.map_err(read_error)?;
            ids.extend(page.items().iter().map(|row| word(row, names::ID)));
            last = page.last_evaluated_key;
            if last.is_none() {
                return Ok(ids);
            }
        }
    }

    pub async fn account(&self, account: &AccountId) -> Result<Option<AccountRow>, CommitError> {
        let read = self
            .client()
            .get_item()
            .table_name(&self.tables().accounts)
            .key(names::ID, text(account))
            .consistent_read(true);
        let found = read.send().await.map_err(read_error)?;
        found.item.as_ref().map(account_row).transpose().map_err(unreadable)
    }

    /// The newest entries first. The index is eventually consistent, so it may lag behind the account.
    pub async fn statement(&self, account: &AccountId, lines_max: i32) -> Result<Vec<Line>, CommitError> {
        let query = self
            .client()
            .query()
            .table_name(&self.tables().journal)
            .index_name(names::BY_ACCOUNT)
            .key_condition_expression("#account = :account")
            .expression_attribute_names("#account", names::ACCOUNT)
            .expression_attribute_values(":account", text(account))
            .scan_index_forward(false)
            .limit(lines_max);
        let found = query.send().await.map_err(read_error)?;
        let line = |row: &HashMap<String, AttributeValue>| Line {
            id: word(row, names::ID),
            kind: word(row, names::KIND),
            change: Balance::from_units(parsed(row, names::AMOUNT_UNITS)),
            processed_at: word(row, names::PROCESSED_AT),
        };
        Ok(found.items().iter().map(line).collect())
    }
}

/// A missing table or permission is not a timeout: a retry cannot succeed.
fn read_error<E>(error: SdkError<E, HttpResponse>) -> CommitError
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    match after_failure::<(), E>(error) {
        Err(refused) => refused,
        Ok(Answer::Retry(cause)) => CommitError::Unavailable(Some(cause)),
        Ok(Answer::Final(())) => CommitError::Unavailable(None),
    }
}

pub(crate) fn account_row(row: &Image) -> Read<AccountRow> {
    known_form(row)?;
    Ok(AccountRow {
        balance: Balance::from_units(parsed(row, names::BALANCE_UNITS)),
        available: Balance::from_units(parsed(row, names::AVAILABLE_UNITS)),
        terms: spending_terms(row),
        held: Balance::from_units(parsed(row, names::HELD_UNITS)),
        version: parsed(row, names::VERSION),
    })
}

pub(crate) fn spending_terms(row: &HashMap<String, AttributeValue>) -> SpendingTerms {
    let policy = row.get(names::POLICY).and_then(|policy| Policy::named(policy.as_s().ok()?));
    SpendingTerms {
        policy: policy.unwrap_or_default(),
        overdraft: Amount::from_units(parsed(row, names::OVERDRAFT_UNITS)),
    }
}

fn word(row: &HashMap<String, AttributeValue>, name: &str) -> String {
    row.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default()
}

fn with_id(row: HashMap<String, AttributeValue>) -> (String, HashMap<String, AttributeValue>) {
    (word(&row, names::ID), row)
}
