//! The in-memory ledger: the second implementation of the port, for tests that do not concern the store.

mod account;
mod audit;
mod backlog;
mod breakers;
mod budgets;
mod call_counts;
mod codes;
mod events;
mod guards;
mod holds;
mod kept_row;
mod lanes;
mod listing;
mod lots;
mod members;
mod operators;
mod owner_keys;
mod proof;
mod repair;
mod rows;
mod service_keys;
mod snapshot;
mod statements;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use ledger::{
    AccountId, Amount, AttemptMark, AuditProgress, BoundKey, Breaker, BreakerName, Budget, CallContext, CallMinute,
    CallerKey, Code, CodeHash, CommitError, Committed, CurrencyPair, Decision, Draws, Effect, Entry, EventKey,
    Fingerprints, Hold, HoldId, KeptBody, KeyId, KeyUse, LaneState, Ledger, LotsRow, Members, Order, OrderNumber,
    Owner, Pausable, Pauses, PaymentProof, Pointer, Rates, Reason, Receipt, Reference, Refusal, RowKeys, Rows,
    ServiceKey, ServiceKeyHash, Spent, Subscription, Sweep, Timestamp, TrialBalance, Word, Work, WrongCodes, is_listed,
    merged, next_retry_at,
};

use self::kept_row::{Due, KeptRow};
use self::proof::ProofState;
use crate::memory_jwks_cache::MemoryJwksCache;
use crate::{Account, instant};

#[derive(Debug, Default, Clone)]
pub struct MemoryLedger(Arc<Mutex<State>>, pub(crate) Arc<MemoryJwksCache>);

#[derive(Debug, Default)]
struct State {
    journal: BTreeMap<String, KeptRow>,
    accounts: BTreeMap<AccountId, Account>,
    lots: BTreeMap<AccountId, LotsRow>,
    keys: BTreeMap<CallerKey, Owner>,
    owner_keys: BTreeMap<CallerKey, owner_keys::KeptKey>,
    calls: BTreeMap<(KeyId, CallMinute), u32>,
    uses: BTreeMap<KeyId, KeyUse>,
    breakers: BTreeMap<BreakerName, Breaker>,
    console: operators::OperatorState,
    revoked: BTreeSet<CallerKey>,
    draws: BTreeMap<CallerKey, Draws>,
    members: BTreeMap<Owner, Members>,
    limits: BTreeMap<CallerKey, Budget>,
    spent: BTreeMap<CallerKey, Spent>,
    /// Keys whose row of what they have spent, or whose limits, cannot be read.
    damaged_budgets: BTreeSet<CallerKey>,
    damaged_limits: BTreeSet<CallerKey>,
    bodies: BTreeMap<String, KeptBody>,
    orders: BTreeMap<OrderNumber, Order>,
    referrers: BTreeMap<Owner, Owner>,
    /// The open work of each order, and its next retry time.
    work: BTreeMap<OrderNumber, (Work, Timestamp)>,
    /// Since when an order needs a person.
    flagged: BTreeMap<OrderNumber, Timestamp>,
    proofs: BTreeMap<String, PaymentProof>,
    /// Orders by pointer; for a payment, also the invoice that it paid.
    pointers: BTreeMap<String, (OrderNumber, Option<Reference>)>,
    subscriptions: BTreeMap<Reference, Subscription>,
    places: BTreeMap<Owner, BTreeSet<OrderNumber>>,
    rates: BTreeMap<CurrencyPair, Rates>,
    pauses: Pauses,
    codes: BTreeMap<CodeHash, Code>,
    /// When the first codes of a campaign were made.
    campaigns: BTreeMap<Word, Timestamp>,
    wrong_codes: BTreeMap<Owner, WrongCodes>,
    service_keys: BTreeMap<ServiceKeyHash, ServiceKey>,
    holds: BTreeMap<HoldId, Hold>,
    /// Lanes by the index word of their events.
    lanes: BTreeMap<String, LaneState>,
    /// The number of times that an unreadable row was rescheduled, for the backoff.
    passed_over: BTreeMap<String, u32>,
    sweep_cursors: BTreeMap<Sweep, String>,
    /// The run that holds each sweep's lease, and the end of the lease.
    held_sweeps: BTreeMap<Sweep, (AttemptMark, Timestamp)>,
    check: AuditProgress,
    days: BTreeMap<Timestamp, TrialBalance>,
}

impl Ledger for MemoryLedger {
    async fn warm(&self) {}

