//! `cargo xtask bugs`: plants the bugs of `tests/simulator/bugs` one after the other in a copy of the working tree, and
//! runs the simulator there. A bug that no world catches shows what the simulator does not see.

mod patch;
mod result;
mod tree;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use patch::{Patch, PatchError};
use thiserror::Error;

use crate::root;

const FOLDER: &str = "tests/simulator/bugs";
/// Below `target`, so that no test and no tool takes the copy for the project.
const COPY: &str = "target/planted/tree";
/// Not the project's own: cargo names a crate by its place in the workspace, and would take a crate of the copy for ours.
const BUILD: &str = "target/planted/build";
/// Below it.
const SIMULATOR: &str = "debug/simulator";
/// The simulator of the copy without a bug.
const UNPLANTED: &str = "target/planted/simulator";

/// The worlds in which a bug must be caught.
pub const SEEDS: u64 = 1_000;

/// One bug, from its patch file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bug {
    /// The name of the file.
    pub name: String,
    /// What is wrong, as a reviewer would say it.
    pub what: String,
    /// Where it is caught: a bug below the ledger's port is only on the engine.
    pub store: Store,
    /// The checks that are expected to catch it.
    pub caught_by: Vec<String>,
    patch: Patch,
}

/// The store that the simulator's worlds run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Store {
    Memory,
    Engine,
}

impl Store {
    pub const ALL: [Self; 2] = [Self::Memory, Self::Engine];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Engine => "engine",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|store| store.as_str() == name)
    }
}

#[derive(Debug, Error)]
pub enum BugError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("{name}: {error}")]
    Patch { name: String, error: Box<dyn std::error::Error + Send + Sync> },
    #[error("{name}: the head needs the lines `Bug: `, `Store: ` and `Caught by: `, each once")]
    Head { name: String },
    #[error("{0}: no such bug")]
    Unknown(String),
    #[error("{name}: the copy does not compile: {why}")]
    Build { name: String, why: String },
    #[error("seed {seed} fails on the {store} without a bug, too: {check}", store = store.as_str())]
    Unplanted { store: Store, seed: u64, check: String },
    #[error("the simulator ended without a result: {0}")]
    Simulator(String),
}

/// The first world that a bug fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caught {
    pub seed: u64,
    pub check: String,
}

/// What to plant, and how long to look for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunt {
    /// None: all bugs.
    pub names: Vec<String>,
    pub seeds: u64,
    /// Instead of the store that the bug names.
    pub store: Option<Store>,
}

/// The bugs of the folder, by name.
pub fn all() -> Result<Vec<Bug>, BugError> {
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(root().join(FOLDER))? {
        files.push(entry?.path());
    }
    files.sort();
    files.iter().map(|file| Bug::read(file)).collect()
}

impl Bug {
    fn read(file: &Path) -> Result<Self, BugError> {
        let name = file.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let text = fs::read_to_string(file)?;
        let field = |label: &str| {
            let mut found = text.lines().filter_map(|line| line.strip_prefix(label)).map(str::trim);
            found.next().filter(|text| !text.is_empty() && found.next().is_none())
        };
        let head = || {
            let checks = field("Caught by: ")?.split(',').map(|check| check.trim().to_owned()).collect();
            Some((field("Bug: ")?.to_owned(), Store::named(field("Store: ")?)?, checks))
        };
        let (what, store, caught_by) = head().ok_or_else(|| BugError::Head { name: name.clone() })?;
        let patch = Patch::parse(&text).map_err(|error| wrong(&name, error))?;
        Ok(Self { name, what, store, caught_by, patch })
    }

    /// The changed files of the working tree. An error if the patch no longer applies.
    pub fn planted(&self) -> Result<BTreeMap<String, String>, BugError> {
        let read = |path: &str| fs::read_to_string(root().join(path)).ok();
        self.patch.apply(read).map_err(|error| wrong(&self.name, error))
    }

    /// The bugs of one crate follow each other, the leaves first: less is compiled again.
    fn place(&self) -> Vec<&str> {
        self.patch.paths().collect()
    }
}

fn wrong(name: &str, error: PatchError) -> BugError {
    BugError::Patch { name: name.to_owned(), error: Box::new(error) }
}

/// Plants each bug, reports it, and keeps its result. Returns whether all were caught.
pub fn hunt(hunt: &Hunt, mut report: impl FnMut(&str)) -> Result<bool, BugError> {
    let known = all()?;
    if let Some(unknown) = hunt.names.iter().find(|name| !known.iter().any(|bug| bug.name == **name)) {
        return Err(BugError::Unknown(unknown.clone()));
    }
    let mut bugs = known.clone();
    bugs.retain(|bug| hunt.names.is_empty() || hunt.names.contains(&bug.name));
    bugs.sort_by(|this, that| this.place().cmp(&that.place()));
    for bug in &bugs {
        bug.planted()?;
    }
    build("no bug", &BTreeMap::new())?;
    fs::copy(root().join(BUILD).join(SIMULATOR), root().join(UNPLANTED))?;
    let mut are_all_caught = true;
    for bug in bugs {
        let caught = match plant(&bug, hunt) {
            // Of this bug alone: the others can still be planted.
            Err(error @ (BugError::Build { .. } | BugError::Unplanted { .. })) => {
                report(&format!("{}: NO RESULT: {error}", bug.name));
                are_all_caught = false;
                continue;
            }
            caught => caught?,
        };
        report(&line(&bug, caught.as_ref(), hunt.seeds));
        are_all_caught &= caught.is_some();
        // At once: a hunt takes an hour, and what it has shown stays true if it is stopped.
        if hunt.store.is_none() && hunt.seeds == SEEDS {
            result::write(&known, &bug, caught.as_ref(), hunt.seeds)?;
        }
    }
    Ok(are_all_caught)
}

