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
}

impl Finding {
    pub(super) fn green(check: &'static str, says: impl Into<String>) -> Self {
        Self { check, grade: Grade::Green, says: says.into(), fix: None }
    }

    pub(super) fn of(check: &'static str, grade: Grade, says: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, grade, says: says.into(), fix: Some(fix.into()) }
    }
}
