//! Budgets: the days and months of a zone, and what is counted in which window.

use proptest::prelude::*;

use crate::{
    Amount, Balance, Budget, BudgetCheck, BudgetCount, CallerKey, Counted, HoldBudget, Limits, Series, Slot, Spent,
    Timestamp, Window, Windows, Zone, ZoneError,
};

fn key() -> CallerKey {
    CallerKey::remote("k1").expect("a key")
}

#[test]
fn zone_is_a_fixed_offset() {
    let rows = [
        ("Z", "+00:00", "2026-01-01", "2026-01"),
        ("+00:00", "+00:00", "2026-01-01", "2026-01"),
        ("-00:00", "+00:00", "2026-01-01", "2026-01"),
        ("+08:00", "+08:00", "2026-01-01", "2026-01"),
        ("-00:01", "-00:01", "2025-12-31", "2025-12"),
        ("-03:30", "-03:30", "2025-12-31", "2025-12"),
        ("-12:00", "-12:00", "2025-12-31", "2025-12"),
        ("+14:00", "+14:00", "2026-01-01", "2026-01"),
    ];
    let new_year = Timestamp::parse_rfc3339("2026-01-01T00:00:00Z").expect("a time");
    for (text, printed, day, month) in rows {
        let zone = Zone::parse(text).expect(text);
        assert_eq!(zone.to_string(), printed, "{text}");
        assert_eq!(zone.windows_at(new_year), Windows { day: day.to_owned(), month: month.to_owned() }, "{text}");
    }
    let wrong = [
        "",
        "z",
        "UTC",
        "8",
        "+8",
        "+8:00",
        "+0800",
        "+08",
        "08:00",
        "+08:60",
        "+08:0",
        "+08:000",
        "+14:01",
        "-12:01",
        "+99:99",
        "+-8:00",
        "+ 8:00",
        " +08:00",
        "+08:00 ",
        "+08-00",
        "Asia/Shanghai",
        "+٠٨:00",
    ];
    for text in wrong {
        assert_eq!(Zone::parse(text), Err(ZoneError), "{text:?}");
    }
}

#[test]
fn midnight_is_the_zones() {
    let zone = Zone::parse("+08:00").expect("a zone");
    let rows = [
        ("2026-02-28T15:59:59.999Z", "2026-02-28", "2026-02"),
        ("2026-02-28T16:00:00.000Z", "2026-03-01", "2026-03"),
        ("2028-02-28T16:00:00.000Z", "2028-02-29", "2028-02"),
        ("2026-12-31T16:00:00.000Z", "2027-01-01", "2027-01"),
    ];
    for (at, day, month) in rows {
        let at = Timestamp::parse_rfc3339(at).expect("a time");
        assert_eq!(zone.windows_at(at), Windows { day: day.to_owned(), month: month.to_owned() }, "{at}");
    }
}

#[test]
fn key_without_a_limit_has_no_budget() {
    let zone = Zone::parse("+08:00").expect("a zone");
    assert_eq!(Budget::new(zone, Limits::default()), None);
    let limits = Limits { total: Some(Amount::ZERO), ..Limits::default() };
    assert_eq!(Budget::new(zone, limits), Some(Budget { zone, limits }));
}

#[test]
fn window_has_a_slot_in_its_series() {
    let counted = |window: &str| Some(Counted { window: window.to_owned(), units: Balance::from_units(1) });
    let none = Series::default();
    let one = Series { current: counted("2026-01-05"), previous: None };
    let two = Series { current: counted("2026-01-05"), previous: counted("2026-01-02") };
    let rows = [
        (&none, "2026-01-05", Slot::Begins),
        (&one, "2026-01-06", Slot::Begins),
        (&one, "2026-01-05", Slot::Current),
        (&one, "2026-01-04", Slot::Between),
        (&two, "2026-01-06", Slot::Begins),
        (&two, "2026-01-05", Slot::Current),
        (&two, "2026-01-03", Slot::Between),
        (&two, "2026-01-02", Slot::Previous),
        (&two, "2026-01-01", Slot::Gone),
    ];
    for (series, window, expected) in rows {
        assert_eq!(series.slot(window), expected, "{window} in {series:?}");
    }
}

/// A month is as long as a key may rest before a person confirms the clock. A row that is ahead itself locks no one out.
#[test]
fn day_long_after_the_newest_may_be_of_a_clock_that_is_ahead() {
    let hold = |day: &str| HoldBudget {
        key: key(),
        windows: Windows { day: day.to_owned(), month: day.get(..7).unwrap_or_default().to_owned() },
        limits: Limits::default(),
    };
    let spent = |day: &str| Spent {
        days: Series { current: Some(Counted { window: day.to_owned(), units: Balance::ZERO }), previous: None },
        ..Spent::default()
    };
    let rows = [
        ("2026-01-01", "2026-01-01", false),
        ("2026-01-01", "2026-02-01", false),
        ("2026-01-01", "2026-02-02", true),
        ("2026-01-01", "2030-01-01", true),
        ("2030-01-01", "2026-01-01", false),
        ("x", "2026-01-01", false),
    ];
    for (newest, day, expected) in rows {
        assert_eq!(hold(day).is_long_after(&spent(newest)), expected, "{newest} {day}");
    }
    assert!(!hold("2030-01-01").is_long_after(&Spent::default()));
}

