//! Holds in memory.

use ledger::{
    AccountId, CallContext, CallerKey, CommitError, Effect, FoundHolds, Hold, HoldChange, HoldClosing, HoldError,
    HoldId, HoldRefusal, HoldState, HoldStep, Holds, JournalHeader, Lane, REPORTED_KEY, Receipt, Source, Timestamp,
    UseRow, Writer,
};

use super::{MemoryLedger, State};
use crate::instant;

impl Holds for MemoryLedger {
    async fn open_hold(&self, hold: &Hold, context: &CallContext<'_>) -> Result<Hold, HoldError> {
        let existing = {
            let mut state = self.0.lock().unwrap();
            let Some(existing) = state.holds.get(&hold.id).cloned() else { return state.open_hold(hold, context) };
            existing
        };
        let open = hold.reopened_over(existing)?;
        Ok(hold.reopened_over(self.expire_if_over(open, context).await?)?)
    }

    async fn hold(&self, id: &HoldId, _: &CallContext<'_>) -> Result<Option<Hold>, CommitError> {
        Ok(self.0.lock().unwrap().holds.get(id).cloned())
    }

    async fn close_hold(
        &self,
        hold: &Hold,
        closing: &HoldClosing,
        context: &CallContext<'_>,
    ) -> Result<Hold, HoldError> {
        let mut state = self.0.lock().unwrap();
        let stored = state.holds.get(&hold.id).cloned();
        let stored = stored.ok_or_else(|| CommitError::Refused("the hold has no row".into()))?;
        match stored.close(closing, state.use_of(&stored, closing), context.time_at(instant())) {
            HoldStep::Done => Ok(stored),
            HoldStep::Refused(refusal) => Err(refusal.into()),
            HoldStep::Write(change) => {
                state.write_hold(&change, context)?;
                Ok(change.closed())
            }
        }
    }

    async fn withdraw_hold(&self, hold: &Hold, context: &CallContext<'_>) -> Result<Hold, HoldError> {
        let withdrawn = {
            let mut state = self.0.lock().unwrap();
            let withdrawn = Hold { state: HoldState::Released { at: context.time_at(instant()) }, ..hold.clone() };
            let is_new = !state.holds.contains_key(&hold.id);
            is_new.then(|| {
                state.holds.insert(hold.id.clone(), withdrawn.clone());
                withdrawn
            })
        };
        match withdrawn {
            Some(withdrawn) => Ok(withdrawn),
            None => self.close_hold(hold, &HoldClosing::Release, context).await,
        }
    }

    async fn holds_due(
        &self,
        until: Timestamp,
        holds_max: u16,
        _: &CallContext<'_>,
    ) -> Result<FoundHolds, CommitError> {
        let state = self.0.lock().unwrap();
        let is_due = |hold: &&Hold| hold.is_open() && hold.expires_at <= until;
        let mut holds: Vec<Hold> = state.holds.values().filter(is_due).cloned().collect();
        holds.sort_by_key(|hold| hold.expires_at);
        let has_more = holds.len() > holds_max.into();
        holds.truncate(holds_max.into());
        Ok(FoundHolds { holds, unreadable: Vec::new(), has_more })
    }

    async fn open_holds(&self, account: &AccountId, _: &CallContext<'_>) -> Result<FoundHolds, CommitError> {
        let state = self.0.lock().unwrap();
        let is_open = |hold: &&Hold| hold.is_open() && hold.account == *account;
        let mut holds: Vec<Hold> = state.holds.values().filter(is_open).cloned().collect();
        holds.sort_by(|one, other| (one.expires_at, &one.id).cmp(&(other.expires_at, &other.id)));
        Ok(FoundHolds { holds, ..FoundHolds::default() })
    }
}

