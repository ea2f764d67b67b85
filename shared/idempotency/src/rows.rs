//! What a transaction writes, row by row, and the condition under which each row may be written.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use ledger::{
    Amount, Balance, CallerKey, Delivery, Effect, Entry, Fact, Facts, Fingerprint, Heading, MoneyKey, Movement, Net,
    Owner, Refusal, merged,
};
use thiserror::Error;

use crate::{Tables, body, names};

/// The layout of a journal row, so that rows of a later one can be told from these.
const ROW_FORMAT: u8 = 1;
/// A refused event is looked at again after a minute, when a late order or a top-up has mostly arrived.
const FIRST_LOOK_SECONDS: i64 = 60;

/// One transaction: its rows, and what it means when a row's condition does not hold. In the order of the rows.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) items: Vec<TransactWriteItem>,
    pub(crate) roles: Vec<Role>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Role {
    Receipt,
    Money(MoneyKey, Fingerprint),
    /// With the overdraft line that the account was read with, if that is to be changed.
    Account(Option<Amount>),
    Key,
    Body,
}

#[derive(Debug, Error)]
pub(crate) enum PlanError {
    #[error("the effects add up to more than an account can hold")]
    Overflow,
    #[error("a row is incomplete")]
    Build(#[from] BuildError),
    #[error("the body cannot be compressed")]
    Body(#[from] std::io::Error),
}

impl Plan {
    /// The entry and all its effects, but for the money in `moved`, which other events have moved already.
    pub(crate) fn record(
        tables: &Tables,
        entry: &Entry,
        delivery: &Delivery<'_>,
        moved: &BTreeSet<MoneyKey>,
    ) -> Result<Self, PlanError> {
        let receipt = entry.heading.receipt.as_str();
        let effects: Vec<Effect> = entry.effects.iter().filter(|effect| !is_moved(effect, moved)).cloned().collect();
        let movements = || {
            effects.iter().filter_map(|effect| if let Effect::Move(movement) = effect { Some(movement) } else { None })
        };
        let mut plan = Self::default();

        let mut row = Row::processed(&entry.heading, delivery);
        if let Some(movement) = movements().find(|movement| movement.key.as_str() == receipt) {
            row.posting(movement);
        }
        plan.push(Role::Receipt, row.update(&tables.journal, receipt)?);

        for movement in movements().filter(|movement| movement.key.as_str() != receipt) {
            let fingerprint = fingerprint_of(movement);
            let mut row = Row::money(&entry.heading, &fingerprint, delivery);
            row.posting(movement);
            plan.push(
                Role::Money(movement.key.clone(), fingerprint),
                row.update(&tables.journal, movement.key.as_str())?,
            );
        }
        for (account, net) in merged(&effects).ok_or(PlanError::Overflow)? {
            let overdraft = net.overdraft.map(|(from, _)| from);
            plan.push(Role::Account(overdraft), account_row(&net)?.update(&tables.accounts, &account.to_string())?);
        }
        for effect in &effects {
            if let Effect::Bind { key, owner } = effect {
                plan.push(Role::Key, key_row(tables, key, owner, delivery)?);
            }
        }
        if entry.keeps_body {
            plan.body(tables, receipt, true, delivery)?;
        }
        Ok(plan)
    }

    /// The refusal, unless the event was booked in the meantime.
    pub(crate) fn refuse(tables: &Tables, refusal: &Refusal, delivery: &Delivery<'_>) -> Result<Self, PlanError> {
        let receipt = refusal.heading.receipt.as_str();
        let mut plan = Self::default();
        let mut row = Row::failed(&refusal.heading, refusal.reason.as_str(), delivery);
        // Only what was received can be replayed; a person who was refused has been told.
        if refusal.reason.curable() && delivery.body.is_some() {
            row.set(names::ATTENTION, text(refusal.heading.source));
            row.set(names::DUE_AT, text(&delivery.received_at.plus_seconds(FIRST_LOOK_SECONDS)));
        }
        plan.push(Role::Receipt, row.update(&tables.journal, receipt)?);
        plan.body(tables, receipt, false, delivery)?;
        Ok(plan)
    }

    /// The contradiction, beside what it contradicts.
    pub(crate) fn contradict(tables: &Tables, heading: &Heading, delivery: &Delivery<'_>) -> Result<Self, PlanError> {
        let key = heading.receipt.conflicting(heading.fingerprints.current());
        let mut plan = Self::default();
        plan.push(
            Role::Receipt,
            Row::failed(heading, names::CONFLICT, delivery).update(&tables.journal, key.as_str())?,
        );
        plan.body(tables, key.as_str(), false, delivery)?;
        Ok(plan)
    }

    fn body(&mut self, tables: &Tables, id: &str, processed: bool, delivery: &Delivery<'_>) -> Result<(), PlanError> {
        if let Some(body) = delivery.body {
            let row = body::row(id, body, processed, delivery.received_at)?;
            let put = Put::builder().table_name(&tables.bodies).set_item(Some(row)).build()?;
            self.push(Role::Body, TransactWriteItem::builder().put(put).build());
        }
        Ok(())
    }

    fn push(&mut self, role: Role, item: TransactWriteItem) {
        self.roles.push(role);
        self.items.push(item);
    }
}

fn is_moved(effect: &Effect, moved: &BTreeSet<MoneyKey>) -> bool {
    matches!(effect, Effect::Move(movement) if moved.contains(&movement.key))
}

/// What makes two movements under one money key the same movement.
fn fingerprint_of(movement: &Movement) -> Fingerprint {
    let account = movement.posting.account().to_string();
    let change = movement.posting.change().units().to_string();
    Fingerprint::of(1, &[("key", movement.key.as_str()), ("account", &account), ("change", &change)])
}

fn account_row(net: &Net) -> Result<Row, PlanError> {
    let mut row = Row::default();
    let mut available = net.change;
    if let Some((from, to)) = net.overdraft {
        let widened = Balance::from_units(Balance::from(to).units().saturating_sub(Balance::from(from).units()));
        available = available.checked_add(widened).ok_or(PlanError::Overflow)?;
        let (line, was) = (row.name(names::OVERDRAFT), row.value(number(&from.units())));
        row.conditions.push(if from.is_zero() {
            format!("(attribute_not_exists({line}) OR {line} = {was})")
        } else {
            format!("{line} = {was}")
        });
        row.set(names::OVERDRAFT, number(&to.units()));
    }
    if let Some(required) = net.required {
        let (available, required) = (row.name(names::AVAILABLE), row.value(number(&required.units())));
        row.conditions.push(format!("{available} >= {required}"));
    }
    row.add(names::BALANCE, number(&net.change.units()));
    row.add(names::AVAILABLE, number(&available.units()));
    row.add(names::VERSION, number(&net.movements));
    Ok(row)
}

fn key_row(
    tables: &Tables,
    key: &CallerKey,
    owner: &Owner,
    delivery: &Delivery<'_>,
) -> Result<TransactWriteItem, PlanError> {
    let put = Put::builder()
        .table_name(&tables.accounts)
        .item(names::ID, text(key))
        .item(names::OWNER, text(owner))
        .item(names::RECEIVED_AT, text(&delivery.received_at))
        .item(names::WRITTEN_BY, text(delivery.attempt.as_str()))
        .condition_expression("attribute_not_exists(#id) OR #owner = :owner")
        .expression_attribute_names("#id", names::ID)
        .expression_attribute_names("#owner", names::OWNER)
        .expression_attribute_values(":owner", text(owner))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// An update of one row, put together clause by clause. Updates rather than puts, so that a row that failed before keeps when
/// it was first received and how often it was tried.
#[derive(Debug, Default)]
struct Row {
    sets: Vec<String>,
    adds: Vec<String>,
    removes: Vec<String>,
    conditions: Vec<String>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Row {
    /// May be written where there is no row yet, or where the same event has failed.
    fn processed(heading: &Heading, delivery: &Delivery<'_>) -> Self {
        let mut row = Self::headed(heading, names::PROCESSED, heading.fingerprints.current(), delivery);
        row.set(names::FACTS, facts(&heading.facts));
        row.set(names::PROCESSED_AT, text(&delivery.received_at));
        for cured in [names::REASON, names::ATTENTION, names::DUE_AT] {
            let name = row.name(cured);
            row.removes.push(name);
        }
        let (absent, failed) = (row.absent(), row.failed_before(heading));
        row.conditions.push(format!("{absent} OR ({failed})"));
        row
    }

    /// The same, but not over what this very delivery has written: after a time-out, our own refusal must not count twice.
    fn failed(heading: &Heading, reason: &str, delivery: &Delivery<'_>) -> Self {
        let mut row = Self::headed(heading, names::FAILED, heading.fingerprints.current(), delivery);
        row.set(names::FACTS, facts(&heading.facts));
        row.set(names::REASON, text(reason));
        let (absent, failed) = (row.absent(), row.failed_before(heading));
        let (by, own) = (row.name(names::WRITTEN_BY), row.value(text(delivery.attempt.as_str())));
        row.conditions.push(format!("{absent} OR ({failed} AND {by} <> {own})"));
        row
    }

    /// A movement whose name is not the event's: it happens once, whichever event comes first.
    fn money(heading: &Heading, fingerprint: &Fingerprint, delivery: &Delivery<'_>) -> Self {
        let mut row = Self::headed(heading, names::PROCESSED, fingerprint, delivery);
        row.set(names::FACTS, facts(&vec![("event", heading.receipt.as_str().into())]));
        row.set(names::PROCESSED_AT, text(&delivery.received_at));
        let absent = row.absent();
        row.conditions.push(absent);
        row
    }

    fn headed(heading: &Heading, status: &str, fingerprint: &Fingerprint, delivery: &Delivery<'_>) -> Self {
        let mut row = Self::default();
        row.set(names::FORMAT, number(&ROW_FORMAT));
        row.set(names::SOURCE, text(heading.source));
        row.set(names::KIND, text(heading.kind));
        row.set(names::STATUS, text(status));
        row.set(names::FINGERPRINT, text(fingerprint));
        row.set(names::WRITTEN_BY, text(delivery.attempt.as_str()));
        let (received, now) = (row.name(names::RECEIVED_AT), row.value(text(&delivery.received_at)));
        row.sets.push(format!("{received} = if_not_exists({received}, {now})"));
        row.add(names::ATTEMPTS, number(&1));
        row
    }

    fn posting(&mut self, movement: &Movement) {
        let posting = &movement.posting;
        let sides = [(names::DEBIT, text(&posting.debit())), (names::CREDIT, text(&posting.credit()))];
        self.set(names::ACCOUNT, text(posting.account()));
        self.set(names::AMOUNT, number(&posting.change().units()));
        self.set(names::POSTING, AttributeValue::M(sides.map(|(side, account)| (side.to_owned(), account)).into()));
    }

    fn absent(&mut self) -> String {
        format!("attribute_not_exists({})", self.name(names::ID))
    }

    fn failed_before(&mut self, heading: &Heading) -> String {
        let (status, failed) = (self.name(names::STATUS), self.value(text(names::FAILED)));
        let known: Vec<String> = heading.fingerprints.all().map(|fingerprint| self.value(text(fingerprint))).collect();
        format!("{status} = {failed} AND {} IN ({})", self.name(names::FINGERPRINT), known.join(", "))
    }

    fn set(&mut self, attribute: &str, value: AttributeValue) {
        let (name, value) = (self.name(attribute), self.value(value));
        self.sets.push(format!("{name} = {value}"));
    }

    fn add(&mut self, attribute: &str, value: AttributeValue) {
        let (name, value) = (self.name(attribute), self.value(value));
        self.adds.push(format!("{name} {value}"));
    }

    /// Every attribute goes by a placeholder: `status`, `owner` and more are reserved words.
    fn name(&mut self, attribute: &str) -> String {
        let placeholder = format!("#{attribute}");
        self.names.insert(placeholder.clone(), attribute.to_owned());
        placeholder
    }

    fn value(&mut self, value: AttributeValue) -> String {
        let placeholder = format!(":{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        placeholder
    }

    fn update(self, table: &str, id: &str) -> Result<TransactWriteItem, BuildError> {
        let clauses = [("SET", self.sets), ("ADD", self.adds), ("REMOVE", self.removes)];
        let clauses: Vec<String> = clauses
            .iter()
            .filter(|(_, parts)| !parts.is_empty())
            .map(|(verb, parts)| format!("{verb} {}", parts.join(", ")))
            .collect();
        let condition = (!self.conditions.is_empty()).then(|| self.conditions.join(" AND "));
        let update = Update::builder()
            .table_name(table)
            .key(names::ID, text(id))
            .update_expression(clauses.join(" "))
            .set_condition_expression(condition)
            .set_expression_attribute_names(Some(self.names))
            .set_expression_attribute_values(Some(self.values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

pub(crate) fn text(text: &(impl ToString + ?Sized)) -> AttributeValue {
    AttributeValue::S(text.to_string())
}

fn number(number: &impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn facts(facts: &Facts) -> AttributeValue {
    let value = |fact: &Fact| match fact {
        Fact::Text(value) => text(value),
        Fact::Count(value) => number(value),
    };
    AttributeValue::M(facts.iter().map(|(name, fact)| ((*name).to_owned(), value(fact))).collect())
}
