//! Where the pull goes on: the watermark, the page of a window that was interrupted, and the seconds of rows that
//! could not be booked.

use std::collections::BTreeSet;
use std::fmt;

use providers::{LogKind, LogWindow};

use super::{OVERLAP_SECONDS, WINDOW_SECONDS_MAX, at};

/// As many seconds as are read again in each run. Beyond them the watermark stays.
const STUCK_MAX: usize = 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// All rows up to this second are read.
    pub(super) read_until: i64,
    open: Option<Open>,
    /// The seconds of rows that need a repair of the books.
    pub(super) stuck: BTreeSet<i64>,
}

/// A window of which not all is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Open {
    start: i64,
    end: i64,
    /// The list of which kind is read.
    kind: usize,
    page: u32,
}

impl Place {
    /// The first run ever reads what a webhook may have lost in the overlap.
    pub(super) fn first(settled: i64) -> Self {
        Self { read_until: settled.saturating_sub(1), open: None, stuck: BTreeSet::new() }
    }

    /// A window of one second, for rows that were stuck.
    pub(super) fn of_second(second: i64) -> Self {
        let open = Open { start: second, end: second, kind: 0, page: 1 };
        Self { read_until: second, open: Some(open), stuck: BTreeSet::new() }
    }

    /// `1764370000`, or with the window that is open: `1764370000 1764369400 1764370300 0 37`. The stuck seconds follow
    /// a `!`.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (numbers, stuck) = text.split_once('!').unwrap_or((text, ""));
        let number = |word: &str| word.parse::<i64>().ok().filter(|number| *number >= 0);
        let numbers: Vec<i64> = numbers.split_whitespace().map(number).collect::<Option<_>>()?;
        let stuck = stuck.split_whitespace().map(number).collect::<Option<_>>()?;
        let open = match *numbers.get(1..)? {
            [] => None,
            [start, end, kind, page] => {
                Some(Open { start, end, kind: usize::try_from(kind).ok()?, page: u32::try_from(page).ok()? })
            }
            _ => return None,
        };
        Some(Self { read_until: *numbers.first()?, open, stuck })
    }

    /// Opens the next window unless one is open. `false` if all up to `settled` is read.
    pub(super) fn enter(&mut self, settled: i64) -> bool {
        if self.open.is_none() && self.read_until < settled {
            let start = self.read_until.saturating_sub(OVERLAP_SECONDS).max(0);
            let end = settled.min(self.read_until.saturating_add(WINDOW_SECONDS_MAX));
            self.open = Some(Open { start, end, kind: 0, page: 1 });
        }
        self.open.is_some()
    }

    /// The next page of the open window. After the last list the window is closed, and the watermark is its end.
    pub(super) fn page(&mut self, kinds: &[LogKind]) -> Option<(LogWindow, LogKind, u32)> {
        let Open { start, end, kind, page } = self.open?;
        let Some(kind) = kinds.get(kind) else {
            self.read_until = self.read_until.max(end);
            self.open = None;
            return None;
        };
        Some((LogWindow { start: at(start), end: at(end) }, *kind, page))
    }

    pub(super) fn next(&mut self, is_last: bool) {
        if let Some(open) = &mut self.open {
            if is_last {
                (open.kind, open.page) = (open.kind.saturating_add(1), 1);
            } else {
                open.page = open.page.saturating_add(1);
            }
        }
    }

    pub(super) fn restart_window(&mut self) {
        if let Some(open) = &mut self.open {
            (open.kind, open.page) = (0, 1);
        }
    }

    pub(super) fn can_hold(&self, stuck: &BTreeSet<i64>) -> bool {
        self.stuck.union(stuck).count() <= STUCK_MAX
    }

    /// The rows that need a repair, by their seconds.
    pub(super) fn waiting(&self) -> u64 {
        u64::try_from(self.stuck.len()).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.read_until)?;
        if let Some(Open { start, end, kind, page }) = self.open {
            write!(f, " {start} {end} {kind} {page}")?;
        }
        if !self.stuck.is_empty() {
            f.write_str(" !")?;
        }
        self.stuck.iter().try_for_each(|second| write!(f, " {second}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [LogKind; 2] = [LogKind::Charge, LogKind::Refund];

    #[test]
    fn place_is_read_as_it_was_written() {
        for text in ["1764370000", "1764370000 1764369400 1764370300 1 37", "1764370000 ! 5 7", "9 1 8 0 1 ! 3"] {
            assert_eq!(Place::read(text).map(|place| place.to_string()).as_deref(), Some(text));
        }
        for text in ["", "x", "-1", "1 2", "1 2 3 4", "1 2 3 4 -5", "1 2 3 4 5 6", "1 ! x"] {
            assert_eq!(Place::read(text), None, "{text}");
        }
    }

    /// Each list from its first page on, then the next window from before the end of this one.
    #[test]
    fn windows_overlap_and_end_at_a_fixed_second() {
        let mut place = Place::read("10000").expect("a place");
        assert!(place.enter(10_300));
        let of = |place: &mut Place| {
            place.page(&KINDS).map(|(window, kind, page)| (window.start.unix_s(), window.end.unix_s(), kind, page))
        };
        assert_eq!(of(&mut place), Some((9_400, 10_300, LogKind::Charge, 1)));
        place.next(false);
        assert!(place.enter(20_000), "the open one");
        assert_eq!(of(&mut place), Some((9_400, 10_300, LogKind::Charge, 2)));
        place.next(true);
        assert_eq!(of(&mut place), Some((9_400, 10_300, LogKind::Refund, 1)));
        place.next(true);
        assert_eq!((of(&mut place), place.read_until), (None, 10_300));
        assert!(place.enter(20_000));
        assert_eq!(of(&mut place), Some((9_700, 13_900, LogKind::Charge, 1)), "an hour after an outage");
        assert!(!Place::read("10000").expect("a place").enter(10_000));
    }

    #[test]
    fn watermark_stays_once_too_many_rows_are_stuck() {
        let place = Place::read("100 ! 1 2 3").expect("a place");
        let seconds = |count: i64| (1..=count).collect::<BTreeSet<i64>>();
        assert!(place.can_hold(&seconds(20)));
        assert!(!place.can_hold(&seconds(21)));
    }
}
