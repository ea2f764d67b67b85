//! One write of a request: its item, and the values that it sets.

use serde_json::Value;

use super::item::Item;
use super::tables::{Partition, Table, Tables};

/// A put, an update, a deletion or a condition check, alone or within a transaction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Write<'r> {
    is_put: bool,
    body: &'r Value,
    pub(super) table: &'r Table,
}

impl<'r> Write<'r> {
    /// `None` if the table is not one of the template's.
    pub(super) fn new(verb: &str, body: &'r Value, tables: &'r Tables) -> Option<Self> {
        let table = tables.get(body.get("TableName")?.as_str()?)?;
        let is_put = verb.starts_with("Put");
        body.get(if is_put { "Item" } else { "Key" })?.as_object()?;
        Some(Self { is_put, body, table })
    }

    /// The writes of a transaction, in its order. `None` if one of them has no table or key.
    pub(super) fn all(request: &'r Value, tables: &'r Tables) -> Option<Vec<Self>> {
        let items = request.get("TransactItems")?.as_array()?.iter();
        items.map(|item| item.as_object()?.iter().find_map(|(verb, body)| Self::new(verb, body, tables))).collect()
    }

    pub(super) fn key(&self) -> Item {
        let of = |name| self.body.get(name).and_then(Value::as_object).unwrap();
        if self.is_put { self.table.key_of(of("Item")) } else { of("Key").clone() }
    }

    pub(super) fn index_partitions(&self, before: &Item) -> Vec<Partition> {
        self.table.index_partitions(before, |attribute| {
            if self.is_put {
                return self.body.get("Item")?.get(attribute);
            }
            assigned(self.body, self.body.get("UpdateExpression")?.as_str()?, attribute)
        })
    }
}

/// The value in `attribute = :value` of an expression.
pub(super) fn assigned<'r>(body: &'r Value, expression: &str, attribute: &str) -> Option<&'r Value> {
    let is_attribute = |name: &str| {
        let placeholder = body.get("ExpressionAttributeNames").and_then(|names| names.get(name)?.as_str());
        placeholder.unwrap_or(name) == attribute
    };
    let words: Vec<&str> = expression.split([' ', ',', '(', ')']).filter(|word| !word.is_empty()).collect();
    let value = words.windows(3).find_map(|words| match words {
        [name, "=", value] if is_attribute(name) => Some(*value),
        _ => None,
    });
    body.get("ExpressionAttributeValues")?.get(value?)
}
