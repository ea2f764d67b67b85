//! The reads of the audit: accounts by scan, statements by index, and the progress row.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::AttributeValue;
use ledger::{
    AccountPage, Audit, AuditProgress, Balance, CallContext, CallerKey, CommitError, House, JournalLine, LinePage,
    LinePosition, LotsRow, MemberKey, Members, OrderNumber, Owner, StatementLine, StoredAccount, StoredLots,
    StoredOrder, StoredSpent, Timestamp, TrialBalance,
};

use crate::batch::Read;
use crate::check_row::{self, CHECK};
use crate::image::{Image, is_of_later_form, known_form, parsed};
use crate::order_image;
use crate::retry::{Answer, after_failure, until_answered};
use crate::rows::{number, text};
use crate::store::DynamoLedger;
use crate::{backlog, budget_row, day_row, lots_row, member_row, members, names};

impl Audit for DynamoLedger {
    async fn check(&self, context: &CallContext<'_>) -> Result<AuditProgress, CommitError> {
        let row = self.row(&self.tables().accounts, CHECK.to_owned(), context).await?;
        let check = row.map(|row| check_row::read(&row)).transpose();
        Ok(check.map_err(|error| CommitError::Refused(Box::new(error)))?.unwrap_or_default())
    }

    async fn save_audit_progress(&self, check: &AuditProgress, context: &CallContext<'_>) -> Result<bool, CommitError> {
        self.save(check, None, context).await
    }

    async fn close_day(
        &self,
        day: &TrialBalance,
        check: &AuditProgress,
        context: &CallContext<'_>,
    ) -> Result<bool, CommitError> {
        self.save(check, Some(day), context).await
    }

    async fn closed_day(
        &self,
        until: Timestamp,
        context: &CallContext<'_>,
    ) -> Result<Option<TrialBalance>, CommitError> {
        let id = day_row::id(&TrialBalance::of(until));
        let row = self.row(&self.tables().accounts, id, context).await?;
        row.map(|row| day_row::read_row(&row)).transpose().map_err(|error| CommitError::Refused(Box::new(error)))
    }

    async fn reset_audit_progress(&self, context: &CallContext<'_>) -> Result<(), CommitError> {
        let stored = self.row(&self.tables().accounts, CHECK.to_owned(), context).await?.unwrap_or_default();
        known_form(&stored).map_err(|error| CommitError::Refused(Box::new(error)))?;
        if check_row::read(&stored).is_ok() {
            return Ok(());
        }
        let mut row = check_row::reset(context);
        let written_by = row.name(names::WRITTEN_BY);
        let condition = match stored.get(names::WRITTEN_BY) {
            Some(read) => format!("{written_by} = {}", row.value(read.clone())),
            None => format!("attribute_not_exists({written_by})"),
        };
        row.conditions.push(condition);
        self.write_unless_changed(row, &self.tables().accounts, CHECK, context).await
    }

    async fn accounts(
        &self,
        after: Option<&str>,
        rows_max: u16,
        context: &CallContext<'_>,
    ) -> Result<AccountPage, CommitError> {
        until_answered(context.deadline, self.jitter(), || async {
            let scan = self
                .client()
                .scan()
                .table_name(&self.tables().accounts)
                .projection_expression(COMPARED.map(|name| format!("#{name}")).join(", "))
                // The rows of most keys and of the audit's progress have none of these.
                .filter_expression(
                    "attribute_exists(#balance_units) OR begins_with(#id, :budget) OR attribute_exists(#draws) OR \
                     attribute_exists(#drawing) OR attribute_exists(#drawn_by)",
                )
                .expression_attribute_values(":budget", text("budget#"))
                .set_expression_attribute_names(Some(placeholders(&COMPARED)))
                .set_exclusive_start_key(after.map(|after| HashMap::from([(names::ID.to_owned(), text(after))])))
                .limit(i32::from(rows_max));
            match scan.send().await {
                Ok(found) => Ok(Answer::Final(AccountPage {
                    accounts: found.items().iter().filter_map(stored_account).collect(),
                    budgets: found.items().iter().filter_map(budget_row::stored).collect(),
                    members: found.items().iter().filter_map(member_row::owner_of).collect(),
                    member_keys: found.items().iter().filter_map(members::member_of).collect(),
                    next: found.last_evaluated_key().and_then(|key| word(key, names::ID)),
                })),
                Err(error) => after_failure(error),
            }
        })
        .await
    }

