//! The end of a billing period: the same day of a later month, or the last day of a shorter month.

use super::sessions::Interval;

const DAY_S: i64 = 24 * 60 * 60;
/// Bounds the loop below, beyond any date in a test.
const YEAR_MAX: i64 = 9999;

pub(crate) fn period_end(start_s: i64, interval: Interval) -> i64 {
    match interval {
        Interval::Day => start_s.saturating_add(DAY_S),
        Interval::Week => start_s.saturating_add(7 * DAY_S),
        Interval::Month => months_later(start_s, 1),
        Interval::Year => months_later(start_s, 12),
    }
}

fn months_later(start_s: i64, months: usize) -> i64 {
    let start = start_s.max(0).div_euclid(DAY_S);
    let (mut month, mut day) = (Month { year: 1970, number: 1 }, start);
    while day >= month.days() && month.year < YEAR_MAX {
        day = day.saturating_sub(month.days());
        month = month.next();
    }
    let mut first = start.saturating_sub(day);
    for _ in 0..months {
        first = first.saturating_add(month.days());
        month = month.next();
    }
    let last = month.days().saturating_sub(1);
    first.saturating_add(day.min(last)).saturating_mul(DAY_S).saturating_add(start_s.rem_euclid(DAY_S))
}

#[derive(Clone, Copy)]
struct Month {
    year: i64,
    number: u8,
}

impl Month {
    fn days(self) -> i64 {
        let leaps = self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0);
        match self.number {
            2 if leaps => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    fn next(self) -> Self {
        match self.number {
            12 => Self { year: self.year.saturating_add(1), number: 1 },
            number => Self { year: self.year, number: number.saturating_add(1) },
        }
    }
}
