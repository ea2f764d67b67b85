//! Lots of the in-memory ledger: the same rules under one lock.

use std::borrow::Cow;
use std::collections::BTreeMap;

use ledger::{
    AccountId, AccountLots, Amount, Balance, CallContext, CommitError, Effect, EventKey, Expiring, Fact, Guard, House,
    JournalHeader, LotMove, LotsSnapshot, MoneyKey, Movement, Net, Posting, Timestamp, Writer, with_terms_of_senders,
};

use super::{MemoryLedger, State};
use crate::{Account, instant};

impl Account {
    pub(super) fn lots(&self) -> AccountLots {
        AccountLots {
            balance: Balance::from_units(self.balance),
            held: self.held.unsigned_abs(),
            mark: Balance::from_units(self.mark),
            version: self.lots_version,
            next_expiry: self.next_expiry.as_deref().map(|at| Timestamp::parse_rfc3339(at).unwrap()),
        }
    }

    fn changed(&mut self, mark: i128, next_expiry: Option<Timestamp>) {
        self.mark = mark;
        self.lots_version = self.lots_version.checked_add(1).unwrap();
        self.next_expiry = next_expiry.map(|at| at.to_string());
    }
}

impl State {
    fn snapshot(&self, account: &AccountId) -> LotsSnapshot {
        let lots = self.accounts.get(account).map(Account::lots).unwrap_or_default();
        LotsSnapshot::new(lots, self.lots.get(account).cloned().unwrap_or_default()).unwrap()
    }

    /// Expires what is past its date, as every debit does first.
    pub(super) fn expire_before(&mut self, effects: &[Effect], context: &CallContext<'_>) {
        for effect in effects {
            let Effect::Move(Movement { posting, .. }) = effect else { continue };
            if posting.change().units() < 0 {
                self.expire(posting.account(), context);
            }
        }
    }

    /// What is transferred has the terms of the lots that it leaves.
    pub(super) fn with_terms_of_senders(&self, mut effects: Vec<Effect>) -> Vec<Effect> {
        let movements = || effects.iter().filter_map(Effect::movement);
        let accounts = movements().map(|movement| movement.posting.account().clone());
        let lots = accounts.map(|account| (account.clone(), self.snapshot(&account))).collect();
        let with_terms = with_terms_of_senders(movements(), &lots).into_iter().map(Cow::into_owned);
        let mut with_terms = with_terms.collect::<Vec<_>>().into_iter();
        for effect in &mut effects {
            if let Effect::Move(movement) = effect {
                *movement = with_terms.next().unwrap();
            }
        }
        effects
    }

    pub(super) fn expire(&mut self, account: &AccountId, context: &CallContext<'_>) -> Amount {
        let (read, now) = (self.snapshot(account), context.time_at(instant()));
        if !read.account.is_fenced(now) {
            return Amount::ZERO;
        }
        let expired = read.expire(&account.to_string(), now);
        let amount = Amount::from_wide(expired.units).unwrap();
        let posting = Posting::from_customer(account.clone(), House::Breakage, amount);
        let movement = movement(expired.key, posting);
        if !amount.is_zero() {
            let header = JournalHeader {
                receipt: EventKey::of_money(&movement.key),
                writer: Writer::Expiry,
                kind: "expiry",
                facts: vec![("version", Fact::Count(read.account.version))],
                fingerprints: ledger::Fingerprint::of(1, &[("key", movement.key.as_str())]).into(),
                order: None,
            };
            self.write(&header, "processed", None, context);
            self.journal_lines(&movement, &header, context, now);
            let kept = self.journal.get_mut(header.receipt.as_str()).unwrap();
            (kept.processed_at, kept.is_listed) = (Some(now), true);
        }
        self.lots.insert(account.clone(), expired.row);
        let kept = self.accounts.get_mut(account).unwrap();
        let movements = u64::from(!amount.is_zero());
        kept.apply(&Net { change: movement.posting.change(), movements, ..Net::default() });
        kept.changed(kept.balance, expired.next_expiry);
        amount
    }

    /// The changes of lots that these effects are, and what comes back from breakage. Before the accounts are changed.
    pub(super) fn change_lots(
        &mut self,
        effects: &[Effect],
        nets: &mut BTreeMap<AccountId, Net>,
        header: &JournalHeader,
        context: &CallContext<'_>,
        now: Timestamp,
    ) {
        for (account, net) in nets {
            let of_account =
                |effect: &&Effect| matches!(effect, Effect::Move(movement) if movement.posting.account() == account);
            let moves: Vec<LotMove<'_>> = effects
                .iter()
                .filter(of_account)
                .filter_map(
                    |effect| if let Effect::Move(movement) = effect { Some(LotMove::of(movement)) } else { None },
                )
                .collect();
            let read = self.snapshot(account);
            let is_change = if read.account.version == 0 {
                moves.iter().any(|lot_move| lot_move.is_dated())
            } else {
                moves.iter().any(|lot_move| *lot_move != LotMove::Spend)
            };
            if !is_change {
                continue;
            }
            let changed = read.change(moves, now);
            let returned = Amount::from_wide(changed.returned).unwrap();
            if !returned.is_zero() {
                let key = MoneyKey::of_expiry(&account.to_string(), read.account.version);
                let posting = Posting::to_customer(account.clone(), House::Breakage, returned);
                let movement = movement(key, posting);
                self.journal_lines(&movement, header, context, now);
                self.journal.get_mut(movement.key.as_str()).unwrap().is_listed = true;
                net.change = net.change.checked_add(movement.posting.change()).unwrap();
                net.movements = net.movements.checked_add(1).unwrap();
            }
            let mark = changed.mark.unwrap_or(read.account.balance).units();
            self.lots.insert(account.clone(), changed.row);
            self.accounts.entry(account.clone()).or_default().changed(mark, changed.next_expiry);
        }
    }
}

fn movement(key: MoneyKey, posting: Posting) -> Movement {
    Movement { key, posting, guard: Guard::Always, reverses: None, lots: Vec::new() }
}

impl Expiring for MemoryLedger {
    async fn accounts_expiring(
        &self,
        until: Timestamp,
        accounts_max: u16,
        _: &CallContext<'_>,
    ) -> Result<Vec<AccountId>, CommitError> {
        let state = self.0.lock().unwrap();
        let due = state.accounts.iter().filter(|(_, account)| account.lots().is_fenced(until));
        Ok(due.map(|(id, _)| id.clone()).take(accounts_max.into()).collect())
    }

    async fn lots(&self, account: &AccountId, _: &CallContext<'_>) -> Result<LotsSnapshot, CommitError> {
        Ok(self.0.lock().unwrap().snapshot(account))
    }

    async fn expire(&self, account: &AccountId, context: &CallContext<'_>) -> Result<Amount, CommitError> {
        Ok(self.0.lock().unwrap().expire(account, context))
    }
}
