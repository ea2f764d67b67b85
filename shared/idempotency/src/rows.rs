//! A builder for conditional updates of one row.

use std::collections::HashMap;
use std::fmt::{self, Write as _};

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use ledger::{
    CallContext, CallerKey, DayShard, Entry, Fact, Facts, Fingerprint, JournalHeader, Movement, Owner, Timestamp,
    is_listed,
};

use crate::names;

/// The row format that this release writes, in the attribute `v`. `tests/row_forms/` has rows of each format.
pub(crate) const ROW_FORMAT: u8 = 1;
/// The newest row format that this release reads. It is raised one release before [`ROW_FORMAT`], so that either
/// release can be rolled back.
pub(crate) const READ_FORMAT_MAX: u8 = 1;

/// An update of one row, built clause by clause. It is an update and not a put, so that a refused row keeps its first
/// arrival and its number of attempts.
#[derive(Debug, Default)]
pub(crate) struct Row {
    sets: Clause,
    adds: Clause,
    removes: Clause,
    deletes: Clause,
    pub(crate) conditions: Vec<String>,
    names: HashMap<String, String>,
    /// Each once, however often it is written: a smaller request.
    values: Vec<AttributeValue>,
}

/// The parts of one clause, separated by commas.
#[derive(Debug, Default)]
struct Clause(String);

impl Clause {
    fn push(&mut self, part: fmt::Arguments<'_>) {
        if !self.0.is_empty() {
            self.0.push_str(", ");
        }
        // A string takes everything.
        let _ = self.0.write_fmt(part);
    }
}

/// A placeholder in the expressions of a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Value(usize);

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ":{}", self.0)
    }
}

impl Row {
    /// For a write that may create the row, which then records its format. An existing row keeps its own.
    pub(crate) fn with_form() -> Self {
        let mut row = Self::default();
        row.set_first(names::FORMAT, number(&ROW_FORMAT));
        row
    }

    /// Written if there is no row, or if the same event has failed before.
    pub(crate) fn processed(header: &JournalHeader, context: &CallContext<'_>, now: Timestamp) -> Self {
        let mut row = Self::booked(header, context, now);
        let (absent, failed) = (row.absent(), row.is_failed_event(header));
        row.conditions.push(format!("{absent} OR ({failed})"));
        row
    }

    fn booked(header: &JournalHeader, context: &CallContext<'_>, now: Timestamp) -> Self {
        let mut row = Self::with_header(header, names::PROCESSED, header.fingerprints.current(), context);
        row.set(names::FACTS, facts(&header.facts));
        row.set(names::PROCESSED_AT, text(&now));
        for attribute in [names::REASON, names::ATTENTION, names::DUE_AT, names::OWED_UNITS, names::PASSED_OVER] {
            row.remove(attribute);
        }
        row
    }