    async fn is_paused(&self, what: Pausable, _: &CallContext<'_>) -> bool {
        self.0.lock().unwrap().pauses.has(what)
    }

    async fn pauses(&self, _: &CallContext<'_>) -> Result<Pauses, CommitError> {
        Ok(self.0.lock().unwrap().pauses.clone())
    }

    fn recall(&self, receipt: &EventKey, fingerprints: &Fingerprints) -> Option<Receipt> {
        let state = self.0.lock().unwrap();
        let kept = state.journal.get(receipt.as_str()).filter(|kept| fingerprints.contain(&kept.fingerprint))?;
        kept.processed_at.map(|processed_at| Receipt { key: receipt.clone(), processed_at, is_over_budget: false })
    }

    async fn key(&self, key: &CallerKey, context: &CallContext<'_>) -> Result<Option<BoundKey>, CommitError> {
        let state = self.0.lock().unwrap();
        Ok(state.bound_key(key).filter(|bound| bound.is_live(context.received_at)))
    }

    async fn referrer(&self, owner: &Owner, _: &CallContext<'_>) -> Result<Option<Owner>, CommitError> {
        Ok(self.0.lock().unwrap().referrers.get(owner).cloned())
    }

    async fn rates(&self, pair: CurrencyPair, _: &CallContext<'_>) -> Result<Rates, CommitError> {
        Ok(self.0.lock().unwrap().rates.get(&pair).cloned().unwrap_or_else(|| Rates::none(pair)))
    }

    async fn resolve_pointer(
        &self,
        pointer: &Pointer,
        _: &CallContext<'_>,
    ) -> Result<Option<OrderNumber>, CommitError> {
        Ok(self.0.lock().unwrap().pointers.get(&pointer.to_string()).map(|(order, _)| order.clone()))
    }

    async fn read_rows(&self, keys: &RowKeys, _: &CallContext<'_>) -> Result<Rows, CommitError> {
        Ok(self.0.lock().unwrap().rows(keys))
    }

    async fn order(&self, number: &OrderNumber, _: &CallContext<'_>) -> Result<Option<Order>, CommitError> {
        Ok(self.0.lock().unwrap().orders.get(number).cloned())
    }

    async fn orders_in_places(&self, owner: &Owner, _: &CallContext<'_>) -> Result<BTreeSet<OrderNumber>, CommitError> {
        Ok(self.0.lock().unwrap().places.get(owner).cloned().unwrap_or_default())
    }

    async fn free_places(
        &self,
        owner: &Owner,
        ended: &BTreeSet<OrderNumber>,
        _: &CallContext<'_>,
    ) -> Result<(), CommitError> {
        let mut state = self.0.lock().unwrap();
        state.places.entry(owner.clone()).or_default().retain(|order| !ended.contains(order));
        Ok(())
    }

    async fn is_proven(&self, proof: &PaymentProof, _: &CallContext<'_>) -> Result<bool, CommitError> {
        Ok(self.0.lock().unwrap().has_proof(proof))
    }

    async fn commit(&self, decision: &Decision, context: &CallContext<'_>) -> Result<Committed, CommitError> {
        self.0.lock().unwrap().commit(decision, context)
    }

    async fn commit_together(
        &self,
        decisions: &[Decision],
        context: &CallContext<'_>,
    ) -> Vec<Result<Committed, CommitError>> {
        let mut state = self.0.lock().unwrap();
        decisions.iter().map(|decision| state.commit(decision, context)).collect()
    }

    async fn amend(&self, effects: &[Effect], context: &CallContext<'_>) -> Result<(), CommitError> {
        self.0.lock().unwrap().amend(effects, context)
    }
}

impl State {
    fn commit(&mut self, decision: &Decision, context: &CallContext<'_>) -> Result<Committed, CommitError> {
        match decision {
            Decision::Record(entry) => self.record(entry, context),
            Decision::Refuse(refusal) => self.refuse(refusal, context),
            Decision::Ignore { reason } => Ok(Committed::Ignored { reason }),
        }
    }

