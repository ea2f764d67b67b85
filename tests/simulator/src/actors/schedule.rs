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

struct Schedule(Vec<(Duration, Sweep)>);

pub(super) fn draw(_: usize, rng: &mut Rng, horizon: Duration) -> Box<dyn Actor> {
    let minutes = horizon.as_secs() / 60 + 2;
    let count = rng.usize(0..=RUNS_MAX);
    let mut run = || {
        let minute = Duration::from_secs(60 * rng.u64(0..minutes));
        (minute + Duration::from_millis(rng.u64(0..3_000)), Sweep::ALL[rng.usize(0..Sweep::ALL.len())])
    };
    Box::new(Schedule((0..count).map(|_| run()).collect()))
}

impl Actor for Schedule {
    fn kind(&self) -> &'static str {
        "schedule"
    }

    fn times(&self) -> Vec<Duration> {
        self.0.iter().map(|(at, _)| *at).collect()
    }

    fn describe(&self, step: usize) -> String {
        format!("the schedule starts {}", self.0[step].1.as_str())
    }

    fn open<'w>(&'w self, _: &'w World) -> LocalBoxFuture<'w, ()> {
        ready(()).boxed_local()
    }

    fn step<'w>(&'w self, world: &'w World, step: usize, mark: Mark) -> LocalBoxFuture<'w, ()> {
        world.sweep(self.0[step].1, mark).boxed_local()
    }

    fn settle<'w>(&'w self, _: &'w World) -> LocalBoxFuture<'w, ()> {
        ready(()).boxed_local()
    }

    fn truth(&self) -> Truth {
        Truth::default()
    }
}
