//! Budgets: the limits on the row of a key, and the row of what the key has spent.

use ledger::{
    Balance, BoundKey, Budget, BudgetChange, BudgetCount, BudgetUnreadable, CallContext, CallerKey, Counted, Limits,
    Owner, Series, Slot, Spent, StoredBudget, StoredSpent, Window, Zone,
};

use crate::image::{
    Image, Read, is_of_later_form, known_form, maybe, maybe_amount, number as read_number, owned, time,
};
use crate::rows::{ROW_FORMAT, Row, number, text};
use crate::{call_rate, member_row, names};

/// What a transaction has to know of a budget before it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BudgetRead {
    pub(crate) key: CallerKey,
    /// `None` if it cannot be read: a use is booked without it.
    pub(crate) spent: Option<Spent>,
    /// The limits that the count would exceed.
    pub(crate) exceeded: Vec<Window>,
}

impl BudgetRead {
    pub(crate) fn unreadable(count: &BudgetCount) -> Self {
        Self { key: count.key.clone(), spent: None, exceeded: Vec::new() }
    }
}

/// Of both rows.
pub(crate) const ATTRIBUTES: [&str; 19] = [
    names::ID,
    names::FORMAT,
    names::OWNER,
    names::DRAWS,
    names::CALLS_A_MINUTE,
    names::REVOKED_AT,
    names::ZONE,
    names::DAY_LIMIT_UNITS,
    names::MONTH_LIMIT_UNITS,
    names::TOTAL_LIMIT_UNITS,
    names::DAY,
    names::DAY_UNITS,
    names::PREVIOUS_DAY,
    names::PREVIOUS_DAY_UNITS,
    names::MONTH,
    names::MONTH_UNITS,
    names::PREVIOUS_MONTH,
    names::PREVIOUS_MONTH_UNITS,
    names::TOTAL_UNITS,
];

const LIMITS: [(&str, Window); 3] = [
    (names::DAY_LIMIT_UNITS, Window::Day),
    (names::MONTH_LIMIT_UNITS, Window::Month),
    (names::TOTAL_LIMIT_UNITS, Window::Total),
];

/// The attributes of one series.
struct Names {
    current: &'static str,
    current_units: &'static str,
    previous: &'static str,
    previous_units: &'static str,
}

const DAYS: Names = Names {
    current: names::DAY,
    current_units: names::DAY_UNITS,
    previous: names::PREVIOUS_DAY,
    previous_units: names::PREVIOUS_DAY_UNITS,
};
const MONTHS: Names = Names {
    current: names::MONTH,
    current_units: names::MONTH_UNITS,
    previous: names::PREVIOUS_MONTH,
    previous_units: names::PREVIOUS_MONTH_UNITS,
};

/// The limits, on the key's row over those that were read.
pub(crate) fn set(change: &BudgetChange, context: &CallContext<'_>) -> Row {
    let mut row = Row::default();
    let (owner, expected) = (row.name(names::OWNER), row.value(text(&change.owner)));
    row.conditions.push(format!("{owner} = {expected}"));
    row.require_known_form();
    set_over(&mut row, change.from, change.to);
    row.set(names::WRITTEN_BY, text(context.attempt.as_str()));
    row
}

/// The limits over those that were read. What could not be read is no condition.
pub(crate) fn set_over(row: &mut Row, from: StoredBudget, to: Option<Budget>) {
    let zone = |budget: Option<Budget>| budget.map(|budget| text(&budget.zone));
    let mut over = |name, from: Result<_, BudgetUnreadable>, to| match from {
        Ok(from) => row.set_over(name, from, to),
        Err(_) => row.set_or_remove(name, to),
    };
    over(names::ZONE, from.map(zone), zone(to));
    for (name, window) in LIMITS {
        let limit = |budget: Option<Budget>| Some(number(&budget?.limits.of(window)?.units()));
        over(name, from.map(limit), limit(to));
    }
}