    async fn stored_account(
        &self,
        account: &str,
        context: &CallContext<'_>,
    ) -> Result<Option<StoredAccount>, CommitError> {
        let row = self.row(&self.tables().accounts, account.to_owned(), context).await?;
        Ok(row.as_ref().and_then(stored_account))
    }

    async fn stored_lots(&self, account: &str, context: &CallContext<'_>) -> Result<Option<LotsRow>, CommitError> {
        let row = self.row(&self.tables().accounts, lots_row::id(account), context).await?;
        Ok(row.as_ref().and_then(stored_lots).map(|(_, lots)| lots))
    }

    async fn stored_spent(
        &self,
        key: &CallerKey,
        context: &CallContext<'_>,
    ) -> Result<Option<StoredSpent>, CommitError> {
        let row = self.row(&self.tables().accounts, key.budget_id(), context).await?;
        Ok(row.as_ref().and_then(budget_row::stored))
    }

    async fn stored_members(
        &self,
        owners: &BTreeSet<&Owner>,
        context: &CallContext<'_>,
    ) -> Result<BTreeMap<Owner, Members>, CommitError> {
        let ids: Vec<String> = owners.iter().map(|owner| Members::row_of(owner)).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let read = Read { table: &self.tables().accounts, attributes: &member_row::ATTRIBUTES, is_strong: true };
        let rows = self.rows(&read, &ids, context).await?;
        let members = |row| Some((member_row::owner_of(row)?, member_row::read(row).unwrap_or_default()));
        Ok(rows.iter().filter_map(members).collect())
    }

    async fn member_keys(
        &self,
        keys: &BTreeSet<CallerKey>,
        context: &CallContext<'_>,
    ) -> Result<BTreeMap<CallerKey, MemberKey>, CommitError> {
        let ids: Vec<String> = keys.iter().map(ToString::to_string).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let read = Read { table: &self.tables().accounts, attributes: &budget_row::ATTRIBUTES, is_strong: true };
        Ok(self.rows(&read, &ids, context).await?.iter().filter_map(members::member_of).collect())
    }

    async fn lines(
        &self,
        account: &str,
        after: Option<&LinePosition>,
        lines_max: u16,
        context: &CallContext<'_>,
    ) -> Result<LinePage, CommitError> {
        until_answered(context.deadline, self.jitter(), || async {
            let query = self
                .client()
                .query()
                .table_name(&self.tables().journal)
                .index_name(names::BY_ACCOUNT)
                .key_condition_expression("#account = :account")
                .expression_attribute_names("#account", names::ACCOUNT)
                .expression_attribute_values(":account", text(account))
                .set_exclusive_start_key(after.map(|after| key_of(account, after)))
                .limit(i32::from(lines_max));
            match query.send().await {
                Ok(found) => {
                    let rows = found.items();
                    Ok(Answer::Final(LinePage {
                        lines: rows.iter().filter_map(statement_line).collect(),
                        last: rows.last().and_then(place),
                        has_more: found.last_evaluated_key().is_some(),
                    }))
                }
                Err(error) => after_failure(error),
            }
        })
        .await
    }

    async fn journal_lines(&self, keys: &[&str], context: &CallContext<'_>) -> Result<Vec<JournalLine>, CommitError> {
        // Reads the table, not the index: the index does not project the order, and a new projection would need two
        // deployments, only for this.
        let read = Read { table: &self.tables().journal, attributes: &LINE, is_strong: true };
        let rows = self.rows(&read, keys, context).await?;
        Ok(rows.iter().filter_map(line).collect())
    }

