//! `cargo run -p simulator -- --seeds 0..1000`: runs the worlds of a range of seeds and prints what happened in them.

mod proof;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use simulator::{Cut, Ending, Kind, StoreKind, run, shrink};

/// After this many failing seeds a range ends.
const FAILURES_MAX: usize = 10;

#[derive(Debug, Parser)]
#[command(about = "Runs worlds: one seed, one world")]
struct Args {
    /// A range of seeds, `0..1000`, or one seed
    #[arg(long, value_parser = seeds)]
    seeds: Seeds,
    #[arg(long, value_enum, default_value = "memory")]
    store: StoreKind,
    /// Make a failing world smaller before it is printed
    #[arg(long)]
    shrink: bool,
    /// Print every line of each world
    #[arg(long)]
    trace: bool,
    /// Add the range to `proof/simulator.json`
    #[arg(long)]
    proof: bool,
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

#[expect(clippy::disallowed_methods, reason = "worlds per second are measured by the real clock")]
fn play(args: &Args, out: &mut impl Write) -> io::Result<Totals> {
    let (began, mut totals) = (Instant::now(), Totals::default());
    for seed in args.seeds.from..args.seeds.until {
        let ending = run(seed, args.store, &Cut::default());
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
    let per_second = u128::from(totals.worlds).saturating_mul(1_000).checked_div(began.elapsed().as_millis());
    let per_second = per_second.unwrap_or_default();
    totals.print(args.store, per_second, out)?;
    if args.proof {
        let until = args.seeds.from.saturating_add(totals.worlds);
        let (store, worlds, violated) = (args.store, totals.worlds, totals.failed.len());
        let (seeds, faults, steps) = (format!("{}..{until}", args.seeds.from), &totals.faults, &totals.steps);
        proof::add(&proof::Range { store, seeds, worlds, per_second, violated, faults, steps })?;
    }
    Ok(totals)
}

/// Prints the steps and faults of a failing world, and what is wrong.
fn report(args: &Args, seed: u64, ending: &Ending, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\nseed {seed} fails on {}:", args.store.as_str())?;
    if args.shrink {
        let smaller = run(seed, args.store, &shrink(seed, args.store, ending));
        return print(&smaller, out);
    }
    print(ending, out)
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
        writeln!(out, "\n{} worlds on {}, {per_second} worlds/s", self.worlds, store.as_str())?;
        let list = |counts: &BTreeMap<&str, u64>| {
            counts.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
        };
        writeln!(out, "steps: {}", list(&self.steps))?;
        writeln!(out, "faults: {}", list(&self.faults))?;
        writeln!(out, "violated: {} {:?}", self.failed.len(), self.failed)
    }
}
