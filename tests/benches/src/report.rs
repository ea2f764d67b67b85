//! The tables of what was measured, in the form of every result in `proof/`.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::clock::now;
use crate::error::Error;
use crate::faults::Story;
use crate::lambda::{Measured, Results, Round, SETTINGS};
use crate::subject::{Job, Subject, Way};

/// Settings of the build that a person may set, since a build with link-time optimization takes long.
const PROFILE: [&str; 2] = ["CARGO_PROFILE_RELEASE_LTO", "CARGO_PROFILE_RELEASE_CODEGEN_UNITS"];

const TEXT: [&str; 4] = [
    "Each function runs as Lambda runs it: a process that polls a runtime API on this machine for signed events of \
     API Gateway, fetches its secret at its start, and calls DynamoDB over TLS with an authority made for the run. \
     The DynamoDB is the embedded one, which answers in well under a millisecond.",
    "The floor makes the same SDK calls with nothing of ours around them: no signature, no parsing of what it does \
     not need, no log. Python and Node are the same functions as a team writes them with Powertools' idempotency, \
     DynamoDB's and Stripe's own SDKs (tests/benches/usual). Each ratio is to the floor of the same function.",
    "Rounds of the functions take turns. Start and first invocation are the median of the rounds; warm times are of \
     the round with the lowest p50, and CPU is the lowest, since the machine does other work at the same time: compare \
     the ratios rather than the times. Size is \
     that of the binary or of the installed packages, without the interpreter. 128 MB is a quota of 1.447 ms of CPU \
     in each period of 20 ms, from the first poll on; the events are then 40 ms apart.",
    "The faults are made in the store and the runtime API, the same for each function. A function has 3 s, and an \
     event that it does not acknowledge is delivered again each second, signed again.",
];

pub(crate) fn write(root: &Path, results: &Results) -> Result<(), Error> {
    let tables = [&[warm(results)], slow(results).as_slice(), &[faults(results)]].concat();
    let result = json!({
        "title": "The functions as Lambda runs them",
        "commit": commit(root),
        "date": now()?.to_string().get(..10),
        "machine": machine(root),
        "command": format!("{}cargo run --release -p benches -- lambda", profile()),
        "text": TEXT.into_iter().map(str::to_owned).chain(not_deployed()).collect::<Vec<_>>(),
        "tables": tables,
    });
    save(root, "lambda", &result)
}

pub(crate) fn save(root: &Path, name: &str, result: &serde_json::Value) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(result).map_err(|error| Error::Json(name.to_owned(), error))?;
    fs::create_dir_all(root.join("proof"))?;
    fs::write(root.join("proof").join(name).with_extension("json"), text + "\n")?;
    Ok(())
}

/// The commit that is measured.
pub(crate) fn commit(root: &Path) -> String {
    output(root, "git", &["rev-parse", "--short", "HEAD"])
}

/// `1,234,567`
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(",")
}

/// What differs from the deployed build, before the command.
#[expect(clippy::disallowed_methods, reason = "settings of the build")]
pub(crate) fn profile() -> String {
    let set = PROFILE.into_iter().filter_map(|name| Some(format!("{name}={} ", std::env::var(name).ok()?)));
    set.collect()
}

fn not_deployed() -> Option<String> {
    let is_set = !profile().is_empty();
    is_set.then(|| {
        "The build of this run differs from the deployed one in the settings before its command: binaries with link-time \
         optimization are smaller and faster, ours and the floor alike."
            .to_owned()
    })
}

/// Everything of a function whose store answers at once.
fn warm(results: &Results) -> serde_json::Value {
    let rows: Vec<Vec<String>> = of_setting(results, 0).map(|measured| warm_row(results, measured)).collect();
    json!({
        "caption": "At 0 ms a call, for one event each; in brackets the ratio to the floor:",
        "columns": ["function", "way", "start ms", "first ms", "cold ms", "p50 ms", "p99 ms", "CPU µs", "RSS MB", "size MB",
            "calls", "write units", "bytes to the store", "connections"],
        "rows": rows,
    })
}

fn warm_row(results: &Results, measured: &Measured) -> Vec<String> {
    let floor = floor_of(results, measured);
    let subject = measured.subject;
    let ratio = |of: fn(&Measured) -> f64, text: String| {
        let ratio = if subject.way == Way::Floor { None } else { floor.map(|floor| of(measured) / of(floor)) };
        ratio.map_or(text.clone(), |ratio| format!("{text} ({ratio:.2}×)"))
    };
    let Some(quiet) = measured.quietest() else { return Vec::new() };
    let size = results.deployed_bytes.iter().find(|(of, _)| of.job == subject.job && of.way == subject.way);
    vec![
        subject.job.name().to_owned(),
        subject.way.name().to_owned(),
        format!("{:.1}", measured.start()),
        format!("{:.1}", measured.first()),
        ratio(Measured::cold, format!("{:.1}", measured.cold())),
        ratio(Measured::p50, format!("{:.2}", measured.p50())),
        format!("{:.2}", ms(quiet.p99)),
        ratio(Measured::cpu, format!("{:.0}", measured.cpu())),
        ratio(Measured::resident, format!("{:.1}", measured.resident())),
        size.map_or(String::new(), |(_, bytes)| format!("{:.1}", thousandths(*bytes) / 1_000.0)),
        calls(quiet),
        format!("{:.0}", quiet.write_units),
        ratio(Measured::bytes, grouped(quiet.bytes)),
        quiet.connections.to_string(),
    ]
}

