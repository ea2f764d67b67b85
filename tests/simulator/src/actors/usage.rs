//! An LLM gateway that sends the usage events of one owner's key: again until it gets a final answer, twice at once, out
//! of order, before the key is bound, beyond the balance. Beside it, a sender that uses an id twice, and a forger.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use edge::Service as _;
use fastrand::Rng;
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use ledger::{
    Asset, Budget, CallerKey, Effect, EventKey, Guard, House, MoneyKey, Movement, Owner, Posting, Timestamp, Writer,
};
use serde_json::Value;
use signing::{Strength, hmac_hex};
use testkit::{Sent, Shape};
use tokio::time::sleep;

use super::{Actor, budget, times};
use crate::mark::Mark;
use crate::truth::{BudgetTruth, Expected, Truth};
use crate::world::World;

/// The pauses of a gateway that sends until it gets a final answer, in seconds.
const PAUSES_S: [u64; 9] = [1, 5, 60, 300, 1_800, 7_200, 18_000, 36_000, 50_000];
const EVENTS: &str = "/api/webhooks/events";
const BATCH: &str = "/api/webhooks/events/batch";
/// A gateway with a budget reports so long after the use.
const BEFORE_S: i64 = 3_600;
const STEPS_MAX: usize = 10;
/// Settles whatever was sent.
const ENOUGH: u64 = 1_000;
const SHAPES: [Shape; 3] = [Shape::HttpApi, Shape::FunctionUrl, Shape::RestApi];

static FORGED: LazyLock<hmac_hex::Keys> = LazyLock::new(|| {
    hmac_hex::Keys::parse("a-secret-that-an-attacker-has-made-up-0123456", Strength::Deployed).expect("a secret")
});

/// Each event has its number as part of its id, and its cost.
#[derive(Debug, Clone)]
enum Act {
    /// Delivers until a final answer; `stops_when_kept`: 402 and 404 are final, too.
    Send {
        event: u8,
        cost: u64,
        stops_when_kept: bool,
    },
    /// The same with several events in one request, perhaps one id with two costs.
    Batch {
        events: Vec<(u8, u64)>,
        stops_when_kept: bool,
    },
    Forge {
        event: u8,
        cost: u64,
    },
    TopUp(u64),
}

struct Gateway {
    number: usize,
    funds: u64,
    /// The key is bound at the start, or only with a top-up, or when people settle.
    starts_bound: bool,
    /// Of a key that is bound at the start: no use of it comes before.
    budget: Option<Budget>,
    is_bound: Mutex<bool>,
    steps: Vec<(Duration, Act)>,
    /// The events that give their cost back.
    refunds: BTreeSet<u8>,
    /// The final answers to each event and cost that was sent.
    answers: Mutex<BTreeMap<(u8, u64), BTreeSet<u16>>>,
    topped_up: Mutex<u64>,
}

pub(super) fn draw(number: usize, rng: &mut Rng, horizon: Duration) -> Box<dyn Actor> {
    let costs: Vec<u64> = (0..rng.usize(1..=5)).map(|_| rng.u64(0..=8)).collect();
    let refunds = (0_u8..).zip(&costs).filter(|_| rng.u8(0..6) == 0).map(|(event, _)| event).collect();
    let count = rng.usize(1..=STEPS_MAX);
    let times = times(rng, count, horizon);
    let act = |rng: &mut Rng| {
        let event = rng.u8(0..u8::try_from(costs.len()).expect("few"));
        let cost = costs[usize::from(event)];
        match rng.u8(0..16) {
            // The same id with another cost.
            0 => Act::Send { event, cost: cost + 1, stops_when_kept: rng.bool() },
            1 => Act::Forge { event, cost: rng.u64(0..=9) },
            5..=7 => {
                let mut events: Vec<(u8, u64)> = (0_u8..).zip(costs.iter().copied()).collect();
                rng.shuffle(&mut events);
                events.truncate(rng.usize(1..=events.len()));
                events.extend((rng.u8(0..4) == 0).then_some((event, cost + 1)));
                events.extend((rng.u8(0..4) == 0).then_some((event, cost)));
                Act::Batch { events, stops_when_kept: rng.bool() }
            }
            // Owners pay when they run out, and what was refused is booked then.
            2..=4 => Act::TopUp(rng.u64(1..=9)),
            _ => Act::Send { event, cost, stops_when_kept: rng.bool() },
        }
    };
    let (funds, starts_bound, steps) =
        (rng.u64(0..=12), rng.u8(0..3) > 0, times.into_iter().map(|at| (at, act(rng))).collect());
    Box::new(Gateway {
        number,
        funds,
        starts_bound,
        budget: budget::draw(rng).filter(|_| starts_bound),
        is_bound: Mutex::default(),
        steps,
        refunds,
        answers: Mutex::default(),
        topped_up: Mutex::default(),
    })
}

