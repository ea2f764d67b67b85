//! People who rotate the secrets that we share with senders: first the function knows both, then the other side uses the
//! new one, then the old one is retired. Deliveries that were kept under the old one are replayed later.

use std::time::Duration;

use fastrand::Rng;
use futures_util::FutureExt as _;
use futures_util::future::{LocalBoxFuture, ready};

use super::{Actor, ROTATION, times};
use crate::mark::Mark;
use crate::secrets::{self, Stage};
use crate::truth::Truth;
use crate::world::World;

const SECRETS: [&str; 4] = [secrets::USAGE, secrets::STRIPE, secrets::EPAY, secrets::WECHAT];
/// Three for each secret end its rotation.
const STEPS_MAX: usize = 8;

struct Rotation(Vec<(Duration, &'static str)>);

pub(super) fn draw(_: usize, rng: &mut Rng, horizon: Duration) -> Box<dyn Actor> {
    let count = rng.usize(1..=STEPS_MAX);
    let times = times(rng, count, horizon);
    Box::new(Rotation(times.into_iter().map(|at| (at, SECRETS[rng.usize(0..SECRETS.len())])).collect()))
}

impl Actor for Rotation {
    fn kind(&self) -> &'static str {
        ROTATION
    }

    fn times(&self) -> Vec<Duration> {
        self.0.iter().map(|(at, _)| *at).collect()
    }

    fn describe(&self, step: usize) -> String {
        format!("the rotation of the secret of {} goes on", self.0[step].1)
    }

    fn open<'w>(&'w self, _: &'w World) -> LocalBoxFuture<'w, ()> {
        ready(()).boxed_local()
    }

    fn step<'w>(&'w self, world: &'w World, step: usize, _: Mark) -> LocalBoxFuture<'w, ()> {
        async move {
            let (secret, time) = (self.0[step].1, world.now().to_string());
            let stage = world.secrets.advance(secret, time.split('T').next().unwrap_or_default());
            if stage == Stage::Switched {
                world.fakes.switch(secret);
            }
            world.detail(|| format!("the secret of {secret} is {stage:?}"));
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