/// The next midnight of the zone, and the first of the next month; the total never ends.
#[test]
fn window_ends_at_midnight_of_its_zone() {
    let rows = [
        ("+00:00", "2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z", "2026-02-01T00:00:00.000Z"),
        ("+00:00", "2026-12-31T23:59:59.999Z", "2027-01-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z"),
        ("+08:00", "2026-01-31T16:00:00.000Z", "2026-02-01T16:00:00.000Z", "2026-02-28T16:00:00.000Z"),
        ("+08:00", "2026-01-31T15:59:59.999Z", "2026-01-31T16:00:00.000Z", "2026-01-31T16:00:00.000Z"),
        ("-03:30", "2028-02-29T03:29:59.000Z", "2028-02-29T03:30:00.000Z", "2028-03-01T03:30:00.000Z"),
        ("+14:00", "2026-11-30T10:00:00.000Z", "2026-12-01T10:00:00.000Z", "2026-12-31T10:00:00.000Z"),
    ];
    for (zone, at, day, month) in rows {
        let (zone, at) = (Zone::parse(zone).expect("a zone"), Timestamp::parse_rfc3339(at).expect("a time"));
        let ends = Window::ALL.map(|window| zone.ends_at(window, at).map(|end| end.to_string()));
        assert_eq!(ends, [Some(day.to_owned()), Some(month.to_owned()), None], "{zone} {at}");
    }
}

fn count(day: u8, change: i128, check: BudgetCheck) -> BudgetCount {
    let month = day.div_euclid(10).saturating_add(1);
    let windows = Windows { day: format!("2026-01-{day:02}"), month: format!("2026-{month:02}") };
    BudgetCount { key: key(), windows, change: Balance::from_units(change), check }
}

#[test]
fn limit_is_exceeded_by_what_is_above_it() {
    let limits = |day, month, total| {
        let limit = |units: Option<u64>| units.map(Amount::from_units);
        Limits { day: limit(day), month: limit(month), total: limit(total) }
    };
    let spent = Spent::default().counted(&count(5, 5, BudgetCheck::Correct));
    assert_eq!(spent, Some(Spent::default()), "nothing to correct");
    let of_day_4 = Spent::default().counted(&count(4, 1, BudgetCheck::Refuse(Limits::default()))).expect("small");
    let corrected = of_day_4.clone().counted(&count(5, -3, BudgetCheck::Correct));
    assert_eq!(corrected, Some(of_day_4), "the row in which it was counted is lost");
    let five = Spent::default().counted(&count(5, 5, BudgetCheck::Refuse(Limits::default()))).expect("small");
    let rows: [(u8, i128, Limits, &[Window]); 10] = [
        (5, 1, limits(None, None, None), &[]),
        (5, 1, limits(Some(6), Some(6), Some(6)), &[]),
        (5, 2, limits(Some(6), Some(6), Some(6)), &[Window::Day, Window::Month, Window::Total]),
        (5, 2, limits(Some(7), Some(6), Some(7)), &[Window::Month]),
        (6, 6, limits(Some(6), Some(11), Some(11)), &[]),
        (6, 7, limits(Some(6), Some(11), Some(11)), &[Window::Day, Window::Month, Window::Total]),
        (12, 6, limits(Some(6), Some(6), Some(10)), &[Window::Total]),
        (5, 0, limits(Some(1), Some(1), Some(1)), &[]),
        (5, 1, limits(Some(0), None, None), &[Window::Day]),
        (5, i128::MAX, limits(Some(u64::MAX), None, None), &[Window::Day]),
    ];
    for (day, change, limits, expected) in rows {
        for check in [BudgetCheck::Refuse(limits), BudgetCheck::Mark(limits)] {
            assert_eq!(five.exceeded(&count(day, change, check)), expected, "{day} {change} {limits:?}");
        }
    }
    assert_eq!(five.exceeded(&count(5, 99, BudgetCheck::Correct)), []);
    assert_eq!(five.counted(&count(5, i128::MAX, BudgetCheck::Correct)), None, "more than a balance can hold");
}

#[test]
fn closing_that_changes_nothing_counts_nothing() {
    let windows = Windows { day: "2026-01-01".to_owned(), month: "2026-01".to_owned() };
    let budget = HoldBudget { key: key(), windows, limits: Limits::default() };
    assert_eq!(budget.closing(Balance::ZERO), None);
    assert_eq!(budget.closing(Balance::from_units(-1)).map(|count| count.check), Some(BudgetCheck::Correct));
}

proptest! {
    /// In any order, the newest two windows have all that was counted in them, and the total all of it.
    #[test]
    fn newest_windows_are_exact_in_every_order(counts in prop::collection::vec((1_u8..29, 1_i128..9), 1..60)) {
        let mut spent = Spent::default();
        for (day, change) in &counts {
            spent = spent.counted(&count(*day, *change, BudgetCheck::Mark(Limits::default()))).expect("small");
        }
        let sum = |is_of: &dyn Fn(&Windows) -> bool| {
            let of = counts.iter().filter(|(day, _)| is_of(&count(*day, 1, BudgetCheck::Correct).windows));
            of.map(|(_, change)| change).sum::<i128>()
        };
        prop_assert_eq!(spent.total.units(), sum(&|_| true));
        for counted in [&spent.days.current, &spent.days.previous].into_iter().flatten() {
            prop_assert_eq!(counted.units.units(), sum(&|windows| windows.day == counted.window));
        }
        for counted in [&spent.months.current, &spent.months.previous].into_iter().flatten() {
            prop_assert_eq!(counted.units.units(), sum(&|windows| windows.month == counted.window));
        }
        let newest = counts.iter().map(|(day, _)| *day).max().map(|day| format!("2026-01-{day:02}"));
        prop_assert_eq!(spent.days.current.map(|counted| counted.window), newest);
    }
}
