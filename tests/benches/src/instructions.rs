//! Instructions of a start, of a whole warm event and of each of its stages, counted by valgrind and compared with the
//! accepted counts. An event and a stage are the difference of two runs, so that start and preparation cancel out.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::books::Books;
use crate::clock::now;
use crate::error::Error;
use crate::faults::is_acknowledged;
use crate::install::Installed;
use crate::progress::print;
use crate::report;
use crate::sandbox::Sandbox;
use crate::stages::STAGES;
use crate::store::Store;
use crate::subject::{Job, Program, Subject, Way};

/// The accepted counts, checked in.
const ACCEPTED: &str = "tests/benches/instructions.json";
/// In percent: beyond it the command fails.
const GROWTH_MAX: u64 = 5;
const ACCEPT: &str = "tests/benches/instructions --accept";

/// The two numbers of events of a count. The first events connect and fill caches.
const FEW: u64 = 5;
const MANY: u64 = 55;
/// A stage runs a tenth of its passes in one run and all of them in the other.
const OF_PASSES: u64 = 10;

/// A function is about fifty times slower under valgrind, and a call that times out is made again. So a count is repeated
/// until two of them agree, in thousandths.
const TIMEOUT: Duration = Duration::from_mins(1);
const APART_MAX: u64 = 5;
const REPEATS_MAX: usize = 8;

/// Whose whole events are counted.
const WAYS: [Way; 2] = [Way::Ours, Way::Floor];
const START: &str = "start, to the first poll";
const WARM: &str = "a whole warm event";

type Counts = BTreeMap<String, u64>;

/// Counts, writes `proof/instructions.json`, and compares. `accepts` writes the accepted counts instead.
pub(crate) async fn run(root: &Path, target: &Path, accepts: bool) -> Result<(), Error> {
    let installed = Installed::binaries_only(root, target)?;
    let folder = target.join("bench");
    fs::create_dir_all(&folder)?;
    let counts = count(&installed, &folder, |_| true).await?;
    let accepted = root.join(ACCEPTED);
    if accepts {
        let text = serde_json::to_string_pretty(&counts).map_err(|error| Error::Json(ACCEPTED.to_owned(), error))?;
        fs::write(&accepted, text + "\n")?;
    }
    let text = fs::read_to_string(&accepted)
        .map_err(|_| Error::failed(format!("there are no accepted counts: run {ACCEPT}")))?;
    let before: Counts = serde_json::from_str(&text).map_err(|error| Error::Json(ACCEPTED.to_owned(), error))?;
    write(root, &counts, &before)?;
    let grown = grown(&counts, &before);
    if grown.is_empty() {
        return Ok(());
    }
    Err(Error::failed(format!(
        "more than {GROWTH_MAX} % beyond the accepted instructions:\n{}\nIf it is worth it, run {ACCEPT} and commit {ACCEPTED}.",
        grown.join("\n")
    )))
}

/// Each count that is too far beyond the accepted one, and each that has none.
fn grown(counts: &Counts, accepted: &Counts) -> Vec<String> {
    let line = |(name, count): (&String, &u64)| match accepted.get(name) {
        None => Some(format!("{name}: {count}, none accepted")),
        Some(before) if count * 100 > before * (100 + GROWTH_MAX) => {
            Some(format!("{name}: {count}, accepted {before} (+{} %)", count * 100 / before - 100))
        }
        Some(_) => None,
    };
    let gone = accepted.keys().filter(|name| !counts.contains_key(*name)).map(|name| format!("{name}: not counted"));
    counts.iter().filter_map(line).chain(gone).collect()
}

/// Counts what has this word in its name, and prints it.
pub(crate) async fn only(root: &Path, target: &Path, word: &str) -> Result<(), Error> {
    let installed = Installed::binaries_only(root, target)?;
    let folder = target.join("bench");
    fs::create_dir_all(&folder)?;
    for (name, count) in count(&installed, &folder, |name| name.contains(word)).await? {
        print(&format!("{name}: {count}"));
    }
    Ok(())
}

