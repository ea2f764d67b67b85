//! The proof of payment: the journal row of the payment that pays an order, required by every transaction that delivers
//! the order's grants.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{ConditionCheck, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use ledger::{
    Amount, CallContext, CommitError, Currency, Fingerprint, Money, MoneyKey, Movement, OrderNumber, PaymentProof,
};

use crate::image::{Image, known_form};
use crate::rows::{READ_FORMAT_MAX, Row, fingerprint_of, number, text};
use crate::store::{DynamoLedger, unreadable};
use crate::{Tables, names};

/// Two rows of a payment are the same if order, paid money and posting are equal.
pub(crate) fn fingerprint(proof: &PaymentProof, posts: Option<&Movement>) -> Fingerprint {
    let money = proof.money.to_string();
    let posted = posts.map(|movement| fingerprint_of(movement).to_string()).unwrap_or_default();
    let fields = [("key", proof.key.as_str()), ("order", proof.order.as_str()), ("money", &money), ("posted", &posted)];
    Fingerprint::of(1, &fields)
}

pub(crate) fn money(row: &mut Row, paid: Money) {
    row.set(names::PAID_UNITS, number(&paid.amount.units()));
    row.set(names::PAID_CURRENCY, text(&paid.currency));
}

/// The condition check that makes the transaction depend on the row.
pub(crate) fn required(tables: &Tables, proof: &PaymentProof) -> Result<TransactWriteItem, BuildError> {
    let check = ConditionCheck::builder()
        .table_name(&tables.journal)
        .key(names::ID, text(&proof.key))
        .condition_expression(
            "#status = :processed AND #order = :order AND paid_units = :units AND paid_currency = :currency \
             AND (attribute_not_exists(v) OR v <= :form)",
        )
        .expression_attribute_values(":form", number(&READ_FORMAT_MAX))
        .expression_attribute_names("#status", names::STATUS)
        .expression_attribute_names("#order", names::ORDER)
        .expression_attribute_values(":processed", text(names::PROCESSED))
        .expression_attribute_values(":order", text(&proof.order))
        .expression_attribute_values(":units", number(&proof.money.amount.units()))
        .expression_attribute_values(":currency", text(&proof.money.currency))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()?;
    Ok(TransactWriteItem::builder().condition_check(check).build())
}

/// `None` if the row proves no payment, or is of a later form.
pub(crate) fn read(row: &Image) -> Option<PaymentProof> {
    known_form(row).ok()?;
    let word = |name| row.get(name).and_then(|value| value.as_s().ok()).map(String::as_str);
    if word(names::STATUS) != Some(names::PROCESSED) {
        return None;
    }
    let units = row.get(names::PAID_UNITS)?.as_n().ok()?.parse().ok()?;
    let money =
        Money { amount: Amount::from_units(units), currency: Currency::parse(word(names::PAID_CURRENCY)?).ok()? };
    let (key, order) = (MoneyKey::of_row(word(names::ID)?), OrderNumber::new(word(names::ORDER)?).ok()?);
    Some(PaymentProof { key, order, money })
}

impl DynamoLedger {
    pub(crate) async fn has_proof(&self, proof: &PaymentProof, context: &CallContext<'_>) -> Result<bool, CommitError> {
        let Some(row) = self.row(&self.tables().journal, proof.key.to_string(), context).await? else {
            return Ok(false);
        };
        known_form(&row).map_err(unreadable)?;
        Ok(read(&row).as_ref() == Some(proof))
    }
}
