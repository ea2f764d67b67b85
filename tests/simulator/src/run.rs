//! Runs the world of a seed: every step at its time, then the quiet, then the checks.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use ledger::{Backlog as _, Provider, Sweep, Work};
use testkit::instant;
use tokio::runtime;
use tokio::time::{Instant, sleep, sleep_until};

use crate::checks::{CHECKS, When, trial_balance};
use crate::custodian;
use crate::event_source_mapping;
use crate::faults::Fired;
use crate::mark::Mark;
use crate::panics;
use crate::plan::{Cut, Plan};
use crate::postman;
use crate::replays;
use crate::store::StoreKind;
use crate::trace::{Line, Lines};
use crate::truth::Truth;
use crate::world::World;

/// The pauses between the last rounds of sweeps, in minutes: refused events back off up to a day, an unpaid order is
/// queried until it is two days old, and a claim waits a month for its payment.
const ROUNDS_MIN: [u64; 14] = [1, 1, 2, 5, 10, 20, 60, 180, 720, 1_440, 1_440, 1_440, 28 * 1_440, 1_440];
/// At least so many rounds: a provider is queried minutes after the last event at the earliest.
const ROUNDS_MIN_COUNT: u64 = 4;
const IDLE_POLL: Duration = Duration::from_mins(10);
/// After the last fault, lost requests have arrived by then.
const SETTLED: Duration = Duration::from_mins(1);

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub check: &'static str,
    pub text: String,
}

/// How a world ended.
#[derive(Debug, Default)]
pub struct Ending {
    pub violations: Vec<Violation>,
    pub fired: Vec<Fired>,
    /// The steps that were taken, by the kind of their actor.
    pub steps: BTreeMap<&'static str, u64>,
    pub lines: Vec<Line>,
}

/// Runs the world of this seed without what is cut.
///
/// # Panics
///
/// If no runtime can be made.
pub fn run(seed: u64, kind: StoreKind, cut: &Cut, lines: Lines) -> Ending {
    let (ending, panics) = panics::caught(|| {
        // Product code seeds its jitter from here.
        fastrand::seed(seed);
        let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(play(seed, kind, cut, lines))
    });
    let mut ending = ending.unwrap_or_default();
    ending.violations.extend(panics.into_iter().map(|text| Violation { check: "panic", text }));
    ending
}

async fn play(seed: u64, kind: StoreKind, cut: &Cut, lines: Lines) -> Ending {
    let plan = Plan::of(seed, cut);
    let world = World::new(seed, kind, &plan.setting(), lines);
    // Boxed, since the futures of all functions are in them.
    tokio::select! {
        biased;
        ending = Box::pin(live(seed, &plan, &world)) => ending,
        () = Box::pin(postman::deliver_all(&world)) => Ending::default(),
        () = Box::pin(event_source_mapping::follow(&world)) => Ending::default(),
        () = Box::pin(replays::follow(&world, plan.replays_until)) => Ending::default(),
    }
}

async fn live(seed: u64, plan: &Plan, world: &World) -> Ending {
    let mut ending = Ending::default();
    for actor in &plan.actors {
        actor.open(world).await;
    }
    let began = Instant::from_std(instant());
    let steps: FuturesUnordered<_> = plan
        .steps
        .iter()
        .map(|(id, at, mark)| {
            let actor = &plan.actors[id.actor];
            *ending.steps.entry(actor.kind()).or_default() += 1;
            async move {
                sleep_until(began + *at).await;
                world.step(|| actor.describe(id.step));
                actor.step(world, id.step, *mark).await;
            }
        })
        .collect();
    steps.collect::<()>().await;
    sleep_until(began + plan.faults.calm_at + SETTLED).await;
    let truth = || {
        let mut truth = Truth::default();
        plan.actors.iter().for_each(|actor| truth.join(actor.truth()));
        let top_ups = world.fakes.unitel.calls().into_iter();
        truth.refunded.clone_from(&world.seen().refunded);
        if world.has_custodian() {
            truth.transfers = custodian::transfers(world);
        }
        truth.top_ups = top_ups.map(|(order, calls)| (order, (calls.calls, calls.given))).collect();
        truth
    };
    check(world, &truth(), When::Calm, &mut ending.violations);
    world.step(|| "nothing fails any more".to_owned());
    let mark = Mark::of_seed(seed).child(u64::MAX);
    // The schedules go on while people settle, which takes days: a backfill does not look back for ever.
    sweep_all(world, mark.child(u64::MAX)).await;
    for actor in &plan.actors {
        actor.settle(world).await;
    }
    while !world.is_idle() {
        sleep(IDLE_POLL).await;
    }
    for (round, pause_min) in (0_u64..).zip(ROUNDS_MIN) {
        sleep(Duration::from_secs(60 * pause_min)).await;
        if world.has_custodian() {
            custodian::go_on(world);
        }
        sweep_all(world, mark.child(round)).await;
        if round >= ROUNDS_MIN_COUNT && is_quiet(world).await {
            break;
        }
    }
    while !world.is_idle() {
        sleep(IDLE_POLL).await;
    }
    check(world, &truth(), When::Quiet, &mut ending.violations);
    let unbalanced = trial_balance::find(world, &world.store.books()).await.into_iter();
    ending.violations.extend(unbalanced.map(|text| Violation { check: trial_balance::NAME, text }));
    ending.fired = world.faults.fired();
    ending.lines = world.trace.take();
    ending
}

async fn sweep_all(world: &World, mark: Mark) {
    for (number, sweep) in (0_u64..).zip(Sweep::ALL) {
        world.sweep(sweep, mark.child(number)).await;
    }
}

/// Whether no event waits, no fulfilment, and no order whose provider is still to be queried: after a reply that cannot
/// be read, the next query of an order comes after a pause of up to its age.
async fn is_quiet(world: &World) -> bool {
    let mut open = 0;
    let payments = Provider::ALL.map(Work::Payment);
    for work in [Work::Fulfilment, Work::PendingExternal].into_iter().chain(payments) {
        open += world.ledger().count_open_orders(work, 1, &world.context()).await.expect("a count");
    }
    open == 0 && world.is_idle() && world.store.books().journal.values().all(|row| !row.needs_attention)
}

fn check(world: &World, truth: &Truth, when: When, violations: &mut Vec<Violation>) {
    let books = world.store.books();
    for check in CHECKS.iter().filter(|check| check.when == when || check.when == When::Always) {
        let found = (check.find)(&books, truth);
        violations.extend(found.into_iter().map(|text| Violation { check: check.name, text }));
    }
}
