//! A team whose members' keys a gateway reports: late, again until it gets a final answer, in the periods in which the
//! team pays, before and after them. The team itself tries to become a member of its members.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use edge::Service as _;
use fastrand::Rng;
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use ledger::{
    Asset, BoundKey, CallerKey, CommitError, Decision, Draw, Draws, Effect, Entry, EventKey, Fingerprint, Guard, House,
    JournalHeader, MemberChange, MoneyKey, Movement, Owner, Posting, Timestamp, Writer,
};
use serde_json::json;
use signing::hmac_hex;
use testkit::{Sent, Shape};
use tokio::time::sleep;

use super::{Actor, credits, times, units};
use crate::mark::Mark;
use crate::truth::{Expected, Truth};
use crate::world::World;

const PAUSES_S: [u64; 7] = [1, 5, 60, 300, 1_800, 7_200, 36_000];
const EVENTS: &str = "/api/webhooks/events";
const STEPS_MAX: usize = 8;
const MEMBERS: usize = 2;
/// Pays for whatever was sent.
const ENOUGH: u64 = 1_000;
const HOUR_S: i64 = 60 * 60;

#[derive(Debug, Clone, Copy)]
enum Act {
    /// A use of a member's key, so many hours before it is reported. It was at half past, and no period changes then.
    Use { member: usize, cost: u64, hours_ago: i64 },
    /// The team's own key would draw on a member.
    Join { member: usize },
}

struct Team {
    number: usize,
    funds: u64,
    /// The first hour of the first member's period and the one after its last. The second joins when the world begins.
    period: (i64, i64),
    steps: Vec<(Duration, Act)>,
    /// The time and the payer of each use that was sent, and whether it was answered.
    sent: Mutex<BTreeMap<usize, (Owner, bool)>>,
    broken: Mutex<Vec<String>>,
    /// What each owner was given.
    funded: Mutex<BTreeMap<String, u64>>,
}

pub(super) fn draw(number: usize, rng: &mut Rng, horizon: Duration) -> Box<dyn Actor> {
    let count = rng.usize(1..=STEPS_MAX);
    let times = times(rng, count, horizon);
    let hours = i64::try_from(horizon.as_secs()).expect("days") / HOUR_S;
    let first = rng.i64(0..=hours.max(1));
    let act = |rng: &mut Rng| match rng.u8(0..6) {
        0 => Act::Join { member: rng.usize(0..MEMBERS) },
        _ => Act::Use { member: rng.usize(0..MEMBERS), cost: rng.u64(0..=8), hours_ago: rng.i64(0..5) },
    };
    Box::new(Team {
        number,
        funds: rng.u64(0..=15),
        period: (first, first + rng.i64(1..=hours.max(2))),
        steps: times.into_iter().map(|at| (at, act(rng))).collect(),
        sent: Mutex::default(),
        broken: Mutex::default(),
        funded: Mutex::default(),
    })
}

fn hour(hours: i64) -> Timestamp {
    testkit::now().plus_seconds(hours * HOUR_S)
}

impl Team {
    fn owner(&self) -> Owner {
        Owner::new(&format!("team-{}", self.number)).expect("an owner")
    }

    fn member(&self, member: usize) -> Owner {
        Owner::new(&format!("member-{}-{member}", self.number)).expect("an owner")
    }

    fn key(&self, member: usize) -> CallerKey {
        CallerKey::remote(&format!("member-{}-{member}", self.number)).expect("a key")
    }

    fn own_key(&self) -> CallerKey {
        CallerKey::remote(&format!("team-{}", self.number)).expect("a key")
    }

    fn draws(&self, member: usize) -> Draws {
        let (first, after) = self.period;
        let (since, until) = if member == 0 { (hour(first), Some(hour(after))) } else { (hour(0), None) };
        Draws::new(vec![Draw { payer: self.owner(), since, until }]).expect("one period")
    }

    /// The rule in other words than those of the code under test.
    fn payer(&self, member: usize, sent: Timestamp) -> Owner {
        let (first, after) = if member == 0 { self.period } else { (0, i64::MAX / HOUR_S / 2) };
        let hours = (sent.unix_s() - testkit::now().unix_s()).div_euclid(HOUR_S);
        if (first..after).contains(&hours) { self.owner() } else { self.member(member) }
    }

    async fn fund(&self, world: &World, id: &str, owner: &Owner, sum: u64) {
        if sum > 0 {
            let posting = Posting::to_customer(owner.account(Asset::CREDITS), House::Manual, credits(sum));
            let key = MoneyKey::of_event(&EventKey::new(Writer::Manual, id).expect("an id"));
            let movement = Movement { key, posting, guard: Guard::Always, reverses: None, lots: Vec::new() };
            world.by_hand(id, vec![Effect::Move(movement)]).await;
        }
        let account = owner.account(Asset::CREDITS).to_string();
        *self.funded.lock().expect("one thread").entry(account).or_default() += sum;
    }

