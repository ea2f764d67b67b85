//! A gateway that reports what was used and not what it cost. Each use has the price of the rate card at its time, once,
//! however late it is reported and whatever the card says by then. A model without a price waits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use fastrand::Rng;
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use ledger::{Asset, CallerKey, Effect, EventKey, Guard, House, MoneyKey, Movement, Owner, Posting, Timestamp, Writer};
use serde_json::json;

use super::{Actor, credits, times, units};
use crate::mark::Mark;
use crate::postman::report_use;
use crate::rate_card::{BEFORE, MODEL, SINCE, UNPRICED, changed_at};
use crate::truth::{Expected, Truth};
use crate::world::World;

const PAUSES_S: [u64; 7] = [1, 5, 60, 300, 1_800, 7_200, 18_000];
const STEPS_MAX: usize = 8;
const TOKENS_MAX: u64 = 5_000;
/// Uses are at most so long before and after that.
const AROUND_S: i64 = 3_600;

/// Of the card: a hundred credits for a dollar, and a fifth more. In units of a credit for a billionth of a dollar.
const TIMES: u128 = 120;
const MILLION: u128 = 1_000_000;

#[derive(Debug, Clone, Copy)]
struct Use {
    at: Timestamp,
    /// Each part is within its whole.
    input: u64,
    cached: u64,
    written: u64,
    output: u64,
    reasoning: u64,
    is_priced: bool,
}

struct Gateway {
    number: usize,
    is_funded: bool,
    uses: Vec<Use>,
    /// When each is reported. One may be reported twice.
    steps: Vec<(Duration, usize)>,
    answers: Mutex<BTreeMap<usize, BTreeSet<u16>>>,
    topped_up: Mutex<u64>,
}

pub(super) fn draw(number: usize, rng: &mut Rng, horizon: Duration) -> Box<dyn Actor> {
    let uses: Vec<Use> = (0..rng.usize(1..=5)).map(|_| draw_use(rng)).collect();
    let count = rng.usize(1..=STEPS_MAX);
    let times = times(rng, count, horizon);
    let steps = times.into_iter().map(|at| (at, rng.usize(0..uses.len()))).collect();
    let is_funded = rng.u8(0..3) > 0;
    Box::new(Gateway { number, is_funded, uses, steps, answers: Mutex::default(), topped_up: Mutex::default() })
}

fn draw_use(rng: &mut Rng) -> Use {
    let (input, output) = (rng.u64(0..=TOKENS_MAX), rng.u64(0..=TOKENS_MAX));
    let cached = rng.u64(0..=input);
    let written = if rng.bool() { 0 } else { rng.u64(0..=input - cached) };
    let reasoning = if rng.bool() { 0 } else { rng.u64(0..=output) };
    let at = match rng.u8(0..4) {
        0 => changed_at(),
        1 => changed_at().plus_seconds(-1),
        _ => changed_at().plus_seconds(rng.i64(-AROUND_S..AROUND_S)),
    };
    Use { at, input, cached, written, output, reasoning, is_priced: rng.u8(0..8) > 0 }
}

impl Use {
    /// In the smallest unit, rounded up once.
    fn cost(&self) -> i128 {
        let prices = if self.at < changed_at() { BEFORE } else { SINCE };
        let Self { input, cached, written, output, reasoning, .. } = *self;
        let counts = [input - cached - written, cached, written, output - reasoning, reasoning];
        let sum: u128 =
            counts.iter().zip(prices).map(|(count, price)| u128::from(*count) * u128::from(price) * TIMES).sum();
        i128::try_from(sum.div_ceil(MILLION)).expect("small")
    }
}

impl Gateway {
    fn owner(&self) -> Owner {
        Owner::new(&format!("priced-{}", self.number)).expect("an owner")
    }

    fn account(&self) -> String {
        self.owner().account(Asset::CREDITS).to_string()
    }

    fn key_id(&self) -> String {
        format!("priced-key-{}", self.number)
    }

