//! The events of one request, committed in few transactions. Whatever needs more than the rows of a use is committed as
//! an event of its own.

use std::borrow::Cow;
use std::collections::BTreeMap;

use ledger::{
    AccountId, CallContext, CallerKey, CommitError, Committed, Decision, Effect, Entry, Ledger as _, Reason, Receipt,
    Refusal, Timestamp,
};

use crate::budget_row::BudgetRead;
use crate::plan::{MakePlan, Plan, counts};
use crate::spend::{ROWS_MAX, Spend, groups};
use crate::store::DynamoLedger;
use crate::uncounted;
use crate::verdict::together::{Together, read};

/// A refusal, and the entry that its owner cannot pay, if it is one.
#[derive(Debug)]
struct Refused<'d> {
    n: usize,
    refusal: Cow<'d, Refusal>,
    entry: Option<&'d Entry>,
}

/// The events of a request, and what has become of them so far.
struct Events<'c, 'd> {
    context: &'c CallContext<'c>,
    results: Vec<Option<Result<Committed, CommitError>>>,
    refused: Vec<Refused<'d>>,
}

enum Sent {
    /// With the time that its rows have.
    Applied(Timestamp),
    Cancelled(Together),
}

impl DynamoLedger {
    pub(crate) async fn commit_all(
        &self,
        decisions: &[Decision],
        context: &CallContext<'_>,
    ) -> Vec<Result<Committed, CommitError>> {
        let results = decisions.iter().map(|_| None).collect();
        let mut events = Events { context, results, refused: Vec::new() };
        let mut spends = Vec::new();
        let mut others = Vec::new();
        for (n, decision) in decisions.iter().enumerate() {
            match decision {
                Decision::Record(entry) => {
                    if let Some(spend) = Spend::of(n, entry) {
                        spends.push(spend);
                        continue;
                    }
                    // It may give what only those after it can spend.
                    self.book_all(std::mem::take(&mut spends), &mut events).await;
                    let result = Box::pin(self.record(entry, context)).await;
                    events.ended(n, result);
                }
                Decision::Refuse(refusal) if is_kept_alone(refusal) => {
                    events.refused.push(Refused { n, refusal: Cow::Borrowed(refusal), entry: None });
                }
                Decision::Refuse(_) | Decision::Ignore { .. } => others.push((n, decision)),
            }
        }
        self.book_all(spends, &mut events).await;
        Box::pin(self.refuse_all(&mut events)).await;
        for (n, decision) in others {
            let result = Box::pin(self.commit(decision, context)).await;
            events.ended(n, result);
        }
        let missing = || Err(CommitError::Refused("an event of the request was left out".into()));
        events.results.into_iter().map(|result| result.unwrap_or_else(missing)).collect()
    }

