//! Random histories of three accounts that give to each other: each is what a naive replay makes of it, and a transfer
//! changes no sum.

use super::history::Rng;
use super::machine::{Form, Machine, grant_key, lot_terms, time};
use super::naive::{Change, Naive, Pile, Terms, UNDATED};
use crate::{
    AccountId, Amount, Asset, Guard, House, LotKind, LotMove, LotShare, LotsSnapshot, MoneyKey, Movement, Owner,
    PRIORITY_DEFAULT, Posting,
};

/// Ten seconds without optimisation.
const HISTORIES: u64 = 10_000;
const HISTORIES_ALL: u64 = 1_000_000;
/// Enough to see each rule fail.
const HISTORIES_OF_A_RULE: u64 = 1_000;
const DAYS: i64 = 31;
/// So few that lots merge in many histories.
const LOTS_MAX: usize = 5;
const OWNERS: u64 = 3;

#[test]
fn transfers_equal_the_naive_replay() {
    assert_eq!(first_difference(HISTORIES, None), None);
}

#[test]
#[ignore = "a million histories, which `.ci/full` runs"]
fn a_million_histories_with_transfers_equal_the_naive_replay() {
    assert_eq!(first_difference(HISTORIES_ALL, None), None);
}

#[test]
fn each_rule_of_a_transfer_left_out_gives_a_difference() {
    for rule in Rule::ALL {
        assert!(first_difference(HISTORIES_OF_A_RULE, Some(rule)).is_some(), "{rule:?} is not needed");
    }
}

fn first_difference(histories: u64, without: Option<Rule>) -> Option<String> {
    (0..histories).find_map(|seed| difference(seed, without))
}

/// A rule that a history leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    CarriesTerms,
    LeavesWhatIsHeld,
    BalanceIsAsRead,
    HeldIsAsRead,
    MarksTheBalanceAfter,
}

impl Rule {
    const ALL: [Self; 5] = [
        Self::CarriesTerms,
        Self::LeavesWhatIsHeld,
        Self::BalanceIsAsRead,
        Self::HeldIsAsRead,
        Self::MarksTheBalanceAfter,
    ];
}

/// An account of the store, the same one of the replay, and its open holds.
struct Side {
    store: Machine,
    naive: Naive,
    holds: Vec<u64>,
}

struct History {
    rng: Rng,
    sides: Vec<Side>,
    overdraft: i128,
    grants: usize,
    without: Option<Rule>,
}

fn difference(seed: u64, without: Option<Rule>) -> Option<String> {
    let mut rng = Rng(seed);
    let overdraft = if rng.one_in(3) { 6 } else { 0 };
    let side = || Side { store: Machine::new(Form::Design, LOTS_MAX), naive: Naive::new(LOTS_MAX), holds: Vec::new() };
    let sides = (0..OWNERS).map(|_| side()).collect();
    let mut history = History { rng, sides, overdraft, grants: 1, without };
    for day in 1..DAYS {
        if let Err(what) = history.day(day) {
            return Some(format!("seed {seed}, day {day}: {what}"));
        }
    }
    None
}

impl Side {
    fn can_spend(&self, units: u64, overdraft: i128) -> bool {
        let held = i128::try_from(self.store.account.held).expect("small");
        let available = self.store.account.balance.units().saturating_add(overdraft).saturating_sub(held);
        available >= i128::from(units)
    }

    fn spend(&mut self, units: u64) {
        self.store.spend(units);
        self.naive.spend(units);
    }

    fn reserve(&mut self, more: u64, less: u64) {
        self.naive.held = self.naive.held.saturating_add(more).saturating_sub(less);
        self.store.account.held = u128::from(self.naive.held);
    }

    fn expire(&mut self, day: i64) -> Result<(), String> {
        while self.store.is_fenced(day) {
            let wanted = self.naive.expire(day);
            let expired = self.store.expire(&self.store.read(), day);
            if expired != Some(wanted) {
                return Err(format!("{expired:?} expired instead of {wanted}"));
            }
        }
        Ok(())
    }

    fn grant(&mut self, grant: usize, terms: Terms, units: u64, day: i64) {
        let change = [Change::Grant { grant, terms, units }];
        self.naive.commit(&change, day);
        if terms.day.is_some() || !self.store.credit(units) {
            self.store.commit(&self.store.read(), &change, day).expect("as read");
        }
    }