    fn record(&mut self, entry: &Entry, context: &CallContext<'_>) -> Result<Committed, CommitError> {
        let header = &entry.header;
        if let Some(receipt) = self.charge_of_hold(header, &entry.effects) {
            return Ok(Committed::Earlier(receipt));
        }
        if let Some(outcome) = self.outcome_of_row(header, context) {
            return outcome;
        }
        if self.are_stale(&entry.effects, context.received_at) {
            return Err(CommitError::Stale);
        }
        let mut effects = entry.effects.clone();
        let mut moved = false;
        for effect in &entry.effects {
            let Effect::Move(movement) = effect else { continue };
            let key = movement.key.as_str();
            let Some(kept) = self.journal.get(key).filter(|_| key != header.receipt.as_str()) else { continue };
            if kept.row.account != Some(movement.posting.account().to_string())
                || kept.row.change != movement.posting.change().units()
            {
                return self.contradict(header, context);
            }
            effects.retain(|other| other != effect);
            moved = true;
        }
        let proof = match self.proof_state(&entry.effects) {
            ProofState::Fits(proof) => proof,
            ProofState::Moved => {
                moved = true;
                None
            }
            ProofState::Contradicted => return self.contradict(header, context),
            ProofState::Missing => return self.refuse(&entry.refused(Reason::PaymentUnproven), context),
        };
        self.expire_before(&effects, context);
        let effects = self.with_terms_of_senders(effects);
        let mut nets = merged(effects.iter().filter_map(Effect::movement), &effects)
            .ok_or_else(|| CommitError::Refused("overflow".into()))?;
        if effects.iter().any(|effect| self.is_unpayable(effect)) {
            let refusal = Refusal { header: header.clone(), reason: Reason::OrderNotPayable, effects: Vec::new() };
            return self.refuse(&refusal, context);
        }
        if let Some(reason) = self.guarded(&nets, &effects) {
            return self.refuse(&entry.refused(reason), context);
        }
        let processed_at = context.time_at(instant());
        let over_budget = self.over_budget(&effects);
        let is_over_budget = over_budget.is_some();
        self.write(header, "processed", None, context);
        let kept = self.journal.get_mut(header.receipt.as_str()).unwrap();
        kept.processed_at = Some(processed_at);
        kept.is_listed |= is_listed(entry);
        kept.row.over_budget = over_budget;
        for effect in &effects {
            match effect {
                Effect::Move(movement) => {
                    self.journal_lines(movement, header, context, processed_at);
                }
                Effect::Bind { key, owner } => self.bind(key, owner, context.received_at),
                Effect::Key(change) => self.change_key(change, context.received_at),
                Effect::Revoke { key, owner, draws } => self.revoke(key, owner, draws, context.received_at),
                Effect::Member(change) => self.change_member(change),
                Effect::Refer { owner, to, .. } => {
                    self.referrers.remove(owner);
                    self.referrers.extend(to.iter().map(|to| (owner.clone(), to.clone())));
                }
                Effect::SetBudget(change) => self.set_budget(change),
                Effect::CountInBudget(count) => self.count_in_budget(count),
                Effect::Code(change) => self.change_code(change, context.received_at),
                Effect::ServiceKey(change) => self.change_service_key(change, context.received_at),
                Effect::Rates(rates) => {
                    self.rates.insert(rates.pair, rates.clone());
                }
                Effect::Pauses(pauses) => self.pauses = pauses.clone(),
                Effect::Repair(repair) => self.repair(repair, header, context, processed_at),
                Effect::Overdraft { .. }
                | Effect::Order { .. }
                | Effect::Point { .. }
                | Effect::Subscription(_)
                | Effect::Received(_)
                | Effect::TakePlace { .. }
                | Effect::Wait { .. } => {}
            }
        }
        if let Some(proof) = proof {
            self.prove(proof, header, context, processed_at);
        }
        self.orders_of(&effects, context);
        self.change_lots(&effects, &mut nets, header, context, processed_at);
        for (id, net) in &nets {
            self.accounts.entry(id.clone()).or_default().apply(net);
        }
        if entry.keeps_body {
            self.keep_body(&header.receipt, context);
        }
        let receipt = Receipt { key: header.receipt.clone(), processed_at, is_over_budget };
        Ok(if moved { Committed::Earlier(receipt) } else { Committed::Now(receipt) })
    }