/// The limits of a key that is made.
pub(crate) fn set_first(row: &mut Row, budget: &Budget) {
    row.set(names::ZONE, text(&budget.zone));
    for (name, window) in LIMITS {
        row.set_or_remove(name, budget.limits.of(window).map(|limit| number(&limit.units())));
    }
}

/// The owner, the budget and the periods of a key. A revoked key has no owner.
pub(crate) fn bound(row: &Image) -> Read<Option<BoundKey>> {
    known_form(row)?;
    let Some(owner) = row.get(names::OWNER).and_then(|owner| Owner::new(owner.as_s().ok()?).ok()) else {
        return Ok(None);
    };
    Ok(Some(BoundKey {
        owner,
        // Limits that cannot be read stop no use: the key is known without them.
        budget: budget(row).map_err(|_| BudgetUnreadable),
        draws: member_row::read_draws(row)?,
        rate: call_rate::read(row)?,
        ends_at: maybe(row, names::REVOKED_AT, time)?,
    }))
}

pub(crate) fn budget(row: &Image) -> Read<Option<Budget>> {
    let [day, month, total] = LIMITS.map(|(name, _)| maybe_amount(row, name));
    let limits = Limits { day: day?, month: month?, total: total? };
    let zone = maybe(row, names::ZONE, |zone| Zone::parse(zone).ok())?;
    Ok(Budget::new(zone.unwrap_or_default(), limits))
}

/// What the row must show of a limit, so that the use is marked or refused exactly if it exceeds it.
#[derive(Debug, Clone, Copy)]
enum Shows {
    AtMost(i128),
    Above(i128),
}

/// Counts in windows that exist, without a read, or in those that begin or end as the row was read. `None` if there is
/// nothing to correct. A limit that was exceeded when the row was read has to be exceeded still: a hold may have freed
/// what it counted.
pub(crate) fn count(count: &BudgetCount, read: Option<&BudgetRead>, context: &CallContext<'_>) -> Option<Row> {
    let spent = match read {
        None => None,
        // It can neither be read nor counted in: the use is booked, and the row waits for its repair.
        Some(BudgetRead { spent: None, .. }) => return None,
        Some(BudgetRead { spent: Some(spent), .. }) => Some(spent),
    };
    if spent.is_some_and(|spent| spent.is_lost_for(count)) {
        return None;
    }
    let shows = |window| shows(count, window, read);
    let mut row = Row::with_form();
    let days = spent.map(|spent| &spent.days);
    let months = spent.map(|spent| &spent.months);
    series(&mut row, &DAYS, days, &count.windows.day, count.change, shows(Window::Day));
    series(&mut row, &MONTHS, months, &count.windows.month, count.change, shows(Window::Month));
    row.add(names::TOTAL_UNITS, number(&count.change.units()));
    // A row that does not exist has no total: the change alone decides.
    if !spent.is_some_and(Spent::is_nothing) {
        require(&mut row, names::TOTAL_UNITS, shows(Window::Total));
    }
    row.require_known_form();
    row.set(names::WRITTEN_BY, text(context.attempt.as_str()));
    Some(row)
}

/// `None` without a limit, and for what costs nothing.
fn shows(count: &BudgetCount, window: Window, read: Option<&BudgetRead>) -> Option<Shows> {
    let limit = count.check.limits().filter(|_| count.change > Balance::ZERO)?.of(window)?;
    let most = Balance::from(limit).units().saturating_sub(count.change.units());
    let is_exceeded = read.is_some_and(|read| read.exceeded.contains(&window));
    Some(if is_exceeded { Shows::Above(most) } else { Shows::AtMost(most) })
}

fn require(row: &mut Row, units: &'static str, shows: Option<Shows>) {
    let (sign, most) = match shows {
        None => return,
        Some(Shows::AtMost(most)) => ("<=", most),
        Some(Shows::Above(most)) => (">", most),
    };
    let (units, most) = (row.name(units), row.value(number(&most)));
    row.conditions.push(format!("{units} {sign} {most}"));
}

