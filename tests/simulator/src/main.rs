//! `cargo run -p simulator -- --seeds 0..1000`: runs the worlds of a range of seeds and prints what happened in them.

mod proof;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use clap::Parser;
use simulator::{Cut, Ending, Kind, Lines, StoreKind, run, shrink};

/// After this many failing seeds a range ends.
const FAILURES_MAX: usize = 10;

#[derive(Debug, Parser)]
#[command(about = "Runs worlds: one seed, one world")]
struct Args {
    /// A range of seeds, `0..1000`, or one seed
    #[arg(long, value_parser = seeds, required_unless_present = "merge")]
    seeds: Option<Seeds>,
    #[arg(long, value_enum, default_value = "memory")]
    store: StoreKind,
    /// Make a failing world smaller before it is printed
    #[arg(long)]
    shrink: bool,
    /// Print every line of each world
    #[arg(long)]
    trace: bool,
    /// Add the range to a result: to `proof/simulator.json`, or to another file, such as one for each process
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = proof::FILE)]
    proof: Option<PathBuf>,
    /// Add the ranges of other results to `proof/simulator.json`
    #[arg(long, value_name = "FILE", num_args = 1..)]
    merge: Vec<PathBuf>,
    /// The commit of this program, if it is not the one that is checked out
    #[arg(long)]
    commit: Option<String>,
}

#[derive(Debug, Clone, Copy)]
struct Seeds {
    from: u64,
    until: u64,
}

fn seeds(text: &str) -> Result<Seeds, String> {
    let number = |text: &str| text.replace('_', "").parse::<u64>().map_err(|_| format!("{text} is no seed"));
    match text.split_once("..") {
        Some((from, until)) => Ok(Seeds { from: number(from)?, until: number(until)? }),
        None => number(text).map(|seed| Seeds { from: seed, until: seed.saturating_add(1) }),
    }
}

#[derive(Debug, Default)]
struct Totals {
    worlds: u64,
    faults: BTreeMap<&'static str, u64>,
    steps: BTreeMap<&'static str, u64>,
    failed: Vec<u64>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let mut out = io::stdout().lock();
    match play(&args, &mut out) {
        Ok(totals) if totals.failed.is_empty() => ExitCode::SUCCESS,
        Ok(_) | Err(_) => ExitCode::FAILURE,
    }
}

fn play(args: &Args, out: &mut impl Write) -> io::Result<Totals> {
    let commit = args.commit.clone().unwrap_or_else(proof::head);
    args.merge.iter().try_for_each(|other| proof::merge(Path::new(proof::FILE), other, &commit))?;
    let (began, mut totals) = (spent(), Totals::default());
    let Some(seeds) = args.seeds else { return Ok(totals) };
    for seed in seeds.from..seeds.until {
        let ending = run(seed, args.store, &Cut::default(), if args.trace { Lines::All } else { Lines::None });
        totals.add(seed, &ending);
        if args.trace {
            ending.lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
        }
        if !ending.violations.is_empty() {
            report(args, seed, &ending, out)?;
        }
        if totals.failed.len() >= FAILURES_MAX {
            break;
        }
    }
    let per_second =
        u128::from(totals.worlds).saturating_mul(1_000).checked_div(spent().saturating_sub(began).as_millis());
    let per_second = per_second.unwrap_or_default();
    totals.print(args.store, per_second, out)?;
    if let Some(file) = &args.proof {
        let until = seeds.from.saturating_add(totals.worlds);
        let (store, worlds, violated) = (args.store, totals.worlds, totals.failed.len());
        let (seeds, faults, steps) = (format!("{}..{until}", seeds.from), &totals.faults, &totals.steps);
        proof::add(file, &commit, &proof::Range { store, seeds, worlds, per_second, violated, faults, steps })?;
    }
    Ok(totals)
}

/// The time that this process has had a core for, since others may run beside it; else the real time.
#[expect(clippy::disallowed_methods, reason = "worlds per second are measured by the real clock")]
fn spent() -> Duration {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let began = *BEGAN;
    let of_core = fs::read_to_string("/proc/self/schedstat").ok();
    let nanos = of_core.and_then(|text| text.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| began.elapsed(), Duration::from_nanos)
}

/// Prints the steps and faults of a failing world, and what is wrong.
fn report(args: &Args, seed: u64, ending: &Ending, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\nseed {seed} fails on {}:", args.store.as_str())?;
    let cut = if args.shrink { shrink(seed, args.store, ending) } else { Cut::default() };
    print(&run(seed, args.store, &cut, Lines::All), out)
}

fn print(ending: &Ending, out: &mut impl Write) -> io::Result<()> {
    for line in ending.lines.iter().filter(|line| line.kind != Kind::Detail) {
        writeln!(out, "  {line}")?;
    }
    for violation in &ending.violations {
        writeln!(out, "  VIOLATED {}: {}", violation.check, violation.text)?;
    }
    Ok(())
}

impl Totals {
    fn add(&mut self, seed: u64, ending: &Ending) {
        self.worlds = self.worlds.saturating_add(1);
        for fired in &ending.fired {
            let count = self.faults.entry(fired.kind.as_str()).or_default();
            *count = count.saturating_add(1);
        }
        for (kind, steps) in &ending.steps {
            let count = self.steps.entry(kind).or_default();
            *count = count.saturating_add(*steps);
        }
        if !ending.violations.is_empty() {
            self.failed.push(seed);
        }
    }

    fn print(&self, store: StoreKind, per_second: u128, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "\n{} worlds on {}, {per_second} worlds/s of a core", self.worlds, store.as_str())?;
        let list = |counts: &BTreeMap<&str, u64>| {
            counts.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
        };
        writeln!(out, "steps: {}", list(&self.steps))?;
        writeln!(out, "faults: {}", list(&self.faults))?;
        writeln!(out, "violated: {} {:?}", self.failed.len(), self.failed)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::Args;

    /// The commands of tests/README.md.
    #[test]
    fn documented_commands_are_understood() {
        let page = include_str!("../../README.md");
        let commands: Vec<&str> =
            page.lines().filter_map(|line| line.split_once("-p simulator -- ")).map(|(_, args)| args).collect();
        assert_eq!(commands.len(), 3, "{commands:?}");
        for command in commands {
            let words = command.split(" #").next().unwrap_or_default().split_whitespace();
            let parsed = Args::try_parse_from(std::iter::once("simulator").chain(words));
            assert!(parsed.is_ok(), "{command}: {parsed:?}");
        }
    }
}