impl State {
    fn open_hold(&mut self, hold: &Hold, context: &CallContext<'_>) -> Result<Hold, HoldError> {
        self.expire(&hold.account, context);
        let account = self.accounts.get(&hold.account).cloned().unwrap_or_default();
        let units = i128::try_from(hold.amount.units()).unwrap();
        if hold.calls_max.is_some_and(|calls_max| self.open_calls(hold) >= calls_max.into()) {
            return Err(HoldRefusal::TooManyCalls.into());
        }
        if account.available < units {
            return Err(HoldRefusal::InsufficientCredits.into());
        }
        if self.is_budget_unreadable(hold) {
            return Err(HoldRefusal::BudgetUnreadable.into());
        }
        if let Some(window) = self.exceeded_by(hold) {
            return Err(HoldRefusal::BudgetExceeded(window).into());
        }
        self.count_opening(hold);
        let account = self.accounts.entry(hold.account.clone()).or_default();
        account.held = account.held.checked_add(units).unwrap();
        account.available = account.available.checked_sub(units).unwrap();
        account.calls = account.calls.checked_add(usize::from(hold.calls_max.is_some())).unwrap();
        self.holds.insert(hold.id.clone(), hold.clone());
        Ok(hold.clone())
    }

    /// How many calls of its key are open on its account.
    fn open_calls(&self, hold: &Hold) -> usize {
        let is_call = |open: &&Hold| open.is_open() && open.calls_max.is_some() && open.account == hold.account;
        self.holds.values().filter(is_call).filter(|open| open.key.is_some() && open.key == hold.key).count()
    }

    /// The receipt of a hold that has charged the use of this event, on the same account or for the same key.
    pub(super) fn charge_of_hold(&self, header: &JournalHeader, effects: &[Effect]) -> Option<Receipt> {
        let key = &header.receipt;
        let kept = self.journal.get(key.as_str()).filter(|kept| kept.writer == Some(Writer::Hold))?;
        let charges = effects.iter().filter_map(|effect| {
            if let Effect::Move(movement) = effect { Some(movement.posting.account().to_string()) } else { None }
        });
        let keys = ["key", REPORTED_KEY].map(|name| kept.fact(name));
        let is_of_key = header.short_id_of_key().is_some_and(|key| keys.contains(&Some(key)));
        let is_same = header.kind == "usage" && (charges.eq(kept.row.account.clone()) || is_of_key);
        let processed_at = kept.processed_at.filter(|_| is_same)?;
        Some(Receipt { key: key.clone(), processed_at, is_over_budget: false })
    }

    fn use_of(&self, hold: &Hold, closing: &HoldClosing) -> UseRow {
        let Some(kept) = self.journal.get(closing.usage(hold).as_str()) else { return UseRow::Absent };
        let key = kept.fact("key").and_then(|key| CallerKey::remote(&key).ok());
        let is_of_key = key.is_some() && key == hold.key;
        let is_of_another = kept.fact("hold").is_some_and(|id| id != hold.id.as_str());
        if kept.processed_at.is_some() && is_of_another && closing.reported().is_some() {
            return UseRow::Elsewhere;
        }
        if kept.processed_at.is_some() {
            let is_same = kept.row.account.as_ref() == Some(&hold.account.to_string());
            return if is_same || is_of_key { UseRow::Charged(None) } else { UseRow::Elsewhere };
        }
        let lane = format!("{}#{}", Source::Usage.as_str(), Lane::Owner(hold.account.owner().clone()));
        let waits_elsewhere = kept.due.as_ref().is_some_and(|due| due.word != lane);
        let is_reported = key.is_some() && key.as_ref() == closing.reported().map(|reported| &reported.key);
        if waits_elsewhere && !is_of_key && !is_reported { UseRow::Elsewhere } else { UseRow::Absent }
    }

    fn write_hold(&mut self, change: &HoldChange, context: &CallContext<'_>) -> Result<(), CommitError> {
        let (account, net) = (&change.before.account, change.net());
        if net.change.units() < 0 {
            self.expire(account, context);
        }
        let row = self.accounts.entry(account.clone()).or_default();
        if row.held < i128::try_from(change.freed().units()).unwrap() {
            return Err(CommitError::Refused("the account holds less than its open holds".into()));
        }
        row.apply(&net);
        let is_open_call = change.before.is_open() && change.before.calls_max.is_some();
        row.calls = row.calls.checked_sub(usize::from(is_open_call)).unwrap();
        if let Some((entry, movement)) = change.entry.as_ref().zip(change.movement()) {
            let processed_at = context.time_at(instant());
            self.write(&entry.header, "processed", None, context);
            self.journal.get_mut(entry.header.receipt.as_str()).unwrap().processed_at = Some(processed_at);
            self.journal_lines(movement, &entry.header, context, processed_at);
        }
        self.count_closing(change);
        self.holds.insert(change.before.id.clone(), change.closed());
        Ok(())
    }
}