impl Gateway {
    fn owner(&self) -> Owner {
        Owner::new(&format!("gateway-{}", self.number)).expect("an owner")
    }

    fn account(&self) -> String {
        self.owner().account(Asset::CREDITS).to_string()
    }

    fn event_id(&self, event: u8) -> String {
        format!("e{}-{event}", self.number)
    }

    async fn bind(&self, world: &World) {
        if mem::replace(&mut *self.is_bound.lock().expect("one thread"), true) {
            return;
        }
        let (key, owner) = (self.key(), self.owner());
        let bound = vec![Effect::Bind { key: key.clone(), owner: owner.clone() }];
        world.by_hand(&format!("key-{}", self.number), bound).await;
        budget::set(world, &key, &owner, self.budget).await;
    }

    fn key(&self) -> CallerKey {
        CallerKey::remote(&format!("key-{}", self.number)).expect("a key")
    }

    /// When the event took place: well before any clock receives it, however far that is off.
    fn used_at(&self, event: u8) -> Timestamp {
        let is_of = |act: &Act| match act {
            Act::Send { event: of, .. } => *of == event,
            Act::Batch { events, .. } => events.iter().any(|(of, _)| *of == event),
            Act::Forge { .. } | Act::TopUp(_) => false,
        };
        let first = self.steps.iter().filter(|(_, act)| is_of(act)).map(|(at, _)| *at).min();
        testkit::now().plus(first.unwrap_or_default()).plus_seconds(-BEFORE_S)
    }

    /// What the kept events cost beyond what the owner has: the last of them then takes the balance to zero. `None` if an
    /// event was never answered, and may or may not be booked.
    fn owed(&self) -> Option<u64> {
        let answers = self.answers.lock().expect("one thread");
        let mut costs = BTreeMap::new();
        for ((event, cost), statuses) in answers.iter() {
            let known = costs.entry(event).or_insert(None);
            *known = known.or((!statuses.is_empty()).then_some(*cost));
        }
        let mut has = *self.topped_up.lock().expect("one thread");
        let mut owes = 0;
        for (event, cost) in costs {
            *if self.refunds.contains(event) { &mut has } else { &mut owes } += cost?;
        }
        Some(owes.saturating_sub(has))
    }

    async fn top_up(&self, world: &World, id: &str, credits: u64) {
        if credits == 0 {
            return;
        }
        let amount = Asset::CREDITS.parse(&credits.to_string()).expect("an amount");
        let posting = Posting::to_customer(self.owner().account(Asset::CREDITS), House::Manual, amount);
        let key = MoneyKey::of_event(&EventKey::new(Writer::Manual, id).expect("an id"));
        let movement = Movement { key, posting, guard: Guard::Always, reverses: None, lots: Vec::new() };
        world.by_hand(id, vec![Effect::Move(movement)]).await;
        *self.topped_up.lock().expect("one thread") += credits;
    }

    async fn send(&self, world: &World, (event, cost): (u8, u64), stops_when_kept: bool, mark: Mark) {
        self.answers.lock().expect("one thread").entry((event, cost)).or_default();
        for (attempt, pause_s) in (0_u64..).zip(PAUSES_S) {
            let attempt = mark.child(attempt);
            let status = self.deliver(world, (event, cost), world.secrets.of_gateway(), attempt).await;
            world.detail(|| format!("{} for {cost}: {status:?}", self.event_id(event)));
            let is_final = match status {
                Some(200 | 400 | 401 | 409 | 413) => true,
                Some(402 | 404) => stops_when_kept,
                _ => false,
            };
            if let Some(status) = status.filter(|status| matches!(status, 200 | 402 | 404)) {
                self.answers.lock().expect("one thread").entry((event, cost)).or_default().insert(status);
            }
            if is_final {
                return;
            }
            sleep(Duration::from_millis(pause_s * 1_000 + attempt.rng().u64(0..1_000))).await;
        }
    }

