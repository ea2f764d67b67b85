//! Adds what a range of seeds has shown to `proof/simulator.json`, beside the ranges of before.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::thread;

use serde_json::{Value, json};
use simulator::StoreKind;

const FILE: &str = "proof/simulator.json";
const RANGES: &str = "Ranges of seeds, each a world:";
const FAULTS: &str = "Faults in these worlds, by kind:";
const STEPS: &str = "What happened in them:";
/// The columns of worlds and of violated worlds in the table of ranges.
const STORE_AT: usize = 1;
const WORLDS_AT: usize = 3;
const VIOLATED_AT: usize = 5;

/// One range that was run.
pub(crate) struct Range<'r> {
    pub(crate) store: StoreKind,
    pub(crate) seeds: String,
    pub(crate) worlds: u64,
    pub(crate) per_second: u128,
    pub(crate) violated: usize,
    pub(crate) faults: &'r BTreeMap<&'static str, u64>,
    pub(crate) steps: &'r BTreeMap<&'static str, u64>,
}

pub(crate) fn add(range: &Range<'_>) -> io::Result<()> {
    let before: Value = match fs::read_to_string(FILE) {
        Ok(text) => serde_json::from_str(&text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Value::Null,
        Err(error) => return Err(error),
    };
    let commit = said(&["git", "rev-parse", "--short", "HEAD"]);
    let mut ranges = rows(&before, RANGES);
    let [worlds, per_second] = [u128::from(range.worlds), range.per_second].map(|number| number.to_string());
    let store = range.store.as_str().to_owned();
    ranges.push(vec![commit.clone(), store, range.seeds.clone(), worlds, per_second, range.violated.to_string()]);
    let sum = |store: StoreKind, at: usize| -> u64 {
        let of_store = ranges.iter().filter(|row| row.get(STORE_AT).is_some_and(|cell| cell == store.as_str()));
        of_store.filter_map(|row| row.get(at)?.parse::<u64>().ok()).sum()
    };
    let [memory, engine] = [StoreKind::Memory, StoreKind::Engine].map(|store| sum(store, WORLDS_AT));
    let violated = sum(StoreKind::Memory, VIOLATED_AT).saturating_add(sum(StoreKind::Engine, VIOLATED_AT));
    let faults = counted(rows(&before, FAULTS), range.faults, range.store);
    let steps = counted(rows(&before, STEPS), range.steps, range.store);
    let proof = json!({
        "title": "Simulator",
        "commit": commit,
        "date": said(&["date", "--utc", "+%F"]),
        "machine": format!("{} cores, one in use", thread::available_parallelism().map_or(1, usize::from)),
        "command": "cargo run --release -p simulator -- --seeds 0..1000000 --proof",
        "text": [
            format!("{memory} worlds on the ports in memory and {engine} through the SDK and the engine; {violated} violated."),
            "Each world runs the real handlers under faults, and the checks of `tests/simulator/src/checks` read its books.",
        ],
        "tables": [
            { "caption": RANGES, "columns": ["commit", "store", "seeds", "worlds", "worlds/s", "violated"], "rows": ranges },
            { "caption": FAULTS, "columns": ["fault", "memory", "engine"], "rows": faults },
            { "caption": STEPS, "columns": ["steps of", "memory", "engine"], "rows": steps },
        ],
    });
    if let Some(folder) = Path::new(FILE).parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(FILE, serde_json::to_string_pretty(&proof)? + "\n")
}

/// The rows of a table of the result of before.
fn rows(before: &Value, caption: &str) -> Vec<Vec<String>> {
    let tables = before.get("tables").and_then(Value::as_array).into_iter().flatten();
    let table = tables.into_iter().find(|table| table.get("caption").is_some_and(|found| found == caption));
    let rows = table.and_then(|table| table.get("rows")).cloned().unwrap_or_default();
    serde_json::from_value(rows).unwrap_or_default()
}

/// The counts by name, with those of this run added in its store's column.
fn counted(before: Vec<Vec<String>>, run: &BTreeMap<&'static str, u64>, store: StoreKind) -> Vec<Vec<String>> {
    let mut counts: BTreeMap<String, [u64; 2]> = BTreeMap::new();
    for row in before {
        if let [name, memory, engine] = row.as_slice() {
            let number = |text: &String| text.parse().unwrap_or_default();
            counts.insert(name.clone(), [number(memory), number(engine)]);
        }
    }
    for (name, count) in run {
        let [memory, engine] = counts.entry((*name).to_owned()).or_default();
        let column = if store == StoreKind::Memory { memory } else { engine };
        *column = column.saturating_add(*count);
    }
    counts.into_iter().map(|(name, [memory, engine])| vec![name, memory.to_string(), engine.to_string()]).collect()
}

/// What a command prints; a question mark if it cannot be run.
fn said(command: &[&str]) -> String {
    let printed = command.split_first().and_then(|(program, arguments)| {
        let output = Command::new(program).args(arguments).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    });
    printed.filter(|printed| !printed.is_empty()).unwrap_or_else(|| "?".to_owned())
}
