//! A service that meters its own calls: it holds credits for a use, and settles the use soon, late or never, or releases
//! the hold, by calls that fail. A gateway reports some of the uses, too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use fastrand::Rng;
use futures_util::FutureExt as _;
use futures_util::future::{LocalBoxFuture, join};
use ledger::{
    Asset, AtExpiry, BoundKey, Budget, BudgetCount, CallerKey, CommitError, Decision, Effect, Entry, EventKey,
    Fingerprint, Guard, Hold, HoldClosing, HoldError, HoldId, HoldTerms, Holds as _, House, JournalHeader, MoneyKey,
    Movement, Owner, Posting, Source, Sweep, Timestamp, Writer,
};
use tokio::time::sleep;

use super::{Actor, budget, credits, times, units};
use crate::mark::Mark;
use crate::truth::{BudgetTruth, Expected, Truth};
use crate::world::World;

const USES_MAX: usize = 6;
const TTL_SECONDS: u32 = 600;
/// A call without an answer is made again after these pauses in seconds.
const PAUSES_S: [u64; 4] = [1, 5, 60, 40_000];
/// A late settlement comes so long after the expiry, before or after the sweep.
const LATE: Duration = Duration::from_hours(30);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Settled,
    SettledLate,
    /// It dies: only the expiry closes the hold.
    Abandoned,
    Released,
    /// A second worker believes that the use took place.
    ReleasedThenSettled,
}

#[derive(Debug, Clone, Copy)]
struct Use {
    held: u64,
    /// No more than is held.
    cost: u64,
    /// What the expiry charges, if it charges anything.
    charge: Option<u64>,
    fate: Fate,
    is_reported: bool,
}

struct Holder {
    number: usize,
    funds: u64,
    budget: Option<Budget>,
    uses: Vec<(Duration, Use)>,
    /// The uses whose charge was acknowledged, or that an open hold charges at its expiry.
    due: Mutex<BTreeSet<usize>>,
    /// Whether a hold may have expired before its settlement, which alone may take the balance below zero.
    is_late: Mutex<bool>,
    /// When each hold was opened, if it was.
    opened: Mutex<BTreeMap<usize, Timestamp>>,
}

pub(super) fn draw(number: usize, rng: &mut Rng, horizon: Duration) -> Box<dyn Actor> {
    let count = rng.usize(1..=USES_MAX);
    let times = times(rng, count, horizon);
    let draw_use = |rng: &mut Rng| {
        let held = rng.u64(1..=9);
        let fates = [
            Fate::Settled,
            Fate::Settled,
            Fate::SettledLate,
            Fate::Abandoned,
            Fate::Released,
            Fate::ReleasedThenSettled,
        ];
        Use {
            held,
            cost: rng.u64(0..=held),
            charge: rng.bool().then(|| rng.u64(0..=held)),
            fate: fates[rng.usize(0..fates.len())],
            is_reported: rng.u8(0..4) == 0,
        }
    };
    let (funds, uses) = (rng.u64(0..=20), times.into_iter().map(|at| (at, draw_use(rng))).collect());
    Box::new(Holder {
        number,
        funds,
        budget: budget::draw(rng),
        uses,
        due: Mutex::default(),
        is_late: Mutex::default(),
        opened: Mutex::default(),
    })
}

impl Holder {
    fn owner(&self) -> Owner {
        Owner::new(&format!("holder-{}", self.number)).expect("an owner")
    }

    fn key(&self) -> CallerKey {
        CallerKey::remote(&format!("holders-{}", self.number)).expect("a key")
    }

    fn id(&self, step: usize) -> String {
        format!("hold-{}-{step}", self.number)
    }

    /// The use's own time, which its report has.
    fn used_at(&self, step: usize) -> Timestamp {
        testkit::now().plus(self.uses[step].0)
    }

    fn usage(&self, step: usize) -> EventKey {
        EventKey::new(Source::Usage, &format!("held-{}-{step}", self.number)).expect("an id")
    }

    fn hold(&self, world: &World, step: usize) -> Hold {
        let Use { held, charge, .. } = self.uses[step].1;
        let terms = HoldTerms {
            account: self.owner().account(Asset::CREDITS),
            amount: credits(held),
            usage: Some(self.usage(step)),
            ttl_seconds: TTL_SECONDS,
            at_expiry: charge.map_or(AtExpiry::Release, |charge| AtExpiry::Charge(credits(charge))),
            note: None,
        };
        let id = HoldId::new(&self.id(step)).expect("an id");
        let hold = Hold::new(id, terms, world.now()).expect("terms");
        let bound = |budget| BoundKey { budget: Ok(Some(budget)), ..BoundKey::of(self.owner()) };
        let opened = self.budget.into_iter().try_fold(hold, |hold, budget| hold.for_key(&self.key(), bound(budget)));
        opened.expect("terms")
    }

