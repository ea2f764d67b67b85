//! The account of the store: both rows, and each write under its condition. A rejected form leaves out one sentence.

use super::naive::{Change, Pile, Terms};
use crate::{
    AccountLots, Amount, Asset, Balance, Guard, House, Lot, LotChange, LotMove, LotShare, LotTerms, LotsRow,
    LotsSnapshot, MoneyKey, Movement, Owner, Posting, Timestamp,
};

pub(super) const ACCOUNT: &str = "alice/credits";
const DAY_MS: i64 = 86_400_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Design,
    FirstGrantKeepsTheBalanceItRead,
    MarkIsTheBalanceRead,
    CreditWithoutItsCondition,
    DebitWithoutTheFence,
    ClawbackTakesNothingExpired,
    DisputeWonIsAllDated,
    ExpiryWithoutBalance,
    ExpiryWithoutHeld,
    HoldsCoverNothing,
}

impl Form {
    pub(super) const REJECTED: [Self; 9] = [
        Self::FirstGrantKeepsTheBalanceItRead,
        Self::MarkIsTheBalanceRead,
        Self::CreditWithoutItsCondition,
        Self::DebitWithoutTheFence,
        Self::ClawbackTakesNothingExpired,
        Self::DisputeWonIsAllDated,
        Self::ExpiryWithoutBalance,
        Self::ExpiryWithoutHeld,
        Self::HoldsCoverNothing,
    ];
}

#[derive(Debug)]
pub(super) struct Machine {
    pub(super) form: Form,
    pub(super) account: AccountLots,
    pub(super) row: LotsRow,
    lots_max: usize,
}

impl Machine {
    pub(super) fn new(form: Form, lots_max: usize) -> Self {
        Self { form, account: AccountLots::default(), row: LotsRow::default(), lots_max }
    }

    pub(super) fn read(&self) -> LotsSnapshot {
        LotsSnapshot::new(self.account, self.row.clone()).expect("one version").with_lots_max(self.lots_max)
    }

    pub(super) fn is_fenced(&self, today: i64) -> bool {
        self.account.is_fenced(time(today))
    }

    pub(super) fn spend(&mut self, units: u64) {
        self.add(i128::from(units).saturating_neg());
    }

    /// Condition: the account has no lots.
    pub(super) fn credit(&mut self, units: u64) -> bool {
        let is_blind = self.account.version == 0 || self.form == Form::CreditWithoutItsCondition;
        if is_blind {
            self.add(i128::from(units));
        }
        is_blind
    }

    /// A debit that reads no lot, of an account without lots.
    pub(super) fn claw_blind(&mut self, units: u64) -> bool {
        let is_blind = self.account.version == 0;
        if is_blind {
            self.spend(units);
        }
        is_blind
    }

    /// What comes back from breakage; `None` if the lots were changed since they were read.
    pub(super) fn commit(&mut self, read: &LotsSnapshot, changes: &[Change], today: i64) -> Option<u64> {
        if read.account.version != self.account.version {
            return None;
        }
        let movements: Vec<Movement> = changes.iter().map(|change| movement(*change)).collect();
        let mut read = read.clone();
        if self.form == Form::ClawbackTakesNothingExpired {
            read.row.expired.clear();
        }
        let mut after = read.change(movements.iter().map(LotMove::of), time(today));
        self.form_of(&mut after.row, changes);
        let net: i128 = movements.iter().map(|movement| movement.posting.change().units()).sum();
        let is_first = self.account.version == 0;
        if is_first && self.form == Form::FirstGrantKeepsTheBalanceItRead {
            // The lots are those of the balance that was read, and not of the mark.
            after.row.lots = read.settled().lots;
        }
        self.row = after.row;
        self.account.version = self.account.version.saturating_add(1);
        self.account.mark = self.account.balance;
        if self.form == Form::MarkIsTheBalanceRead || (is_first && self.form == Form::FirstGrantKeepsTheBalanceItRead) {
            self.account.mark = read.account.balance;
        }
        self.account.next_expiry = after.next_expiry;
        self.add(net.saturating_add(i128::try_from(after.returned).expect("small")));
        Some(u64::try_from(after.returned).expect("small"))
    }