    fn receive(&mut self, grant: usize, carried: &[Pile], shares: &[LotShare], day: i64) {
        let changes = carried.iter().map(|pile| Change::Grant { grant, terms: pile.terms, units: pile.units });
        self.naive.commit(&changes.collect::<Vec<_>>(), day);
        self.store.receive(grant, shares, day);
    }

    fn same(&self) -> Result<(), String> {
        let (found, wanted) = (self.store.piles(), self.naive.piles());
        let (balance, sum) = (self.store.account.balance.units(), self.naive.balance());
        if found == wanted && balance == sum {
            return Ok(());
        }
        Err(format!("it has {balance} in {found:?} instead of {sum} in {wanted:?}"))
    }
}

impl History {
    fn day(&mut self, day: i64) -> Result<(), String> {
        for side in &mut self.sides {
            side.expire(day)?;
        }
        for _ in 0..3 {
            self.traffic(2);
            if self.rng.one_in(4) {
                self.grant(day);
            } else {
                self.transfer(day)?;
            }
            self.sides.iter().try_for_each(Side::same)?;
        }
        Ok(())
    }

    fn owner(&mut self) -> usize {
        usize::try_from(self.rng.within(0, OWNERS.saturating_sub(1))).expect("small")
    }

    fn traffic(&mut self, most: u64) {
        for _ in 0..self.rng.within(0, most) {
            let (owner, units, overdraft) = (self.owner(), self.rng.within(1, 5), self.overdraft);
            let what = self.rng.within(0, 3);
            let side = &mut self.sides[owner];
            match what {
                0 if side.can_spend(units, overdraft) => side.spend(units),
                1 | 2 if side.can_spend(units, overdraft) => {
                    side.holds.push(units);
                    side.reserve(units, 0);
                }
                3 => {
                    let Some(held) = side.holds.pop() else { continue };
                    side.reserve(0, held);
                    if self.rng.one_in(2) {
                        self.sides[owner].spend(held);
                    }
                }
                _ => {}
            }
        }
    }

    fn grant(&mut self, day: i64) {
        let (owner, units) = (self.owner(), self.rng.within(1, 14));
        let in_days = self.rng.pick(&[Some(1), Some(3), Some(8), None]).flatten();
        let priority = self.rng.pick(&[1, PRIORITY_DEFAULT]).expect("two");
        let kind = self.rng.pick(&LotKind::ALL).expect("two");
        let dated = in_days.map(|days| Terms { priority, kind, day: Some(day.saturating_add(days)) });
        let grant = self.next_grant();
        self.sides[owner].grant(grant, dated.unwrap_or(UNDATED), units, day);
    }

    fn next_grant(&mut self) -> usize {
        self.grants = self.grants.saturating_add(1);
        self.grants
    }

    /// The sender is read, then others write, and then the transfer commits, or reads again.
    fn transfer(&mut self, day: i64) -> Result<(), String> {
        let (from, units) = (self.owner(), self.rng.within(1, 9));
        let to = from.saturating_add(1).checked_rem(self.sides.len()).expect("some");
        let read = self.sides[from].store.read();
        self.traffic(2);
        if !self.sides[from].can_spend(units, self.overdraft) {
            return Ok(());
        }
        let sum = |sides: &[Side]| sides.iter().map(|side| side.store.account.balance.units()).sum::<i128>();
        let before = sum(&self.sides);
        let carried = self.sides[from].naive.transfer(units);
        let store = &mut self.sides[from].store;
        let shares = store.transfer_out(&read, units, self.without, day);
        let again = |store: &mut Machine| {
            let read: LotsSnapshot = store.read();
            store.transfer_out(&read, units, self.without, day).expect("as read")
        };
        let shares = shares.unwrap_or_else(|| again(store));
        let grant = self.next_grant();
        self.sides[to].receive(grant, &carried, &shares, day);
        // An account that has had no date is one lot.
        let dated = |shares: &[LotShare]| shares.iter().any(|share| share.terms.expires_at.is_some());
        let wanted: Vec<LotShare> =
            carried.iter().map(|pile| LotShare { terms: lot_terms(pile.terms), units: pile.units.into() }).collect();
        if (dated(&shares) || dated(&wanted)) && shares != wanted {
            return Err(format!("{shares:?} were carried instead of {wanted:?}"));
        }
        if sum(&self.sides) == before { Ok(()) } else { Err("a transfer changes the sum".to_owned()) }
    }
}

