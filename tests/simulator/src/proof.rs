//! Adds what a range of seeds has shown to `proof/simulator.json`, beside the ranges of before.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::thread;

use serde_json::{Value, json};
use simulator::StoreKind;

/// Where the result stands.
pub(crate) const FILE: &str = "proof/simulator.json";
const RANGES: &str = "Ranges of seeds, each a world:";
const FAULTS: &str = "Faults in these worlds, by kind:";
const STEPS: &str = "What happened in them:";
/// The columns of the table of ranges.
const COMMIT_AT: usize = 0;
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

/// Adds a range to the result in this file.
pub(crate) fn add(file: &Path, commit: &str, range: &Range<'_>) -> io::Result<()> {
    let mut proof = Proof::read(file)?;
    let [worlds, per_second] = [u128::from(range.worlds), range.per_second].map(|number| number.to_string());
    let store = range.store.as_str().to_owned();
    let row = vec![commit.to_owned(), store, range.seeds.clone(), worlds, per_second, range.violated.to_string()];
    proof.ranges.push(row);
    for (counts, run) in [(&mut proof.faults, range.faults), (&mut proof.steps, range.steps)] {
        for (name, count) in run {
            let [memory, engine] = counts.entry((*name).to_owned()).or_default();
            let column = if range.store == StoreKind::Memory { memory } else { engine };
            *column = column.saturating_add(*count);
        }
    }
    proof.write(file, commit)
}

/// Adds the ranges of another result to the one in this file. An error if a range is in both, since its faults would
/// count twice.
pub(crate) fn merge(file: &Path, other: &Path, commit: &str) -> io::Result<()> {
    let mut proof = Proof::read(file)?;
    proof.join(Proof::read(other)?).map_err(|range| io::Error::other(format!("both have the range {range}")))?;
    proof.write(file, commit)
}

/// A result, as numbers.
#[derive(Debug, Default, PartialEq, Eq)]
struct Proof {
    ranges: Vec<Vec<String>>,
    /// In memory and on the engine, by name.
    faults: BTreeMap<String, [u64; 2]>,
    steps: BTreeMap<String, [u64; 2]>,
}