    /// What the gateway reports of the use.
    fn reported(&self, step: usize) -> Decision {
        let (receipt, cost) = (self.usage(step), self.uses[step].1.cost);
        let movement = Movement {
            key: MoneyKey::of_event(&receipt),
            posting: Posting::from_customer(self.owner().account(Asset::CREDITS), House::Usage, credits(cost)),
            guard: Guard::SufficientFunds,
            reverses: None,
            lots: Vec::new(),
        };
        let header = JournalHeader {
            fingerprints: Fingerprint::of(1, &[("event", receipt.as_str()), ("cost", &cost.to_string())]).into(),
            receipt,
            writer: Source::Usage.into(),
            kind: "usage",
            facts: Vec::new(),
            order: None,
        };
        let counted = self.budget.filter(|_| cost > 0).map(|budget| {
            Effect::CountInBudget(BudgetCount::of_usage(&self.key(), &budget, credits(cost), self.used_at(step)))
        });
        let effects = std::iter::once(Effect::Move(movement)).chain(counted).collect();
        Decision::Record(Entry { header, effects, keeps_body: false, alarm: None })
    }

    /// The hold, once it is known to be open. `None`: refused, or never answered.
    async fn open_hold(&self, world: &World, step: usize, mark: Mark) -> Option<Hold> {
        let hold = self.hold(world, step);
        // Also if it is never known whether it was opened.
        self.opened.lock().expect("one thread").insert(step, hold.opened_at);
        for (attempt, pause_s) in (0_u64..).zip(PAUSES_S) {
            let call = |ledger: crate::port::PortLedger, context| {
                let hold = hold.clone();
                async move { ledger.open_hold(&hold, &context).await }
            };
            match world.call(mark.child(attempt), call).await {
                Some(Ok(_)) => return Some(hold),
                Some(Err(HoldError::Refused(_))) => return None,
                Some(Err(HoldError::Store(_))) | None => sleep(Duration::from_secs(pause_s)).await,
            }
        }
        None
    }

    /// Whether the closing was acknowledged.
    async fn close(&self, world: &World, hold: &Hold, closing: HoldClosing, mark: Mark) -> bool {
        for (attempt, pause_s) in (0_u64..).zip(PAUSES_S) {
            let call = |ledger: crate::port::PortLedger, context| {
                let (hold, closing) = (hold.clone(), closing.clone());
                async move { ledger.close_hold(&hold, &closing, &context).await }
            };
            let answer = world.call(mark.child(attempt), call).await;
            world.detail(|| format!("{}: {answer:?}", hold.id));
            // Half of the time is for clocks that are off.
            if world.now() >= hold.opened_at.plus_seconds(i64::from(TTL_SECONDS / 2)) {
                *self.is_late.lock().expect("one thread") = true;
            }
            match answer {
                Some(Ok(_)) => return true,
                Some(Err(HoldError::Refused(_))) => return false,
                Some(Err(HoldError::Store(_))) | None => sleep(Duration::from_secs(pause_s)).await,
            }
        }
        false
    }

    async fn used(&self, world: &World, step: usize, mark: Mark) {
        let Use { cost, charge, fate, .. } = self.uses[step].1;
        let Some(hold) = self.open_hold(world, step, mark.child(0)).await else { return };
        let settle = || HoldClosing::Settle { cost: credits(cost), facts: Vec::new(), reported: None };
        let is_charged = match fate {
            Fate::Settled => self.close(world, &hold, settle(), mark.child(1)).await,
            Fate::SettledLate => {
                sleep(LATE).await;
                self.close(world, &hold, settle(), mark.child(1)).await
            }
            Fate::Abandoned => charge.is_some(),
            Fate::Released | Fate::ReleasedThenSettled => {
                let is_released = self.close(world, &hold, HoldClosing::Release, mark.child(1)).await;
                if fate == Fate::ReleasedThenSettled && is_released {
                    // The expiry may have been faster than the release, so that the use is charged.
                    self.close(world, &hold, settle(), mark.child(2)).await
                } else {
                    false
                }
            }
        };
        if is_charged {
            self.due.lock().expect("one thread").insert(step);
        }
    }

