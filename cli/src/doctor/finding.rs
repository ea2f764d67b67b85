//! What `doctor` says: a check, how it ended, and what to do.

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Grade {
    Green,
    Yellow,
    Red,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) check: &'static str,
    pub(crate) grade: Grade,
    pub(crate) says: String,
    /// What to do; nothing if it is green.
    pub(crate) fix: Option<String>,
    /// Where the code has found it, so that a test knows what no fault leads to.
    #[cfg(test)]
    #[serde(skip)]
    pub(super) at: &'static std::panic::Location<'static>,
}

impl Finding {
    #[track_caller]
    pub(super) fn green(check: &'static str, says: impl Into<String>) -> Self {
        Self {
            check,
            grade: Grade::Green,
            says: says.into(),
            fix: None,
            #[cfg(test)]
            at: std::panic::Location::caller(),
        }
    }

    #[track_caller]
    pub(super) fn yellow(check: &'static str, says: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::of(check, Grade::Yellow, says, fix)
    }

    #[track_caller]
    pub(super) fn red(check: &'static str, says: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::of(check, Grade::Red, says, fix)
    }

    #[track_caller]
    pub(super) fn of(check: &'static str, grade: Grade, says: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { grade, fix: Some(fix.into()), ..Self::green(check, says) }
    }
}
