//! The plan of one transaction: its rows, and the role of each, which decides the result if its condition fails.

use std::borrow::Cow;
use std::collections::BTreeSet;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use ledger::{
    Amount, Balance, CallContext, CallerKey, Effect, Entry, JournalHeader, Lane, MoneyKey, Movement, Net, Owner,
    Policy, ProofUse, Refusal, SpendingTerms, Timestamp, merged, next_retry_at,
};

use crate::role::{PlanError, Role};
use crate::rows::{self, READ_FORMAT_MAX, ROW_FORMAT, Row, fingerprint_of, number, read_version, text};
use crate::{Tables, body, code_row, lane_row, names, order_row, places, proof, rate_row, repair};

/// The rows of the transaction, and the role of each in the same order.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) items: Vec<TransactWriteItem>,
    pub(crate) roles: Vec<Role>,
}

impl Plan {
    /// The entry and all its effects, except the movements in `moved`, which other events have already booked.
    pub(crate) fn record(
        tables: &Tables,
        entry: &Entry,
        context: &CallContext<'_>,
        moved: &BTreeSet<MoneyKey>,
        now: Timestamp,
    ) -> Result<Self, PlanError> {
        let receipt = entry.header.receipt.as_str();
        let effects = unless_moved(&entry.effects, moved);
        let movements = || {
            effects.iter().filter_map(|effect| if let Effect::Move(movement) = effect { Some(movement) } else { None })
        };
        let mut plan = Self::default();

        let mut row = Row::processed(&entry.header, context, now);
        if let Some(movement) = movements().find(|movement| movement.key.as_str() == receipt) {
            row.posting(movement);
        }
        let repairs = || {
            effects.iter().filter_map(|effect| if let Effect::Repair(repair) = effect { Some(repair) } else { None })
        };
        if let Some(line) = repairs().find_map(|repair| repair::is_receipt(repair, &entry.header)) {
            row.posting(&line);
        }
        plan.push(Role::Receipt, row.update(&tables.journal, receipt)?);

        let (proven, required) = match ProofUse::of(&effects) {
            Some(ProofUse::Write(proof)) => (Some(proof).filter(|proof| !moved.contains(&proof.key)), None),
            Some(ProofUse::Require(proof)) => (None, Some(proof)),
            None => (None, None),
        };
        let proof_of = |movement: &Movement| proven.as_ref().filter(|proof| proof.key == movement.key);
        for movement in movements().filter(|movement| movement.key.as_str() != receipt) {
            let proof = proof_of(movement);
            let fingerprint =
                proof.map_or_else(|| fingerprint_of(movement), |proof| proof::fingerprint(proof, Some(movement)));
            let mut row = Row::money(&entry.header, &fingerprint, context, now);
            row.posting(movement);
            if let Some(proof) = proof {
                proof::money(&mut row, proof.money);
            }
            plan.push(
                Role::Money(movement.key.clone(), fingerprint),
                row.update(&tables.journal, movement.key.as_str())?,
            );
        }
        // No posting: the grants of the order are posted or delivered later.
        if let Some(proof) = proven.as_ref().filter(|_| !movements().any(|movement| proof_of(movement).is_some())) {
            let fingerprint = proof::fingerprint(proof, None);
            let mut row = Row::money(&entry.header, &fingerprint, context, now);
            proof::money(&mut row, proof.money);
            plan.push(Role::Money(proof.key.clone(), fingerprint), row.update(&tables.journal, proof.key.as_str())?);
        }
        if let Some(proof) = required {
            plan.push(Role::Proof, proof::required(tables, &proof)?);
        }
        for (account, net) in merged(&effects).ok_or(PlanError::Overflow)? {
            let terms = net.overdraft.map(|(from, _)| from);
            plan.push(Role::Account(terms), account_row(&net)?.update(&tables.accounts, &account.to_string())?);
        }
        for effect in effects.iter() {
            match effect {
                Effect::Bind { key, owner } => plan.push(Role::Key, key_row(tables, key, owner, context)?),
                Effect::Revoke { key, owner } => {
                    let row = revoked_row(owner, context);
                    plan.push(Role::Revoked, row.update(&tables.accounts, &key.to_string())?);
                }
                Effect::Refer { owner, from, to } => {
                    let row = referrer_row(from.as_ref(), to.as_ref(), context);
                    plan.push(Role::Referrer, row.update(&tables.accounts, &rows::referrer(owner))?);
                }
                Effect::Code(change) => {
                    let row = code_row::change(change, &entry.header.receipt, context);
                    plan.push(Role::Code, row.update(&tables.accounts, &code_row::id(change.hash()))?);
                }
                Effect::Rates(rates) => {
                    let row = rate_row::write(rates, context).update(&tables.accounts, &rate_row::id(rates.pair))?;
                    plan.push(Role::Versioned(read_version(rates.version)), row);
                }
                Effect::Move(_)
                | Effect::Overdraft { .. }
                | Effect::Order { .. }
                | Effect::Point { .. }
                | Effect::Subscription(_)
                | Effect::Wait { .. }
                | Effect::TakePlace { .. }
                | Effect::Repair(_) => {}
            }
        }
        for repair in repairs().filter(|repair| repair::is_receipt(repair, &entry.header).is_none()) {
            let (role, item) = repair::item(tables, repair, &entry.header, context, now)?;
            plan.push(role, item);
        }
        plan.orders(tables, &effects, context)?;
        if entry.keeps_body {
            plan.body(tables, receipt, true, context)?;
        }
        Ok(plan)
    }

