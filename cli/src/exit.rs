//! The exit codes of every command, which docs/cli.md lists.

use std::process::ExitCode;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    /// The books or the receiver refused, nothing was found, or a comparison found differences.
    Refused,
    /// The command is wrong: an argument, a setting, or a file that it names.
    Usage,
    /// Something that the command needs is missing: `EX_UNAVAILABLE` of sysexits.h.
    Unavailable,
    /// A timeout, so the result is unknown: `EX_TEMPFAIL`. The same command may be retried.
    TryAgain,
    /// Ctrl-C, as a shell has it: 128 and the number of the signal.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Refused => 1,
            Exit::Usage => 2,
            Exit::Unavailable => 69,
            Exit::TryAgain => 75,
            Exit::Interrupted => 130,
        })
    }
}

impl Exit {
    /// Of several events, a failure that needs a person outranks a retryable one.
    pub(crate) const fn or_worse(self, other: Self) -> Self {
        match (self, other) {
            (Self::Interrupted, _) | (_, Self::Interrupted) => Self::Interrupted,
            (Self::Refused, _) | (_, Self::Refused) => Self::Refused,
            (Self::Usage, _) | (_, Self::Usage) => Self::Usage,
            (Self::Unavailable, _) | (_, Self::Unavailable) => Self::Unavailable,
            (Self::TryAgain, _) | (_, Self::TryAgain) => Self::TryAgain,
            (Self::Done, Self::Done) => Self::Done,
        }
    }
}