    async fn kept(&self, order: &OrderNumber, context: &CallContext<'_>) -> Result<StoredOrder, CommitError> {
        let row = self.row(&self.tables().orders, order.to_string(), context).await?;
        Ok(row.map_or(StoredOrder::Missing, |row| kept(&row)))
    }
}

impl DynamoLedger {
    /// Writes the progress, with the day that it closes, in one transaction.
    async fn save(
        &self,
        check: &AuditProgress,
        day: Option<&TrialBalance>,
        context: &CallContext<'_>,
    ) -> Result<bool, CommitError> {
        let accounts = &self.tables().accounts;
        let progress = check_row::row(check, context).update(accounts, CHECK);
        let day = day.map(|day| day_row::write(day, context).update(accounts, &day_row::id(day)));
        let rows: Result<Vec<_>, _> = std::iter::once(progress).chain(day).collect();
        let rows = rows.map_err(|error| CommitError::Refused(Box::new(error)))?;
        until_answered(context.deadline, self.jitter(), || async {
            let sent = self.client().transact_write_items().set_transact_items(Some(rows.clone())).send().await;
            let Err(error) = sent else {
                return Ok(Answer::Final(true));
            };
            match error.as_service_error().and_then(existing_row) {
                // Another run has written the row, or a call of ours whose answer was lost.
                Some(found) => Ok(Answer::Final(is_ours(&found, check, context))),
                None => backlog::retry_cancelled(error),
            }
        })
        .await
    }
}

pub(crate) fn kept(row: &Image) -> StoredOrder {
    match order_image::order(row) {
        Ok(order) => StoredOrder::Order(Box::new(order)),
        Err(_) if is_of_later_form(row) => StoredOrder::LaterForm,
        Err(_) => StoredOrder::Unreadable {
            version: row.get(names::VERSION).and_then(|version| version.as_n().ok()?.parse().ok()),
        },
    }
}

/// Of accounts, of what keys have spent, and of members.
const COMPARED: [&str; 24] = [
    names::ID,
    names::FORMAT,
    names::OWNER,
    names::DRAWS,
    names::DRAWN_BY,
    names::DRAWING,
    names::WRITTEN_BY,
    names::DAY,
    names::DAY_UNITS,
    names::PREVIOUS_DAY,
    names::PREVIOUS_DAY_UNITS,
    names::MONTH,
    names::MONTH_UNITS,
    names::PREVIOUS_MONTH,
    names::PREVIOUS_MONTH_UNITS,
    names::TOTAL_UNITS,
    names::BALANCE_UNITS,
    names::AVAILABLE_UNITS,
    names::OVERDRAFT_UNITS,
    names::HELD_UNITS,
    names::VERSION,
    names::LOTS_VERSION,
    names::MARK_UNITS,
    names::NEXT_EXPIRY,
];

/// An invalid number, and a row of a later form, read as zero, so that the audit reports a difference.
pub(crate) fn stored_account(row: &Image) -> Option<StoredAccount> {
    row.contains_key(names::BALANCE_UNITS).then_some(())?;
    let account = word(row, names::ID)?;
    if known_form(row).is_err() {
        return Some(StoredAccount::nothing(&account));
    }
    Some(StoredAccount {
        account,
        balance: Balance::from_units(parsed(row, names::BALANCE_UNITS)),
        available: Balance::from_units(parsed(row, names::AVAILABLE_UNITS)),
        overdraft: Balance::from_units(parsed(row, names::OVERDRAFT_UNITS)),
        held: parsed(row, names::HELD_UNITS),
        version: parsed(row, names::VERSION),
        lots: StoredLots {
            version: parsed(row, names::LOTS_VERSION),
            mark: Balance::from_units(parsed(row, names::MARK_UNITS)),
            next_expiry: lots_row::next_expiry(row).unwrap_or_default(),
        },
    })
}