impl Naive {
    /// Takes what is spent first, after what is held. Beyond that it takes the rest, as a spend does, and gives it
    /// without a date.
    fn transfer(&mut self, units: u64) -> Vec<Pile> {
        let mut free = self.clone();
        free.spend(self.held);
        let mut carried: Vec<Pile> = Vec::new();
        let mut carry = |terms: Terms| match carried.iter_mut().find(|pile| pile.terms == terms) {
            Some(pile) => pile.units = pile.units.saturating_add(1),
            None => carried.push(Pile { grants: Vec::new(), terms, units: 1 }),
        };
        let mut beyond = 0_u64;
        for _ in 0..units {
            let Some(first) = free.first_spent(|_| true) else {
                beyond = beyond.saturating_add(1);
                continue;
            };
            let Pile { grants, terms, .. } = free.take_one_at(first);
            let own = self.piles.iter().position(|pile| pile.grants == grants && pile.terms == terms);
            self.take_one_at(own.expect("what is free is there"));
            carry(terms);
        }
        for _ in 0..beyond {
            carry(UNDATED);
        }
        self.spend(beyond);
        carried
    }

    fn take_one_at(&mut self, place: usize) -> Pile {
        let pile = &mut self.piles[place];
        pile.units = pile.units.saturating_sub(1);
        let taken = pile.clone();
        self.piles.retain(|pile| pile.units > 0);
        taken
    }
}

impl Machine {
    /// What is carried; `None` if anything was written since it was read.
    fn transfer_out(
        &mut self,
        read: &LotsSnapshot,
        units: u64,
        without: Option<Rule>,
        day: i64,
    ) -> Option<Vec<LotShare>> {
        if read.account.version != self.account.version {
            return None;
        }
        if read.account.version == 0 {
            self.spend(units);
            return Some(vec![LotShare { terms: lot_terms(UNDATED), units: units.into() }]);
        }
        let is_balance_as_read = read.account.balance == self.account.balance || without == Some(Rule::BalanceIsAsRead);
        let is_held_as_read = read.account.held == self.account.held || without == Some(Rule::HeldIsAsRead);
        if !is_balance_as_read || !is_held_as_read {
            return None;
        }
        let mut read = read.clone();
        if without == Some(Rule::LeavesWhatIsHeld) {
            read.account.held = 0;
        }
        let out = movement_out(units);
        let carried = read.carried_by(units.into());
        let after = read.change([LotMove::of(&out)], time(day));
        let balance = self.account.balance;
        self.spend(units);
        self.row = after.row;
        self.account.version = self.account.version.saturating_add(1);
        self.account.next_expiry = after.next_expiry;
        let mark = after.mark.expect("a transfer marks the balance after it");
        self.account.mark = if without == Some(Rule::MarksTheBalanceAfter) { balance } else { mark };
        if without == Some(Rule::CarriesTerms) {
            return Some(vec![LotShare { terms: lot_terms(UNDATED), units: units.into() }]);
        }
        Some(carried)
    }

    /// A credit without a date, if neither the account nor what it gets has one.
    fn receive(&mut self, grant: usize, shares: &[LotShare], day: i64) {
        let units = shares.iter().map(|share| share.units).sum::<u128>();
        let is_dated = shares.iter().any(|share| share.terms.expires_at.is_some());
        let units = u64::try_from(units).expect("small");
        if !is_dated && self.credit(units) {
            return;
        }
        let credit = movement_in(grant, units, shares.to_vec());
        let read = self.read();
        let after = read.change([LotMove::of(&credit)], time(day));
        self.row = after.row;
        self.account.mark = self.account.balance;
        self.account.version = self.account.version.saturating_add(1);
        self.account.next_expiry = after.next_expiry;
        self.add(i128::from(units));
    }
}

fn movement_out(units: u64) -> Movement {
    let posting = Posting::from_customer(account(), House::Transfers, Amount::from_units(units));
    let key = MoneyKey::of_row("manual#t1");
    Movement { key, posting, guard: Guard::SufficientFunds, reverses: None, lots: Vec::new() }
}

fn movement_in(grant: usize, units: u64, lots: Vec<LotShare>) -> Movement {
    let posting = Posting::to_customer(account(), House::Transfers, Amount::from_units(units));
    Movement { key: grant_key(grant), posting, guard: Guard::Always, reverses: None, lots }
}

fn account() -> AccountId {
    Owner::new("alice").expect("valid").account(Asset::CREDITS)
}
