//! The full audit's reads: a parallel scan of each table, or its export to S3.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, TableDescription};
use ledger::{CallContext, CommitError, Hold, Order, OrderNumber, Row};
use serde_json::Value;
use thiserror::Error;

use crate::image::Image;
use crate::order_image;
use crate::retry::{Answer, after_failure, until_answered};
use crate::rows::text;
use crate::store::DynamoLedger;
use crate::{audit, budget_row, code_row, hold_row, member_row, members, names, proof};

/// The tables that the audit compares, in reading order: entries before the orders that they name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BookTable {
    Accounts,
    Journal,
    Orders,
    Holds,
}

/// One of the parts of a table that are scanned in parallel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    pub number: i32,
    pub of: i32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowPage {
    pub rows: Vec<Row>,
    pub next: Option<String>,
}

/// Up to six hours old: DynamoDB updates these numbers every six hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TableSize {
    pub rows: u64,
    pub bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a row in DynamoDB's JSON format")]
pub struct NotARow;

impl BookTable {
    pub const ALL: [Self; 4] = [Self::Accounts, Self::Journal, Self::Orders, Self::Holds];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Journal => "journal",
            Self::Orders => "orders",
            Self::Holds => "holds",
        }
    }

    fn row(self, row: &Image) -> Row {
        let read = match self {
            Self::Accounts => audit::stored_account(row)
                .map(Row::Account)
                .or_else(|| audit::stored_lots(row).map(|(account, lots)| Row::Lots(account, lots)))
                .or_else(|| code_row::code(row).ok().map(|code| Row::Code(Box::new(code))))
                .or_else(|| members::member_of(row).map(|(key, member)| Row::Member(key, member)))
                .or_else(|| budget_row::stored(row).map(Row::Budget))
                .or_else(|| Some(Row::Members(member_row::owner_of(row)?, member_row::read(row).ok()?))),
            Self::Journal => journal_row(row),
            Self::Orders => orders_table_row(row),
            Self::Holds => hold_row::read(row)
                .ok()
                .filter(Hold::is_open)
                .map(|hold| Row::Hold(hold.account.to_string(), hold.amount.units())),
        };
        read.unwrap_or(Row::Other)
    }

    /// Parses a line of an export: `{"Item":{"id":{"S":"…"},…}}`.
    pub fn exported(self, line: &str) -> Result<Row, NotARow> {
        Ok(self.row(&image(line)?))
    }
}

/// Parses the row of an order, as `aws dynamodb get-item` or an export writes it.
pub fn order_of_json(text: &str) -> Result<Order, NotARow> {
    order_image::order(&image(text)?).map_err(|_| NotARow)
}

fn journal_row(row: &Image) -> Option<Row> {
    let line = audit::line(row);
    match proof::read(row) {
        Some(proof) => Some(Row::Payment(proof, line)),
        None => line.map(Row::Line),
    }
}

fn orders_table_row(row: &Image) -> Option<Row> {
    let id = audit::word(row, names::ID)?;
    // A pointer's id contains a `#`, an order's number does not.
    let Ok(number) = OrderNumber::new(&id) else {
        return Some(Row::Pointer(id, order_image::pointer(row).ok()?));
    };
    Some(Row::Order(number, audit::kept(row)))
}

fn image(text: &str) -> Result<Image, NotARow> {
    let line: Value = serde_json::from_str(text).map_err(|_| NotARow)?;
    let item = line.get("Item").unwrap_or(&line).as_object().ok_or(NotARow)?;
    item.iter().map(|(name, value)| Ok((name.clone(), attribute(value).ok_or(NotARow)?))).collect()
}

fn attribute(value: &Value) -> Option<AttributeValue> {
    let (kind, value) = value.as_object()?.iter().next()?;
    Some(match kind.as_str() {
        "S" => AttributeValue::S(value.as_str()?.to_owned()),
        "N" => AttributeValue::N(value.as_str()?.to_owned()),
        "BOOL" => AttributeValue::Bool(value.as_bool()?),
        "NULL" => AttributeValue::Null(value.as_bool()?),
        // The open orders of an owner.
        "SS" => AttributeValue::Ss(serde_json::from_value(value.clone()).ok()?),
        "L" => AttributeValue::L(value.as_array()?.iter().map(attribute).collect::<Option<_>>()?),
        "M" => {
            let fields = value.as_object()?.iter().map(|(name, value)| Some((name.clone(), attribute(value)?)));
            AttributeValue::M(fields.collect::<Option<HashMap<_, _>>>()?)
        }
        _ => return None,
    })
}

impl DynamoLedger {
    /// A page of a segment, as stored now.
    pub async fn scanned(
        &self,
        table: BookTable,
        segment: Segment,
        after: Option<&str>,
        context: &CallContext<'_>,
    ) -> Result<RowPage, CommitError> {
        until_answered(context.deadline, self.jitter(), || async {
            let scan = self
                .client()
                .scan()
                .table_name(self.book(table))
                .segment(segment.number)
                .total_segments(segment.of)
                .set_exclusive_start_key(after.map(|after| HashMap::from([(names::ID.to_owned(), text(after))])));
            match scan.send().await {
                Ok(found) => Ok(Answer::Final(RowPage {
                    rows: found.items().iter().map(|row| table.row(row)).collect(),
                    next: found.last_evaluated_key().and_then(|key| audit::word(key, names::ID)),
                })),
                Err(error) => after_failure(error),
            }
        })
        .await
    }

    pub async fn size(&self, table: BookTable, context: &CallContext<'_>) -> Result<TableSize, CommitError> {
        until_answered(context.deadline, self.jitter(), || async {
            match self.client().describe_table().table_name(self.book(table)).send().await {
                Ok(found) => {
                    let count =
                        |count: Option<i64>| count.and_then(|count| u64::try_from(count).ok()).unwrap_or_default();
                    let table = found.table();
                    let rows = count(table.and_then(TableDescription::item_count));
                    let bytes = count(table.and_then(TableDescription::table_size_bytes));
                    Ok(Answer::Final(TableSize { rows, bytes }))
                }
                Err(error) => after_failure(error),
            }
        })
        .await
    }

    fn book(&self, table: BookTable) -> &str {
        match table {
            BookTable::Accounts => &self.tables().accounts,
            BookTable::Journal => &self.tables().journal,
            BookTable::Orders => &self.tables().orders,
            BookTable::Holds => &self.tables().holds,
        }
    }
}

impl TableSize {
    /// The cost of a scan: half a read unit for each 4 KB, since it is eventually consistent.
    pub const fn read_units(self) -> u64 {
        self.bytes.div_ceil(8 * 1_024)
    }
}
