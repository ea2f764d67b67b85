//! The plan of one transaction: its rows, and the role of each, which decides the result if its condition fails.

mod codes;
mod holds;
mod keys;
mod members;
mod together;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use ledger::{
    AccountId, Amount, CallContext, CallerKey, ChangedLots, Effect, Entry, EventKey, ExpiredLots, Fact, Guard, House,
    JournalHeader, Lane, LotsSnapshot, MoneyKey, Movement, Net, Posting, ProofUse, Refusal, Timestamp, Writer, merged,
    with_terms_of_senders,
};

use crate::account_row::{self, AccountPlan, LotsChange};
use crate::budget_row::BudgetRead;
use crate::role::{AccountGuards, LotsGuard, PlanError, Role};
use crate::rows::{Row, fingerprint_of, read_version};
use crate::{
    Tables, body, lane_row, lots_row, names, order_row, pause_row, places, proof, rate_row, repair, service_key_row,
};

pub(crate) use keys::OVER_BUDGET;
pub(crate) use together::counts;

/// The rows of the transaction, and the role of each in the same order.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) items: Vec<TransactWriteItem>,
    pub(crate) roles: Vec<Role>,
}

/// Makes the plan of one attempt, for its time.
pub(crate) type MakePlan<'p> = &'p (dyn Fn(Timestamp) -> Result<Plan, PlanError> + Sync);

/// What is known of the store before an entry is written.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The movements that other events have already booked.
    pub(crate) moved: BTreeSet<MoneyKey>,
    /// The lots of the accounts that have any, or get any.
    pub(crate) lots: BTreeMap<AccountId, LotsSnapshot>,
    /// What the keys have spent that the entry counts for, where windows begin or limits are exceeded.
    pub(crate) budgets: BTreeMap<CallerKey, BudgetRead>,
}

/// What each row of an entry is written with.
struct Writing<'e> {
    tables: &'e Tables,
    header: &'e JournalHeader,
    context: &'e CallContext<'e>,
    now: Timestamp,
}