    /// The refusal, unless the event has been booked meanwhile.
    pub(crate) fn refuse(tables: &Tables, refusal: &Refusal, context: &CallContext<'_>) -> Result<Self, PlanError> {
        let receipt = refusal.header.receipt.as_str();
        let mut plan = Self::default();
        let mut row = Row::failed(&refusal.header, refusal.reason.as_str(), context);
        // Only a webhook delivery can be retried. A person's refused command has already returned its error.
        let due_at = next_retry_at(refusal.reason, context.first_received_at, context.received_at);
        let due_at = due_at.filter(|_| context.body.is_some());
        let source = refusal.header.writer.as_str();
        match (due_at, lane_of(refusal)) {
            (Some(_), Some((lane, owed))) => {
                lane_row::enqueue(&mut row, source, lane, owed, context.first_received_at);
                plan.push(Role::Receipt, row.update(&tables.journal, receipt)?);
                let row = lane_row::count_refusal(source, context);
                plan.push(Role::Lane, row.update(&tables.journal, &lane_row::id(source, lane))?);
            }
            (due_at, _) => {
                row.schedule_retry(source, due_at);
                plan.push(Role::Receipt, row.update(&tables.journal, receipt)?);
            }
        }
        plan.orders(tables, &refusal.effects, context)?;
        // The delivery that a retry uses is already stored, and its expiry must not move.
        if !context.is_replay_of(&refusal.header.receipt) {
            plan.body(tables, receipt, false, context)?;
        }
        Ok(plan)
    }

    /// The idempotency conflict, in a row next to the event that it conflicts with.
    pub(crate) fn conflict(
        tables: &Tables,
        header: &JournalHeader,
        context: &CallContext<'_>,
    ) -> Result<Self, PlanError> {
        let key = header.receipt.conflicting(header.fingerprints.current());
        let mut plan = Self::default();
        plan.push(Role::Receipt, Row::failed(header, names::CONFLICT, context).update(&tables.journal, key.as_str())?);
        plan.body(tables, key.as_str(), false, context)?;
        Ok(plan)
    }

    /// Orders and pointers, without a receipt.
    pub(crate) fn amend(tables: &Tables, effects: &[Effect], context: &CallContext<'_>) -> Result<Self, PlanError> {
        let mut plan = Self::default();
        plan.orders(tables, effects, context)?;
        Ok(plan)
    }

    fn orders(&mut self, tables: &Tables, effects: &[Effect], context: &CallContext<'_>) -> Result<(), BuildError> {
        for effect in effects {
            match effect {
                Effect::Order { order, transition } => {
                    let row = order_row::order(order, *transition, context);
                    let role = Role::Versioned(read_version(order.version));
                    self.push(role, row.update(&tables.orders, order.number.as_str())?);
                }
                Effect::Point { pointer, from, to } => {
                    let row = order_row::pointer(pointer, from.as_ref(), to, context);
                    self.push(Role::Pointer, row.update(&tables.orders, &pointer.to_string())?);
                }
                Effect::Subscription(subscription) => {
                    let row = order_row::subscription(subscription, context);
                    let role = Role::Versioned(read_version(subscription.version));
                    self.push(role, row.update(&tables.subscriptions, &subscription.reference.to_string())?);
                }
                Effect::TakePlace { owner, order, replaces, places: number } => {
                    let row = places::take(order, replaces.as_ref(), *number);
                    self.push(Role::Place, row.update(&tables.orders, &places::id(owner))?);
                }
                Effect::Move(_)
                | Effect::Bind { .. }
                | Effect::Revoke { .. }
                | Effect::Refer { .. }
                | Effect::Overdraft { .. }
                | Effect::Wait { .. }
                | Effect::Rates(_)
                | Effect::Code(_)
                | Effect::Repair(_) => {}
            }
        }
        Ok(())
    }

    fn body(&mut self, tables: &Tables, id: &str, processed: bool, context: &CallContext<'_>) -> Result<(), PlanError> {
        if let Some(body) = context.body {
            let meta = body::BodyMeta {
                is_processed: processed,
                first_received_at: context.first_received_at,
                attempt: &context.attempt,
            };
            for row in body::rows(id, body, &meta)? {
                let put = Put::builder().table_name(&tables.bodies).set_item(Some(row)).build()?;
                self.push(Role::Body, TransactWriteItem::builder().put(put).build());
            }
        }
        Ok(())
    }

