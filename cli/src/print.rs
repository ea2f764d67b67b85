//! Prints results as lines or as one JSON document. A closed pipe, as from `head`, is not an error.

use std::fmt::Display;
use std::io::{self, Write as _};

use serde::Serialize;

/// The output format of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Lines,
    /// One document on stdout, with the member names of docs/cli.md.
    Json,
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
