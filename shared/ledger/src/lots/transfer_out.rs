//! A transfer out of an account: it carries the terms of the lots that it takes.

use super::settle::burn;
use super::{Lot, LotKind, LotShare, LotTerms, LotsSnapshot, total};

impl LotsSnapshot {
    /// What a transfer of so many units carries, on condition that balance, held amount and version of lots are those
    /// that were read. What it takes beyond the lots is undated.
    pub fn carried_by(&self, units: u128) -> Vec<LotShare> {
        self.transferred(self.settled().lots, units).1
    }

    /// The lots that are left, and what is carried. Open holds count as spent before it, so what they cover stays.
    pub(super) fn transferred(&self, mut lots: Vec<Lot>, units: u128) -> (Vec<Lot>, Vec<LotShare>) {
        let mut free = lots.clone();
        burn(free.iter_mut().collect(), self.account.held);
        let before: Vec<u128> = free.iter().map(|lot| lot.units).collect();
        let (beyond, taken) = burn(free.iter_mut().collect(), units);
        for ((lot, before), after) in lots.iter_mut().zip(before).zip(&free) {
            lot.units = lot.units.saturating_sub(before.saturating_sub(after.units));
        }
        lots.retain(|lot| lot.units > 0);
        let mut carried: Vec<LotShare> = Vec::new();
        let beyond = LotShare { terms: LotTerms::undated(LotKind::Paid), units: beyond };
        for share in taken.into_iter().chain([beyond]).filter(|share| share.units > 0) {
            match carried.iter_mut().find(|other| other.terms == share.terms) {
                Some(same) => same.units = total([same.units, share.units].iter()),
                None => carried.push(share),
            }
        }
        (lots, carried)
    }
}