/// `GetItem, 2 × UpdateItem`
fn calls(round: &Round) -> String {
    let mut runs: Vec<(&str, usize)> = Vec::new();
    for operation in &round.operations {
        match runs.last_mut() {
            Some((last, times)) if last == operation => *times += 1,
            _ => runs.push((operation, 1)),
        }
    }
    let named = |(name, times): (&str, usize)| if times == 1 { name.to_owned() } else { format!("{times} × {name}") };
    format!("{}: {}", round.operations.len(), runs.into_iter().map(named).collect::<Vec<_>>().join(", "))
}

/// The other settings: a table each.
fn slow(results: &Results) -> Vec<serde_json::Value> {
    let table = |(setting, conditions): (usize, &crate::lambda::Setting)| {
        let row = |measured: &Measured| {
            let floor = floor_of(results, measured).filter(|_| measured.subject.way != Way::Floor);
            let ratio = floor.map_or(String::new(), |floor| format!(" ({:.2}×)", measured.p50() / floor.p50()));
            let p99 = measured.quietest().map_or(0.0, |round| ms(round.p99));
            vec![
                measured.subject.job.name().to_owned(),
                measured.subject.way.name().to_owned(),
                format!("{:.1}", measured.first()),
                format!("{:.1}{ratio}", measured.p50()),
                format!("{p99:.1}"),
                format!("{:.0}", measured.cpu()),
            ]
        };
        json!({
            "caption": format!("At {}:", conditions.name),
            "columns": ["function", "way", "first ms", "p50 ms", "p99 ms", "CPU µs"],
            "rows": of_setting(results, setting).map(row).collect::<Vec<_>>(),
        })
    };
    let is_measured = |(setting, _): &(usize, _)| of_setting(results, *setting).next().is_some();
    SETTINGS.iter().enumerate().skip(1).filter(is_measured).map(table).collect()
}

/// How often each function moved the amount of one event.
fn faults(results: &Results) -> serde_json::Value {
    let ways = || Way::ALL.into_iter().filter(|way| *way != Way::Floor);
    let columns: Vec<String> =
        ["function", "fault"].into_iter().map(str::to_owned).chain(ways().map(|way| way.name().to_owned())).collect();
    let rows = Job::ALL.into_iter().flat_map(|job| Story::ALL.into_iter().map(move |(story, name)| (job, story, name)));
    let rows: Vec<Vec<String>> = rows
        .filter(|(job, story, _)| story.applies_to(*job))
        .map(|(job, story, name)| {
            let cells = ways().map(|way| cell(results, Subject { job, way }, story));
            [job.name().to_owned(), name.to_owned()].into_iter().chain(cells).collect()
        })
        .collect();
    json!({
        "caption": "How often the amount of one event was moved, and the deliveries until one was acknowledged:",
        "columns": columns,
        "rows": rows,
    })
}

fn cell(results: &Results, subject: Subject, story: Story) -> String {
    let is_it = |of: &Subject, is: &Story| of.job == subject.job && of.way == subject.way && *is == story;
    let found = results.faults.iter().find(|(of, is, _)| is_it(of, is));
    found.map_or(String::new(), |(_, _, ended)| match ended.deliveries {
        Some(deliveries) => format!("{}× in {deliveries}", ended.times),
        None => format!("{}×, never acknowledged", ended.times),
    })
}

fn of_setting(results: &Results, setting: usize) -> impl Iterator<Item = &Measured> {
    results.measured.iter().filter(move |measured| measured.setting == setting)
}

fn floor_of<'r>(results: &'r Results, measured: &Measured) -> Option<&'r Measured> {
    of_setting(results, measured.setting)
        .find(|other| other.subject.way == Way::Floor && other.subject.job == measured.subject.job)
}

impl Measured {
    fn quietest(&self) -> Option<&Round> {
        self.rounds.iter().min_by_key(|round| round.p50)
    }

    fn median(&self, of: impl Fn(&Round) -> Duration) -> f64 {
        let mut all: Vec<Duration> = self.rounds.iter().map(of).collect();
        all.sort_unstable();
        all.get(all.len() / 2).map_or(0.0, |middle| ms(*middle))
    }

    fn start(&self) -> f64 {
        self.median(|round| round.start)
    }

    fn first(&self) -> f64 {
        self.median(|round| round.first)
    }

    fn cold(&self) -> f64 {
        self.median(|round| round.start.saturating_add(round.first))
    }

    fn p50(&self) -> f64 {
        self.quietest().map_or(0.0, |round| ms(round.p50))
    }

    /// In microseconds.
    fn cpu(&self) -> f64 {
        self.rounds.iter().map(|round| round.cpu).min().map_or(0.0, ms) * 1_000.0
    }

    /// In MB.
    fn resident(&self) -> f64 {
        let kib = self.rounds.iter().map(|round| round.resident_kib).min().unwrap_or_default();
        thousandths(kib * 1_024) / 1_000.0
    }

    fn bytes(&self) -> f64 {
        self.quietest().map_or(0.0, |round| thousandths(round.bytes))
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// A count as a number with a fraction, in thousands.
pub(crate) fn thousandths(count: u64) -> f64 {
    f64::from(u32::try_from(count / 1_000).unwrap_or(u32::MAX))
        + f64::from(u32::try_from(count % 1_000).unwrap_or(0)) / 1_000.0
}

pub(crate) fn machine(root: &Path) -> String {
    let processors = output(root, "nproc", &[]);
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("", |(_, name)| name);
    format!("{processors} × {model}, Linux {}", output(root, "uname", &["-r"]))
}

/// How many threads wanted a processor in the last minute.
pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

fn output(root: &Path, program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(root).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}
