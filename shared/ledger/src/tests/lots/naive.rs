//! The naive replay: one commit after the other, unit by unit, with every lot known at every moment.

use crate::{LotKind, PRIORITY_DEFAULT};

/// Priority, kind and the day on which it expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) priority: u8,
    pub(super) kind: LotKind,
    pub(super) day: Option<i64>,
}

pub(super) const UNDATED: Terms = Terms { priority: PRIORITY_DEFAULT, kind: LotKind::Paid, day: None };

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pile {
    pub(super) grants: Vec<usize>,
    pub(super) terms: Terms,
    pub(super) units: u64,
}

/// What a clawback took: of the grant and dated, or anything else.
#[derive(Debug, Clone)]
struct Taken {
    grant: usize,
    day: i64,
    dated: Vec<Terms>,
    other: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Grant { grant: usize, terms: Terms, units: u64 },
    Claw { key: usize, grant: usize, terms: Terms, units: u64 },
    Won { grant: usize, units: u64 },
}

/// The piles are in the order of their age.
#[derive(Debug, Default, Clone)]
pub(super) struct Naive {
    pub(super) piles: Vec<Pile>,
    debt: u64,
    pub(super) held: u64,
    breakage: Vec<Pile>,
    taken: Vec<Taken>,
    lots_max: usize,
}

impl Naive {
    pub(super) fn new(lots_max: usize) -> Self {
        Self { lots_max, ..Self::default() }
    }

    pub(super) fn spend(&mut self, units: u64) {
        for _ in 0..units {
            if self.burn_one(|_| true).is_none() {
                self.debt = self.debt.saturating_add(1);
            }
        }
    }

    /// Changes of one commit. Returns what comes back from breakage. A debt is paid at last.
    pub(super) fn commit(&mut self, changes: &[Change], today: i64) -> u64 {
        let mut returned = 0_u64;
        for change in changes {
            match *change {
                Change::Grant { grant, terms, units } => self.add(grant, terms, units),
                Change::Claw { key: _, grant, terms, units } => {
                    returned = returned.saturating_add(self.claw(grant, terms, units, today));
                }
                Change::Won { grant, units } => self.won(grant, units, today),
            }
        }
        while self.piles.len() > self.lots_max && self.merge_closest() {}
        let debt = std::mem::take(&mut self.debt);
        self.spend(debt);
        returned
    }

    pub(super) fn expire(&mut self, today: i64) -> u64 {
        let mut free = self.clone();
        free.spend(self.held);
        let mut expired = 0_u64;
        let over = |pile: &&Pile| pile.terms.day.is_some_and(|day| day <= today);
        for pile in free.piles.iter().filter(over) {
            let kept = self.piles.iter_mut().find(|kept| (&kept.grants, kept.terms) == (&pile.grants, pile.terms));
            if let Some(kept) = kept {
                kept.units = kept.units.saturating_sub(pile.units);
            }
            expired = expired.saturating_add(pile.units);
            self.breakage.push(pile.clone());
        }
        self.piles.retain(|pile| pile.units > 0);
        expired
    }

    pub(super) fn balance(&self) -> i128 {
        let held: i128 = self.piles.iter().map(|pile| i128::from(pile.units)).sum();
        held.saturating_sub(i128::from(self.debt))
    }

    pub(super) fn piles(&self) -> &[Pile] {
        &self.piles
    }

    /// Takes one unit of the pile that is spent first among these. Returns its terms.
    fn burn_one(&mut self, is_wanted: impl Fn(&Pile) -> bool) -> Option<Terms> {
        let first = self.first_spent(is_wanted)?;
        let pile = &mut self.piles[first];
        pile.units = pile.units.saturating_sub(1);
        let terms = pile.terms;
        self.piles.retain(|pile| pile.units > 0);
        Some(terms)
    }