fn plant(bug: &Bug, hunt: &Hunt) -> Result<Option<Caught>, BugError> {
    build(&bug.name, &bug.planted()?)?;
    let store = hunt.store.unwrap_or(bug.store);
    let caught = simulate(&root().join(BUILD).join(SIMULATOR), store, 0..hunt.seeds)?;
    // The bug is caught if this world holds without it.
    if let Some(Caught { seed, .. }) = caught
        && let Some(Caught { check, .. }) = simulate(&root().join(UNPLANTED), store, seed..seed.saturating_add(1))?
    {
        return Err(BugError::Unplanted { store, seed, check });
    }
    Ok(caught)
}

fn line(bug: &Bug, caught: Option<&Caught>, seeds: u64) -> String {
    match caught {
        Some(Caught { seed, check }) => format!("{}: caught by {check} at seed {seed}", bug.name),
        None => format!("{}: NOT CAUGHT in {seeds} worlds", bug.name),
    }
}

fn build(name: &str, changed: &BTreeMap<String, String>) -> Result<(), BugError> {
    let changed = changed.iter().map(|(path, text)| (path.as_str(), text.as_str()));
    tree::copy(root(), &root().join(COPY), changed)?;
    let mut cargo = Command::new("cargo");
    let cargo = cargo.args(["build", "--quiet", "--package", "simulator"]).current_dir(root().join(COPY));
    // Without line tables, linking takes half the time.
    let output = cargo.env("CARGO_TARGET_DIR", root().join(BUILD)).env("CARGO_PROFILE_DEV_DEBUG", "0").output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(BugError::Build { name: name.to_owned(), why: String::from_utf8_lossy(&output.stderr).into_owned() })
}

/// The first of the seeds whose world fails. The simulator is stopped there.
fn simulate(simulator: &Path, store: Store, seeds: Range<u64>) -> Result<Option<Caught>, BugError> {
    let mut simulator = Command::new(simulator);
    simulator.args(["--seeds", &format!("{}..{}", seeds.start, seeds.end), "--store", store.as_str()]);
    let mut running = simulator.stdout(Stdio::piped()).spawn()?;
    let output = running.stdout.take().ok_or_else(|| BugError::Simulator("no output".to_owned()))?;
    let caught = first_failure(BufReader::new(output).lines().map_while(Result::ok));
    if caught.is_some() {
        running.kill()?;
    }
    let status = running.wait()?;
    match caught {
        Some(caught) => Ok(Some(caught)),
        None if status.success() => Ok(None),
        None => Err(BugError::Simulator(status.to_string())),
    }
}

/// Reads the first `seed 17 fails on memory:`, and the first `VIOLATED conservation: ...` below it.
fn first_failure(mut lines: impl Iterator<Item = String>) -> Option<Caught> {
    let seed_of = |line: String| line.strip_prefix("seed ")?.split_once(" fails on ")?.0.parse().ok();
    let check_of = |line: String| Some(line.trim_start().strip_prefix("VIOLATED ")?.split_once(": ")?.0.to_owned());
    let seed = lines.find_map(seed_of)?;
    let check = lines.find_map(check_of)?;
    Some(Caught { seed, check })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fewer than this say little about what the simulator sees.
    const BUGS_MIN: usize = 25;

    #[test]
    fn each_bug_applies_to_the_tree() {
        let bugs = all().expect("patches with a head");
        assert!(bugs.len() >= BUGS_MIN, "{} bugs", bugs.len());
        let stale: Vec<String> = bugs.iter().filter_map(|bug| Some(bug.planted().err()?.to_string())).collect();
        assert!(stale.is_empty(), "write these patches for the code as it is now:\n{}", stale.join("\n"));
    }

    #[test]
    fn first_failing_seed_and_its_check_are_read() {
        let output = "\nseed 17 fails on memory:\n  day 0 00:00:01.000 a step\n  VIOLATED one effect: twice: yes\n  \
            VIOLATED conservation: no\n\nseed 18 fails on memory:\n  VIOLATED panic: it\n\n19 worlds on memory\n";
        let first_failure = |output: &str| first_failure(output.lines().map(str::to_owned));
        assert_eq!(first_failure(output), Some(Caught { seed: 17, check: "one effect".to_owned() }));
        assert_eq!(first_failure("\n1000 worlds on memory, 100 worlds/s\nviolated: 0 []\n"), None);
    }
}
