//! The rows of one commit: as many as ours, with the same attributes, in the shortest expressions.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use lambda_http::Error;

use crate::event::{Payment, Usage, variable};

type Row = HashMap<String, AttributeValue>;

const AT: &str = "2026-01-01T00:00:00.000Z";
const MARK: &str = "0123456789abcdef";
const FINGERPRINT: &str = "1:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// The grant of each order of the bench.
const GRANT: &str = "100000000000";
/// The digits of credits after the point.
const PLACES: usize = 9;
/// Ours stores the body compressed, in about as many bytes.
const BODY_BYTES: usize = 1_200;

pub(crate) struct Tables {
    journal: String,
    bodies: String,
    pub(crate) accounts: String,
    pub(crate) orders: String,
}

impl Tables {
    pub(crate) fn read() -> Self {
        let [journal, bodies, accounts, orders] =
            ["JOURNAL_TABLE", "BODIES_TABLE", "ACCOUNTS_TABLE", "ORDERS_TABLE"].map(variable);
        Self { journal, bodies, accounts, orders }
    }
}

pub(crate) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn number(digits: impl Into<String>) -> AttributeValue {
    AttributeValue::N(digits.into())
}

fn map<const N: usize>(fields: [(&str, AttributeValue); N]) -> Row {
    fields.map(|(name, value)| (name.to_owned(), value)).into()
}

/// The receipt with its posting, and the account.
pub(crate) fn usage(tables: &Tables, usage: &Usage, owner: &str) -> Result<Vec<TransactWriteItem>, Error> {
    let account = format!("{owner}/credits");
    let cost = units(&usage.data.credit_cost);
    let mut row = receipt(format!("usage#{}", usage.event_id), "usage", "usage");
    let facts = map([
        ("model", text(&usage.data.model)),
        ("key", text(&usage.data.remote_key_id)),
        ("prompt", number("120")),
        ("completion", number("30")),
    ]);
    row.insert("facts".to_owned(), AttributeValue::M(facts));
    posting(&mut row, &account, &format!("-{cost}"), "house/usage");
    let spend = Update::builder()
        .table_name(&tables.accounts)
        .key("id", text(account))
        .update_expression("SET v = if_not_exists(v, :v) ADD balance_units :n, available_units :n, version :v")
        .condition_expression("available_units >= :c")
        .expression_attribute_values(":v", number("1"))
        .expression_attribute_values(":n", number(format!("-{cost}")))
        .expression_attribute_values(":c", number(cost))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    Ok(vec![new(&tables.journal, row)?, TransactWriteItem::builder().update(spend.build()?).build()])
}

/// The ids of the order and of the pointers that lead to it.
pub(crate) fn read_by(payment: &Payment) -> [String; 3] {
    let session = &payment.data.object;
    [session.client_reference_id.clone(), pointer(&session.id), pointer(&session.payment_intent)]
}

fn pointer(id: &str) -> String {
    format!("by#stripe#{id}")
}

/// The receipt, the credits, the account, the order, its pointers and the body.
pub(crate) fn payment(
    tables: &Tables,
    payment: &Payment,
    order: &Row,
    body: &str,
) -> Result<Vec<TransactWriteItem>, Error> {
    let session = &payment.data.object;
    let owner = order.get("owner").and_then(|owner| owner.as_s().ok()).ok_or("no owner")?;
    let version = order.get("version").cloned().ok_or("no version")?;
    let (number_of, account) = (&session.client_reference_id, format!("{owner}/credits"));
    let of_order = |mut row: Row| {
        row.insert("order".to_owned(), text(number_of));
        row
    };
    let event = format!("stripe#{}", payment.id);
    let mut money = of_order(receipt(format!("payment#stripe#{}", session.payment_intent), "stripe", "payment"));
    posting(&mut money, &account, GRANT, "house/sales");
    let credit = Update::builder()
        .table_name(&tables.accounts)
        .key("id", text(&account))
        .update_expression("SET v = if_not_exists(v, :v) ADD balance_units :n, available_units :n, version :v")
        .expression_attribute_values(":v", number("1"))
        .expression_attribute_values(":n", number(GRANT));
    let pay = Update::builder()
        .table_name(&tables.orders)
        .key("id", text(number_of))
        .update_expression(
            "SET payment = :paid, paid_by = :by, paid_at = :at, updated_at = :at, written_by = :mark, posted_units = :n, \
             postings = :one, fulfilment = :done, fulfilled_at = :at, delivered_units = :lines ADD version :one \
             REMOVE due_at, wakes",
        )
        .condition_expression("version = :read AND payment = :open")
        .set_expression_attribute_values(Some(prefixed([
            ("paid", text("paid")),
            ("by", text(&session.payment_intent)),
            ("at", text(AT)),
            ("mark", text(MARK)),
            ("n", number(GRANT)),
            ("one", number("1")),
            ("done", text("done")),
            ("lines", AttributeValue::M(map([("credits", number(GRANT))]))),
            ("read", version),
            ("open", order.get("payment").cloned().ok_or("no state")?),
        ])));
    let mut rows = vec![
        new(&tables.journal, of_order(receipt(event.clone(), "stripe", "checkout.session.completed")))?,
        new(&tables.journal, money)?,
        TransactWriteItem::builder().update(credit.build()?).build(),
        TransactWriteItem::builder().update(pay.build()?).build(),
    ];
    for id in [&session.id, &session.payment_intent] {
        let row = map([
            ("id", text(pointer(id))),
            ("v", number("1")),
            ("order", text(number_of)),
            ("updated_at", text(AT)),
            ("written_by", text(MARK)),
        ]);
        rows.push(new(&tables.orders, row)?);
    }
    let kept = body.as_bytes().get(..BODY_BYTES).unwrap_or(body.as_bytes());
    let row = map([
        ("id", text(event)),
        ("v", number("1")),
        ("body", AttributeValue::B(Blob::new(kept))),
        ("written_by", text(MARK)),
        ("expires_at", number("1767830400")),
        ("length", number(body.len().to_string())),
    ]);
    rows.push(
        TransactWriteItem::builder()
            .put(Put::builder().table_name(&tables.bodies).set_item(Some(row)).build()?)
            .build(),
    );
    Ok(rows)
}

fn receipt(id: String, source: &str, kind: &str) -> Row {
    map([
        ("id", text(id)),
        ("v", number("1")),
        ("source", text(source)),
        ("kind", text(kind)),
        ("status", text("processed")),
        ("fingerprint", text(FINGERPRINT)),
        ("written_by", text(MARK)),
        ("received_at", text(AT)),
        ("processed_at", text(AT)),
        ("attempts", number("1")),
    ])
}

fn posting(row: &mut Row, account: &str, units: &str, house: &str) {
    row.insert("account".to_owned(), text(account));
    row.insert("amount_units".to_owned(), number(units));
    let sides = map([("debit", text(account)), ("credit", text(house))]);
    row.insert("posting".to_owned(), AttributeValue::M(sides));
}

fn new(table: &str, row: Row) -> Result<TransactWriteItem, BuildError> {
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(row))
        .condition_expression("attribute_not_exists(id)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    Ok(TransactWriteItem::builder().put(put.build()?).build())
}

fn prefixed<const N: usize>(values: [(&str, AttributeValue); N]) -> Row {
    values.map(|(name, value)| (format!(":{name}"), value)).into()
}

/// `0.00234` in billionths.
fn units(cost: &str) -> String {
    let (whole, fraction) = cost.split_once('.').unwrap_or((cost, ""));
    let digits = format!("{whole}{fraction:0<PLACES$}");
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() { "0".to_owned() } else { digits.to_owned() }
}
