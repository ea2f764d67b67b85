//! Lines for a person. A reader that goes away, as `head` does, is no reason to fail.

use std::fmt::Display;
use std::io::{self, Write as _};

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