    fn push(&mut self, role: Role, item: TransactWriteItem) {
        self.roles.push(role);
        self.items.push(item);
    }
}

fn lane_of(refusal: &Refusal) -> Option<(&Lane, Amount)> {
    refusal.effects.iter().find_map(|effect| {
        let Effect::Wait { lane, owed } = effect else { return None };
        Some((lane, *owed))
    })
}

fn unless_moved<'e>(effects: &'e [Effect], moved: &BTreeSet<MoneyKey>) -> Cow<'e, [Effect]> {
    if moved.is_empty() {
        return Cow::Borrowed(effects);
    }
    let is_moved = |effect: &Effect| matches!(effect, Effect::Move(movement) if moved.contains(&movement.key));
    effects.iter().filter(|effect| !is_moved(effect)).cloned().collect()
}

fn account_row(net: &Net) -> Result<Row, PlanError> {
    let mut row = Row::with_form();
    let mut available = net.change;
    if let Some((from, to)) = net.overdraft {
        let [before, after] = [from, to].map(|terms| Balance::from(terms.overdraft).units());
        available =
            available.checked_add(Balance::from_units(after.saturating_sub(before))).ok_or(PlanError::Overflow)?;
        spending_terms(&mut row, from, to);
    }
    if let Some(required) = net.required {
        let (available, required) = (row.name(names::AVAILABLE_UNITS), row.value(number(&required.units())));
        row.conditions.push(format!("{available} >= {required}"));
    }
    row.require_known_form();
    row.add(names::BALANCE_UNITS, number(&net.change.units()));
    row.add(names::AVAILABLE_UNITS, number(&available.units()));
    row.add(names::VERSION, number(&net.movements));
    Ok(row)
}

/// Written over the terms that were read. A row without one of these attributes has its default.
fn spending_terms(row: &mut Row, from: SpendingTerms, to: SpendingTerms) {
    let (line, before) = (row.name(names::OVERDRAFT_UNITS), row.value(number(&from.overdraft.units())));
    row.conditions.push(if from.overdraft.is_zero() {
        format!("(attribute_not_exists({line}) OR {line} = {before})")
    } else {
        format!("{line} = {before}")
    });
    row.set(names::OVERDRAFT_UNITS, number(&to.overdraft.units()));
    let policy = row.name(names::POLICY);
    let condition = match from.policy {
        Policy::Prepaid => format!("attribute_not_exists({policy})"),
        Policy::Postpaid => format!("{policy} = {}", row.value(text(from.policy.as_str()))),
    };
    row.conditions.push(condition);
    match to.policy {
        Policy::Prepaid => row.remove(names::POLICY),
        Policy::Postpaid => row.set(names::POLICY, text(to.policy.as_str())),
    }
}

fn referrer_row(from: Option<&Owner>, to: Option<&Owner>, context: &CallContext<'_>) -> Row {
    let mut row = Row::with_form();
    row.set_or_remove(names::OWNER, to.map(text));
    row.set(names::UPDATED_AT, text(&context.received_at));
    row.set(names::WRITTEN_BY, text(context.attempt.as_str()));
    let owner = row.name(names::OWNER);
    let condition = match from {
        None => format!("attribute_not_exists({owner})"),
        Some(from) => format!("{owner} = {}", row.value(text(from))),
    };
    row.conditions.push(condition);
    row.require_known_form();
    row
}

/// The row stays without the attribute that resolves the key to its owner, so that a new key of the same name is
/// refused.
fn revoked_row(owner: &Owner, context: &CallContext<'_>) -> Row {
    let mut row = Row::default();
    let (name, expected_owner) = (row.name(names::OWNER), row.value(text(owner)));
    row.conditions.push(format!("{name} = {expected_owner}"));
    row.require_known_form();
    row.remove(names::OWNER);
    row.set(names::REVOKED_AT, text(&context.received_at));
    row.set(names::WRITTEN_BY, text(context.attempt.as_str()));
    row
}

fn key_row(
    tables: &Tables,
    key: &CallerKey,
    owner: &Owner,
    context: &CallContext<'_>,
) -> Result<TransactWriteItem, PlanError> {
    let put = Put::builder()
        .table_name(&tables.accounts)
        .item(names::ID, text(key))
        .item(names::FORMAT, number(&ROW_FORMAT))
        .item(names::OWNER, text(owner))
        .item(names::KEY_OWNER, text(owner))
        .item(names::RECEIVED_AT, text(&context.received_at))
        .item(names::WRITTEN_BY, text(context.attempt.as_str()))
        .condition_expression(
            "attribute_not_exists(id) OR (#owner = :owner AND (attribute_not_exists(v) OR v <= :form))",
        )
        .expression_attribute_values(":form", number(&READ_FORMAT_MAX))
        .expression_attribute_names("#owner", names::OWNER)
        .expression_attribute_values(":owner", text(owner))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()?;
    Ok(TransactWriteItem::builder().put(put).build())
}
