//! What an owner is shown: the account with its lots in one batch read, a page of the statement in one query, and a
//! page of orders in a query and a batch read.

use ledger::{
    AccountId, AccountRow, Balance, CallContext, CommitError, JournalLine, LinePosition, LotsSnapshot, Members,
    MoneyKey, OrderNumber, OrdersPage, Owner, RowKeys, ShownLine, StatementPage, StatementQuery, Statements,
    UsageReversal,
};

use crate::audit::{LINE, key_of, line as journal_line, place, word};
use crate::batch::Read;
use crate::books::account_row;
use crate::image::{Image, parsed};
use crate::names;
use crate::retry::{Answer, after_failure, until_answered};
use crate::rows::text;
use crate::store::{DynamoLedger, unreadable};

/// Of both rows: what the lots need, and what the account's own row has besides.
const ATTRIBUTES: [&str; 15] = [
    names::ID,
    names::FORMAT,
    names::BALANCE_UNITS,
    names::AVAILABLE_UNITS,
    names::OVERDRAFT_UNITS,
    names::POLICY,
    names::VERSION,
    names::HELD_UNITS,
    names::MARK_UNITS,
    names::LOTS_VERSION,
    names::NEXT_EXPIRY,
    names::LOTS,
    names::CHANGES,
    names::EXPIRED,
    names::TAKEN,
];

impl Statements for DynamoLedger {
    async fn account_with_lots(
        &self,
        account: &AccountId,
        context: &CallContext<'_>,
    ) -> Result<Option<(AccountRow, LotsSnapshot)>, CommitError> {
        let (row, lots) = Box::pin(self.rows_of_account(account, &ATTRIBUTES, context)).await?;
        let row = row.as_ref().map(account_row).transpose().map_err(unreadable)?;
        Ok(row.map(|row| (row, lots)))
    }

    async fn statement_page(
        &self,
        query: &StatementQuery,
        context: &CallContext<'_>,
    ) -> Result<StatementPage, CommitError> {
        // The store refuses a range whose end is before its beginning.
        if query.times().is_some_and(|(first, last)| last < first) {
            return Ok(StatementPage::default());
        }
        until_answered(context.deadline, self.jitter(), || async {
            let account = query.account.to_string();
            let mut call = self
                .client()
                .query()
                .table_name(&self.tables().journal)
                .index_name(names::BY_ACCOUNT)
                .expression_attribute_names("#account", names::ACCOUNT)
                .expression_attribute_values(":account", text(&account))
                .set_exclusive_start_key(query.after.as_ref().map(|after| key_of(&account, after)))
                .scan_index_forward(false)
                .limit(i32::from(query.lines_max));
            call = match query.times() {
                None => call.key_condition_expression("#account = :account"),
                Some((first, last)) => call
                    .key_condition_expression("#account = :account AND #at BETWEEN :first AND :last")
                    .expression_attribute_names("#at", names::PROCESSED_AT)
                    .expression_attribute_values(":first", text(&first))
                    .expression_attribute_values(":last", text(&last)),
            };
            if let Some(kind) = &query.kind {
                call = call
                    .filter_expression("#kind = :kind")
                    .expression_attribute_names("#kind", names::KIND)
                    .expression_attribute_values(":kind", text(kind));
            }
            match call.send().await {
                Ok(found) => Ok(Answer::Final(StatementPage {
                    lines: found.items().iter().filter_map(line).collect(),
                    next: found.last_evaluated_key().and_then(place),
                })),
                Err(error) => after_failure(error),
            }
        })
        .await
    }

    async fn orders_of(
        &self,
        owner: &Owner,
        after: Option<&LinePosition>,
        orders_max: u16,
        context: &CallContext<'_>,
    ) -> Result<OrdersPage, CommitError> {
        let (places, next) = self.places_of_orders(owner, after, orders_max, context).await?;
        let numbers = places.iter().filter_map(|place| OrderNumber::new(&place.key).ok());
        let numbers: Vec<OrderNumber> = numbers.collect();
        let keys = RowKeys { orders: numbers.iter().cloned().collect(), ..RowKeys::default() };
        let mut rows = self.rows_of(&keys, context).await?;
        Ok(OrdersPage { orders: numbers.iter().filter_map(|number| rows.orders.remove(number)).collect(), next })
    }

    async fn ties(&self, owner: &Owner, context: &CallContext<'_>) -> Result<Members, CommitError> {
        self.members(owner, context).await
    }

    async fn line_with_reversal(
        &self,
        line: &MoneyKey,
        context: &CallContext<'_>,
    ) -> Result<(Option<JournalLine>, Option<JournalLine>), CommitError> {
        let read = Read { table: &self.tables().journal, attributes: &LINE, is_strong: true };
        let reversal = UsageReversal::key_of(line);
        let rows = self.rows(&read, &[line.as_str(), reversal.as_str()], context).await?;
        let of = |key: &MoneyKey| rows.iter().filter_map(journal_line).find(|line| line.key == key.as_str());
        Ok((of(line), of(&reversal)))
    }
}

impl DynamoLedger {
    /// Number and creation time of the orders of a page, and where the next page goes on.
    async fn places_of_orders(
        &self,
        owner: &Owner,
        after: Option<&LinePosition>,
        orders_max: u16,
        context: &CallContext<'_>,
    ) -> Result<(Vec<LinePosition>, Option<LinePosition>), CommitError> {
        let key = |after: &LinePosition| {
            let parts = [(names::OWNER, owner.as_str()), (names::CREATED_AT, &after.at), (names::ID, &after.key)];
            parts.map(|(name, part)| (name.to_owned(), text(part))).into()
        };
        until_answered(context.deadline, self.jitter(), || async {
            let call = self
                .client()
                .query()
                .table_name(&self.tables().orders)
                .index_name(names::BY_OWNER)
                .key_condition_expression("#owner = :owner")
                .expression_attribute_names("#owner", names::OWNER)
                .expression_attribute_values(":owner", text(owner))
                .set_exclusive_start_key(after.map(key))
                .scan_index_forward(false)
                .limit(i32::from(orders_max));
            match call.send().await {
                Ok(found) => {
                    let places = found.items().iter().filter_map(order_place).collect();
                    Ok(Answer::Final((places, found.last_evaluated_key().and_then(order_place))))
                }
                Err(error) => after_failure(error),
            }
        })
        .await
    }
}

fn order_place(row: &Image) -> Option<LinePosition> {
    Some(LinePosition { key: word(row, names::ID)?, at: word(row, names::CREATED_AT)? })
}

fn line(row: &Image) -> Option<ShownLine> {
    let LinePosition { key, at } = place(row)?;
    let kind = row.get(names::KIND).and_then(|kind| kind.as_s().ok()).cloned().unwrap_or_default();
    Some(ShownLine { key, kind, change: Balance::from_units(parsed(row, names::AMOUNT_UNITS)), at })
}
