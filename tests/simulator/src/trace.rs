//! What happened in a world, line by line. Two runs of one seed give the same lines, byte for byte.

use std::fmt;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// Whether the lines of a world are wanted. Most worlds hold, and their lines would be written for no reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    None,
    All,
}

/// How much a line says about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A step of an actor.
    Step,
    Fault,
    /// Everything else: replies, runs, retries.
    Detail,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub at: Duration,
    pub kind: Kind,
    pub text: String,
}

#[derive(Debug)]
pub(crate) struct Trace {
    wanted: Lines,
    lines: Mutex<Vec<Line>>,
}

impl Trace {
    pub(crate) fn new(wanted: Lines) -> Self {
        Self { wanted, lines: Mutex::default() }
    }

    pub(crate) fn add(&self, at: Duration, kind: Kind, text: impl FnOnce() -> String) {
        if self.wanted == Lines::All {
            let text = text();
            self.lines().push(Line { at, kind, text });
        }
    }

    pub(crate) fn take(&self) -> Vec<Line> {
        std::mem::take(&mut self.lines())
    }

    fn lines(&self) -> MutexGuard<'_, Vec<Line>> {
        self.lines.lock().expect("one thread")
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.at.as_secs(), self.at.subsec_millis());
        let (days, of_day) = (seconds / 86_400, seconds % 86_400);
        let (hours, minutes, seconds) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        let indent = if self.kind == Kind::Step { "" } else { "    " };
        write!(f, "day {days} {hours:02}:{minutes:02}:{seconds:02}.{millis:03} {indent}{}", self.text)
    }
}