    /// `None` if anything was written since it was read.
    pub(super) fn expire(&mut self, read: &LotsSnapshot, today: i64) -> Option<u64> {
        let account = &self.account;
        let is_balance_as_read = read.account.balance == account.balance || self.form == Form::ExpiryWithoutBalance;
        let is_held_as_read = read.account.held == account.held || self.form == Form::ExpiryWithoutHeld;
        if read.account.version != account.version || !is_balance_as_read || !is_held_as_read {
            return None;
        }
        let mut read = read.clone();
        if self.form == Form::HoldsCoverNothing {
            read.account.held = 0;
        }
        let expired = read.expire(ACCOUNT, time(today));
        assert_eq!(expired.key.as_str(), format!("expire#{ACCOUNT}.{}", self.account.version));
        self.row = expired.row;
        self.add(i128::try_from(expired.units).expect("small").saturating_neg());
        self.account.mark = self.account.balance;
        self.account.version = self.account.version.saturating_add(1);
        self.account.next_expiry = expired.next_expiry;
        Some(u64::try_from(expired.units).expect("small"))
    }

    pub(super) fn piles(&self) -> Vec<Pile> {
        self.read().settled().lots.iter().map(pile).collect()
    }

    pub(super) fn add(&mut self, units: i128) {
        self.account.balance = self.account.balance.checked_add(Balance::from_units(units)).expect("small");
    }

    /// Leaves out one rule of what a change of lots keeps.
    fn form_of(&self, row: &mut LotsRow, changes: &[Change]) {
        let is_won = changes.iter().any(|change| matches!(change, Change::Won { .. }));
        if !is_won || self.form != Form::DisputeWonIsAllDated {
            return;
        }
        for change in &mut row.changes {
            let LotChange::Give { shares, .. } = change else { continue };
            let dated = shares.iter().map(|share| share.terms).find(|terms| terms.expires_at.is_some());
            for share in shares {
                share.terms = dated.unwrap_or(share.terms);
            }
        }
    }
}

fn movement(change: Change) -> Movement {
    let account = Owner::new("alice").expect("valid").account(Asset::CREDITS);
    let amount = |units: u64| Amount::from_units(units);
    let shares = |terms: Terms, units: u64| match terms.day {
        Some(_) => vec![LotShare { terms: lot_terms(terms), units: units.into() }],
        None => Vec::new(),
    };
    let (key, posting, reverses, lots) = match change {
        Change::Grant { grant, terms, units } => {
            let posting = Posting::to_customer(account, House::Revenue, amount(units));
            (grant_key(grant), posting, None, shares(terms, units))
        }
        Change::Claw { key, grant, terms, units } => {
            let posting = Posting::from_customer(account, House::Revenue, amount(units));
            (MoneyKey::of_row(&format!("reversal#HL1#{key}")), posting, Some(grant_key(grant)), shares(terms, units))
        }
        Change::Won { grant, units } => {
            let posting = Posting::to_customer(account, House::Revenue, amount(units));
            (MoneyKey::of_row("reversal#HL1#won"), posting, Some(grant_key(grant)), Vec::new())
        }
    };
    Movement { key, posting, guard: Guard::Always, reverses, lots }
}

pub(super) fn grant_key(grant: usize) -> MoneyKey {
    MoneyKey::of_row(&format!("payment#stripe#{grant}"))
}

fn grant_of(key: &MoneyKey) -> usize {
    key.as_str().rsplit('#').next().expect("a part").parse().expect("a number")
}

pub(super) fn time(day: i64) -> Timestamp {
    Timestamp::from_unix_ms(day.checked_mul(DAY_MS).expect("small")).expect("in range")
}

pub(super) fn lot_terms(terms: Terms) -> LotTerms {
    let Terms { priority, kind, day } = terms;
    LotTerms { priority, kind, expires_at: day.map(time) }
}

fn pile(lot: &Lot) -> Pile {
    let LotTerms { priority, kind, expires_at } = lot.terms;
    let day = expires_at.map(|at| at.unix_ms().div_euclid(DAY_MS));
    let units = u64::try_from(lot.units).expect("small");
    Pile { grants: lot.grants.iter().map(grant_of).collect(), terms: Terms { priority, kind, day }, units }
}
