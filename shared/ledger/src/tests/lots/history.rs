//! Random histories: the store's account and the naive replay make the same of each.

use super::machine::{ACCOUNT, Form, Machine, time};
use super::naive::{Change, Naive, Terms, UNDATED};
use crate::{LotKind, PRIORITY_DEFAULT};

const DAYS: i64 = 31;
/// So few that lots merge in many histories.
const LOTS_MAX: usize = 5;

/// `SplitMix64`: the same history for the same seed.
pub(super) struct Rng(pub(super) u64);

impl Rng {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From `from` to `to`, both included.
    pub(super) fn within(&mut self, from: u64, to: u64) -> u64 {
        from.saturating_add(self.next().checked_rem(to.saturating_sub(from).saturating_add(1)).expect("not empty"))
    }

    pub(super) fn one_in(&mut self, times: u64) -> bool {
        self.within(1, times) == 1
    }

    pub(super) fn pick<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        let last = u64::try_from(of.len()).expect("small").checked_sub(1)?;
        of.get(usize::try_from(self.within(0, last)).expect("small")).copied()
    }
}

struct History {
    rng: Rng,
    naive: Naive,
    store: Machine,
    overdraft: i128,
    holds: Vec<u64>,
    /// Holds that the sweep released, whose usage is reported later.
    released: Vec<u64>,
    /// The terms of each grant, by its number. The first is undated.
    grants: Vec<Terms>,
    /// Clawbacks that can still be won: grant and units.
    claws: Vec<(usize, u64)>,
}

/// What first differed in the history of this seed.
pub(super) fn difference(seed: u64, form: Form) -> Option<String> {
    let mut rng = Rng(seed);
    let overdraft = if rng.one_in(3) { 6 } else { 0 };
    let (naive, store) = (Naive::new(LOTS_MAX), Machine::new(form, LOTS_MAX));
    let grants = vec![UNDATED];
    let mut history = History { rng, naive, store, overdraft, holds: vec![], released: vec![], grants, claws: vec![] };
    for day in 1..DAYS {
        if let Err(what) = history.expire(day).and_then(|()| history.change(day)) {
            return Some(format!("seed {seed}, day {day}: {what}"));
        }
    }
    None
}

impl History {
    /// What reads no lot: spends, holds, settles that may be late, and credits to an account without lots.
    fn traffic(&mut self, most: u64) {
        for _ in 0..self.rng.within(0, most) {
            let units = self.rng.within(1, 6);
            let available = self.store.account.balance.units().saturating_add(self.overdraft);
            let held = i128::try_from(self.store.account.held).expect("small");
            let can_spend = available.saturating_sub(held) >= i128::from(units);
            match self.rng.within(0, 9) {
                0..=2 if can_spend => self.spend(units),
                3..=5 if can_spend => self.hold(units),
                6 | 7 => self.end_a_hold(),
                8 => {
                    let late = self.released.pop();
                    self.spend(late.unwrap_or_default());
                }
                9 if self.store.credit(units) => {
                    let credited = Change::Grant { grant: 0, terms: UNDATED, units };
                    self.naive.commit(&[credited], 0);
                }
                _ => {}
            }
        }
    }

    fn spend(&mut self, units: u64) {
        self.store.spend(units);
        self.naive.spend(units);
    }

    fn hold(&mut self, units: u64) {
        self.holds.push(units);
        self.reserve(units, 0);
    }

    fn end_a_hold(&mut self) {
        let Some(units) = self.rng.pick(&self.holds) else { return };
        let place = self.holds.iter().position(|hold| *hold == units).expect("just picked");
        self.holds.remove(place);
        self.reserve(0, units);
        match self.rng.within(0, 4) {
            0 => self.spend(self.rng.0.checked_rem(units).expect("not zero")),
            1 => self.spend(units.saturating_add(self.rng.0 & 3)),
            2 => self.spend(units),
            3 => {}
            _ => self.released.push(units),
        }
    }

    fn reserve(&mut self, more: u64, less: u64) {
        self.naive.held = self.naive.held.saturating_add(more).saturating_sub(less);
        self.store.account.held = u128::from(self.naive.held);
    }

