//! The audit of an account's lots: their row against the account's.

use super::{Difference, DifferenceKind, Repair, RepairError, Side, StoredAccount, StoredLots, Suspect};
use crate::lots::again_by;
use crate::{AccountLots, Balance, Effect, LotsRow, LotsSnapshot, Timestamp};

impl StoredAccount {
    /// The difference from the row of its lots, as it was read at the same version.
    pub fn differs_from_lots(&self, row: Option<&LotsRow>, now: Timestamp) -> Option<Difference> {
        let StoredLots { version, mark, next_expiry } = self.lots;
        let nothing = LotsRow::default();
        let row = row.unwrap_or(&nothing);
        let count = |count: u64| Balance::from_units(i128::from(count));
        // What holds cover of a lot stays past its date, and is looked at again within the time of an expiry.
        let looked_at = |first: Timestamp, now: Timestamp| {
            let is_in_time = |at: &Timestamp| first <= now && first < *at && *at <= again_by(now);
            next_expiry.filter(is_in_time).unwrap_or(first)
        };
        let due = |at: Option<Timestamp>| Balance::from_units(at.map_or(0, |at| i128::from(at.unix_ms())));
        // Before the second change the row has no lots: all that was there is what the mark shows.
        let held = if version < 2 { mark } else { Balance::from_units(row.units()) };
        let rows = [
            (DifferenceKind::Lots, count(version), count(row.version)),
            // Lots that hold more than the mark were spent before it.
            (DifferenceKind::Lots, mark, Balance::from_units(held.units().min(mark.units()))),
            (DifferenceKind::NextExpiry, due(next_expiry), due(row.first_expiry().map(|first| looked_at(first, now)))),
        ];
        let differing = rows.into_iter().find(|(_, recorded, found)| recorded != found);
        differing.map(|(kind, recorded, found)| self.differs(kind, Suspect::Lots, (recorded, found), 0))
    }
}

impl Side<'_> {
    /// Brings the lots to the balance, whatever is left of them: what they hold beyond it is spent in their order, and
    /// what is missing is undated.
    pub fn lots_to_balance(&self, row: Option<&LotsRow>, now: Timestamp) -> Result<Vec<Effect>, RepairError> {
        let held = self.held.ok_or(RepairError::NoAccount)?;
        if held.differs_from_lots(row, now).is_none() {
            return Err(RepairError::Agrees);
        }
        let row = row.cloned().unwrap_or_default();
        let account = AccountLots {
            balance: held.balance,
            held: held.held,
            mark: held.lots.mark,
            version: row.version,
            next_expiry: held.lots.next_expiry,
        };
        let version = held.lots.version.max(row.version).checked_add(1).ok_or(RepairError::TooLarge)?;
        let settled = LotsSnapshot::new(account, row.clone()).map(|read| read.settled());
        let settled = settled.ok_or(RepairError::TooLarge)?;
        let row = LotsRow { version, lots: settled.lots, changes: Vec::new(), taken: settled.taken, ..row };
        let lots = StoredLots { version, mark: held.balance, next_expiry: row.first_expiry() };
        let to = StoredAccount { lots, ..held.clone() };
        Ok(vec![
            Effect::Repair(Repair::Lots { account: self.account.clone(), to: row }),
            Effect::Repair(Repair::Account { account: self.account.clone(), from: Some(held.clone()), to }),
        ])
    }
}
