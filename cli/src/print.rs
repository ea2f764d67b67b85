//! Prints results as lines or as one JSON document. A closed pipe, as from `head`, is not an error.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::OnceLock;

use serde::Serialize;

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
}

impl Form {
    pub(crate) fn show(self, facts: &impl Facts) {
        match self {
            Self::Lines => facts.print(),
            Self::Json => match serde_json::to_string_pretty(facts) {
                Ok(document) => line(document),
                Err(problem) => error(problem),
            },
        }
    }
}

pub(crate) fn line(text: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{text}");
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
