//! Settling: which lots the spends since the last change have burnt.

use super::{Lot, LotChange, LotKind, LotShare, LotTerms, LotsSnapshot, TakenShares, merge, sum};
use crate::{Balance, MoneyKey};

/// The lots as they are now, and what each clawback has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledLots {
    pub lots: Vec<Lot>,
    pub taken: Vec<TakenShares>,
}

impl LotsSnapshot {
    /// The lots of this moment. Credits beyond all lots, which only a repair of the balance makes, are undated.
    pub fn settled(&self) -> SettledLots {
        let mut settled = self.marked();
        bring_to(&mut settled.lots, self.account.balance);
        settled
    }

    /// The lots right after the last change, before any spend since.
    pub(super) fn marked(&self) -> SettledLots {
        let (mut lots, mut taken) = (self.row.lots.clone(), self.row.taken.clone());
        match self.account.version {
            0 => lots = vec![Lot::undated(LotKind::Paid, units(self.account.balance))],
            // All that was there before the first dated grant.
            1 => lots = vec![Lot::undated(LotKind::Paid, units(self.account.mark))],
            _ => {}
        }
        bring_to(&mut lots, self.account.mark);
        for change in &self.row.changes {
            match change {
                LotChange::Give { grant, shares } => {
                    for share in shares {
                        add(&mut lots, Lot::of(grant.as_ref(), *share));
                    }
                }
                LotChange::Take { key, grant, is_undated, units } => {
                    let of_grant = lots.iter_mut().filter(|lot| lot.is_of(grant, *is_undated));
                    let (rest, shares) = burn(of_grant.collect(), *units);
                    let dated = shares.into_iter().filter(|share| share.terms.expires_at.is_some());
                    if let Some(taken) = taken.iter_mut().find(|taken| taken.key == *key) {
                        taken.shares.extend(dated);
                    }
                    burn(lots.iter_mut().collect(), rest);
                }
            }
            lots.retain(|lot| lot.units > 0);
        }
        merge::down_to(&mut lots, self.lots_max);
        SettledLots { lots, taken }
    }
}

impl Lot {
    fn of(grant: Option<&MoneyKey>, share: LotShare) -> Self {
        let LotShare { terms, units } = share;
        let grants = if terms.expires_at.is_some() { grant.cloned().into_iter().collect() } else { Vec::new() };
        Self { grants, terms, units }
    }
}

/// Adds to the lot of the same grants and terms, or as the newest lot.
fn add(lots: &mut Vec<Lot>, lot: Lot) {
    let same = lots.iter_mut().find(|other| other.terms == lot.terms && other.grants == lot.grants);
    match same {
        Some(same) => same.units = same.units.saturating_add(lot.units),
        None if lot.units > 0 => lots.push(lot),
        None => {}
    }
}

/// Spends from these lots in their order. Returns what is left to spend, and what was spent of which terms.
pub(super) fn burn(mut lots: Vec<&mut Lot>, mut units: u128) -> (u128, Vec<LotShare>) {
    // Stable: the older of two equal ones stays first.
    lots.sort_by_key(|lot| lot.terms.burn_order());
    let mut burnt: Vec<LotShare> = Vec::new();
    for lot in lots {
        let taken = lot.units.min(units);
        lot.units = lot.units.saturating_sub(taken);
        units = units.saturating_sub(taken);
        if taken > 0 {
            burnt.push(LotShare { terms: lot.terms, units: taken });
        }
    }
    (units, burnt)
}

/// Spends what the lots hold beyond this balance, of which a debt leaves nothing. What it has beyond the lots is undated.
fn bring_to(lots: &mut Vec<Lot>, balance: Balance) {
    let (held, wanted) = (sum(lots), units(balance));
    burn(lots.iter_mut().collect(), held.saturating_sub(wanted));
    lots.retain(|lot| lot.units > 0);
    add(lots, Lot::undated(LotKind::Paid, wanted.saturating_sub(held)));
}

/// Nothing for a debt.
fn units(balance: Balance) -> u128 {
    u128::try_from(balance.units()).unwrap_or_default()
}

impl SettledLots {
    /// What has these terms.
    pub fn units_of(&self, terms: LotTerms) -> u128 {
        super::total(self.lots.iter().filter(|lot| lot.terms == terms).map(|lot| &lot.units))
    }
}
