//! The schedules: sweeps that run at whole minutes, more often than they should, and beside each other.

use std::time::Duration;

use fastrand::Rng;
use futures_util::FutureExt as _;
use futures_util::future::{LocalBoxFuture, ready};
use ledger::Sweep;

use super::Actor;
use crate::mark::Mark;
use crate::truth::Truth;
use crate::world::World;

const RUNS_MAX: usize = 8;

/// Beyond what is drawn, each sweep runs regularly: this often within the horizon, and as long again after it.
const REGULAR_RUNS: u32 = 3;

#[derive(Debug, Clone, Copy)]
enum Act {
    Sweep(Sweep),
    ReplayStream,
}

struct Schedule(Vec<(Duration, Act)>);

pub(super) fn draw(_: usize, rng: &mut Rng, horizon: Duration) -> Box<dyn Actor> {
    let minutes = horizon.as_secs() / 60 + 2;
    let count = rng.usize(0..=RUNS_MAX);
    let mut run = || {
        let minute = Duration::from_secs(60 * rng.u64(0..minutes));
        let act = match rng.usize(0..=Sweep::ALL.len()) {
            n if n < Sweep::ALL.len() => Act::Sweep(Sweep::ALL[n]),
            _ => Act::ReplayStream,
        };
        (minute + Duration::from_millis(rng.u64(0..3_000)), act)
    };
    let mut acts: Vec<_> = (0..count).map(|_| run()).collect();
    let pause = (horizon / REGULAR_RUNS).max(Duration::from_mins(1));
    for n in (1..=2 * REGULAR_RUNS).filter(|n| pause * *n <= 2 * horizon) {
        acts.extend(Sweep::ALL.map(|sweep| (pause * n, Act::Sweep(sweep))));
    }
    Box::new(Schedule(acts))
}

impl Actor for Schedule {
    fn kind(&self) -> &'static str {
        "schedule"
    }

    fn times(&self) -> Vec<Duration> {
        self.0.iter().map(|(at, _)| *at).collect()
    }

    fn describe(&self, step: usize) -> String {
        match self.0[step].1 {
            Act::Sweep(sweep) => format!("the schedule starts {}", sweep.as_str()),
            Act::ReplayStream => "the stream is replayed from its start".to_owned(),
        }
    }

    fn open<'w>(&'w self, _: &'w World) -> LocalBoxFuture<'w, ()> {
        ready(()).boxed_local()
    }

    fn step<'w>(&'w self, world: &'w World, step: usize, mark: Mark) -> LocalBoxFuture<'w, ()> {
        async move {
            match self.0[step].1 {
                Act::Sweep(sweep) => _ = world.sweep(sweep, mark).await,
                Act::ReplayStream => world.stream.replay(),
            }
        }
        .boxed_local()
    }

    fn settle<'w>(&'w self, _: &'w World) -> LocalBoxFuture<'w, ()> {
        ready(()).boxed_local()
    }

    fn truth(&self) -> Truth {
        Truth::default()
    }
}