    /// The whole request is sent again until every event has a final outcome.
    async fn send_batch(&self, world: &World, events: &[(u8, u64)], stops_when_kept: bool, mark: Mark) {
        for sent in events {
            self.answers.lock().expect("one thread").entry(*sent).or_default();
        }
        let body = Value::from(events.iter().map(|sent| self.event(*sent)).collect::<Vec<_>>()).to_string();
        for (attempt, pause_s) in (0_u64..).zip(PAUSES_S) {
            let attempt = mark.child(attempt);
            let answer = self.post(world, BATCH, &body, world.secrets.of_gateway(), attempt).await;
            world.detail(|| format!("a batch of {}: {answer:?}", self.number));
            if let Some((200, answer)) = answer {
                let statuses = self.statuses(events, &answer);
                if stops_when_kept || !statuses.iter().any(|status| matches!(status, 402 | 404)) {
                    return;
                }
            }
            sleep(Duration::from_millis(pause_s * 1_000 + attempt.rng().u64(0..1_000))).await;
        }
    }

    /// What the answer says of each event, in their order.
    fn statuses(&self, events: &[(u8, u64)], answer: &str) -> Vec<u16> {
        let answer: Value = serde_json::from_str(answer).expect("JSON");
        let results = answer["results"].as_array().expect("the results");
        assert_eq!(results.len(), events.len(), "{answer}");
        let mut answers = self.answers.lock().expect("one thread");
        let statuses = events.iter().zip(results).map(|(sent, result)| {
            let status = u16::try_from(result["status"].as_u64().expect("a status")).expect("a status");
            // Refused for good, or already taken over for another cost. All others are acknowledged.
            if !matches!(status, 400 | 409) {
                answers.entry(*sent).or_default().insert(status);
            }
            status
        });
        statuses.collect()
    }

    fn event(&self, (event, cost): (u8, u64)) -> Value {
        let mut body = testkit::usage(&self.event_id(event), &format!("key-{}", self.number), &cost.to_string());
        if self.refunds.contains(&event) {
            body["eventType"] = "refund".into();
        }
        if self.budget.is_some() {
            body["timestamp"] = self.used_at(event).unix_s().into();
        }
        body
    }

    /// One attempt with one event.
    async fn deliver(&self, world: &World, sent: (u8, u64), keys: &hmac_hex::Keys, mark: Mark) -> Option<u16> {
        let body = self.event(sent).to_string();
        Some(self.post(world, EVENTS, &body, keys, mark).await?.0)
    }

    /// Status and body of the answer. Two copies of one request may arrive.
    async fn post(
        &self,
        world: &World,
        path: &str,
        body: &str,
        keys: &hmac_hex::Keys,
        mark: Mark,
    ) -> Option<(u16, String)> {
        let mut rng = mark.child(100).rng();
        let signature = hmac_hex::sign(keys, body.as_bytes());
        let sent = Sent::post(path, body.as_bytes()).with("x-webhook-signature", signature);
        let request = sent.with("content-type", "application/json").event(SHAPES[rng.usize(0..SHAPES.len())]);
        let is_doubled = rng.u8(0..8) == 0;
        let arrives = |copy: u64| {
            let (pause, request) = (Duration::from_millis(rng.u64(0..150)), &request);
            async move {
                sleep(pause).await;
                let answer = world.invoke(&world.pools.usage, mark.child(copy), async |usage, invocation| {
                    let reply = usage.answer(request, invocation).await;
                    (reply.status, reply.body)
                });
                answer.await
            }
        };
        let mut arrives = arrives;
        if is_doubled {
            let (first, second) = (arrives(0), arrives(1));
            let (first, _) = futures_util::future::join(first, second).await;
            first
        } else {
            arrives(0).await
        }
    }
}