    /// The charge of a hold: written if there is no row, or over an event of the same use that was refused, and is of one of
    /// these keys, waits for nothing, or waits in this lane of its owner.
    pub(crate) fn charged<'k>(
        header: &JournalHeader,
        waiting_in: &str,
        keys: impl Iterator<Item = &'k CallerKey>,
        context: &CallContext<'_>,
        now: Timestamp,
    ) -> Self {
        let mut row = Self::booked(header, context, now);
        let (absent, form) = (row.absent(), row.known_form());
        let (status, failed) = (row.name(names::STATUS), row.value(text(names::FAILED)));
        let (lane, waiting_in) = (row.name(names::ATTENTION), row.value(text(waiting_in)));
        let of_key = keys.fold(String::new(), |mut conditions, key| {
            let (facts, fact, id) = (row.name(names::FACTS), row.name(names::KEY), row.value(text(key.as_str())));
            // A string takes everything.
            let _ = write!(conditions, " OR {facts}.{fact} = {id}");
            conditions
        });
        row.conditions.push(format!(
            "({absent} OR ({status} = {failed} AND (attribute_not_exists({lane}) OR {lane} = {waiting_in}{of_key}) AND {form}))"
        ));
        row
    }

    /// Like [`Self::processed`], but not over a row of this same delivery: after a timeout, our own refusal must not
    /// count twice.
    pub(crate) fn failed(header: &JournalHeader, reason: &str, context: &CallContext<'_>) -> Self {
        let mut row = Self::with_header(header, names::FAILED, header.fingerprints.current(), context);
        row.set(names::FACTS, facts(&header.facts));
        row.set(names::REASON, text(reason));
        row.list(header.receipt.as_str(), context);
        let (absent, failed) = (row.absent(), row.is_failed_event(header));
        let (by, own) = (row.name(names::WRITTEN_BY), row.value(text(context.attempt.as_str())));
        row.conditions.push(format!("{absent} OR ({failed} AND {by} <> {own})"));
        row
    }

    /// A movement under its own money key: it is booked once, by whichever event arrives first.
    pub(crate) fn money(
        header: &JournalHeader,
        fingerprint: &Fingerprint,
        context: &CallContext<'_>,
        now: Timestamp,
    ) -> Self {
        let mut row = Self::money_over(header, fingerprint, context, now);
        let absent = row.absent();
        row.conditions.push(absent);
        row
    }

    /// Like [`Self::money`] without a condition.
    pub(crate) fn money_over(
        header: &JournalHeader,
        fingerprint: &Fingerprint,
        context: &CallContext<'_>,
        now: Timestamp,
    ) -> Self {
        let mut row = Self::with_header(header, names::PROCESSED, fingerprint, context);
        row.set(names::FACTS, facts(&vec![("event", header.receipt.as_str().into())]));
        row.set(names::PROCESSED_AT, text(&now));
        row
    }

    /// Puts the row into the index by day, under the day of its first arrival.
    pub(crate) fn list(&mut self, key: &str, context: &CallContext<'_>) {
        self.set_first(names::LISTED, text(&DayShard::of(key, context.first_received_at).word()));
    }

    pub(crate) fn list_entry(&mut self, entry: &Entry, context: &CallContext<'_>) {
        if is_listed(entry) {
            self.list(entry.header.receipt.as_str(), context);
        }
    }

    /// Where the last delivery is kept, if it is shared with other events.
    pub(crate) fn kept_in(&mut self, context: &CallContext<'_>) {
        if let Some(body) = context.body {
            self.set_or_remove(names::KEPT_IN, body.batch.map(|batch| text(batch.id)));
        }
    }

    /// Puts the event into the retry queue until this time, or removes it.
    pub(crate) fn schedule_retry(&mut self, source: &str, due_at: Option<Timestamp>) {
        self.set_or_remove(names::ATTENTION, due_at.map(|_| text(source)));
        self.set_or_remove(names::DUE_AT, due_at.map(|due_at| text(&due_at)));
        self.remove(names::OWED_UNITS);
        self.remove(names::PASSED_OVER);
    }

    fn with_header(header: &JournalHeader, status: &str, fingerprint: &Fingerprint, context: &CallContext<'_>) -> Self {
        let mut row = Self::default();
        row.set(names::FORMAT, number(&ROW_FORMAT));
        row.set(names::SOURCE, text(header.writer.as_str()));
        row.set(names::KIND, text(header.kind));
        row.set(names::STATUS, text(status));
        row.set(names::FINGERPRINT, text(fingerprint));
        row.set(names::WRITTEN_BY, text(context.attempt.as_str()));
        row.set_first(names::RECEIVED_AT, text(&context.first_received_at));
        row.add(names::ATTEMPTS, number(&1));
        if let Some(order) = &header.order {
            row.set(names::ORDER, text(order));
        }
        row
    }

    pub(crate) fn posting(&mut self, movement: &Movement) {
        let posting = &movement.posting;
        let sides = [(names::DEBIT, text(&posting.debit())), (names::CREDIT, text(&posting.credit()))];
        self.set(names::ACCOUNT, text(posting.account()));
        self.set(names::AMOUNT_UNITS, number(&posting.change().units()));
        if let Some(reversed) = &movement.reverses {
            self.set(names::REVERSES, text(reversed));
        }
        self.set(names::POSTING, AttributeValue::M(sides.map(|(side, account)| (side.to_owned(), account)).into()));
    }

    pub(crate) fn absent(&mut self) -> String {
        format!("attribute_not_exists({})", self.name(names::ID))
    }

    fn is_failed_event(&mut self, header: &JournalHeader) -> String {
        let (status, failed) = (self.name(names::STATUS), self.value(text(names::FAILED)));
        let mut known = Clause::default();
        for fingerprint in header.fingerprints.all() {
            known.push(format_args!("{}", self.value(text(fingerprint))));
        }
        let form = self.known_form();
        format!("{status} = {failed} AND {} IN ({}) AND {form}", self.name(names::FINGERPRINT), known.0)
    }

    /// The condition that the row is absent or of a form that this release reads. For writes that no read of the row
    /// precedes: it costs no capacity, and `verdict` finds the later form in the row that a failed condition returns.
    pub(crate) fn known_form(&mut self) -> String {
        let (form, newest) = (self.name(names::FORMAT), self.value(number(&READ_FORMAT_MAX)));
        format!("(attribute_not_exists({form}) OR {form} <= {newest})")
    }

    pub(crate) fn require_known_form(&mut self) {
        let known_form = self.known_form();
        self.conditions.push(known_form);
    }

    /// The condition that the attribute has this value, or is absent.
    pub(crate) fn require(&mut self, attribute: &'static str, read: Option<AttributeValue>) {
        let name = self.name(attribute);
        let condition = match read {
            None => format!("attribute_not_exists({name})"),
            Some(value) => format!("{name} = {}", self.value(value)),
        };
        self.conditions.push(condition);
    }

    pub(crate) fn set(&mut self, attribute: &'static str, value: AttributeValue) {
        let (name, value) = (self.name(attribute), self.value(value));
        self.sets.push(format_args!("{name} = {value}"));
    }

    /// Keeps an existing value.
    pub(crate) fn set_first(&mut self, attribute: &'static str, value: AttributeValue) {
        let (name, value) = (self.name(attribute), self.value(value));
        self.sets.push(format_args!("{name} = if_not_exists({name}, {value})"));
    }

    /// Sets the value that the other attribute has before the update, or this value.
    pub(crate) fn set_copy(&mut self, attribute: &'static str, of: &'static str, otherwise: AttributeValue) {
        let (name, of, value) = (self.name(attribute), self.name(of), self.value(otherwise));
        self.sets.push(format_args!("{name} = if_not_exists({of}, {value})"));
    }

    pub(crate) fn remove(&mut self, attribute: &'static str) {
        let name = self.name(attribute);
        self.removes.push(format_args!("{name}"));
    }

    /// Sets the value, or removes the attribute.
    pub(crate) fn set_or_remove(&mut self, attribute: &'static str, value: Option<AttributeValue>) {
        match value {
            Some(value) => self.set(attribute, value),
            None => self.remove(attribute),
        }
    }

    /// Sets the value over the one that was read, or removes the attribute.
    pub(crate) fn set_over(
        &mut self,
        attribute: &'static str,
        from: Option<AttributeValue>,
        to: Option<AttributeValue>,
    ) {
        self.require(attribute, from);
        self.set_or_remove(attribute, to);
    }

    pub(crate) fn add(&mut self, attribute: &'static str, value: AttributeValue) {
        let (name, value) = (self.name(attribute), self.value(value));
        self.adds.push(format_args!("{name} {value}"));
    }

    /// Adds to a set whose attribute has a plain name of its own.
    pub(crate) fn add_to_set(&mut self, attribute: &str, values: AttributeValue) {
        let values = self.value(values);
        self.adds.push(format_args!("{attribute} {values}"));
    }

    pub(crate) fn delete_from_set(&mut self, attribute: &str, values: AttributeValue) {
        let values = self.value(values);
        self.deletes.push(format_args!("{attribute} {values}"));
    }

    /// Removes these values from a set.
    pub(crate) fn delete(&mut self, attribute: &'static str, values: AttributeValue) {
        let (name, values) = (self.name(attribute), self.value(values));
        self.deletes.push(format_args!("{name} {values}"));
    }

    /// How an expression spells the attribute: by its name, or by a placeholder if the name is a reserved word.
    pub(crate) fn name(&mut self, attribute: &'static str) -> &'static str {
        let Some(placeholder) = names::placeholder(attribute) else { return attribute };
        self.names.entry(placeholder.to_owned()).or_insert_with(|| attribute.to_owned());
        placeholder
    }

    /// The placeholder of a value, which others may have too.
    pub(crate) fn value(&mut self, value: AttributeValue) -> Value {
        let known = self.values.iter().position(|known| *known == value);
        Value(known.unwrap_or_else(|| {
            self.values.push(value);
            self.values.len().saturating_sub(1)
        }))
    }

    pub(crate) fn update(self, table: &str, id: &str) -> Result<TransactWriteItem, BuildError> {
        let mut expression = String::new();
        let clauses = [("SET", self.sets), ("ADD", self.adds), ("REMOVE", self.removes), ("DELETE", self.deletes)];
        for (verb, Clause(parts)) in clauses.iter().filter(|(_, clause)| !clause.0.is_empty()) {
            let space = if expression.is_empty() { "" } else { " " };
            expression.extend([space, verb, " ", parts]);
        }
        let condition = (!self.conditions.is_empty()).then(|| self.conditions.join(" AND "));
        let values = (0..).map(Value).zip(self.values).map(|(value, is)| (value.to_string(), is));
        let values: HashMap<String, AttributeValue> = values.collect();
        let update = Update::builder()
            .table_name(table)
            .key(names::ID, text(id))
            .update_expression(expression)
            .set_condition_expression(condition)
            .set_expression_attribute_names((!self.names.is_empty()).then_some(self.names))
            .set_expression_attribute_values((!values.is_empty()).then_some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

/// The id of the row that names an owner's referrer. An owner's name contains no `#`, so the id never equals an
/// account's.
pub(crate) fn referrer(of: &Owner) -> String {
    format!("referrer#{of}")
}

pub(crate) fn text(text: &(impl ToString + ?Sized)) -> AttributeValue {
    AttributeValue::S(text.to_string())
}

pub(crate) fn number(number: &impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn facts(facts: &Facts) -> AttributeValue {
    let value = |fact: &Fact| match fact {
        Fact::Text(value) => text(value),
        Fact::Count(value) => number(value),
    };
    AttributeValue::M(facts.iter().map(|(name, fact)| ((*name).to_owned(), value(fact))).collect())
}

pub(crate) fn map<'n>(fields: impl IntoIterator<Item = (&'n str, AttributeValue)>) -> AttributeValue {
    map_of(&mut fields.into_iter())
}

/// Compiled once, and not for each number of fields.
fn map_of(fields: &mut dyn Iterator<Item = (&str, AttributeValue)>) -> AttributeValue {
    AttributeValue::M(fields.map(|(name, value)| (name.to_owned(), value)).collect())
}

/// The version that a write requires; `None` for the first.
pub(crate) fn read_version(version: u64) -> Option<u64> {
    version.checked_sub(1).filter(|before| *before > 0)
}

/// Two movements under one money key are the same if their fingerprints are equal.
pub(crate) fn fingerprint_of(movement: &Movement) -> Fingerprint {
    let account = movement.posting.account().to_string();
    let change = movement.posting.change().units().to_string();
    Fingerprint::of(1, &[("key", movement.key.as_str()), ("account", &account), ("change", &change)])
}
