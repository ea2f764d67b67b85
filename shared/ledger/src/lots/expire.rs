//! The expiry: what is past its date and not spent goes to breakage.

use super::{ExpiredShare, Lot, LotShare, LotsRow, LotsSnapshot, SettledLots, settle::burn};
use crate::{MoneyKey, Timestamp};

/// What open holds cover stays past its date. So long after, the rule runs again.
const LOOK_AGAIN_SECONDS: i64 = 60 * 60;

/// Clocks of different sandboxes differ by less.
const SKEW_SECONDS: i64 = 5 * 60;

/// An expiry before this time has set no later one for what holds cover.
pub(crate) fn again_by(now: Timestamp) -> Timestamp {
    now.plus_seconds(LOOK_AGAIN_SECONDS.saturating_add(SKEW_SECONDS))
}

/// What an expiry writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpiredLots {
    pub row: LotsRow,
    /// What expires: nothing if it was all spent.
    pub units: u128,
    /// The key of its entry.
    pub key: MoneyKey,
    pub next_expiry: Option<Timestamp>,
}

impl LotsSnapshot {
    /// Expires what is past its date. Condition: the version of lots, the balance and the held amount are those that
    /// were read, and `mark` becomes the balance that is left. Open holds count as spent after the unsettled spends, and what they cover of a lot stays in it.
    pub fn expire(&self, account: &str, now: Timestamp) -> ExpiredLots {
        let SettledLots { mut lots, taken } = self.settled();
        let mut free = lots.clone();
        burn(free.iter_mut().collect(), self.account.held);
        let mut row = LotsRow {
            version: self.account.version.saturating_add(1),
            lots: Vec::new(),
            changes: Vec::new(),
            expired: self.row.expired.clone(),
            taken,
        };
        let mut expired = 0_u128;
        for (lot, free) in lots.iter_mut().zip(free).filter(|(lot, _)| lot.terms.is_over(now)) {
            lot.units = lot.units.saturating_sub(free.units);
            expired = expired.saturating_add(free.units);
            row.keep_expired(free, now);
        }
        lots.retain(|lot| lot.units > 0);
        row.lots = lots;
        row.forget(now);
        let again = now.plus_seconds(LOOK_AGAIN_SECONDS);
        let dates = row.lots.iter().filter_map(|lot| lot.terms.expires_at);
        let next_expiry = dates.map(|expires_at| if expires_at > now { expires_at } else { again }).min();
        ExpiredLots { row, units: expired, key: MoneyKey::of_expiry(account, self.account.version), next_expiry }
    }

    /// The lots that can be spent, in the order of spending: without what is past its date.
    pub fn spendable(&self, account: &str, now: Timestamp) -> Vec<Lot> {
        let is_due = self.account.is_fenced(now);
        let mut lots = if is_due { self.expire(account, now).row.lots } else { self.settled().lots };
        lots.sort_by_key(|lot| lot.terms.burn_order());
        lots
    }

    /// What is past its date and not covered by a hold: the balance less this can be spent.
    pub fn overdue(&self, account: &str, now: Timestamp) -> u128 {
        self.expire(account, now).units
    }
}

impl LotsRow {
    fn keep_expired(&mut self, lot: Lot, at: Timestamp) {
        if lot.units > 0 && ExpiredShare::is_bought(&lot.grants) {
            let share = LotShare { terms: lot.terms, units: lot.units };
            self.expired.push(ExpiredShare { grants: lot.grants, share, at });
        }
    }
}
