//! People who pause usage, fulfilment or a sweep, and resume it within hours. Nothing is lost for that, which the other
//! actors know; and nothing is booked or delivered meanwhile.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use fastrand::Rng;
use futures_util::FutureExt as _;
use futures_util::future::{LocalBoxFuture, ready};
use ledger::{
    CommitError, Committed, Effect, EventKey, Ledger as _, Pausable, Pause, PauseError, Pauses, Source, Sweep, Writer,
};
use testkit::Books;
use tokio::time::sleep;

use super::{Actor, times};
use crate::mark::Mark;
use crate::truth::Truth;
use crate::world::World;

const STEPS_MAX: usize = 4;
/// What has begun before a pause is over by then, and so is what a fault applies late.
const UNDER_WAY: Duration = Duration::from_mins(3);
const LASTS_S_MAX: u64 = 2 * 3_600;
/// Another person's change came first, and a process may remember what is paused for some seconds.
const AGAIN: Duration = Duration::from_secs(11);
/// The ids of events that reach us as usage alone. Those of a hold are charged by it, too.
const USAGE: [&str; 4] = ["usage#e", "usage#p", "usage#t", "usage#new-api-"];

/// The ids of what fulfilment books.
const FULFILLED: [&str; 2] = ["grant#", "referral#"];

struct Pauser {
    number: usize,
    steps: Vec<(Duration, Pausable, Duration)>,
    broken: Mutex<Vec<String>>,
}

pub(super) fn draw(number: usize, rng: &mut Rng, horizon: Duration) -> Box<dyn Actor> {
    let count = rng.usize(1..=STEPS_MAX);
    let times = times(rng, count, horizon);
    let what = |rng: &mut Rng| match rng.u8(0..4) {
        0 | 1 => Pausable::Source(Source::Usage),
        2 => Pausable::Fulfil,
        _ => Pausable::Sweep(Sweep::ALL[rng.usize(0..Sweep::ALL.len())]),
    };
    let steps = times.into_iter().map(|at| (at, what(rng), Duration::from_secs(rng.u64(1..=LASTS_S_MAX)))).collect();
    Box::new(Pauser { number, steps, broken: Mutex::default() })
}

/// All that was done so far of what is paused. Of a sweep the other actors see that nothing is lost.
fn done(world: &World, what: Pausable) -> BTreeSet<String> {
    match what {
        Pausable::Source(_) => booked(&world.store.books()),
        Pausable::Fulfil => {
            let calls = world.fakes.unitel.calls().into_iter();
            let calls = calls.map(|(order, calls)| format!("{order}, called {} times", calls.calls));
            let journal = world.store.books().journal.into_keys();
            calls.chain(journal.filter(|key| FULFILLED.iter().any(|start| key.starts_with(start)))).collect()
        }
        Pausable::Sweep(_) => BTreeSet::new(),
    }
}

fn booked(books: &Books) -> BTreeSet<String> {
    let of_holds: BTreeSet<&String> = books.holds.values().map(|hold| &hold.usage).collect();
    let is_usage = |key: &String| USAGE.iter().any(|start| key.starts_with(start)) && !of_holds.contains(key);
    let booked = books.journal.iter().filter(|(key, row)| row.account.is_some() && is_usage(key));
    booked.map(|(key, _)| key.clone()).collect()
}

impl Pauser {
    /// Whether it is changed: nothing is paused twice.
    async fn change(&self, world: &World, id: &str, after: impl Fn(&Pauses) -> Result<Pauses, PauseError>) -> bool {
        loop {
            let known = world.ledger().pauses(&world.context()).await.expect("without a fault");
            let Ok(pauses) = after(&known) else { return false };
            let committed = world.try_by_hand(id, vec![Effect::Pauses(pauses)]).await;
            if !matches!(committed, Err(CommitError::Stale)) {
                assert!(matches!(committed, Ok(Committed::Now(_))), "{id}: {committed:?}");
                return true;
            }
            sleep(AGAIN).await;
        }
    }
}

impl Actor for Pauser {
    fn kind(&self) -> &'static str {
        "pauses"
    }

    fn times(&self) -> Vec<Duration> {
        self.steps.iter().map(|(at, _, _)| *at).collect()
    }

    fn describe(&self, step: usize) -> String {
        let (_, what, lasts) = self.steps[step];
        format!("a person pauses {} for {} s", what.as_str(), lasts.as_secs())
    }

    fn open<'w>(&'w self, _: &'w World) -> LocalBoxFuture<'w, ()> {
        ready(()).boxed_local()
    }

    fn step<'w>(&'w self, world: &'w World, step: usize, _: Mark) -> LocalBoxFuture<'w, ()> {
        async move {
            let (_, what, lasts) = self.steps[step];
            let [paused, resumed] = ["pause", "resume"].map(|word| format!("{word}-{}-{step}", self.number));
            let receipt = EventKey::new(Writer::Manual, &paused).expect("an id");
            let (author, reason) = ("ann".to_owned(), "to see".to_owned());
            let pause = Pause { since: world.now(), author, reason, receipt };
            if !self.change(world, &paused, |known| known.pause(what, pause.clone())).await {
                return;
            }
            sleep(UNDER_WAY).await;
            let before = done(world, what);
            sleep(lasts).await;
            let meanwhile: Vec<String> = done(world, what).difference(&before).cloned().collect();
            if world.store.knows_pauses_at_once() && !meanwhile.is_empty() {
                let wrong = format!("{} was paused, and {meanwhile:?} was done", what.as_str());
                self.broken.lock().expect("one thread").push(wrong);
            }
            self.change(world, &resumed, |known| known.resume(what)).await;
        }
        .boxed_local()
    }

    fn settle<'w>(&'w self, _: &'w World) -> LocalBoxFuture<'w, ()> {
        ready(()).boxed_local()
    }

    fn truth(&self) -> Truth {
        Truth { broken: self.broken.lock().expect("one thread").clone(), ..Truth::default() }
    }
}
