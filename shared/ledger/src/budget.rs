//! Budgets: how much one key may spend in a day, in a month, and altogether, in the days and months of its zone. Pure:
//! the store writes what [`Spent`] says.

mod port;
mod spent;

use std::fmt;

use thiserror::Error;

use crate::{Amount, Balance, CallerKey, Owner, Timestamp};

pub use port::{Budgets, KeyBudget};
pub use spent::{Counted, Series, Slot, Spent};

const MINUTES_PER_HOUR: i16 = 60;
const DAY_SECONDS: i64 = 24 * 60 * 60;
const AHEAD_SECONDS_MAX: i64 = 31 * DAY_SECONDS;
/// The zones in use lie between -12:00 and +14:00.
const EASTMOST_MINUTES: i16 = 14 * MINUTES_PER_HOUR;
const WESTMOST_MINUTES: i16 = -12 * MINUTES_PER_HOUR;

/// A fixed offset from UTC. A named zone would need its tables in every function that counts, and a budget needs no
/// daylight saving time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Zone {
    minutes: i16,
}

impl Zone {
    /// Reads `+08:00`, `-03:30` or `Z`.
    pub fn parse(text: &str) -> Result<Self, ZoneError> {
        if text == "Z" {
            return Ok(Self::default());
        }
        let digits = |from: usize| -> Option<i16> {
            let part = text.get(from..from.saturating_add(2))?;
            if part.bytes().all(|byte| byte.is_ascii_digit()) { part.parse().ok() } else { None }
        };
        let read = || {
            let is_west = match text.get(..1)? {
                "+" => false,
                "-" => true,
                _ => return None,
            };
            let (hours, minutes) = (digits(1)?, digits(4)?);
            if text.len() != 6 || text.get(3..4)? != ":" || minutes >= MINUTES_PER_HOUR {
                return None;
            }
            let minutes = hours.checked_mul(MINUTES_PER_HOUR)?.checked_add(minutes)?;
            let minutes = if is_west { minutes.checked_neg()? } else { minutes };
            (WESTMOST_MINUTES..=EASTMOST_MINUTES).contains(&minutes).then_some(Self { minutes })
        };
        read().ok_or(ZoneError)
    }

    /// When the window ends that this time is in. The total never does.
    pub fn ends_at(self, window: Window, at: Timestamp) -> Option<Timestamp> {
        let Windows { day, month } = self.windows_at(at);
        let start = |day: &str| Timestamp::parse_rfc3339(&format!("{day}T00:00:00.000Z")).ok();
        let next = match window {
            Window::Day => start(&day)?.plus_seconds(DAY_SECONDS),
            Window::Month => {
                let (year, month) = month.split_once('-')?;
                let (year, month): (u16, u8) = (year.parse().ok()?, month.parse().ok()?);
                let (year, month) = if month == 12 { (year.checked_add(1)?, 1) } else { (year, month.checked_add(1)?) };
                start(&format!("{year:04}-{month:02}-01"))?
            }
            Window::Total => return None,
        };
        Some(next.plus_seconds(i64::from(self.minutes).saturating_mul(-60)))
    }

    /// The day and the month that this time is in.
    pub fn windows_at(self, at: Timestamp) -> Windows {
        let local = at.plus_seconds(i64::from(self.minutes).saturating_mul(60)).to_string();
        let start = |length: usize| local.get(..length).unwrap_or_default().to_owned();
        Windows { day: start("2026-01-01".len()), month: start("2026-01".len()) }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.minutes < 0 { '-' } else { '+' };
        let minutes = self.minutes.unsigned_abs();
        let (hours, minutes) = (minutes.div_euclid(60), minutes.rem_euclid(60));
        write!(f, "{sign}{hours:02}:{minutes:02}")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be an offset from -12:00 to +14:00, as +08:00")]
pub struct ZoneError;

/// A day and its month by their names, which sort in order of time: `2026-01-31` and `2026-01`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Windows {
    pub day: String,
    pub month: String,
}

/// What a limit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Window {
    Day,
    Month,
    Total,
}