fn series(row: &mut Row, names: &Names, read: Option<&Series>, window: &str, change: Balance, shows: Option<Shows>) {
    let name_of = |counted: Option<&Counted>| counted.map(|counted| text(&counted.window));
    let current = name_of(read.and_then(|read| read.current.as_ref()));
    let previous = name_of(read.and_then(|read| read.previous.as_ref()));
    let mut within = |name, units| {
        row.require(name, Some(text(window)));
        row.add(units, number(&change.units()));
        require(row, units, shows);
    };
    match read.map_or(Slot::Current, |read| read.slot(window)) {
        Slot::Current => within(names.current, names.current_units),
        Slot::Previous => within(names.previous, names.previous_units),
        // Its units are those before the update, whatever was counted since the read.
        Slot::Begins => {
            row.require(names.current, current.clone());
            if let Some(current) = current {
                row.set(names.previous, current);
                row.set_copy(names.previous_units, names.current_units, number(&0));
            }
            row.set(names.current, text(window));
            row.set(names.current_units, number(&change.units()));
        }
        Slot::Between => {
            row.require(names.current, current);
            row.require(names.previous, previous);
            row.set(names.previous, text(window));
            row.set(names.previous_units, number(&change.units()));
        }
        // Windows only become newer.
        Slot::Gone => {}
    }
}

pub(crate) fn read(row: &Image) -> Read<Spent> {
    known_form(row)?;
    let counted = |name: &'static str, units: &'static str| -> Read<Option<Counted>> {
        let window = maybe(row, name, owned)?;
        window.map(|window| Ok(Counted { window, units: Balance::from_units(read_number(row, units)?) })).transpose()
    };
    let series = |names: &Names| -> Read<Series> {
        Ok(Series {
            current: counted(names.current, names.current_units)?,
            previous: counted(names.previous, names.previous_units)?,
        })
    };
    let total = Balance::from_units(read_number(row, names::TOTAL_UNITS)?);
    Ok(Spent { days: series(&DAYS)?, months: series(&MONTHS)?, total })
}

/// The row as an audit reads it; `None` if it is another.
pub(crate) fn stored(row: &Image) -> Option<StoredSpent> {
    let key = CallerKey::of_budget_id(row.get(names::ID)?.as_s().ok()?)?;
    let is_of_later_form = is_of_later_form(row);
    let total = read_number(row, names::TOTAL_UNITS).ok().filter(|_| !is_of_later_form).map(Balance::from_units);
    let written_by = maybe(row, names::WRITTEN_BY, owned).unwrap_or_default();
    Some(StoredSpent { key, spent: read(row).ok(), total, written_by, is_of_later_form })
}

/// The whole row over the one that was read.
pub(crate) fn repaired(from: Option<&StoredSpent>, to: &Spent, context: &CallContext<'_>) -> Row {
    let mut row = Row::default();
    match from {
        None => {
            let absent = row.absent();
            row.conditions.push(absent);
        }
        Some(from) => {
            let id = row.name(names::ID);
            row.conditions.push(format!("attribute_exists({id})"));
            row.require(names::WRITTEN_BY, from.written_by.as_ref().map(text));
        }
    }
    row.set(names::FORMAT, number(&ROW_FORMAT));
    for (names, series) in [(&DAYS, &to.days), (&MONTHS, &to.months)] {
        let both = [
            (names.current, names.current_units, &series.current),
            (names.previous, names.previous_units, &series.previous),
        ];
        for (window, units, counted) in both {
            row.set_or_remove(window, counted.as_ref().map(|counted| text(&counted.window)));
            row.set_or_remove(units, counted.as_ref().map(|counted| number(&counted.units.units())));
        }
    }
    row.set(names::TOTAL_UNITS, number(&to.total.units()));
    row.set(names::WRITTEN_BY, text(context.attempt.as_str()));
    row
}