    fn event_id(&self, number: usize) -> String {
        let kind = if self.uses[number].is_priced { "metered" } else { UNPRICED };
        format!("p{}-{kind}-{number}", self.number)
    }

    async fn top_up(&self, world: &World, id: &str) {
        let posting = Posting::to_customer(self.owner().account(Asset::CREDITS), House::Manual, credits(1));
        let key = MoneyKey::of_event(&EventKey::new(Writer::Manual, id).expect("an id"));
        let movement = Movement { key, posting, guard: Guard::Always, reverses: None, lots: Vec::new() };
        world.by_hand(id, vec![Effect::Move(movement)]).await;
        *self.topped_up.lock().expect("one thread") += 1;
    }

    fn body(&self, number: usize) -> String {
        let Use { at, input, cached, written, output, reasoning, is_priced } = self.uses[number];
        let data = json!({
            "remoteKeyId": self.key_id(), "model": if is_priced { MODEL } else { UNPRICED }, "promptTokens": input,
            "completionTokens": output, "totalTokens": input + output, "cachedTokens": cached,
            "cacheWriteTokens": written, "reasoningTokens": reasoning,
        });
        json!({ "eventId": self.event_id(number), "eventType": "usage", "timestamp": at.unix_ms(), "data": data })
            .to_string()
    }

    /// Again until a final answer; 402 and 404 are final, since the event is kept.
    async fn send(&self, world: &World, number: usize, mark: Mark) {
        self.answers.lock().expect("one thread").entry(number).or_default();
        let body = self.body(number);
        let answer = report_use(world, &self.event_id(number), &body, &PAUSES_S, mark).await;
        self.answers.lock().expect("one thread").entry(number).or_default().extend(answer);
    }
}

impl Actor for Gateway {
    fn kind(&self) -> &'static str {
        "usage by the rate card"
    }

    fn times(&self) -> Vec<Duration> {
        self.steps.iter().map(|(at, _)| *at).collect()
    }

    fn describe(&self, step: usize) -> String {
        let number = self.steps[step].1;
        format!("gateway {} reports {}, {:?}", self.number, self.event_id(number), self.uses[number])
    }

    fn open<'w>(&'w self, world: &'w World) -> LocalBoxFuture<'w, ()> {
        async {
            let key = CallerKey::remote(&self.key_id()).expect("a key");
            let bound = vec![Effect::Bind { key, owner: self.owner() }];
            world.by_hand(&self.key_id(), bound).await;
            if self.is_funded {
                self.top_up(world, &format!("priced-funds-{}", self.number)).await;
            }
        }
        .boxed_local()
    }

    fn step<'w>(&'w self, world: &'w World, step: usize, mark: Mark) -> LocalBoxFuture<'w, ()> {
        self.send(world, self.steps[step].1, mark).boxed_local()
    }

    fn settle<'w>(&'w self, world: &'w World) -> LocalBoxFuture<'w, ()> {
        async move { self.top_up(world, &format!("priced-settle-{}", self.number)).await }.boxed_local()
    }

    fn truth(&self) -> Truth {
        let mut truth = Truth::default();
        truth.by_hand.insert(self.account(), units(*self.topped_up.lock().expect("one thread")));
        truth.solvent.insert(self.account());
        truth.may_wait.insert(format!("p{}-{UNPRICED}-", self.number));
        for (number, statuses) in self.answers.lock().expect("one thread").iter() {
            let (id, used) = (self.event_id(*number), self.uses[*number]);
            let wrong =
                statuses.iter().find(|status| matches!(status, 400 | 409) || !used.is_priced && **status == 200);
            truth.broken.extend(wrong.map(|status| format!("{id} was answered {status}")));
            if used.is_priced {
                let any_of = BTreeSet::from([-used.cost()]);
                let expected = Expected { account: self.account(), any_of, is_due: !statuses.is_empty() };
                truth.postings.insert(format!("usage#{id}"), expected);
            }
        }
        truth
    }
}
