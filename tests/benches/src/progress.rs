//! What the bench does at the moment, to a person.

use std::io::Write as _;

pub(crate) fn print(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