impl Proof {
    /// Empty if there is no such file.
    fn read(file: &Path) -> io::Result<Self> {
        let before: Value = match fs::read_to_string(file) {
            Ok(text) => serde_json::from_str(&text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Value::Null,
            Err(error) => return Err(error),
        };
        let [faults, steps] = [FAULTS, STEPS].map(|caption| counts(rows(&before, caption)));
        Ok(Self { ranges: rows(&before, RANGES), faults, steps })
    }

    /// An error names a range that both have.
    fn join(&mut self, other: Self) -> Result<(), String> {
        let key = |row: &Vec<String>| row.get(..WORLDS_AT).map(<[String]>::to_vec);
        if let Some(both) = other.ranges.iter().find(|row| self.ranges.iter().any(|known| key(known) == key(row))) {
            return Err(both.join(" "));
        }
        self.ranges.extend(other.ranges);
        for (counts, more) in [(&mut self.faults, other.faults), (&mut self.steps, other.steps)] {
            for (name, [memory, engine]) in more {
                let sums = counts.entry(name).or_default();
                *sums = [sums[0].saturating_add(memory), sums[1].saturating_add(engine)];
            }
        }
        Ok(())
    }

    fn sum(&self, store: StoreKind, at: usize) -> u64 {
        let of_store = self.ranges.iter().filter(|row| row.get(STORE_AT).is_some_and(|cell| cell == store.as_str()));
        of_store.filter_map(|row| row.get(at)?.parse::<u64>().ok()).sum()
    }

    /// How many were violated, and what ran since.
    fn violated(&self) -> String {
        let number =
            |row: &Vec<String>, at: usize| row.get(at).and_then(|cell| cell.parse::<u64>().ok()).unwrap_or_default();
        let Some(last) = self.ranges.iter().rposition(|row| number(row, VIOLATED_AT) > 0) else {
            return "none violated.".to_owned();
        };
        let violated: u64 = self.ranges.iter().map(|row| number(row, VIOLATED_AT)).sum();
        let commit = self.ranges.get(last).and_then(|row| row.get(COMMIT_AT)).map_or("?", String::as_str);
        let since: u64 = self.ranges.iter().skip(last.saturating_add(1)).map(|row| number(row, WORLDS_AT)).sum();
        format!("{violated} violated, the last on `{commit}`. Of the {since} worlds that ran after it, none was.")
    }

    fn write(&self, file: &Path, commit: &str) -> io::Result<()> {
        let [memory, engine] = [StoreKind::Memory, StoreKind::Engine].map(|store| self.sum(store, WORLDS_AT));
        let counted = |counts: &BTreeMap<String, [u64; 2]>| -> Vec<[String; 3]> {
            let row =
                |(name, [memory, engine]): (&String, &[u64; 2])| [name.clone(), memory.to_string(), engine.to_string()];
            counts.iter().map(row).collect()
        };
        let proof = json!({
            "title": "Simulator",
            "commit": commit,
            "date": said(&["date", "--utc", "+%F"]),
            "machine": format!("{} cores, one in use", thread::available_parallelism().map_or(1, usize::from)),
            "command": "cargo run --release -p simulator -- --seeds 0..1000000 --proof",
            "text": [
                format!("{memory} worlds on the ports in memory and {engine} through the SDK and the engine; {}", self.violated()),
                "Each world runs the real handlers under faults, and the checks of `tests/simulator/src/checks` read its books. \
                 Worlds a second are those of one core.",
            ],
            "tables": [
                { "caption": RANGES, "columns": ["commit", "store", "seeds", "worlds", "worlds/s", "violated"], "rows": self.ranges },
                { "caption": FAULTS, "columns": ["fault", "memory", "engine"], "rows": counted(&self.faults) },
                { "caption": STEPS, "columns": ["steps of", "memory", "engine"], "rows": counted(&self.steps) },
            ],
        });
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(file, serde_json::to_string_pretty(&proof)? + "\n")
    }
}

/// The checked-out commit. A question mark if it cannot be read.
pub(crate) fn head() -> String {
    said(&["git", "rev-parse", "--short", "HEAD"])
}

/// The rows of a table of the result of before.
fn rows(before: &Value, caption: &str) -> Vec<Vec<String>> {
    let tables = before.get("tables").and_then(Value::as_array).into_iter().flatten();
    let table = tables.into_iter().find(|table| table.get("caption").is_some_and(|found| found == caption));
    let rows = table.and_then(|table| table.get("rows")).cloned().unwrap_or_default();
    serde_json::from_value(rows).unwrap_or_default()
}

/// The counts by name.
fn counts(rows: Vec<Vec<String>>) -> BTreeMap<String, [u64; 2]> {
    let number = |text: &String| text.parse().unwrap_or_default();
    let count = |row: Vec<String>| match row.as_slice() {
        [name, memory, engine] => Some((name.clone(), [number(memory), number(engine)])),
        _ => None,
    };
    rows.into_iter().filter_map(count).collect()
}

/// What a command prints; a question mark if it cannot be run.
fn said(command: &[&str]) -> String {
    let printed = command.split_first().and_then(|(program, arguments)| {
        let output = Command::new(program).args(arguments).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    });
    printed.filter(|printed| !printed.is_empty()).unwrap_or_else(|| "?".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range<'r>(
        seeds: &str,
        faults: &'r BTreeMap<&'static str, u64>,
        steps: &'r BTreeMap<&'static str, u64>,
    ) -> Range<'r> {
        let (store, seeds) = (StoreKind::Memory, seeds.to_owned());
        Range { store, seeds, worlds: 10, per_second: 5, violated: 0, faults, steps }
    }

    #[test]
    fn headline_says_what_ran_after_the_last_violated_world() {
        let row = |commit: &str, worlds: &str, violated: &str| {
            [commit, "memory", "0..1", worlds, "5", violated].map(str::to_owned).to_vec()
        };
        let ranges = vec![row("abc", "10", "2"), row("abd", "20", "1"), row("abe", "30", "0"), row("abf", "40", "0")];
        let proof = Proof { ranges, ..Proof::default() };
        let expected = "3 violated, the last on `abd`. Of the 70 worlds that ran after it, none was.";
        assert_eq!(proof.violated(), expected);
    }

    #[test]
    fn ranges_of_two_processes_accumulate_and_merge_once() {
        let folder = std::env::temp_dir().join(format!("simulator-proof-{}", std::process::id()));
        let [first, second] = ["first.json", "second.json"].map(|name| folder.join(name));
        let (faults, steps) = (BTreeMap::from([("dropped", 3)]), BTreeMap::from([("usage", 4)]));
        add(&first, "abc", &range("0..10", &faults, &steps)).expect("written");
        add(&first, "abc", &range("10..20", &faults, &steps)).expect("written");
        add(&second, "abd", &range("20..30", &faults, &steps)).expect("written");
        merge(&first, &second, "abd").expect("merged");
        let merged = Proof::read(&first).expect("a result");
        let seeds: Vec<&str> = merged.ranges.iter().map(|row| row[2].as_str()).collect();
        assert_eq!(seeds, ["0..10", "10..20", "20..30"]);
        assert_eq!((merged.faults["dropped"], merged.steps["usage"]), ([9, 0], [12, 0]));
        assert_eq!(merged.sum(StoreKind::Memory, WORLDS_AT), 30);
        assert_eq!(merged.violated(), "none violated.");
        // A range that is there already would count twice.
        assert!(merge(&first, &second, "abd").is_err());
        assert_eq!(Proof::read(&first).expect("a result"), merged);
        fs::remove_dir_all(folder).expect("removed");
    }
}
