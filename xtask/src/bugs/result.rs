//! The result of a hunt, as `cargo xtask proof` renders it.

use std::fs;
use std::process::Command;
use std::thread;

use serde_json::json;

use super::{Bug, BugError, Caught};
use crate::root;

const FILE: &str = "proof/bugs.json";

pub(super) fn write(results: &[(Bug, Option<Caught>)], seeds: u64) -> Result<(), BugError> {
    let row = |(bug, caught): &(Bug, Option<Caught>)| {
        let (check, seed) = match caught {
            Some(Caught { seed, check }) => (check.clone(), seed.to_string()),
            None => ("not caught".to_owned(), "-".to_owned()),
        };
        [bug.what.clone(), bug.name.clone(), bug.store.as_str().to_owned(), check, seed]
    };
    let rows: Vec<[String; 5]> = results.iter().map(row).collect();
    let caught = results.iter().filter(|(_, caught)| caught.is_some()).count();
    let proof = json!({
        "title": "Planted bugs",
        "commit": said(&["git", "rev-parse", "--short", "HEAD"]),
        "date": said(&["date", "--utc", "+%F"]),
        "machine": format!("{} cores", thread::available_parallelism().map_or(1, usize::from)),
        "command": "cargo xtask bugs",
        "text": [
            format!(
                "{caught} of {} bugs are caught within {seeds} worlds each. Every bug is a patch of a few lines in \
                 `tests/simulator/bugs`, planted alone in a copy of the tree; without a bug none of the same worlds fails.",
                results.len(),
            ),
        ],
        "tables": [{
            "caption": "The first world that fails, and the check that fails there:",
            "columns": ["bug", "patch", "store", "caught by", "seed"],
            "rows": rows,
        }],
    });
    let file = root().join(FILE);
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let text = serde_json::to_string_pretty(&proof).map_err(std::io::Error::from)?;
    Ok(fs::write(file, text + "\n")?)
}

/// What a command prints; a question mark if it cannot be run.
fn said(command: &[&str]) -> String {
    let printed = command.split_first().and_then(|(program, arguments)| {
        let output = Command::new(program).args(arguments).current_dir(root()).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    });
    printed.filter(|printed| !printed.is_empty()).unwrap_or_else(|| "?".to_owned())
}
