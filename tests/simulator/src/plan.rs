//! The plan of a world, drawn from its seed: actors, steps and faults. It is data, so that a failing world can be made
//! smaller by leaving some of it out.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::actors::{Actor, CAST, GATEWAY_WITH_LOG, ROTATION, SCHEDULE, TALKER, TOKEN_BUYER, WECHAT_BUYER};
use crate::faults::{FaultPlan, Outage, Side};
use crate::mark::Mark;
use crate::sandbox::{Optional, WechatInterface};
use crate::world::Setting;

const SECOND: u64 = 1;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How long actors act.
const HORIZONS_S: [u64; 4] = [10 * SECOND, 10 * MINUTE, 6 * HOUR, 3 * DAY];
/// Most worlds have few faults, since a world in which everything fails proves little.
const PERCENTS: [u8; 6] = [0, 2, 5, 10, 30, 60];
const ACTORS_MAX: usize = 6;

/// What is left out of a world.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cut {
    pub steps: BTreeSet<StepId>,
    /// Calls that do not fail.
    pub faults: BTreeSet<Mark>,
    pub has_no_outages: bool,
}

/// A step of an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StepId {
    pub actor: usize,
    pub step: usize,
}

pub(crate) struct Plan {
    pub actors: Vec<Box<dyn Actor>>,
    /// The steps that are taken, with their times and marks.
    pub steps: Vec<(StepId, Duration, Mark)>,
    pub faults: FaultPlan,
    /// Until then refused events are replayed in the minute in which they are due, and not only now and then.
    pub replays_until: Duration,
    /// When Stripe's endpoint is disabled.
    pub disabled: Option<(Duration, Duration)>,
    /// How the deployment calls WeChat Pay, if it does.
    pub wechat: WechatInterface,
}

impl Plan {
    pub(crate) fn setting(&self) -> Setting {
        let has = |kind: &str| self.actors.iter().any(|actor| actor.kind() == kind);
        Setting {
            faults: self.faults.clone(),
            disabled: self.disabled,
            has_rotation: has(ROTATION),
            optional: Optional {
                wechat: has(WECHAT_BUYER).then_some(self.wechat),
                fireblocks: has(TOKEN_BUYER),
                gateway: has(GATEWAY_WITH_LOG) || has(TALKER),
            },
        }
    }

    pub(crate) fn of(seed: u64, cut: &Cut) -> Self {
        let mark = Mark::of_seed(seed);
        let mut rng = mark.rng();
        let horizon = Duration::from_secs(HORIZONS_S[rng.usize(0..HORIZONS_S.len())]);
        let percent = PERCENTS[rng.usize(0..PERCENTS.len())];
        let mut outage = || {
            let (from, lasts) = (rng.u64(0..horizon.as_secs()), rng.u64(1..=horizon.as_secs().min(6 * HOUR)));
            let side = Side::ALL[rng.usize(0..Side::ALL.len())];
            Outage { side, from: Duration::from_secs(from), until: Duration::from_secs(from + lasts) }
        };
        let outages = [outage(), outage()];
        let outages = outages.into_iter().filter(|_| rng.u8(0..6) == 0);
        let longer = [(4, Side::Operator), (5, Side::Gateway)];
        let longer = longer
            .into_iter()
            .filter_map(|(number, side)| longer_outage(mark.child(u64::MAX).child(number), side, horizon));
        let outages: Vec<Outage> = outages.chain(longer).collect();
        let outages = if cut.has_no_outages { Vec::new() } else { outages };
        let calm_at = horizon + Duration::from_secs(rng.u64(0..=horizon.as_secs()));
        let mut actors = vec![SCHEDULE(0, &mut rng, horizon)];
        for number in 1..=rng.usize(1..=ACTORS_MAX) {
            actors.push(CAST[rng.usize(0..CAST.len())](number, &mut rng, horizon));
        }
        let mut steps = Vec::new();
        for (number, actor) in (0_u64..).zip(&actors) {
            for (step, at) in actor.times().into_iter().enumerate() {
                let id = StepId { actor: steps_actor(number), step };
                let below = mark.child(number).child(u64::try_from(step).expect("few"));
                steps.push((id, at, below));
            }
        }
        steps.retain(|(id, _, _)| !cut.steps.contains(id));
        let mut of_endpoint = mark.child(u64::MAX).child(0).rng();
        let from = Duration::from_secs(of_endpoint.u64(0..horizon.as_secs()));
        let until = from + Duration::from_secs(of_endpoint.u64(1..=horizon.as_secs()));
        let disabled = (of_endpoint.u8(0..4) == 0 && !cut.has_no_outages).then_some((from, until));
        let is_minutely = mark.child(u64::MAX).child(2).rng().u8(0..4) > 0;
        let replays_until = if is_minutely { calm_at } else { Duration::ZERO };
        let hot = hot(mark, horizon).filter(|_| !cut.has_no_outages);
        let faults = FaultPlan { percent, outages, hot, calm_at, spared: cut.faults.clone() };
        let is_in_cloud = mark.child(u64::MAX).child(1).rng().u8(0..4) == 0;
        let wechat = if is_in_cloud { WechatInterface::CloudRun } else { WechatInterface::V3 };
        Self { actors, steps, faults, replays_until, disabled, wechat }
    }
}

/// Some are down more often and longer than the others: an operator, whose top-ups wait, and a gateway, whose log does.
fn longer_outage(mark: Mark, side: Side, horizon: Duration) -> Option<Outage> {
    let mut rng = mark.rng();
    let (from, lasts) = (rng.u64(0..=horizon.as_secs() / 2), rng.u64(1..=horizon.as_secs()));
    let (from, lasts) = (Duration::from_secs(from), Duration::from_secs(lasts));
    rng.bool().then_some(Outage { side, from, until: from + lasts })
}

fn hot(mark: Mark, horizon: Duration) -> Option<(Duration, Duration)> {
    let mut rng = mark.child(u64::MAX).child(3).rng();
    let from = Duration::from_secs(rng.u64(0..horizon.as_secs()));
    let until = from + Duration::from_secs(rng.u64(1..=horizon.as_secs().min(6 * HOUR)));
    (rng.u8(0..4) == 0).then_some((from, until))
}

fn steps_actor(number: u64) -> usize {
    usize::try_from(number).expect("few")
}