impl Actor for Gateway {
    fn kind(&self) -> &'static str {
        "usage"
    }

    fn times(&self) -> Vec<Duration> {
        self.steps.iter().map(|(at, _)| *at).collect()
    }

    fn describe(&self, step: usize) -> String {
        let id = |event| self.event_id(event);
        match &self.steps[step].1 {
            Act::Send { event, cost, .. } => format!("gateway {} sends {} for {cost}", self.number, id(*event)),
            Act::Batch { events, .. } => {
                let events = events.iter().map(|(event, cost)| format!("{} for {cost}", id(*event)));
                format!("gateway {} sends {} at once", self.number, events.collect::<Vec<_>>().join(", "))
            }
            Act::Forge { event, cost } => format!("an attacker forges {} for {cost}", id(*event)),
            Act::TopUp(credits) => format!("owner {} gets {credits} credits", self.number),
        }
    }

    fn open<'w>(&'w self, world: &'w World) -> LocalBoxFuture<'w, ()> {
        async {
            if self.starts_bound {
                self.bind(world).await;
            }
            self.top_up(world, &format!("funds-{}", self.number), self.funds).await;
        }
        .boxed_local()
    }

    fn step<'w>(&'w self, world: &'w World, step: usize, mark: Mark) -> LocalBoxFuture<'w, ()> {
        async move {
            match self.steps[step].1.clone() {
                Act::Send { event, cost, stops_when_kept } => {
                    self.send(world, (event, cost), stops_when_kept, mark).await;
                }
                Act::Batch { events, stops_when_kept } => {
                    self.send_batch(world, &events, stops_when_kept, mark).await;
                }
                Act::Forge { event, cost } => {
                    let status = self.deliver(world, (event, cost), &FORGED, mark).await;
                    world.detail(|| format!("forged {}: {status:?}", self.event_id(event)));
                }
                Act::TopUp(credits) => {
                    self.bind(world).await;
                    self.top_up(world, &format!("top-up-{}-{step}", self.number), credits).await;
                }
            }
        }
        .boxed_local()
    }

    fn settle<'w>(&'w self, world: &'w World) -> LocalBoxFuture<'w, ()> {
        async {
            self.bind(world).await;
            self.top_up(world, &format!("settle-{}", self.number), self.owed().unwrap_or(ENOUGH)).await;
        }
        .boxed_local()
    }

    fn truth(&self) -> Truth {
        let mut truth = Truth::default();
        let units = |credits: u64| i128::from(credits) * 1_000_000_000;
        truth.by_hand.insert(self.account(), units(*self.topped_up.lock().expect("one thread")));
        truth.solvent.insert(self.account());
        let answers = self.answers.lock().expect("one thread");
        truth.budgets.extend(self.budget.map(|budget| {
            let used = answers.keys().filter(|(event, _)| !self.refunds.contains(event));
            let used = used.map(|(event, _)| (format!("usage#{}", self.event_id(*event)), self.used_at(*event)));
            let of = BudgetTruth { budget, uses: used.collect(), holds: BTreeMap::new(), is_all_held: false };
            (self.key().to_string(), of)
        }));
        let events: BTreeSet<u8> = answers.keys().map(|(event, _)| *event).collect();
        for event in events {
            let sent = answers.iter().filter(|((of, _), _)| *of == event);
            let sent: Vec<(u64, &BTreeSet<u16>)> = sent.map(|((_, cost), statuses)| (*cost, statuses)).collect();
            let taken: BTreeSet<u64> =
                sent.iter().filter(|(_, statuses)| !statuses.is_empty()).map(|(cost, _)| *cost).collect();
            let id = self.event_id(event);
            if taken.len() > 1 {
                truth.broken.push(format!("{id} was taken over for {taken:?}"));
            }
            let costs = if taken.is_empty() { sent.iter().map(|(cost, _)| *cost).collect() } else { taken.clone() };
            let sign = if self.refunds.contains(&event) { 1 } else { -1 };
            let any_of = costs.into_iter().map(|cost| sign * units(cost)).collect();
            let expected = Expected { account: self.account(), any_of, is_due: !taken.is_empty() };
            truth.postings.insert(format!("usage#{id}"), expected);
        }
        truth
    }
}