    /// The place of the pile that is spent first among these.
    pub(super) fn first_spent(&self, is_wanted: impl Fn(&Pile) -> bool) -> Option<usize> {
        let never = i64::MAX;
        let order = |terms: Terms| (terms.priority, terms.kind == LotKind::Paid, terms.day.unwrap_or(never));
        let mut first: Option<usize> = None;
        for (place, pile) in self.piles.iter().enumerate().filter(|(_, pile)| is_wanted(pile)) {
            if first.is_none_or(|first| order(pile.terms) < order(self.piles[first].terms)) {
                first = Some(place);
            }
        }
        first
    }

    fn add(&mut self, grant: usize, terms: Terms, units: u64) {
        let grants = if terms.day.is_some() { vec![grant] } else { Vec::new() };
        match self.piles.iter_mut().find(|pile| pile.grants == grants && pile.terms == terms) {
            Some(pile) => pile.units = pile.units.saturating_add(units),
            None => self.piles.push(Pile { grants, terms, units }),
        }
    }

    fn claw(&mut self, grant: usize, terms: Terms, units: u64, today: i64) -> u64 {
        let (mut dated, mut other, mut returned) = (Vec::new(), 0_u64, 0_u64);
        let is_own = |pile: &Pile| pile.grants.contains(&grant) || (terms.day.is_none() && pile.terms == UNDATED);
        let mut missing = 0_u64;
        for _ in 0..units {
            let gone = self.breakage.iter_mut().find(|pile| pile.units > 0 && pile.grants.contains(&grant));
            let own = if let Some(gone) = gone {
                gone.units = gone.units.saturating_sub(1);
                returned = returned.saturating_add(1);
                Some(gone.terms)
            } else {
                self.burn_one(is_own)
            };
            dated.extend(own.filter(|terms| terms.day.is_some()));
            other = other.saturating_add(u64::from(own.is_none_or(|terms| terms.day.is_none())));
            missing = missing.saturating_add(u64::from(own.is_none()));
        }
        self.spend(missing);
        self.taken.push(Taken { grant, day: today, dated, other });
        returned
    }

    fn won(&mut self, grant: usize, units: u64, today: i64) {
        let (mut given, mut undated) = (Vec::new(), 0_u64);
        let mut left = units;
        for taken in self.taken.iter_mut().rev().filter(|taken| taken.grant == grant) {
            while left > 0 && (!taken.dated.is_empty() || taken.other > 0) {
                left = left.saturating_sub(1);
                if taken.dated.is_empty() {
                    taken.other = taken.other.saturating_sub(1);
                    undated = undated.saturating_add(1);
                } else {
                    let terms = taken.dated.remove(0);
                    let later = today.saturating_sub(taken.day);
                    given.push(Terms { day: terms.day.map(|day| day.saturating_add(later)), ..terms });
                }
            }
        }
        for terms in given {
            self.add(grant, terms, 1);
        }
        let undated = undated.saturating_add(left);
        if undated > 0 {
            self.add(grant, UNDATED, undated);
        }
    }

    /// Whether two piles could be merged: those of one priority and kind with the closest dates.
    fn merge_closest(&mut self) -> bool {
        let mut best: Option<(u64, usize, usize)> = None;
        for (older, one) in self.piles.iter().enumerate() {
            for (newer, other) in self.piles.iter().enumerate().skip(older.saturating_add(1)) {
                let (Some(from), Some(to)) = (one.terms.day, other.terms.day) else { continue };
                let is_alike = (one.terms.priority, one.terms.kind) == (other.terms.priority, other.terms.kind);
                let pair = (from.abs_diff(to), older, newer);
                if is_alike && best.is_none_or(|best| pair < best) {
                    best = Some(pair);
                }
            }
        }
        let Some((_, older, newer)) = best else { return false };
        let newer = self.piles.remove(newer);
        let pile = &mut self.piles[older];
        pile.units = pile.units.saturating_add(newer.units);
        pile.terms.day = pile.terms.day.max(newer.terms.day);
        pile.grants.extend(newer.grants);
        true
    }
}
