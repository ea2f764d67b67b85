//! What a command finds, as lines for a person or as one JSON document for a script. A reader that goes away, as `head` does, is no
//! reason to fail.

use std::fmt::Display;
use std::io::{self, Write as _};

use serde::Serialize;

/// How a command shows what it has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Lines,
    /// One document on stdout, with the names of docs/cli.md.
    Json,
}

/// What a command has found. The names of its JSON are documented, and those of the API where the API has them.
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

/// For what is not the answer itself.
pub(crate) fn error(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "hookledger: {text}");
}

/// As wide as the widest in each column.
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