impl Window {
    pub const ALL: [Self; 3] = [Self::Day, Self::Month, Self::Total];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
            Self::Total => "total",
        }
    }
}

/// The most that a key may spend. `None`: no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    pub day: Option<Amount>,
    pub month: Option<Amount>,
    pub total: Option<Amount>,
}

impl Limits {
    pub const fn of(&self, window: Window) -> Option<Amount> {
        match window {
            Window::Day => self.day,
            Window::Month => self.month,
            Window::Total => self.total,
        }
    }
}

/// The limits of a key, and the zone of its days and months. A key without a limit has no budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budget {
    pub zone: Zone,
    pub limits: Limits,
}

impl Budget {
    /// `None` without a limit: nothing is counted then.
    pub fn new(zone: Zone, limits: Limits) -> Option<Self> {
        (limits != Limits::default()).then_some(Self { zone, limits })
    }
}

/// The budget on the row of a key.
pub type StoredBudget = Result<Option<Budget>, BudgetUnreadable>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the limits or the zone of the key cannot be read")]
pub struct BudgetUnreadable;

/// Sets or removes the budget of a key, provided that the key is the owner's and its budget is still `from`. One that
/// cannot be read is written over, whatever it is by then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetChange {
    pub key: CallerKey,
    pub owner: Owner,
    pub from: StoredBudget,
    pub to: Option<Budget>,
}

/// Counts an amount in the budget of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetCount {
    pub key: CallerKey,
    pub windows: Windows,
    pub change: Balance,
    pub check: BudgetCheck,
}

/// What happens above a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BudgetCheck {
    /// The use has taken place: it is counted, and its entry is marked.
    Mark(Limits),
    /// The use has not begun: it is refused.
    Refuse(Limits),
    /// Corrects what a hold has counted: no limit is checked.
    Correct,
}

impl BudgetCheck {
    pub const fn limits(&self) -> Option<&Limits> {
        match self {
            Self::Mark(limits) | Self::Refuse(limits) => Some(limits),
            Self::Correct => None,
        }
    }
}

impl BudgetCount {
    /// Usage that is reported after the fact, at its own time.
    pub fn of_usage(key: &CallerKey, budget: &Budget, cost: Amount, at: Timestamp) -> Self {
        let check = BudgetCheck::Mark(budget.limits);
        Self { key: key.clone(), windows: budget.zone.windows_at(at), change: cost.into(), check }
    }
}

/// What a hold counts in: fixed at its opening, so that its settlement corrects what the opening has counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldBudget {
    pub key: CallerKey,
    pub windows: Windows,
    /// Checked at the opening, and not stored.
    pub limits: Limits,
}

impl HoldBudget {
    pub fn at(key: CallerKey, budget: &Budget, opened_at: Timestamp) -> Self {
        Self { key, windows: budget.zone.windows_at(opened_at), limits: budget.limits }
    }

    /// Whether its day is more than a month after the newest in which the key has spent anything. On a machine of a person
    /// the clock may be ahead; two such days would push the real ones out of the row.
    pub fn is_long_after(&self, spent: &Spent) -> bool {
        let start = |day: &str| Timestamp::parse_rfc3339(&format!("{day}T00:00:00.000Z")).ok();
        let newest = spent.days.current.as_ref().and_then(|newest| start(&newest.window));
        let latest = newest.map(|newest| newest.plus_seconds(AHEAD_SECONDS_MAX));
        latest.zip(start(&self.windows.day)).is_some_and(|(latest, day)| day > latest)
    }

    /// What the opening counts.
    pub fn opening(&self, held: Amount) -> BudgetCount {
        self.count(held.into(), BudgetCheck::Refuse(self.limits))
    }

    /// What the closing corrects. `None` if nothing changes.
    pub fn closing(&self, change: Balance) -> Option<BudgetCount> {
        (change != Balance::ZERO).then(|| self.count(change, BudgetCheck::Correct))
    }

    fn count(&self, change: Balance, check: BudgetCheck) -> BudgetCount {
        BudgetCount { key: self.key.clone(), windows: self.windows.clone(), change, check }
    }
}