    async fn book_all<'d>(&self, spends: Vec<Spend<'d>>, events: &mut Events<'_, 'd>) {
        for group in groups(spends) {
            Box::pin(self.book_spends(group, events)).await;
        }
    }

    /// Books the events that their accounts can pay for, in their order.
    async fn book_spends<'d>(&self, mut group: Vec<Spend<'d>>, events: &mut Events<'_, 'd>) {
        let mut budgets = BTreeMap::new();
        while !group.is_empty() {
            let context = events.context;
            if group.len() == 1 || exceeds_budget(&group, &mut budgets) {
                return self.book_each(&group, events).await;
            }
            let plan = |now| Plan::spends(self.tables(), &group, &budgets, context, now);
            match self.send_together(&plan, context).await {
                Ok(Sent::Applied(now)) => return self.booked(&group, &budgets, now, events),
                Ok(Sent::Cancelled(Together::Existing(rows))) => {
                    for (place, row) in rows.into_iter().rev() {
                        let Spend { n, entry, .. } = group.remove(place);
                        let result = self.result_over(row, &entry.header, &entry.effects, context).await;
                        events.ended(n, result);
                    }
                }
                Ok(Sent::Cancelled(Together::Short(available))) => {
                    let (paid, short): (Vec<_>, Vec<_>) = split(group, available);
                    // Only a damaged account is short and can pay for all. Alone, its event has an error that says so.
                    if short.is_empty() {
                        return self.book_each(&paid, events).await;
                    }
                    events.refused.extend(short.into_iter().map(Refused::short));
                    group = paid;
                }
                Ok(Sent::Cancelled(Together::Budgets(reads))) => {
                    budgets.extend(reads.into_iter().map(|read| (read.key.clone(), read)));
                }
                Ok(Sent::Cancelled(Together::Expired(account))) => {
                    if let Err(error) = Box::pin(self.expire_lots(&account, context)).await {
                        return events.failed(group.iter().map(|spend| spend.n), error);
                    }
                }
                // One damaged row must not hold up the others.
                Ok(Sent::Cancelled(Together::Invalid | Together::Retry)) | Err(CommitError::Refused(_)) => {
                    return self.book_each(&group, events).await;
                }
                Err(error) => return events.failed(group.iter().map(|spend| spend.n), error),
            }
        }
    }

    async fn book_each(&self, group: &[Spend<'_>], events: &mut Events<'_, '_>) {
        for spend in group {
            let result = Box::pin(self.record(spend.entry, events.context)).await;
            events.ended(spend.n, result);
        }
    }

    fn booked(
        &self,
        group: &[Spend<'_>],
        budgets: &BTreeMap<CallerKey, BudgetRead>,
        processed_at: Timestamp,
        events: &mut Events<'_, '_>,
    ) {
        for read in budgets.values().filter(|read| read.spent.is_none()) {
            uncounted::alarm(&read.key);
        }
        for Spend { n, entry, .. } in group {
            let receipt = Receipt { key: entry.header.receipt.clone(), processed_at, is_over_budget: false };
            self.receipts().remember(&receipt, &entry.header.fingerprints);
            events.ended(*n, Ok(Committed::Now(receipt)));
        }
    }

    /// Keeps the refused events, with the body once.
    async fn refuse_all(&self, events: &mut Events<'_, '_>) {
        let mut refused = std::mem::take(&mut events.refused);
        refused.sort_unstable_by_key(|refused| refused.n);
        let mut waiting = refused.into_iter().peekable();
        while waiting.peek().is_some() {
            // At most a lane for each event.
            self.refuse_group(waiting.by_ref().take(ROWS_MAX.div_euclid(2)).collect(), events).await;
        }
    }

    async fn refuse_group(&self, mut group: Vec<Refused<'_>>, events: &mut Events<'_, '_>) {
        while !group.is_empty() {
            let context = events.context;
            let refusals: Vec<&Refusal> = group.iter().map(|refused| refused.refusal.as_ref()).collect();
            let plan = |_| Plan::refuse_together(self.tables(), &refusals, context);
            match self.send_together(&plan, context).await {
                Ok(Sent::Applied(_)) => {
                    for Refused { n, refusal, .. } in group {
                        events.ended(n, Err(CommitError::Rejected(refusal.reason)));
                    }
                    return;
                }
                Ok(Sent::Cancelled(Together::Existing(rows))) => {
                    for (place, row) in rows.into_iter().rev() {
                        let Refused { n, refusal, entry } = group.remove(place);
                        let is_ours = row.is_own_refusal(&refusal.header, context);
                        let effects = entry.map_or(&refusal.effects, |entry| &entry.effects);
                        let result = if is_ours {
                            Err(CommitError::Rejected(refusal.reason))
                        } else {
                            self.result_over(row, &refusal.header, effects, context).await
                        };
                        events.ended(n, result);
                    }
                }
                Ok(Sent::Cancelled(_)) | Err(CommitError::Refused(_)) => {
                    for Refused { n, refusal, .. } in group {
                        let result = self.refuse(&refusal, context).await;
                        events.ended(n, result);
                    }
                    return;
                }
                Err(error) => return events.failed(group.iter().map(|refused| refused.n), error),
            }
        }
    }

    async fn send_together(&self, plan: MakePlan<'_>, context: &CallContext<'_>) -> Result<Sent, CommitError> {
        let cancelled = |reasons: &[_], roles: &[_]| {
            let together = read(reasons, roles);
            Ok((!matches!(together, Together::Retry)).then_some(Sent::Cancelled(together)))
        };
        self.answered(plan, context, Sent::Applied, &cancelled).await
    }
}

impl<'d> Refused<'d> {
    fn short(Spend { n, entry, .. }: Spend<'d>) -> Self {
        Self { n, refusal: Cow::Owned(entry.refused(Reason::InsufficientCredits)), entry: Some(entry) }
    }
}

impl Events<'_, '_> {
    fn ended(&mut self, n: usize, result: Result<Committed, CommitError>) {
        if let Some(place) = self.results.get_mut(n) {
            *place = Some(result);
        }
    }

    /// The cause stands at the first of them.
    fn failed(&mut self, of: impl Iterator<Item = usize>, error: CommitError) {
        let mut error = Some(error);
        for n in of {
            self.ended(n, Err(error.take().unwrap_or(CommitError::Unavailable(None))));
        }
    }
}

/// Whether it leaves no order or pointer behind.
fn is_kept_alone(refusal: &Refusal) -> bool {
    refusal.effects.iter().all(|effect| matches!(effect, Effect::Wait { .. }))
}

/// Those that the accounts can pay for in their order, and the others. What costs nothing needs no balance.
fn split(group: Vec<Spend<'_>>, mut available: BTreeMap<AccountId, i128>) -> (Vec<Spend<'_>>, Vec<Spend<'_>>) {
    group.into_iter().partition(|spend| {
        let posting = &spend.movement.posting;
        let Some(left) = available.get_mut(posting.account()).filter(|_| !posting.amount().is_zero()) else {
            return true;
        };
        let rest = left.saturating_add(posting.change().units());
        let is_paid = rest >= 0;
        if is_paid {
            *left = rest;
        }
        is_paid
    })
}

/// Whether the events together exceed a limit as it was read: then each is marked by what it exceeds itself.
fn exceeds_budget(group: &[Spend<'_>], budgets: &mut BTreeMap<CallerKey, BudgetRead>) -> bool {
    let Some(counts) = counts(group) else { return true };
    budgets.retain(|key, _| counts.contains_key(key));
    let mut exceeded = budgets.iter_mut().filter_map(|(key, read)| {
        // What was exceeded when the row was read is no condition: fewer events may count by now.
        read.exceeded.clear();
        Some(!read.spent.as_ref()?.exceeded(counts.get(key)?).is_empty())
    });
    exceeded.any(|is_exceeded| is_exceeded)
}
