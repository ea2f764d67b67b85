//! The exit codes, each with one meaning for every command: docs/cli.md has the table.

use std::process::ExitCode;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    /// The books or the receiver refused, nothing was found, or a comparison found differences.
    Refused,
    /// The command itself is wrong: an argument, a setting, or a file that it names. clap has the same code.
    Usage,
    /// Something that the command needs is not there: `EX_UNAVAILABLE` of sysexits.h.
    Unavailable,
    /// No answer came in time, so the result is not known: `EX_TEMPFAIL`. The same command may be run again.
    TryAgain,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Refused => 1,
            Exit::Usage => 2,
            Exit::Unavailable => 69,
            Exit::TryAgain => 75,
        })
    }
}

impl Exit {
    /// Of several events: what a person has to look at comes before what time may cure.
    pub(crate) const fn or_worse(self, other: Self) -> Self {
        match (self, other) {
            (Self::Refused, _) | (_, Self::Refused) => Self::Refused,
            (Self::Usage, _) | (_, Self::Usage) => Self::Usage,
            (Self::Unavailable, _) | (_, Self::Unavailable) => Self::Unavailable,
            (Self::TryAgain, _) | (_, Self::TryAgain) => Self::TryAgain,
            (Self::Done, Self::Done) => Self::Done,
        }
    }
}