impl Plan {
    /// The entry and all its effects, except the movements that other events have already booked.
    pub(crate) fn record(
        tables: &Tables,
        entry: &Entry,
        context: &CallContext<'_>,
        known: &Known,
        now: Timestamp,
    ) -> Result<Self, PlanError> {
        let Known { moved, lots, budgets: _ } = known;
        let (receipt, effects) = (entry.header.receipt.as_str(), &entry.effects);
        let movements = effects.iter().filter_map(Effect::movement).filter(|movement| !moved.contains(&movement.key));
        let movements = with_terms_of_senders(movements, lots);
        let movements = || movements.iter().map(Cow::as_ref);
        let mut plan = Self::default();

        let mut row = Row::processed(&known.marked(&entry.header), context, now);
        if let Some(movement) = movements().find(|movement| movement.key.as_str() == receipt) {
            row.posting(movement);
        }
        let repairs = || {
            effects.iter().filter_map(|effect| if let Effect::Repair(repair) = effect { Some(repair) } else { None })
        };
        if let Some(line) = repairs().find_map(|repair| repair::is_receipt(repair, &entry.header)) {
            row.posting(&line);
        }
        row.list_entry(entry, context);
        plan.push(Role::Receipt, row.update(&tables.journal, receipt)?);

        let (proven, required) = match ProofUse::of(effects, movements().next().is_some()) {
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
        for (account, net) in merged(movements(), effects).ok_or(PlanError::Overflow)? {
            let of_account = movements().filter(|movement| *movement.posting.account() == account).collect();
            let of_account = AccountPlan { movements: of_account, ..AccountPlan::default() };
            let read = lots.get(&account);
            plan.account(&Writing { tables, header: &entry.header, context, now }, account, &net, of_account, read)?;
        }
        for effect in effects {
            match effect {
                Effect::Bind { key, owner } => plan.bind(tables, key, owner, context)?,
                Effect::Key(change) => plan.owner_key(tables, change, context)?,
                Effect::SetBudget(change) => plan.set_budget(tables, change, context)?,
                Effect::CountInBudget(count) => {
                    plan.count_in_budget(tables, count, known.budgets.get(&count.key), context)?;
                }
                Effect::Revoke { key, owner, draws } => plan.revoke(tables, key, owner, draws, context)?,
                Effect::Member(change) => plan.member(tables, change, context)?,
                Effect::Refer { owner, from, to } => {
                    plan.refer(tables, owner, from.as_ref(), to.as_ref(), context)?;
                }
                Effect::Code(change) => plan.code(tables, change, &entry.header.receipt, context)?,
                Effect::ServiceKey(change) => {
                    let row = service_key_row::change(change, context);
                    plan.push(Role::ServiceKey, row.update(&tables.accounts, &change.hash().to_string())?);
                }
                Effect::Rates(rates) => {
                    let row = rate_row::write(rates, context).update(&tables.accounts, &rate_row::id(rates.pair))?;
                    plan.push(Role::Versioned(read_version(rates.version)), row);
                }
                Effect::Pauses(pauses) => {
                    let row = pause_row::write(pauses, context).update(&tables.accounts, pause_row::ID)?;
                    plan.push(Role::Versioned(read_version(pauses.version)), row);
                }
                Effect::Move(_)
                | Effect::Overdraft { .. }
                | Effect::Order { .. }
                | Effect::Point { .. }
                | Effect::Subscription(_)
                | Effect::Received(_)
                | Effect::Wait { .. }
                | Effect::TakePlace { .. }
                | Effect::Repair(_) => {}
            }
        }
        plan.campaigns(tables, effects, context)?;
        for repair in repairs().filter(|repair| repair::is_receipt(repair, &entry.header).is_none()) {
            let (role, item) = repair::item(tables, repair, &entry.header, context, now)?;
            plan.push(role, item);
        }
        plan.orders(tables, effects, context)?;
        if entry.keeps_body {
            plan.body(tables, receipt, true, context)?;
        }
        Ok(plan)
    }

    /// The row of an account; with a change of lots also their row, and the entry of what comes back from breakage.
    fn account(
        &mut self,
        writing: &Writing<'_>,
        account: AccountId,
        net: &Net,
        mut of_account: AccountPlan<'_>,
        lots: Option<&LotsSnapshot>,
    ) -> Result<(), PlanError> {
        let (&Writing { tables, header, context, now }, id) = (writing, account.to_string());
        if let Some(read) = lots.filter(|read| of_account.is_change_of(read)) {
            let ChangedLots { row, returned, next_expiry, mark } = read.change(of_account.moves(), now);
            let returned = Amount::from_wide(returned).ok_or(PlanError::Overflow)?;
            if !returned.is_zero() {
                let movement = breakage(&account, read.account.version, returned);
                let fingerprint = fingerprint_of(&movement);
                let mut line = Row::money(header, &fingerprint, context, now);
                line.posting(&movement);
                line.list(movement.key.as_str(), context);
                self.push(Role::Breakage, line.update(&tables.journal, movement.key.as_str())?);
            }
            self.push(Role::Lots, lots_row::write(tables, &id, &row, context)?);
            let mark = mark.map(|mark| (read.account, mark));
            of_account.change = Some(LotsChange { version: read.account.version, returned, next_expiry, mark });
        }
        let guards = of_account.guards(net, now);
        let row = account_row::update(&id, &of_account, net, &guards)?;
        self.push(Role::Account(account, guards), row.update(&tables.accounts, &id)?);
        Ok(())
    }

    /// The expiry of these lots: the receipt is its entry. Lots that were spent expire without one.
    pub(crate) fn expire(
        tables: &Tables,
        account: &AccountId,
        read: &LotsSnapshot,
        context: &CallContext<'_>,
        now: Timestamp,
    ) -> Result<Self, PlanError> {
        let id = account.to_string();
        let ExpiredLots { row: lots, units, key, next_expiry } = read.expire(&id, now);
        let amount = Amount::from_wide(units).ok_or(PlanError::Overflow)?;
        let mut plan = Self::default();
        if !amount.is_zero() {
            let posting = Posting::from_customer(account.clone(), House::Breakage, amount);
            let movement = Movement { key, posting, guard: Guard::Always, reverses: None, lots: Vec::new() };
            let fingerprint = fingerprint_of(&movement);
            let header = JournalHeader {
                receipt: EventKey::of_money(&movement.key),
                writer: Writer::Expiry,
                kind: "expiry",
                facts: vec![("version", Fact::Count(read.account.version))],
                fingerprints: fingerprint.into(),
                order: None,
            };
            let mut row = Row::processed(&header, context, now);
            row.posting(&movement);
            row.list(header.receipt.as_str(), context);
            plan.push(Role::Receipt, row.update(&tables.journal, header.receipt.as_str())?);
        }
        let row = account_row::expire(&id, &read.account, amount, next_expiry);
        let guards = AccountGuards { lots: LotsGuard::AsRead(read.account), ..AccountGuards::default() };
        plan.push(Role::Account(account.clone(), guards), row.update(&tables.accounts, &id)?);
        plan.push(Role::Lots, lots_row::write(tables, &id, &lots, context)?);
        Ok(plan)
    }

    /// The refusal, unless the event has been booked meanwhile.
    pub(crate) fn refuse(tables: &Tables, refusal: &Refusal, context: &CallContext<'_>) -> Result<Self, PlanError> {
        let receipt = refusal.header.receipt.as_str();
        let mut plan = Self::default();
        let mut lane = None;
        let row = together::refused_row(refusal, context, |source, of| lane = Some((source, of)));
        plan.push(Role::Receipt, row.update(&tables.journal, receipt)?);
        if let Some((source, lane)) = lane {
            let row = lane_row::count_refusals(source, 1, context);
            plan.push(Role::Lane, row.update(&tables.journal, &lane_row::id(source, lane))?);
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
        let mut row = Row::failed(header, names::CONFLICT, context);
        row.kept_in(context);
        plan.push(Role::Receipt, row.update(&tables.journal, key.as_str())?);
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
                Effect::Order { order, transition, .. } => {
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
                | Effect::Member(_)
                | Effect::Refer { .. }
                | Effect::Overdraft { .. }
                | Effect::Wait { .. }
                | Effect::Rates(_)
                | Effect::Pauses(_)
                | Effect::Received(_)
                | Effect::Code(_)
                | Effect::SetBudget(_)
                | Effect::Key(_)
                | Effect::CountInBudget(_)
                | Effect::ServiceKey(_)
                | Effect::Repair(_) => {}
            }
        }
        Ok(())
    }

    /// The body under the event's receipt; that of several events once for all.
    fn body(&mut self, tables: &Tables, id: &str, processed: bool, context: &CallContext<'_>) -> Result<(), PlanError> {
        if let Some(body) = context.body.filter(|body| body.batch.is_none_or(|batch| !batch.is_kept())) {
            let id = body.batch.map_or(id, |batch| batch.id);
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

/// What of expired credits a clawback takes comes back first.
fn breakage(account: &AccountId, version: u64, returned: Amount) -> Movement {
    let key = MoneyKey::of_expiry(&account.to_string(), version);
    let posting = Posting::to_customer(account.clone(), House::Breakage, returned);
    Movement { key, posting, guard: Guard::Always, reverses: None, lots: Vec::new() }
}

fn lane_of(refusal: &Refusal) -> Option<(&Lane, Amount)> {
    refusal.effects.iter().find_map(|effect| {
        let Effect::Wait { lane, owed } = effect else { return None };
        Some((lane, *owed))
    })
}
