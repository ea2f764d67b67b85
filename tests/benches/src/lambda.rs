//! Runs each function in each setting, in rounds that take turns, and then the faults.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::books::Books;
use crate::error::Error;
use crate::faults::{Ended, Stage, Story, is_acknowledged};
use crate::install::Installed;
use crate::progress::print;
use crate::sandbox::{Sandbox, throttled_group};
use crate::store::Store;
use crate::subject::{Subject, Way};

/// A function's timeout in the templates.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The conditions under which a function is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    latency: Duration,
    is_throttled: bool,
    rounds: usize,
    /// Events that are not measured, until the process is warm.
    warming: usize,
    events: usize,
    /// Between two events: a throttled process begins each with the whole of a period.
    pause: Duration,
}

pub(crate) const SETTINGS: [Setting; 3] = [
    Setting {
        name: "0 ms a call",
        latency: Duration::ZERO,
        is_throttled: false,
        rounds: 3,
        warming: 100,
        events: 300,
        pause: Duration::ZERO,
    },
    Setting {
        name: "4 ms a call",
        latency: Duration::from_millis(4),
        is_throttled: false,
        rounds: 2,
        warming: 50,
        events: 100,
        pause: Duration::ZERO,
    },
    Setting {
        name: "4 ms a call, 128 MB",
        latency: Duration::from_millis(4),
        is_throttled: true,
        rounds: 2,
        warming: 10,
        events: 60,
        pause: Duration::from_millis(40),
    },
];

/// What one sandbox was seen to take.
#[derive(Debug, Clone)]
pub(crate) struct Round {
    pub(crate) start: Duration,
    pub(crate) first: Duration,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) cpu: Duration,
    pub(crate) resident_kib: u64,
    pub(crate) operations: Vec<String>,
    /// Of one event.
    pub(crate) write_units: f64,
    pub(crate) bytes: u64,
    pub(crate) connections: u64,
}

/// All rounds of one function in one setting.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) subject: Subject,
    pub(crate) setting: usize,
    pub(crate) rounds: Vec<Round>,
}

#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) measured: Vec<Measured>,
    pub(crate) deployed_bytes: Vec<(Subject, u64)>,
    pub(crate) faults: Vec<(Subject, Story, Ended)>,
}

pub(crate) async fn run(root: &Path, target: &Path) -> Result<Results, Error> {
    let installed = Installed::new(root, target)?;
    let folder = target.join("bench");
    let log = folder.join("functions.log");
    let _ = fs::remove_file(&log);
    let store = Store::serve(&folder).await?;
    let books = Books::open(&store).await?;
    let stage = Stage { store: &store, books: &books, installed: &installed, log: &log };

    let mut results = Results { measured: Vec::new(), deployed_bytes: Vec::new(), faults: Vec::new() };
    for subject in Subject::all() {
        let deployed = subject.program(&installed, &store).deployed;
        results.deployed_bytes.push((subject, Installed::bytes(&deployed)?));
    }
    for (setting, conditions) in SETTINGS.iter().enumerate() {
        if conditions.is_throttled && throttled_group().is_err() {
            print(&format!("{}: not permitted on this machine", conditions.name));
            continue;
        }
        let mut all: Vec<Measured> =
            Subject::all().map(|subject| Measured { subject, setting, rounds: Vec::new() }).collect();
        for round in 0..conditions.rounds {
            for measured in &mut all {
                let Subject { job, way } = measured.subject;
                print(&format!("{}, round {}: {}, {}", conditions.name, round + 1, job.name(), way.name()));
                let ids = format!("{setting}-{round}-{}-{}", job as u8, way as u8);
                measured.rounds.push(stage.round(measured.subject, conditions, &ids).await?);
            }
        }
        results.measured.extend(all);
    }
    for (number, (story, name)) in Story::ALL.into_iter().enumerate() {
        for subject in Subject::all().filter(|subject| subject.way != Way::Floor && story.applies_to(subject.job)) {
            print(&format!("{name}: {}, {}", subject.job.name(), subject.way.name()));
            let id = format!("fault-{number}-{}-{}", subject.job as u8, subject.way as u8);
            let ended = stage.play(subject, story, &id).await?;
            results.faults.push((subject, story, ended));
        }
    }
    Ok(results)
}

impl Stage<'_> {
    /// Starts a sandbox, sends it events, and measures them.
    async fn round(&self, subject: Subject, conditions: &Setting, ids: &str) -> Result<Round, Error> {
        self.store.set_latency(conditions.latency);
        let _ = self.store.take_counts();
        let program = subject.program(self.installed, self.store);
        let mut sandbox = Sandbox::start(&program, self.log).await?;
        if conditions.is_throttled {
            sandbox.throttle()?;
        }
        let first = self.event(subject, &mut sandbox, conditions, &format!("{ids}-first")).await?;
        for number in 0..conditions.warming {
            self.event(subject, &mut sandbox, conditions, &format!("{ids}-warming-{number}")).await?;
        }
        let starting = self.store.take_counts();
        let cpu = sandbox.cpu()?;
        let mut took = Vec::with_capacity(conditions.events);
        for number in 0..conditions.events {
            took.push(self.event(subject, &mut sandbox, conditions, &format!("{ids}-{number}")).await?);
        }
        took.sort_unstable();
        let counts = self.store.take_counts();
        let events = u64::try_from(conditions.events).unwrap_or(1);
        let each = |of: u64| of.div_euclid(events);
        let calls = counts.operations.len().div_euclid(conditions.events);
        let percentile = |percent: usize| took.get(took.len() * percent / 100).copied().unwrap_or_default();
        self.store.set_latency(Duration::ZERO);
        Ok(Round {
            start: sandbox.started_in,
            first,
            p50: percentile(50),
            p99: percentile(99),
            cpu: sandbox.cpu()?.saturating_sub(cpu) / u32::try_from(events).unwrap_or(1),
            resident_kib: sandbox.resident_kib()?,
            operations: counts.operations.into_iter().take(calls).collect(),
            write_units: counts.write_units / f64::from(u32::try_from(events).unwrap_or(1)),
            bytes: each(counts.bytes),
            connections: starting.connections + counts.connections,
        })
    }

    async fn event(
        &self,
        subject: Subject,
        sandbox: &mut Sandbox,
        conditions: &Setting,
        id: &str,
    ) -> Result<Duration, Error> {
        let event = subject.event(self.books, &self.installed.root, id).await?;
        tokio::time::sleep(conditions.pause).await;
        let answer = sandbox.invoke(event, TIMEOUT, self.store).await;
        let answer = answer.ok_or_else(|| Error::failed(format!("{}: no answer to {id}", subject.way.name())))?;
        if !is_acknowledged(&answer) {
            return Err(Error::failed(format!("{}: {id}: {}", subject.way.name(), answer.body)));
        }
        Ok(answer.took)
    }
}