    fn are_stale(&self, effects: &[Effect], at: Timestamp) -> bool {
        effects.iter().any(|effect| match effect {
            Effect::Order { order, .. } => {
                let version = self.orders.get(&order.number).map_or(0, |known| known.version);
                version.checked_add(1) != Some(order.version)
            }
            Effect::Point { pointer, from, .. } => {
                self.pointers.get(&pointer.to_string()).map(|(order, _)| order) != from.as_ref()
            }
            Effect::Subscription(subscription) => {
                let version = self.subscriptions.get(&subscription.reference).map_or(0, |known| known.version);
                version.checked_add(1) != Some(subscription.version)
            }
            Effect::Code(change) => self.is_code_stale(change),
            Effect::ServiceKey(change) => self.is_service_key_stale(change, at),
            Effect::Rates(rates) => {
                let version = self.rates.get(&rates.pair).map_or(0, |known| known.version);
                version.checked_add(1) != Some(rates.version)
            }
            Effect::Pauses(pauses) => self.pauses.version.checked_add(1) != Some(pauses.version),
            Effect::Repair(repair) => self.is_repaired_meanwhile(repair),
            Effect::Revoke { key, owner, draws } => self.draws_otherwise(key, owner, draws),
            Effect::Key(change) => self.is_key_stale(change, at),
            Effect::Member(change) => self.is_member_stale(change),
            Effect::TakePlace { owner, replaces, places, .. } => {
                !self.has_place(owner, replaces.as_ref(), usize::from(*places))
            }
            Effect::Move(_)
            | Effect::Bind { .. }
            | Effect::Refer { .. }
            | Effect::Overdraft { .. }
            | Effect::SetBudget(_)
            | Effect::CountInBudget(_)
            | Effect::Received(_)
            | Effect::Wait { .. } => false,
        })
    }

    fn orders_of(&mut self, effects: &[Effect], context: &CallContext<'_>) {
        for effect in effects {
            match effect {
                Effect::Order { order, .. } => {
                    self.orders.insert(order.number.clone(), (**order).clone());
                    self.index_order(order, context.received_at);
                }
                Effect::Point { pointer, to, .. } => {
                    let kept = self.pointers.remove(&pointer.to_string()).and_then(|(_, invoice)| invoice);
                    let paid =
                        if let Pointer::Invoiced { invoice, .. } = pointer { Some(invoice.clone()) } else { kept };
                    self.pointers.insert(pointer.to_string(), (to.clone(), paid));
                }
                Effect::Subscription(subscription) => {
                    self.subscriptions.insert(subscription.reference.clone(), subscription.clone());
                }
                Effect::TakePlace { owner, order, .. } => {
                    self.places.entry(owner.clone()).or_default().insert(order.clone());
                }
                Effect::Move(_)
                | Effect::Bind { .. }
                | Effect::Revoke { .. }
                | Effect::Refer { .. }
                | Effect::Overdraft { .. }
                | Effect::Wait { .. }
                | Effect::Rates(_)
                | Effect::Pauses(_)
                | Effect::Received(_)
                | Effect::Code(_)
                | Effect::SetBudget(_)
                | Effect::Key(_)
                | Effect::Member(_)
                | Effect::CountInBudget(_)
                | Effect::ServiceKey(_)
                | Effect::Repair(_) => {}
            }
        }
    }

    fn refuse(&mut self, refusal: &Refusal, context: &CallContext<'_>) -> Result<Committed, CommitError> {
        if let Some(receipt) = self.charge_of_hold(&refusal.header, &refusal.effects) {
            return Ok(Committed::Earlier(receipt));
        }
        if let Some(outcome) = self.outcome_of_row(&refusal.header, context) {
            return outcome;
        }
        if self.are_stale(&refusal.effects, context.received_at) {
            return Err(CommitError::Stale);
        }
        self.orders_of(&refusal.effects, context);
        self.write(&refusal.header, "failed", Some(refusal.reason.as_str()), context);
        let due_at = next_retry_at(refusal.reason, context.first_received_at, context.received_at);
        let kept = self.journal.get_mut(refusal.header.receipt.as_str()).unwrap();
        let source = refusal.header.writer.as_str();
        let waits = refusal.effects.iter().find_map(|effect| {
            let Effect::Wait { lane, owed } = effect else { return None };
            Some((lane, *owed))
        });
        kept.due = due_at.filter(|_| context.body.is_some()).map(|at| match waits {
            None => Due { word: source.to_owned(), at, owed: Amount::ZERO },
            Some((lane, owed)) => Due { word: format!("{source}#{lane}"), at: context.first_received_at, owed },
        });
        let is_due = kept.due.is_some();
        kept.row.needs_attention = is_due;
        if let Some((lane, _)) = waits.filter(|_| is_due) {
            self.refused_into(source, lane, context);
        }
        if !context.is_replay_of(&refusal.header.receipt) {
            self.keep_body(&refusal.header.receipt, context);
        }
        Err(CommitError::Rejected(refusal.reason))
    }
}
