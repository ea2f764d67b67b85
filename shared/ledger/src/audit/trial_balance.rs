//! The trial balance of a day: what customers hold at its end, and what each account of the house has, by asset. Right
//! books add up to nothing.
//!
//! The house's accounts have no rows: a write for each posting would meet on one row. The daily pass of the audit reads
//! each line anyway, and adds up their other sides.

use std::collections::BTreeMap;

use super::StatementLine;
use crate::{Balance, House, Timestamp};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// A pass closes a day that ended this long before it began, so that the index has all its lines, and no clock is behind.
const MARGIN_SECONDS: i64 = 60 * 60;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialBalance {
    /// The end of the day, a midnight UTC. Later lines do not count.
    pub until: Timestamp,
    /// By the name of the asset.
    pub assets: BTreeMap<String, AssetBalance>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AssetBalance {
    /// What the rows of the customers' accounts have, less their later lines.
    pub customers: Balance,
    /// The other sides of all lines.
    pub houses: BTreeMap<House, Balance>,
    pub accounts: u64,
    /// Accounts whose row does not count the lines that were read, because it was written meanwhile or differs. What they
    /// hold is then taken from their lines.
    pub unsettled: u64,
}

/// The lines of one account, as a trial balance counts them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSides {
    pub until: Timestamp,
    pub houses: BTreeMap<House, Balance>,
    /// The sum of the lines that do not count.
    pub later: Balance,
}

impl TrialBalance {
    /// Of the last day that has ended long enough.
    pub fn before(now: Timestamp) -> Self {
        Self::of(midnight_at(now.plus_seconds(MARGIN_SECONDS.saturating_neg()).unix_ms()))
    }

    /// Of the lines before this time.
    pub fn of(until: Timestamp) -> Self {
        Self { until, assets: BTreeMap::new() }
    }

    /// The last midnight before its end: the end of the day before.
    pub fn previous(&self) -> Timestamp {
        midnight_at(self.until.unix_ms().saturating_sub(1))
    }

    /// The date of the day: `2026-11-27`.
    pub fn day(&self) -> String {
        self.until.plus_seconds(-1).to_string().chars().take_while(|c| *c != 'T').collect()
    }

    pub fn sides(&self) -> AccountSides {
        AccountSides { until: self.until, houses: BTreeMap::new(), later: Balance::ZERO }
    }

    /// Adds an account. Its row has this balance; `None` if it does not count the lines that were read.
    pub fn add(&mut self, account: &str, sides: &AccountSides, balance: Option<Balance>) {
        let asset = account.split_once('/').map_or(account, |(_, asset)| asset);
        let totals = self.assets.entry(asset.to_owned()).or_default();
        let moved = sides.houses.values().fold(Balance::ZERO, |sum, side| plus(sum, *side));
        let held = balance.map_or_else(|| minus(moved), |balance| plus(balance, minus(sides.later)));
        totals.customers = plus(totals.customers, held);
        totals.accounts = totals.accounts.saturating_add(1);
        totals.unsettled = totals.unsettled.saturating_add(u64::from(balance.is_none()));
        for (house, side) in &sides.houses {
            let total = totals.houses.entry(*house).or_default();
            *total = plus(*total, *side);
        }
    }

    /// The assets that do not add up to nothing, or of which something is left between two accounts.
    pub fn unbalanced(&self) -> impl Iterator<Item = (&str, &AssetBalance)> {
        self.assets.iter().filter(|(_, totals)| !totals.is_balanced()).map(|(asset, totals)| (asset.as_str(), totals))
    }
}

impl AssetBalance {
    /// What all of it adds up to.
    pub fn sum(&self) -> Balance {
        self.houses.values().fold(self.customers, |sum, side| plus(sum, *side))
    }

    pub fn is_balanced(&self) -> bool {
        let transfers = self.houses.get(&House::Transfers).copied().unwrap_or_default();
        self.sum() == Balance::ZERO && transfers == Balance::ZERO
    }
}

impl AccountSides {
    /// Adds lines. `houses` has the other sides of those whose keys do not show it.
    pub fn add(&mut self, lines: &[StatementLine], houses: &BTreeMap<String, House>) {
        for line in lines {
            if line.at >= self.until {
                self.later = plus(self.later, line.change);
                continue;
            }
            let house = houses.get(&line.key).copied().unwrap_or_else(|| House::of_key(&line.key));
            let side = self.houses.entry(house).or_default();
            *side = plus(*side, minus(line.change));
        }
    }
}

/// The midnight at this time, or before it.
fn midnight_at(unix_ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(unix_ms.div_euclid(DAY_MS).saturating_mul(DAY_MS)).unwrap_or(Timestamp::EPOCH)
}

/// Capped: no balance reaches the largest number, so a difference still shows.
fn plus(one: Balance, other: Balance) -> Balance {
    one.checked_add(other).unwrap_or(Balance::from_units(i128::MAX))
}

fn minus(balance: Balance) -> Balance {
    balance.checked_neg().unwrap_or(Balance::from_units(i128::MAX))
}