async fn count(installed: &Installed, folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<Counts, Error> {
    let output = folder.join("cachegrind.out");
    let mut counts = Counts::new();
    for job in Job::ALL {
        for (stage, passes) in STAGES {
            let name = format!("{}: {stage}", job.name());
            if !wanted(&name) {
                continue;
            }
            print(&format!("instructions: {name}"));
            let few = passes / OF_PASSES;
            let counted = agreed(async || {
                let [few, many] = [few, passes].map(|passes| counted_stage(job, stage, passes, &output));
                Ok(many?.saturating_sub(few?))
            });
            counts.insert(name, counted.await? / (passes - few));
        }
        for way in WAYS {
            let subject = Subject { job, way };
            let (start, warm_event) = (name(subject, START), name(subject, WARM));
            if wanted(&start) {
                print(&format!("instructions: {start}"));
                let count = agreed(async || counted_events(installed, folder, subject, 0, &output).await).await?;
                counts.insert(start, count);
            }
            if !wanted(&warm_event) {
                continue;
            }
            print(&format!("instructions: {warm_event}"));
            let warm = agreed(async || {
                let few = counted_events(installed, folder, subject, FEW, &output).await?;
                Ok(counted_events(installed, folder, subject, MANY, &output).await?.saturating_sub(few))
            });
            counts.insert(warm_event, warm.await? / (MANY - FEW));
        }
    }
    Ok(counts)
}

fn name(Subject { job, way }: Subject, what: &str) -> String {
    match way {
        Way::Ours => format!("{}: {what}", job.name()),
        Way::Floor | Way::Python | Way::Node => format!("{}, {}: {what}", job.name(), way.name()),
    }
}

/// The lower of two counts that agree: what went wrong in a run only adds to it.
async fn agreed(count: impl AsyncFn() -> Result<u64, Error>) -> Result<u64, Error> {
    let mut counts: Vec<u64> = Vec::new();
    let mut failed = None;
    for _ in 0..REPEATS_MAX {
        let counted = match count().await {
            Ok(counted) => counted,
            Err(error) => {
                failed = Some(error);
                continue;
            }
        };
        if let Some(other) = counts.iter().find(|other| other.abs_diff(counted) * 1_000 <= counted * APART_MAX) {
            return Ok(counted.min(*other));
        }
        counts.push(counted);
    }
    Err(failed.unwrap_or_else(|| Error::failed(format!("the counts differ: {counts:?}"))))
}

/// This program runs a stage so many times, under valgrind.
fn counted_stage(job: Job, stage: &str, passes: u64, output: &Path) -> Result<u64, Error> {
    let program = std::env::current_exe()?;
    let mut command = valgrind(output);
    command.arg(program).args(["stage", job.name(), stage, &passes.to_string()]);
    let ended = command.output()?;
    if !ended.status.success() {
        return Err(Error::failed(String::from_utf8_lossy(&ended.stderr).into_owned()));
    }
    instructions(output)
}

/// The function's binary gets so many events, under valgrind.
async fn counted_events(
    installed: &Installed,
    folder: &Path,
    subject: Subject,
    events: u64,
    output: &Path,
) -> Result<u64, Error> {
    let store = Store::serve(folder).await?;
    let books = Books::open(&store).await?;
    let plain = subject.program(installed, &store);
    let command = valgrind(output);
    let program = Program {
        path: PathBuf::from(command.get_program()),
        arguments: command.get_args().chain([plain.path.as_os_str()]).map(text).collect(),
        ..plain
    };
    let mut sandbox = Sandbox::start(&program, &folder.join("valgrind.log")).await?;
    for number in 0..events {
        let event = subject.event(&books, &installed.root, &format!("counted-{number}")).await?;
        let answer = sandbox.invoke(event, TIMEOUT, &store).await;
        if !answer.as_ref().is_some_and(is_acknowledged) {
            return Err(Error::failed(format!("{}: {answer:?}", subject.job.name())));
        }
    }
    sandbox.terminate()?;
    instructions(output)
}

fn text(argument: &OsStr) -> String {
    argument.to_string_lossy().into_owned()
}

fn valgrind(output: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command.args(["--tool=cachegrind", "--cache-sim=no"]);
    command.arg(format!("--cachegrind-out-file={}", output.display()));
    command
}

fn instructions(output: &Path) -> Result<u64, Error> {
    let text = fs::read_to_string(output)?;
    let count = text.lines().find_map(|line| line.strip_prefix("summary:")?.trim().parse().ok());
    count.ok_or_else(|| Error::failed("valgrind did not count"))
}

fn write(root: &Path, counts: &Counts, accepted: &Counts) -> Result<(), Error> {
    let result = json!({
        "title": "Instructions of a start and of a warm event",
        "commit": report::commit(root),
        "date": now()?.to_string().get(..10),
        "machine": report::machine(root),
        "command": "tests/benches/instructions",
        "text": [
            "Counted by valgrind, so that the numbers hold on any machine with this compiler. A start and an event are those \
             of the function's binary, with the runtime API, TLS and the store's answer in it; the floor makes the same SDK \
             calls and nothing else. Each stage runs in a process of its own, and the commit against a store that answers \
             at once. The build is without link-time optimization. The command fails if a count is more than 5 % beyond \
             the accepted one.",
        ],
        "tables": [whole(counts), all(counts, accepted)],
    });
    report::save(root, "instructions", &result)
}

fn whole(counts: &Counts) -> Value {
    let row = |job, what| {
        let [ours, floor] = WAYS.map(|way| counts.get(&name(Subject { job, way }, what)).copied().unwrap_or_default());
        let hundredths = (ours * 100).checked_div(floor).unwrap_or_default();
        [
            format!("{}: {what}", job.name()),
            report::grouped(ours),
            report::grouped(floor),
            format!("{}.{:02}", hundredths / 100, hundredths % 100),
        ]
    };
    let rows: Vec<_> = Job::ALL.into_iter().flat_map(|job| [START, WARM].map(|what| row(job, what))).collect();
    json!({ "caption": "Beside the floor:", "columns": ["what", "hookledger", "floor", "ratio"], "rows": rows })
}

fn all(counts: &Counts, accepted: &Counts) -> Value {
    let row = |(name, count): (&String, &u64)| {
        let before = accepted.get(name).copied().unwrap_or_default();
        [name.clone(), report::grouped(*count), report::grouped(before)]
    };
    let rows: Vec<_> = counts.iter().map(row).collect();
    json!({ "caption": "All counts:", "columns": ["what", "counted", "accepted"], "rows": rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_beyond_the_limit_is_named() {
        let counts = |rows: Vec<(&str, u64)>| rows.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
        let accepted: Counts = counts(vec![("parse", 1_000), ("verify", 1_000)]);
        for (counted, expected) in [
            (vec![("parse", 1_000), ("verify", 1_000)], vec![]),
            (vec![("parse", 1_050), ("verify", 10)], vec![]),
            (vec![("parse", 1_051), ("verify", 1_000)], vec!["parse: 1051, accepted 1000 (+5 %)"]),
            (vec![("parse", 1_000)], vec!["verify: not counted"]),
            (vec![("parse", 1), ("verify", 1), ("reply", 7)], vec!["reply: 7, none accepted"]),
        ] {
            let counted = counts(counted);
            assert_eq!(grown(&counted, &accepted), expected, "{counted:?}");
        }
    }
}
