//! Keys and indexes of the tables, as the template declares them.

use std::collections::{BTreeMap, BTreeSet};

use embedded::Template;
use serde_json::Value;

use super::item::{Item, size, write_units};

/// The items that share a partition key in a table, or in one of its indexes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Partition {
    /// The name of the table, or `table/index`.
    pub(super) place: String,
    key: String,
}

impl Partition {
    pub(super) fn is_of_index(&self) -> bool {
        self.place.contains('/')
    }

    /// As an ARN names it, after `table/`.
    pub(super) fn arn_path(&self) -> String {
        self.place.replace('/', "/index/")
    }
}

#[derive(Debug)]
pub(super) struct Tables(BTreeMap<String, Table>);

#[derive(Debug)]
pub(super) struct Table {
    name: String,
    /// The partition key, and the sort key if it has one.
    key: Vec<String>,
    indexes: Vec<Index>,
}

#[derive(Debug)]
struct Index {
    place: String,
    name: String,
    key: Vec<String>,
    /// `None` if it has all attributes.
    attributes: Option<BTreeSet<String>>,
}

impl Tables {
    pub(super) fn of(template: &Template) -> Self {
        let tables = template.tables().iter().map(|table| (table.name.clone(), Table::read(&table.definition)));
        Self(tables.collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&Table> {
        self.0.get(name)
    }
}

impl Table {
    fn read(definition: &Value) -> Self {
        let name = text(definition, "TableName");
        let key = key(definition);
        let indexes = definition.get("GlobalSecondaryIndexes").and_then(Value::as_array).into_iter().flatten();
        let indexes = indexes.map(|index| Index::read(index, &name, &key)).collect();
        Self { name, key, indexes }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The key attributes of an item.
    pub(super) fn key_of(&self, item: &Item) -> Item {
        self.key.iter().filter_map(|name| Some((name.clone(), item.get(name)?.clone()))).collect()
    }

    /// The item's identity among all tables.
    pub(super) fn identity(&self, key: &Item) -> String {
        let values: Vec<String> = self.key.iter().filter_map(|name| Some(key.get(name)?.to_string())).collect();
        format!("{} {}", self.name, values.join(" "))
    }

    pub(super) fn partition(&self, key: &Item) -> Option<Partition> {
        Some(Partition { place: self.name.clone(), key: key.get(self.key.first()?)?.to_string() })
    }

    /// The partition with this key value, in the table or in one of its indexes.
    pub(super) fn partition_at(&self, index: Option<&str>, value: &Value) -> Partition {
        let place = index.map_or_else(|| self.name.clone(), |index| format!("{}/{index}", self.name));
        Partition { place, key: value.to_string() }
    }

    /// The name of the partition key of the table or of one of its indexes.
    pub(super) fn partition_key(&self, index: Option<&str>) -> Option<&String> {
        match index {
            None => self.key.first(),
            Some(name) => self.indexes.iter().find(|index| index.name == name)?.key.first(),
        }
    }

    /// The index partitions that a write touches, known before it is applied: the item's own, and those of the values
    /// that the write sets.
    pub(super) fn index_partitions<'v>(
        &self,
        before: &Item,
        set: impl Fn(&str) -> Option<&'v Value>,
    ) -> Vec<Partition> {
        let of_index = |index: &Index| {
            let own = index.entry(before).and_then(|entry| index.partition(&entry));
            let next = index.key.first().and_then(|name| set(name));
            let next = next.map(|value| Partition { place: index.place.clone(), key: value.to_string() });
            [own, next].into_iter().flatten().collect::<Vec<_>>()
        };
        self.indexes.iter().flat_map(of_index).collect()
    }

    /// The write units that each index partition pays for a change of an item.
    pub(super) fn index_units(&self, before: &Item, after: &Item) -> Vec<(Partition, u64)> {
        let of_index = |index: &Index| {
            let (before, after) = (index.entry(before), index.entry(after));
            let is_same_key = |one: &Item, other: &Item| index.key.iter().all(|name| one.get(name) == other.get(name));
            let change = match (&before, &after) {
                (None, None) => vec![],
                (Some(one), Some(other)) if one == other => vec![],
                // An update in place. Under another key it is a deletion and an insertion.
                (Some(one), Some(other)) if is_same_key(one, other) => {
                    vec![(index.partition(other), write_units(size(one).max(size(other))))]
                }
                _ => {
                    let entries = [before.as_ref(), after.as_ref()].into_iter().flatten();
                    entries.map(|entry| (index.partition(entry), write_units(size(entry)))).collect()
                }
            };
            change.into_iter().filter_map(|(partition, units)| Some((partition?, units))).collect::<Vec<_>>()
        };
        self.indexes.iter().flat_map(of_index).collect()
    }
}

impl Index {
    fn read(definition: &Value, table: &str, table_key: &[String]) -> Self {
        let name = text(definition, "IndexName");
        let key = key(definition);
        let projection = definition.get("Projection").unwrap();
        let included = projection.get("NonKeyAttributes").and_then(Value::as_array).into_iter().flatten();
        let included = included.filter_map(Value::as_str).map(str::to_owned);
        let attributes = included.chain(key.iter().cloned()).chain(table_key.iter().cloned()).collect();
        let has_all = text(projection, "ProjectionType") == "ALL";
        Self { place: format!("{table}/{name}"), name, key, attributes: (!has_all).then_some(attributes) }
    }

    /// The item's entry. An item without one of the key attributes has none.
    fn entry(&self, item: &Item) -> Option<Item> {
        let is_projected = |name: &str| self.attributes.as_ref().is_none_or(|attributes| attributes.contains(name));
        let projected = item.iter().filter(|(name, _)| is_projected(name));
        self.key
            .iter()
            .all(|name| item.contains_key(name))
            .then(|| projected.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    fn partition(&self, entry: &Item) -> Option<Partition> {
        Some(Partition { place: self.place.clone(), key: entry.get(self.key.first()?)?.to_string() })
    }
}

fn key(definition: &Value) -> Vec<String> {
    definition
        .get("KeySchema")
        .and_then(Value::as_array)
        .unwrap()
        .iter()
        .map(|key| text(key, "AttributeName"))
        .collect()
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap().to_owned()
}
