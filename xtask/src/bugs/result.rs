//! The results of hunts, as `cargo xtask proof` renders them. A hunt for some bugs replaces their rows alone: each row
//! has the commit on which its bug was planted last.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::process::Command;
use std::thread;

use serde_json::{Value, json};

use super::{Bug, BugError, Caught};
use crate::root;

const FILE: &str = "proof/bugs.json";
const COLUMNS: [&str; 6] = ["bug", "patch", "store", "caught by", "seed", "commit"];
/// The columns of the patch's name and of the check.
const PATCH_AT: usize = 1;
const CHECK_AT: usize = 3;
const NOT_CAUGHT: &str = "not caught";

/// Adds the result of one bug. `all`: every bug that there is; the rows of others are left out.
pub(super) fn write(all: &[Bug], bug: &Bug, caught: Option<&Caught>, seeds: u64) -> Result<(), BugError> {
    let commit = said(&["git", "rev-parse", "--short", "HEAD"]);
    let mut rows = rows_of_before()?;
    let (check, seed) = match caught {
        Some(Caught { seed, check }) => (check.clone(), seed.to_string()),
        None => (NOT_CAUGHT.to_owned(), "-".to_owned()),
    };
    let store = bug.store.as_str().to_owned();
    rows.insert(bug.name.clone(), vec![bug.what.clone(), bug.name.clone(), store, check, seed, commit.clone()]);
    rows.retain(|name, _| all.iter().any(|bug| bug.name == *name));
    let caught = rows.values().filter(|row| row.get(CHECK_AT).is_some_and(|check| check != NOT_CAUGHT)).count();
    let summary = format!(
        "{caught} of {} bugs are caught within {seeds} worlds each. Every bug is a patch of a few lines in \
         `tests/simulator/bugs`, planted alone in a copy of the tree; without it, the world that catches it holds.",
        all.len(),
    );
    let rows: Vec<Vec<String>> = rows.into_values().collect();
    let caption = "The first world that fails, the check that fails there, and the commit on which it was planted:";
    let proof = json!({
        "title": "Planted bugs",
        "commit": commit,
        "date": said(&["date", "--utc", "+%F"]),
        "machine": format!("{} cores", thread::available_parallelism().map_or(1, usize::from)),
        "command": "cargo xtask bugs",
        "text": [summary],
        "tables": [{ "caption": caption, "columns": COLUMNS, "rows": rows }],
    });
    let file = root().join(FILE);
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let text = serde_json::to_string_pretty(&proof).map_err(io::Error::from)?;
    Ok(fs::write(file, text + "\n")?)
}

/// The rows of earlier hunts, by the name of the patch.
fn rows_of_before() -> Result<BTreeMap<String, Vec<String>>, BugError> {
    let text = match fs::read_to_string(root().join(FILE)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error.into()),
    };
    let before: Value = serde_json::from_str(&text).map_err(io::Error::from)?;
    let rows = before.pointer("/tables/0/rows").cloned().unwrap_or_default();
    let rows: Vec<Vec<String>> = serde_json::from_value(rows).unwrap_or_default();
    Ok(rows.into_iter().filter_map(|row| Some((row.get(PATCH_AT)?.clone(), row))).collect())
}

/// What a command prints; a question mark if it cannot be run.
fn said(command: &[&str]) -> String {
    let printed = command.split_first().and_then(|(program, arguments)| {
        let output = Command::new(program).args(arguments).current_dir(root()).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    });
    printed.filter(|printed| !printed.is_empty()).unwrap_or_else(|| "?".to_owned())
}
