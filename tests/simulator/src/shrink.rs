//! Makes a failing world smaller: leaves out steps and faults for as long as the same check fails.

use crate::mark::Mark;
use crate::plan::{Cut, Plan, StepId};
use crate::run::{Ending, run};
use crate::store::StoreKind;
use crate::trace::Lines;

/// How many smaller worlds are tried.
const TRIES_MAX: u32 = 2_000;

/// What can be left out so that the world of this seed still fails the same check.
pub fn shrink(seed: u64, kind: StoreKind, failing: &Ending) -> Cut {
    let Some(check) = failing.violations.first().map(|violation| violation.check) else {
        return Cut::default();
    };
    let mut search = Search { seed, kind, check, tries: 0, cut: Cut::default() };
    search.try_cut(Cut { has_no_outages: true, ..search.cut.clone() });
    loop {
        let before = search.tries_left();
        let size = search.cut.clone();
        let steps: Vec<StepId> = Plan::of(seed, &search.cut).steps.into_iter().map(|(id, _, _)| id).collect();
        search.leave_out(&steps, |cut, steps| cut.steps.extend(steps));
        let fired: Vec<Mark> = run(seed, kind, &search.cut, Lines::None).fired.iter().map(|fired| fired.call).collect();
        search.leave_out(&fired, |cut, faults| cut.faults.extend(faults));
        if search.cut == size || before == 0 {
            return search.cut;
        }
    }
}

struct Search {
    seed: u64,
    kind: StoreKind,
    check: &'static str,
    tries: u32,
    cut: Cut,
}

impl Search {
    fn tries_left(&self) -> u32 {
        TRIES_MAX.saturating_sub(self.tries)
    }

    /// Leaves these out if the same check fails without them, too.
    fn try_cut(&mut self, cut: Cut) -> bool {
        if self.tries_left() == 0 {
            return false;
        }
        self.tries += 1;
        let fails = run(self.seed, self.kind, &cut, Lines::None)
            .violations
            .iter()
            .any(|violation| violation.check == self.check);
        if fails {
            self.cut = cut;
        }
        fails
    }

    /// Leaves out halves, quarters and so on down to single elements.
    fn leave_out<T: Copy>(&mut self, all: &[T], add: impl Fn(&mut Cut, Vec<T>)) {
        let mut left = all.to_vec();
        let mut size = left.len();
        while size > 0 && self.tries_left() > 0 {
            let mut from = 0;
            while from < left.len() {
                let part: Vec<T> = left.iter().skip(from).take(size).copied().collect();
                let mut cut = self.cut.clone();
                add(&mut cut, part);
                if self.try_cut(cut) {
                    let rest = left.split_off(from.min(left.len()));
                    left.extend(rest.into_iter().skip(size));
                } else {
                    from += size;
                }
            }
            size /= 2;
        }
    }
}
