//! Merging: an account has a limited number of lots, and no grant is refused for it.

use super::{GRANTS_MAX, Lot};

/// Merges the two lots of one priority and kind whose dates are closest, until no more than `lots_max` are left. Both
/// then expire on the later date, and keep their grants and the place of the older.
pub(super) fn down_to(lots: &mut Vec<Lot>, lots_max: usize) {
    while lots.len() > lots_max {
        let Some((older, newer)) = closest(lots) else { return };
        let newer = lots.remove(newer);
        if let Some(lot) = lots.get_mut(older) {
            lot.terms.expires_at = lot.terms.expires_at.max(newer.terms.expires_at);
            lot.units = lot.units.saturating_add(newer.units);
            lot.grants.extend(newer.grants);
        }
        forget_grants(lots);
    }
}

/// The positions of the two, the older first. `None` if no two can be merged.
fn closest(lots: &[Lot]) -> Option<(usize, usize)> {
    let dated = lots.iter().enumerate().filter_map(|(place, lot)| Some((lot.terms, lot.terms.expires_at?, place)));
    let mut dated: Vec<_> = dated.collect();
    dated.sort_unstable_by_key(|(terms, expires_at, place)| (terms.priority, terms.kind, *expires_at, *place));
    let pairs = dated.iter().zip(dated.iter().skip(1)).filter_map(|((one, from, older), (other, to, newer))| {
        let is_mergeable = (one.priority, one.kind) == (other.priority, other.kind);
        is_mergeable.then(|| (to.seconds_apart(*from), *older.min(newer), *older.max(newer)))
    });
    pairs.min().map(|(_, older, newer)| (older, newer))
}

/// A clawback of a grant that no lot names any more takes from any lot.
fn forget_grants(lots: &mut [Lot]) {
    let named = lots.iter().map(|lot| lot.grants.len()).fold(0_usize, usize::saturating_add);
    for _ in GRANTS_MAX..named {
        if let Some(lot) = lots.iter_mut().max_by_key(|lot| lot.grants.len()) {
            lot.grants.remove(0);
        }
    }
}