    /// From midnight on, no debit comes before the expiry. Debits of a moment ago race it, and so do releases.
    fn expire(&mut self, day: i64) -> Result<(), String> {
        while self.store.is_fenced(day) {
            let read = self.store.read();
            let most = self.rng.within(0, 2);
            let wanted = if self.store.form == Form::DebitWithoutTheFence {
                // These debits are later than the expiry, and the store books them first.
                let wanted = self.naive.expire(day);
                self.traffic(most);
                wanted
            } else {
                self.traffic(most);
                self.naive.expire(day)
            };
            let expired = self.store.expire(&read, day).or_else(|| self.store.expire(&self.store.read(), day));
            if expired != Some(wanted) {
                return Err(format!("{expired:?} expired instead of {wanted}"));
            }
            let is_held_still = self.store.account.balance.units() >= i128::from(self.naive.held);
            if wanted > 0 && !is_held_still {
                return Err("what was held has expired".to_owned());
            }
            self.same()?;
        }
        Ok(())
    }

    fn change(&mut self, day: i64) -> Result<(), String> {
        let read = self.store.read();
        self.traffic(3);
        let changes = match self.rng.within(0, 19) {
            0..=4 => self.grant(day),
            5 => [self.grant(day), self.claw()].concat(),
            6..=9 => self.claw(),
            10 | 11 => self.win(),
            _ => Vec::new(),
        };
        if changes.is_empty() {
            return self.same();
        }
        let is_blind = match changes.as_slice() {
            [Change::Grant { terms, units, .. }] if terms.day.is_none() => self.store.credit(*units),
            [Change::Claw { units, .. }] => self.store.claw_blind(*units),
            [Change::Won { units, .. }] => self.store.account.version == 0 && self.store.credit(*units),
            _ => false,
        };
        let returned = if is_blind {
            Some(0)
        } else {
            self.store.commit(&read, &changes, day).or_else(|| self.store.commit(&self.store.read(), &changes, day))
        };
        let wanted = self.naive.commit(&changes, day);
        if returned != Some(wanted) {
            return Err(format!("{returned:?} came back instead of {wanted}"));
        }
        self.same()
    }

    fn grant(&mut self, day: i64) -> Vec<Change> {
        let grant = self.grants.len();
        let units = self.rng.within(1, 14);
        let in_days = self.rng.pick(&[Some(1), Some(3), Some(8), None]).flatten();
        let priority = self.rng.pick(&[1, PRIORITY_DEFAULT]).expect("two");
        let kind = self.rng.pick(&LotKind::ALL).expect("two");
        let dated = in_days.map(|days| Terms { priority, kind, day: Some(day.saturating_add(days)) });
        let terms = dated.unwrap_or(UNDATED);
        self.grants.push(terms);
        vec![Change::Grant { grant, terms, units }]
    }

    fn claw(&mut self) -> Vec<Change> {
        let last = u64::try_from(self.grants.len()).expect("small").saturating_sub(1);
        let grant = usize::try_from(self.rng.within(0, last)).expect("small");
        let (key, units) = (usize::try_from(self.rng.next() >> 1).expect("64 bits"), self.rng.within(1, 8));
        self.claws.push((grant, units));
        vec![Change::Claw { key, grant, terms: self.grants[grant], units }]
    }

    /// The whole of a clawback, or a part of it.
    fn win(&mut self) -> Vec<Change> {
        let Some((grant, units)) = self.rng.pick(&self.claws) else { return Vec::new() };
        let place = self.claws.iter().position(|claw| *claw == (grant, units)).expect("just picked");
        self.claws.remove(place);
        vec![Change::Won { grant, units: self.rng.within(1, units) }]
    }

    fn same(&self) -> Result<(), String> {
        let (found, wanted) = (self.store.piles(), self.naive.piles());
        let (balance, sum) = (self.store.account.balance.units(), self.naive.balance());
        if found == wanted && balance == sum {
            return Ok(());
        }
        Err(format!("{ACCOUNT} has {balance} in {found:?} instead of {sum} in {wanted:?}"))
    }
}

pub(super) fn first_difference(histories: u64, form: Form) -> Option<String> {
    assert!(time(DAYS) > time(0), "a history takes time");
    (0..histories).find_map(|seed| difference(seed, form))
}
