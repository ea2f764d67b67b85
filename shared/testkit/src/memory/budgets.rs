//! Budgets in memory.

use ledger::{
    BudgetChange, BudgetCheck, BudgetCount, BudgetUnreadable, Budgets, CallContext, CallerKey, CommitError, Effect,
    Hold, HoldChange, KeyBudget, Owner, Reason, StoredBudget, StoredSpent, Window,
};

use super::{MemoryLedger, State};

impl Budgets for MemoryLedger {
    async fn key_named(
        &self,
        owner: &Owner,
        short_id: &str,
        _: &CallContext<'_>,
    ) -> Result<Option<CallerKey>, CommitError> {
        let state = self.0.lock().unwrap();
        let mut found = state.keys_of(owner).filter(|key| key.short_id() == short_id).cloned();
        let first = found.next();
        Ok(first.filter(|_| found.next().is_none()))
    }

    async fn budgets(&self, owner: &Owner, _: &CallContext<'_>) -> Result<Vec<KeyBudget>, CommitError> {
        let state = self.0.lock().unwrap();
        let budget = |key: &CallerKey| {
            let spent = state.spent.get(key).cloned().unwrap_or_default();
            let spent = (!state.damaged_budgets.contains(key)).then_some(spent);
            Some(KeyBudget { key: key.clone(), budget: state.stored_budget(key).transpose()?, spent })
        };
        Ok(state.keys_of(owner).filter_map(budget).collect())
    }
}

impl MemoryLedger {
    /// As a person who alters the row of what a key has spent.
    pub fn damage_budget(&self, key: &CallerKey) {
        self.0.lock().unwrap().damaged_budgets.insert(key.clone());
    }

    /// The same with its limits.
    pub fn damage_limits(&self, key: &CallerKey) {
        self.0.lock().unwrap().damaged_limits.insert(key.clone());
    }
}

impl State {
    pub(super) fn stored_budget(&self, key: &CallerKey) -> StoredBudget {
        if self.damaged_limits.contains(key) { Err(BudgetUnreadable) } else { Ok(self.limits.get(key).copied()) }
    }

    pub(super) fn stored_spent(&self, key: &CallerKey) -> Option<StoredSpent> {
        let is_damaged = self.damaged_budgets.contains(key);
        let spent = self.spent.get(key).cloned();
        let (total, written_by) = (spent.as_ref().map(|spent| spent.total).filter(|_| !is_damaged), None);
        let spent = spent.filter(|_| !is_damaged);
        (is_damaged || spent.is_some()).then(|| StoredSpent {
            key: key.clone(),
            spent,
            total,
            written_by,
            is_of_later_form: false,
        })
    }

    fn keys_of(&self, owner: &Owner) -> impl Iterator<Item = &CallerKey> {
        self.keys.iter().filter(move |(_, of)| *of == owner).map(|(key, _)| key)
    }

    pub(super) fn budget_refusal(&self, effects: &[Effect]) -> Option<Reason> {
        let set = effects.iter().find_map(|effect| {
            let Effect::SetBudget(change) = effect else { return None };
            if self.keys.get(&change.key) != Some(&change.owner) {
                return Some(Reason::UnknownKey);
            }
            let is_other = change.from.is_ok_and(|from| self.limits.get(&change.key) != from.as_ref());
            is_other.then_some(Reason::Overtaken)
        });
        let is_refused = |effect: &Effect| {
            let Effect::CountInBudget(count) = effect else { return false };
            matches!(count.check, BudgetCheck::Refuse(_)) && !self.exceeded(count).is_empty()
        };
        set.or_else(|| effects.iter().any(is_refused).then_some(Reason::BudgetExceeded))
    }

    /// The limits that the entry exceeds, in the words of its mark.
    pub(super) fn over_budget(&self, effects: &[Effect]) -> Option<String> {
        let counts = effects.iter().filter_map(|effect| {
            if let Effect::CountInBudget(count) = effect { Some(self.exceeded(count)) } else { None }
        });
        let windows: Vec<&str> = counts.flatten().map(Window::as_str).collect();
        (!windows.is_empty()).then(|| windows.join(" "))
    }

    fn exceeded(&self, count: &BudgetCount) -> Vec<Window> {
        if self.damaged_budgets.contains(&count.key) {
            return Vec::new();
        }
        self.spent.get(&count.key).cloned().unwrap_or_default().exceeded(count)
    }

    pub(super) fn set_budget(&mut self, change: &BudgetChange) {
        self.damaged_limits.remove(&change.key);
        self.limits.remove(&change.key);
        self.limits.extend(change.to.iter().map(|budget| (change.key.clone(), *budget)));
    }

    /// A row that cannot be read counts nothing.
    pub(super) fn count_in_budget(&mut self, count: &BudgetCount) {
        if self.damaged_budgets.contains(&count.key) {
            return;
        }
        let spent = self.spent.remove(&count.key).unwrap_or_default().counted(count).unwrap();
        if !spent.is_nothing() {
            self.spent.insert(count.key.clone(), spent);
        }
    }

    pub(super) fn is_budget_unreadable(&self, hold: &Hold) -> bool {
        hold.budget.as_ref().is_some_and(|budget| self.damaged_budgets.contains(&budget.key))
    }

    /// The window whose limit the opening of a hold would exceed.
    pub(super) fn exceeded_by(&self, hold: &Hold) -> Option<Window> {
        self.exceeded(&hold.budget.as_ref()?.opening(hold.amount)).first().copied()
    }

    pub(super) fn count_opening(&mut self, hold: &Hold) {
        if let Some(budget) = &hold.budget {
            self.count_in_budget(&budget.opening(hold.amount));
        }
    }

    pub(super) fn count_closing(&mut self, change: &HoldChange) {
        if let Some(count) = change.budget_count() {
            self.count_in_budget(&count);
        }
    }
}