    fn counted(&self, budget: Budget, is_late: bool) -> BudgetTruth {
        let opened = self.opened.lock().expect("one thread");
        // What is charged after its release is not refused, since the work was done.
        let is_held = |used: &Use| !used.is_reported && used.fate != Fate::ReleasedThenSettled;
        BudgetTruth {
            budget,
            uses: (0..self.uses.len()).map(|step| (self.usage(step).to_string(), self.used_at(step))).collect(),
            holds: opened.iter().map(|(step, at)| (self.id(*step), *at)).collect(),
            is_all_held: !is_late && self.uses.iter().all(|(_, used)| is_held(used)),
        }
    }

    async fn report(&self, world: &World, step: usize, mark: Mark) {
        if !self.uses[step].1.is_reported {
            return;
        }
        for (attempt, pause_s) in (0_u64..).zip(PAUSES_S) {
            match world.command(&self.reported(step), mark.child(attempt)).await {
                Some(Ok(_)) => {
                    self.due.lock().expect("one thread").insert(step);
                    return;
                }
                Some(Err(CommitError::Rejected(_))) => return,
                Some(Err(_)) | None => sleep(Duration::from_secs(pause_s)).await,
            }
        }
    }
}

impl Actor for Holder {
    fn kind(&self) -> &'static str {
        "holder of credits"
    }

    fn times(&self) -> Vec<Duration> {
        self.uses.iter().map(|(at, _)| *at).collect()
    }

    fn describe(&self, step: usize) -> String {
        let Use { held, cost, charge, fate, is_reported } = self.uses[step].1;
        let reported = if is_reported { ", and reported" } else { "" };
        format!("{} holds {held} for a use of {cost}, {fate:?}, {charge:?} at its expiry{reported}", self.owner())
    }

    fn open<'w>(&'w self, world: &'w World) -> LocalBoxFuture<'w, ()> {
        async {
            let (key, owner) = (self.key(), self.owner());
            world
                .by_hand(&format!("bind-{owner}"), vec![Effect::Bind { key: key.clone(), owner: owner.clone() }])
                .await;
            budget::set(world, &key, &owner, self.budget).await;
            if self.funds > 0 {
                let id = format!("held-{}", self.number);
                let posting =
                    Posting::to_customer(self.owner().account(Asset::CREDITS), House::Manual, credits(self.funds));
                let key = MoneyKey::of_event(&EventKey::new(Writer::Manual, &id).expect("an id"));
                let movement = Movement { key, posting, guard: Guard::Always, reverses: None, lots: Vec::new() };
                world.by_hand(&id, vec![Effect::Move(movement)]).await;
            }
        }
        .boxed_local()
    }

    fn step<'w>(&'w self, world: &'w World, step: usize, mark: Mark) -> LocalBoxFuture<'w, ()> {
        async move {
            join(self.used(world, step, mark.child(0)), self.report(world, step, mark.child(1))).await;
        }
        .boxed_local()
    }

    /// The last hold expires after the last regular sweep of a short world.
    fn settle<'w>(&'w self, world: &'w World) -> LocalBoxFuture<'w, ()> {
        async {
            sleep(Duration::from_secs(2 * u64::from(TTL_SECONDS))).await;
            world.sweep(Sweep::Holds, world.mark_of(&self.owner().to_string())).await;
        }
        .boxed_local()
    }

    fn truth(&self) -> Truth {
        let account = self.owner().account(Asset::CREDITS).to_string();
        let mut truth = Truth { by_hand: BTreeMap::from([(account.clone(), units(self.funds))]), ..Truth::default() };
        let due = self.due.lock().expect("one thread");
        for (step, (_, used)) in self.uses.iter().enumerate() {
            // Whatever comes first stands: what it cost, or what the expiry charges.
            let any_of = [Some(used.cost), used.charge].into_iter().flatten().map(|cost| -units(cost)).collect();
            let expected = Expected { account: account.clone(), any_of, is_due: due.contains(&step) };
            truth.postings.insert(self.usage(step).to_string(), expected);
        }
        let is_late = *self.is_late.lock().expect("one thread");
        truth.budgets.extend(self.budget.map(|budget| (self.key().to_string(), self.counted(budget, is_late))));
        if !is_late {
            truth.solvent.insert(account);
        }
        truth
    }
}