    async fn used(&self, world: &World, step: usize, (member, cost, hours_ago): (usize, u64, i64), mark: Mark) {
        let half_past = world.now_s().div_euclid(HOUR_S) * HOUR_S - HOUR_S / 2;
        let sent = Timestamp::from_unix(half_past - hours_ago * HOUR_S).expect("a time");
        self.sent.lock().expect("one thread").insert(step, (self.payer(member, sent), false));
        let name = format!("member-{}-{member}", self.number);
        let mut body = testkit::usage(&self.event_id(step), &name, &cost.to_string());
        body["timestamp"] = json!(sent.unix_s());
        let body = body.to_string();
        for (attempt, pause_s) in (0_u64..).zip(PAUSES_S) {
            let signature = hmac_hex::sign(world.secrets.of_gateway(), body.as_bytes());
            let request = Sent::post(EVENTS, body.as_bytes()).with("x-webhook-signature", signature);
            let request = request.with("content-type", "application/json").event(Shape::HttpApi);
            let status = world.invoke(&world.pools.usage, mark.child(attempt), async |usage, invocation| {
                usage.answer(&request, invocation).await.status
            });
            let status = status.await;
            world.detail(|| format!("{} for {cost}: {status:?}", self.event_id(step)));
            if matches!(status, Some(200 | 402)) {
                self.sent.lock().expect("one thread").entry(step).and_modify(|sent| sent.1 = true);
                return;
            }
            sleep(Duration::from_secs(pause_s)).await;
        }
    }

    /// Refused always, since the second member draws on the team.
    async fn join(&self, world: &World, step: usize, member: usize, mark: Mark) {
        let bound = BoundKey::of(self.owner());
        let change = MemberChange::join(&self.own_key(), &bound, &self.member(member), None, world.now());
        let id = format!("circle-{}-{step}", self.number);
        let header = JournalHeader {
            receipt: EventKey::new(Writer::Manual, &id).expect("an id"),
            writer: Writer::Manual,
            kind: "join_team",
            facts: Vec::new(),
            fingerprints: Fingerprint::of(1, &[("id", &id)]).into(),
            order: None,
        };
        let effects = vec![Effect::Member(Box::new(change.expect("two owners")))];
        let decision = Decision::Record(Entry { header, effects, keeps_body: false, alarm: None });
        let answer = world.command(&decision, mark).await;
        if matches!(answer, Some(Ok(_) | Err(CommitError::Rejected(_) | CommitError::Conflict))) {
            self.broken.lock().expect("one thread").push(format!("{id} was answered with {answer:?}"));
        }
    }

    fn event_id(&self, step: usize) -> String {
        format!("t{}-{step}", self.number)
    }
}

impl Actor for Team {
    fn kind(&self) -> &'static str {
        "team"
    }

    fn times(&self) -> Vec<Duration> {
        self.steps.iter().map(|(at, _)| *at).collect()
    }

    fn describe(&self, step: usize) -> String {
        match self.steps[step].1 {
            Act::Use { member, cost, hours_ago } => {
                format!("{} uses {cost} of {}, reported {hours_ago} hours late", self.member(member), self.owner())
            }
            Act::Join { member } => format!("{} would draw on {}", self.owner(), self.member(member)),
        }
    }

    fn open<'w>(&'w self, world: &'w World) -> LocalBoxFuture<'w, ()> {
        async {
            let bind = Effect::Bind { key: self.own_key(), owner: self.owner() };
            world.by_hand(&format!("team-key-{}", self.number), vec![bind]).await;
            for member in 0..MEMBERS {
                let (key, owner) = (self.key(member), self.member(member));
                let name = format!("{}-{member}", self.number);
                let bind = Effect::Bind { key: key.clone(), owner: owner.clone() };
                world.by_hand(&format!("member-key-{name}"), vec![bind]).await;
                let change = MemberChange { key, owner, from: Draws::default(), to: self.draws(member), budget: None };
                world.by_hand(&format!("member-{name}"), vec![Effect::Member(Box::new(change))]).await;
            }
            self.fund(world, &format!("team-funds-{}", self.number), &self.owner(), self.funds).await;
        }
        .boxed_local()
    }

    fn step<'w>(&'w self, world: &'w World, step: usize, mark: Mark) -> LocalBoxFuture<'w, ()> {
        async move {
            match self.steps[step].1 {
                Act::Use { member, cost, hours_ago } => {
                    self.used(world, step, (member, cost, hours_ago), mark).await;
                }
                Act::Join { member } => self.join(world, step, member, mark).await,
            }
        }
        .boxed_local()
    }

    fn settle<'w>(&'w self, world: &'w World) -> LocalBoxFuture<'w, ()> {
        async {
            let members = (0..MEMBERS).map(|member| self.member(member));
            for owner in members.chain([self.owner()]) {
                self.fund(world, &format!("settle-{owner}"), &owner, ENOUGH).await;
            }
        }
        .boxed_local()
    }

    fn truth(&self) -> Truth {
        let account = |owner: &Owner| owner.account(Asset::CREDITS).to_string();
        let mut truth = Truth { broken: self.broken.lock().expect("one thread").clone(), ..Truth::default() };
        let funded = self.funded.lock().expect("one thread");
        truth.by_hand.extend(funded.iter().map(|(account, sum)| (account.clone(), units(*sum))));
        truth.solvent.extend((0..MEMBERS).map(|member| account(&self.member(member))).chain([account(&self.owner())]));
        for (step, (payer, is_due)) in self.sent.lock().expect("one thread").iter() {
            let Act::Use { cost, .. } = self.steps[*step].1 else { continue };
            let any_of = BTreeSet::from([-units(cost)]);
            let expected = Expected { account: account(payer), any_of, is_due: *is_due };
            truth.postings.insert(format!("usage#{}", self.event_id(*step)), expected);
        }
        truth
    }
}
