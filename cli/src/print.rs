//! Prints results as lines or as one JSON document: all that is written to stdout goes through `text`. A closed pipe, as from
//! `head`, is not an error.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Mutex, OnceLock, PoisonError};

use serde::Serialize;

use crate::error::Error;
use crate::error::of_tools::ToolError;
use crate::new_secret::NewSecret;

/// The output format of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Lines,
    /// One document on stdout, with the member names of docs/cli.md.
    Json,
}

/// Whether a word may have a colour: the result is for a person at a terminal who has not set `NO_COLOR`.
static IS_COLOURED: OnceLock<bool> = OnceLock::new();

/// The meaning of a word that is shown in a colour. The word says the same without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Doubtful,
    Bad,
}

impl Tone {
    const fn code(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Doubtful => "33",
            Self::Bad => "31",
        }
    }
}

/// Call it once, before anything is printed. A terminal without colours calls itself `dumb`.
pub(crate) fn choose_colours(form: Form, variable: impl Fn(&str) -> Option<String>) {
    let is_wanted = variable("NO_COLOR").is_none() && variable("TERM").is_none_or(|term| term != "dumb");
    // Set once by `main`, so that nothing is lost if it is set already.
    let _ = IS_COLOURED.set(form == Form::Lines && is_wanted && io::stdout().is_terminal());
}

pub(crate) fn toned(text: &str, tone: Tone) -> String {
    if IS_COLOURED.get() == Some(&true) { format!("\u{1b}[{}m{text}\u{1b}[0m", tone.code()) } else { text.to_owned() }
}

/// The result of a command. docs/cli.md lists its JSON members, which have the API's names if the API has them.
pub(crate) trait Facts: Serialize {
    fn print(&self);

    /// What it prints that cannot be printed again.
    fn secret(&self) -> Option<NewSecret> {
        None
    }
}

/// What became of the output so far.
#[derive(Debug, Default)]
struct Output {
    /// Why a part of it could not be written: the first cause.
    failure: Option<io::Error>,
    secret: Option<NewSecret>,
}

static OUTPUT: Mutex<Output> = Mutex::new(Output { failure: None, secret: None });

fn with_output<T>(change: impl FnOnce(&mut Output) -> T) -> T {
    change(&mut OUTPUT.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Form {
    pub(crate) fn show(self, facts: &impl Facts) {
        if let Some(secret) = facts.secret() {
            with_output(|output| output.secret = Some(secret));
        }
        match self {
            Self::Lines => facts.print(),
            Self::Json => match serde_json::to_string_pretty(facts) {
                Ok(document) => line(document),
                Err(problem) => error(problem),
            },
        }
    }
}

pub(crate) fn line(line: impl Display) {
    text(&format!("{line}\n"));
}

/// Prints a part of a result, and returns whether it is still read: after `head` has what it wants, nothing more is needed.
pub(crate) fn text(text: &str) -> bool {
    let mut out = io::stdout().lock();
    is_written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Whether all was written so far: after `head` has what it wants, a command that goes on may end.
pub(crate) fn is_read() -> bool {
    with_output(|output| output.failure.is_none())
}

/// Keeps the cause of a failed write for `finish`.
pub(crate) fn is_written(written: io::Result<()>) -> bool {
    let Err(cause) = written else { return true };
    with_output(|output| {
        output.failure.get_or_insert(cause);
    });
    false
}

/// Call it once, after everything is printed: fails if some of it was not written. A secret must have a reader, too.
pub(crate) fn finish() -> Result<(), Error> {
    is_written(io::stdout().lock().flush());
    let Output { failure, secret } = with_output(std::mem::take);
    match (secret, failure) {
        (Some(secret), Some(cause)) => Err(ToolError::SecretLost(secret, cause).into()),
        (Some(secret), None) if goes_nowhere() => {
            Err(ToolError::SecretLost(secret, io::Error::other("stdout is closed, or is /dev/null")).into())
        }
        (None, Some(cause)) if cause.kind() != ErrorKind::BrokenPipe => Err(ToolError::Stdout(cause).into()),
        _ => Ok(()),
    }
}

/// Whether stdout is /dev/null, which Rust puts in the place of a closed one before `main`.
fn goes_nowhere() -> bool {
    let stdout = io::stdout().as_fd().try_clone_to_owned().and_then(|stdout| File::from(stdout).metadata());
    match (stdout, fs::metadata("/dev/null")) {
        (Ok(stdout), Ok(null)) => (stdout.rdev(), stdout.ino()) == (null.rdev(), null.ino()),
        _ => false,
    }
}

/// Prints an error or a remark to stderr, apart from the result.
pub(crate) fn error(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "hookledger: {text}");
}

/// Prints a table with each column as wide as its widest cell.
pub(crate) fn columns<const N: usize>(rows: &[[String; N]]) {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in rows {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        line(cells.join("  ").trim_end());
    }
}
