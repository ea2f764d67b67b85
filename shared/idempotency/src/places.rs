//! The limit on unpaid orders per owner: a row among the orders lists those that hold one of the owner's places.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use ledger::{OrderNumber, Owner};

use crate::image::{Image, Read, known_form};
use crate::names;
use crate::rows::{Row, number, text};

/// No order's number contains a `#`.
pub(crate) fn id(owner: &Owner) -> String {
    format!("places#{owner}")
}

/// Written in the transaction that creates the order, with the condition that a place is left, so that two concurrent
/// orders cannot take the last one.
pub(crate) fn take(order: &OrderNumber, replaces: Option<&OrderNumber>, places: u16) -> Row {
    let mut row = Row::with_form();
    row.add(names::HELD_BY, set([order]));
    let (held_by, places) = (row.name(names::HELD_BY), row.value(number(&places)));
    let has_place = format!("attribute_not_exists({held_by}) OR size({held_by}) < {places}");
    let condition = match replaces {
        None => has_place,
        Some(order) => {
            let order = row.value(text(order));
            format!("{has_place} OR (size({held_by}) = {places} AND contains({held_by}, {order}))")
        }
    };
    row.conditions.push(format!("({condition})"));
    row.require_known_form();
    row
}

/// Only an existing row: the write would create an empty one.
pub(crate) fn free(ended: &BTreeSet<OrderNumber>) -> Row {
    let mut row = Row::default();
    let id = row.name(names::ID);
    row.conditions.push(format!("attribute_exists({id})"));
    row.require_known_form();
    row.delete(names::HELD_BY, set(ended));
    row
}

pub(crate) fn read(row: &Image) -> Read<BTreeSet<OrderNumber>> {
    known_form(row)?;
    let held_by = row.get(names::HELD_BY).and_then(|held_by| held_by.as_ss().ok());
    Ok(held_by.into_iter().flatten().filter_map(|order| OrderNumber::new(order).ok()).collect())
}

fn set<'o>(orders: impl IntoIterator<Item = &'o OrderNumber>) -> AttributeValue {
    AttributeValue::Ss(orders.into_iter().map(ToString::to_string).collect())
}