/// The account of a row of lots, and the lots. Those that cannot be read are as good as none.
pub(crate) fn stored_lots(row: &Image) -> Option<(String, LotsRow)> {
    let account = word(row, names::ID)?.strip_prefix(lots_row::PREFIX)?.to_owned();
    Some((account, lots_row::read(row).unwrap_or_default()))
}

pub(crate) const LINE: [&str; 10] = [
    names::ID,
    names::FORMAT,
    names::ACCOUNT,
    names::AMOUNT_UNITS,
    names::POSTING,
    names::ORDER,
    names::REVERSES,
    names::REVERSED_BY,
    names::PROCESSED_AT,
    names::STATUS,
];

fn statement_line(row: &Image) -> Option<StatementLine> {
    Some(StatementLine {
        key: word(row, names::ID)?,
        change: amount(row),
        at: booked_at(row).unwrap_or(Timestamp::EPOCH),
    })
}

fn booked_at(row: &Image) -> Option<Timestamp> {
    Timestamp::parse_rfc3339(&word(row, names::PROCESSED_AT)?).ok()
}

/// `None` if the row moves no money, or is of a later form: then the audit misses the line.
pub(crate) fn line(row: &Image) -> Option<JournalLine> {
    known_form(row).ok()?;
    Some(JournalLine {
        key: word(row, names::ID)?,
        account: word(row, names::ACCOUNT)?,
        change: amount(row),
        house: house(row),
        order: word(row, names::ORDER).and_then(|order| OrderNumber::new(&order).ok()),
        reverses: word(row, names::REVERSES),
        reversed_by: word(row, names::REVERSED_BY),
        at: booked_at(row),
        is_failed: word(row, names::STATUS).is_some_and(|status| status == names::FAILED),
    })
}

/// The side of the posting that is no customer's.
fn house(row: &Image) -> Option<House> {
    let posting = row.get(names::POSTING)?.as_m().ok()?;
    [names::DEBIT, names::CREDIT].into_iter().find_map(|side| House::named(posting.get(side)?.as_s().ok()?))
}

pub(crate) fn place(row: &Image) -> Option<LinePosition> {
    Some(LinePosition { key: word(row, names::ID)?, at: word(row, names::PROCESSED_AT)? })
}

/// The key of a row in the index, which includes the table's own key.
pub(crate) fn key_of(account: &str, place: &LinePosition) -> Image {
    let parts = [(names::ACCOUNT, account), (names::PROCESSED_AT, &place.at), (names::ID, &place.key)];
    parts.map(|(name, part)| (name.to_owned(), text(part))).into()
}

fn placeholders(attributes: &[&str]) -> HashMap<String, String> {
    attributes.iter().map(|name| (format!("#{name}"), (*name).to_owned())).collect()
}

fn amount(row: &Image) -> Balance {
    Balance::from_units(parsed(row, names::AMOUNT_UNITS))
}

pub(crate) fn word(row: &HashMap<String, AttributeValue>, name: &str) -> Option<String> {
    row.get(name)?.as_s().ok().cloned()
}

/// The existing row, which the failed condition returned.
fn existing_row(error: &TransactWriteItemsError) -> Option<Image> {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else {
        return None;
    };
    let failed =
        cancelled.cancellation_reasons().iter().find(|reason| reason.code() == Some("ConditionalCheckFailed"))?;
    Some(failed.item().cloned().unwrap_or_default())
}

fn is_ours(found: &Image, check: &AuditProgress, context: &CallContext<'_>) -> bool {
    let has_our_mark = word(found, names::WRITTEN_BY).as_deref() == Some(context.attempt.as_str());
    has_our_mark && found.get(names::VERSION) == Some(&number(&check.version))
}
