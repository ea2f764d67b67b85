//! What must hold. Each check is a file of the same shape: it reads the books and what the actors know, and returns
//! what is wrong.

mod budgets;
mod chat;
mod conservation;
mod dates;
mod effects;
mod operator;
mod orders;
mod referrals;
mod solvency;
pub(crate) mod trial_balance;
mod waiting;

use testkit::Books;

use crate::truth::Truth;

/// When a check applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// At any time.
    Always,
    /// Before people settle what could not be booked.
    Calm,
    /// When every sender has stopped and no sweep finds anything due.
    Quiet,
}

pub(crate) struct Check {
    pub(crate) name: &'static str,
    pub(crate) when: When,
    pub(crate) find: fn(&Books, &Truth) -> Vec<String>,
}

pub(crate) const CHECKS: &[Check] = &[
    Check { name: "conservation", when: When::Always, find: conservation::find },
    Check { name: "one effect", when: When::Always, find: effects::find_foreign },
    Check { name: "orders", when: When::Always, find: orders::find_foreign },
    Check { name: "operator", when: When::Always, find: operator::find },
    Check { name: "budgets", when: When::Always, find: budgets::find },
    Check { name: "chat", when: When::Always, find: chat::find },
    Check { name: "solvency", when: When::Calm, find: solvency::find },
    Check { name: "acknowledged", when: When::Quiet, find: effects::find_missing },
    Check { name: "answers", when: When::Quiet, find: chat::find_missing },
    Check { name: "paid for", when: When::Quiet, find: orders::find_missing },
    Check { name: "dates", when: When::Quiet, find: dates::find },
    Check { name: "referrals", when: When::Quiet, find: referrals::find },
    Check { name: "nothing waits", when: When::Quiet, find: waiting::find },
];
