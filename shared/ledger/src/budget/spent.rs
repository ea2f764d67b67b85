//! What a key has spent, by window.

use super::{BudgetCheck, BudgetCount, DAY_SECONDS, EASTMOST_MINUTES, Window, Windows, Zone};
use crate::{Balance, Timestamp};

/// What is counted in one window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    pub window: String,
    pub units: Balance,
}

/// The newest day or month in which anything was spent, and the newest before it. A late event counts in the earlier
/// one; what is older than both counts in the total alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Series {
    pub current: Option<Counted>,
    pub previous: Option<Counted>,
}

/// Where a window is in a series, or goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    Current,
    Previous,
    /// It begins now, and what was current is the previous one.
    Begins,
    /// It lies between both, and replaces the previous one.
    Between,
    /// It is older than both.
    Gone,
}

impl Series {
    pub fn slot(&self, window: &str) -> Slot {
        let name = |counted: &Option<Counted>| counted.as_ref().map(|counted| counted.window.clone());
        let (current, previous) = (name(&self.current), name(&self.previous));
        match current.as_deref() {
            Some(current) if window == current => Slot::Current,
            Some(current) if window > current => Slot::Begins,
            None => Slot::Begins,
            Some(_) => match previous.as_deref() {
                Some(previous) if window == previous => Slot::Previous,
                Some(previous) if window < previous => Slot::Gone,
                Some(_) | None => Slot::Between,
            },
        }
    }

    /// What is counted in a window. One that is gone has no number.
    pub fn units(&self, window: &str) -> Balance {
        let of = |counted: &Option<Counted>| counted.as_ref().map_or(Balance::ZERO, |counted| counted.units);
        match self.slot(window) {
            Slot::Current => of(&self.current),
            Slot::Previous => of(&self.previous),
            Slot::Begins | Slot::Between | Slot::Gone => Balance::ZERO,
        }
    }

    fn count(&mut self, window: &str, change: Balance) -> Option<()> {
        let counted = Counted { window: window.to_owned(), units: change };
        match self.slot(window) {
            Slot::Current => add(self.current.as_mut()?, change)?,
            Slot::Previous => add(self.previous.as_mut()?, change)?,
            Slot::Begins => self.previous = self.current.replace(counted),
            Slot::Between => self.previous = Some(counted),
            Slot::Gone => {}
        }
        Some(())
    }
}

fn add(counted: &mut Counted, change: Balance) -> Option<()> {
    counted.units = counted.units.checked_add(change)?;
    Some(())
}

/// The one row of a key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spent {
    pub days: Series,
    pub months: Series,
    pub total: Balance,
}

impl Spent {
    /// Whether nothing was ever counted.
    pub const fn is_nothing(&self) -> bool {
        self.days.current.is_none()
    }

    /// What a key has spent by these uses. Those of a window after this one are left out: a clock that was ahead named it.
    /// `None` if it is more than a balance can hold.
    pub fn of_uses(now: &Windows, uses: impl IntoIterator<Item = (Windows, Balance)>) -> Option<Self> {
        let mut uses: Vec<(Windows, Balance)> = uses.into_iter().filter(|(windows, _)| windows <= now).collect();
        // The window that runs is in the row, whether or not it has a use.
        uses.push((now.clone(), Balance::ZERO));
        uses.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut spent = Self::default();
        for (windows, units) in uses {
            spent.days.count(&windows.day, units)?;
            spent.months.count(&windows.month, units)?;
            spent.total = spent.total.checked_add(units)?;
        }
        Some(spent)
    }

    /// Whether a sum is below nothing: a row was lost or altered while a hold was open in it.
    pub fn is_negative(&self) -> bool {
        let series = [&self.days, &self.months];
        let counted = series.into_iter().flat_map(|series| series.current.iter().chain(&series.previous));
        self.total < Balance::ZERO || counted.into_iter().any(|counted| counted.units < Balance::ZERO)
    }

    /// Whether its newest day has not begun by then in any zone: a clock that was ahead named it.
    pub fn is_ahead_of(&self, now: Timestamp) -> bool {
        let latest = Zone { minutes: EASTMOST_MINUTES }.windows_at(now.plus_seconds(DAY_SECONDS));
        self.days.current.as_ref().is_some_and(|current| current.window > latest.day)
    }

    pub fn in_window(&self, window: Window, of: &Windows) -> Balance {
        match window {
            Window::Day => self.days.units(&of.day),
            Window::Month => self.months.units(&of.month),
            Window::Total => self.total,
        }
    }

    /// The windows whose limit the count would exceed. What costs nothing exceeds none, and a window that is gone has no
    /// number to compare.
    pub fn exceeded(&self, count: &BudgetCount) -> Vec<Window> {
        let Some(limits) = count.check.limits().filter(|_| count.change > Balance::ZERO) else { return Vec::new() };
        let is_gone = |window| match window {
            Window::Day => self.days.slot(&count.windows.day) == Slot::Gone,
            Window::Month => self.months.slot(&count.windows.month) == Slot::Gone,
            Window::Total => false,
        };
        let is_over = |window: &Window| {
            let after = self.in_window(*window, &count.windows).checked_add(count.change);
            let limit = limits.of(*window).filter(|_| !is_gone(*window));
            limit.is_some_and(|limit| after.is_none_or(|after| after > Balance::from(limit)))
        };
        Window::ALL.into_iter().filter(is_over).collect()
    }

    /// Whether the row that a correction is for is gone: what a hold has counted is in its day, or its day is gone.
    pub fn is_lost_for(&self, count: &BudgetCount) -> bool {
        let slot = self.days.slot(&count.windows.day);
        count.check == BudgetCheck::Correct && matches!(slot, Slot::Begins | Slot::Between)
    }

    /// `None` if it is more than a balance can hold.
    #[must_use]
    pub fn counted(mut self, count: &BudgetCount) -> Option<Self> {
        if self.is_lost_for(count) {
            return Some(self);
        }
        self.days.count(&count.windows.day, count.change)?;
        self.months.count(&count.windows.month, count.change)?;
        self.total = self.total.checked_add(count.change)?;
        Some(self)
    }
}
