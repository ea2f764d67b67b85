//! Lots: credits that expire, and the order in which they are spent. Pure: the store keeps two rows of an account, and
//! the rules here say what they mean and what a write changes.
//!
//! A spend never reads a lot. It lowers the balance, and *unsettled burn* is what the lots hold beyond the balance. A
//! change of lots (a grant, a clawback, an expiry) is one compare-and-set on the account's `version` of lots. It copies
//! the balance of that moment to `mark`, and keeps what it changes beside the lots that it read. So the next change
//! knows which spends came before this one: it burns the lots down to `mark`, applies the kept change, and burns them
//! down to the balance.

mod change;
mod expire;
mod merge;
mod port;
mod settle;
mod terms;
mod transfer_out;

use crate::{Balance, MoneyKey, Timestamp};

pub use change::{ChangedLots, LotMove};
pub use expire::ExpiredLots;
pub(crate) use expire::again_by;
pub use port::Expiring;
pub use settle::SettledLots;
pub use terms::{GRANT_DAYS_MAX, GrantTerms, GrantTermsError, LotKind, LotTerms, PRIORITY_DEFAULT, PRIORITY_MAX};

/// More lots than this are merged, so that the row stays far below the 400 KB of a DynamoDB row.
const LOTS_MAX: usize = 500;
/// The most grants that all lots name, the newest first, and that all that is kept of expired lots names. Only merged
/// lots name several.
const GRANTS_MAX: usize = 1_500;
/// How long the row keeps what of a payment's grant has expired or was taken: no dispute takes longer.
const KEPT_SECONDS: u64 = 400 * 24 * 60 * 60;
/// The most of each that it keeps, the newest first.
const KEPT_MAX: usize = 500;

/// Credits of one grant, or of several that were merged. The undated credits of a kind are one lot without a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lot {
    /// The money keys of its grants.
    pub grants: Vec<MoneyKey>,
    pub terms: LotTerms,
    /// In the smallest units, like every number here.
    pub units: u128,
}

/// A part of a movement with the terms of one lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LotShare {
    pub terms: LotTerms,
    pub units: u128,
}

/// What an account's own row says about its lots. An account that never had a dated grant has version 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AccountLots {
    pub balance: Balance,
    /// What open holds reserve.
    pub held: u128,
    /// The balance at the last change of lots.
    pub mark: Balance,
    /// The number of changes of lots.
    pub version: u64,
    /// From this time on no debit is made before an expiry.
    pub next_expiry: Option<Timestamp>,
}

/// The row of an account's lots, written only by a change of lots. The lots are those that the change read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LotsRow {
    /// Equals the account's.
    pub version: u64,
    /// The oldest first.
    pub lots: Vec<Lot>,
    pub changes: Vec<LotChange>,
    pub expired: Vec<ExpiredShare>,
    pub taken: Vec<TakenShares>,
}

/// What a change of lots does once the spends before it are burnt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LotChange {
    Give {
        /// `None` for credits that no clawback takes from.
        grant: Option<MoneyKey>,
        shares: Vec<LotShare>,
    },
    Take {
        /// The clawback's own key.
        key: MoneyKey,
        grant: MoneyKey,
        /// Whether the undated lot, too, comes from the grant.
        is_undated: bool,
        units: u128,
    },
}

/// What of a payment's grants has expired, so that a clawback takes it first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpiredShare {
    pub grants: Vec<MoneyKey>,
    pub share: LotShare,
    pub at: Timestamp,
}

/// What a clawback took, so that it can be given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenShares {
    /// The clawback's own key.
    pub key: MoneyKey,
    pub grant: MoneyKey,
    pub at: Timestamp,
    /// All that it took, or left as a debt.
    pub units: u128,
    /// The dated part of what it took of the grant itself, expired or not.
    pub shares: Vec<LotShare>,
}

/// Both rows, of the same version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LotsSnapshot {
    pub account: AccountLots,
    pub row: LotsRow,
    lots_max: usize,
}

impl LotsSnapshot {
    /// `None` if the rows were not read at the same moment: read them again.
    pub fn new(account: AccountLots, row: LotsRow) -> Option<Self> {
        (account.version == row.version).then_some(Self { account, row, lots_max: LOTS_MAX })
    }

    #[cfg(test)]
    pub(crate) fn with_lots_max(self, lots_max: usize) -> Self {
        Self { lots_max, ..self }
    }
}

impl Lot {
    fn undated(kind: LotKind, units: u128) -> Self {
        Self { grants: Vec::new(), terms: LotTerms::undated(kind), units }
    }

    /// Whether a clawback of this grant takes from it before it takes from others.
    fn is_of(&self, grant: &MoneyKey, is_undated: bool) -> bool {
        self.grants.contains(grant) || (is_undated && self.terms == LotTerms::undated(LotKind::Paid))
    }
}

impl LotsRow {
    /// The time from which on no debit may precede an expiry: the earliest date of its lots and of its change.
    pub fn first_expiry(&self) -> Option<Timestamp> {
        let given = self.changes.iter().flat_map(|change| match change {
            LotChange::Give { shares, .. } => shares.as_slice(),
            LotChange::Take { .. } => &[],
        });
        let terms = self.lots.iter().map(|lot| lot.terms).chain(given.map(|share| share.terms));
        terms.filter_map(|terms| terms.expires_at).min()
    }

    /// What all its lots hold, without its change.
    pub fn units(&self) -> i128 {
        i128::try_from(sum(&self.lots)).unwrap_or(i128::MAX)
    }

    /// Drops what is too old to be needed, and the oldest beyond the limit.
    fn forget(&mut self, now: Timestamp) {
        let is_kept = |at: Timestamp| at >= now || now.seconds_apart(at) <= KEPT_SECONDS;
        self.expired.retain(|expired| expired.share.units > 0 && is_kept(expired.at));
        self.taken.retain(|taken| taken.units > 0 && is_kept(taken.at));
        // Merged lots name several grants each.
        let mut named = 0_usize;
        let newest = self.expired.iter().rev().take(KEPT_MAX).take_while(|expired| {
            named = named.saturating_add(expired.grants.len());
            named <= GRANTS_MAX
        });
        let kept = newest.count();
        self.expired.drain(..self.expired.len().saturating_sub(kept));
        self.taken.drain(..self.taken.len().saturating_sub(KEPT_MAX));
    }
}

fn total<'s>(units: impl Iterator<Item = &'s u128>) -> u128 {
    units.fold(0, |sum, units| sum.saturating_add(*units))
}

fn sum(lots: &[Lot]) -> u128 {
    total(lots.iter().map(|lot| &lot.units))
}
