//! A client of chat, whole and streamed, that pays from an account which may run dry, with a key that may have a budget
//! and a rate. It sends images, reads slowly or leaves. Its upstreams fail in every way, one after the other or all at
//! once, and report their uses by a webhook, and the first one in a log as well: before, during and after the call.

mod client;
mod reports;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use fastrand::Rng;
use futures_util::FutureExt as _;
use futures_util::future::{LocalBoxFuture, join};
use ledger::{
    Asset, Backlog as _, Budget, CallRate, CallerKey, Effect, EventKey, Guard, House, KeyChange, KeySettings, MoneyKey,
    Movement, Owner, Posting, Sweep, Writer,
};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{Actor, TALKER, budget, credits, times, units};
use crate::mark::Mark;
use crate::truth::{BudgetTruth, CallTruth, Charge, ChatTruth, Truth};
use crate::upstreams::Generated;
use crate::world::World;
use client::{Reading, Received};
use reports::Reports;

const STEPS_MAX: usize = 10;
/// The time of a call, and what a hold outlives it by. Clocks are off by less.
const EXPIRED: Duration = Duration::from_secs(30 + 120 + 60);
/// Words that make an upstream do something. Most calls have none.
const WORDS: [&str; 18] = [
    "fail-400",
    "fail-401@main",
    "fail-429",
    "fail-429-once",
    "fail-500",
    "fail-500@main",
    "fail-500-once",
    "fail-503@main",
    "slow",
    "hangs@main",
    "stalls",
    "breaks",
    "errs-midway",
    "no-usage",
    "huge-usage",
    "no-done",
    "trickle",
    "long",
];
/// With these an answer that arrives whole does not say what it has used.
const WITHOUT_USAGE: [&str; 3] = ["no-usage", "huge-usage", "no-done"];
/// Of a token of the prompt and of the answer, in the smallest unit of credits: the shipped rate card's. And the most
/// tokens of an image.
const MODELS: [(&str, i128, i128, i128); 2] =
    [("gpt-4o", 300_000, 1_200_000, 1_600), ("gpt-4o-mini", 18_000, 72_000, 48_200)];
/// In the first of the rules that answer when no model does.
const GREETING: &str = "are you there?";
/// Codes of what is refused before an upstream is called.
const NEVER_CALLED: [&str; 3] = ["rate_exceeded", "too_many_open_calls", "budget_exceeded"];

#[derive(Debug, Clone)]
struct Request {
    model: usize,
    words: Vec<&'static str>,
    is_stream: bool,
    wants_usage: bool,
    max_tokens: u64,
    reading: Reading,
    reports: Reports,
    is_greeting: bool,
    images: u8,
}

/// One attempt of a client.
#[derive(Debug, Clone)]
struct Called {
    step: usize,
    /// The name of its hold follows from it.
    invocation: Mark,
    /// In its request.
    mark: String,
    body_bytes: usize,
    received: Received,
}

struct Talker {
    number: usize,
    funds: u64,
    budget: Option<Budget>,
    /// The calls of its key in a minute.
    rate: Option<u32>,
    requests: Vec<(Duration, Request)>,
    calls: Mutex<BTreeMap<(usize, u64), Called>>,
    /// What was generated for each call, by its mark.
    generated: Mutex<BTreeMap<String, Vec<Generated>>>,
    broken: Mutex<Vec<String>>,
}

pub(super) fn draw(number: usize, rng: &mut Rng, horizon: Duration) -> Box<dyn Actor> {
    let count = rng.usize(1..=STEPS_MAX);
    let times = times(rng, count, horizon);
    let is_reported = rng.bool();
    // Drawn beside the actor, which acts the same with and without them.
    let mut beside = Rng::with_seed(rng.get_seed());
    let budget = budget::draw(rng);
    let rate = (beside.u8(0..3) == 0).then(|| beside.u32(1..=6));
    let requests = times.into_iter().map(|at| (at, draw_request(rng, &mut beside, is_reported))).collect();
    let funds = [0, 1, 1, 2, 100][rng.usize(0..5)];
    let (calls, generated, broken) = (Mutex::default(), Mutex::default(), Mutex::default());
    Box::new(Talker { number, funds, budget, rate, requests, calls, generated, broken })
}

fn draw_request(rng: &mut Rng, beside: &mut Rng, is_reported: bool) -> Request {
    let count = [0, 0, 0, 1, 2][rng.usize(0..5)];
    Request {
        model: usize::from(rng.u8(0..4) == 0),
        words: (0..count).map(|_| WORDS[rng.usize(0..WORDS.len())]).collect(),
        is_stream: rng.u8(0..3) > 0,
        wants_usage: rng.bool(),
        max_tokens: rng.u64(1..=200),
        reading: Reading::draw(rng),
        reports: if is_reported { Reports::draw(rng) } else { Reports::default() },
        is_greeting: beside.u8(0..4) == 0,
        images: [0, 0, 0, 1, 2][beside.usize(0..5)],
    }
}

impl Request {
    fn body(&self, mark: &str) -> Value {
        let greeting = if self.is_greeting { GREETING } else { "" };
        let content = format!("{} {greeting} {mark}", self.words.join(" "));
        let image = || json!({ "type": "image_url", "image_url": { "url": "https://pictures.invalid/a.png" } });
        let parts =
            || std::iter::once(json!({ "type": "text", "text": content })).chain((0..self.images).map(|_| image()));
        let content = if self.images == 0 { json!(content) } else { parts().collect() };
        let mut body = json!({
            "model": MODELS[self.model].0,
            "messages": [{ "role": "user", "content": content }],
            "max_tokens": self.max_tokens,
        });
        if self.is_stream {
            body["stream"] = true.into();
        }
        if self.is_stream && self.wants_usage {
            body["stream_options"] = json!({ "include_usage": true });
        }
        body
    }
}

impl Talker {
    fn owner(&self) -> Owner {
        Owner::new(&format!("talker-{}", self.number)).expect("an owner")
    }

    fn key(&self) -> String {
        format!("hk_talker_{:032}", self.number)
    }

    /// No mark is a part of another.
    fn mark(&self, step: usize, attempt: u64) -> String {
        format!("t{}s{step}a{attempt}.", self.number)
    }

    /// The call again, as OpenAI's own clients make it, until an answer has begun.
    async fn talk(&self, world: &World, step: usize, mark: Mark) {
        let request = &self.requests[step].1;
        for attempt in 0..client::ATTEMPTS {
            let of_call = self.mark(step, attempt);
            let (invocation, body) = (mark.child(attempt), request.body(&of_call).to_string());
            let called = Called {
                step,
                invocation,
                mark: of_call.clone(),
                body_bytes: body.len(),
                received: Received::default(),
            };
            self.calls.lock().expect("one thread").insert((step, attempt), called);
            let note = |received: &Received| {
                if let Some(called) = self.calls.lock().expect("one thread").get_mut(&(step, attempt)) {
                    called.received = received.clone();
                }
            };
            client::call(world, &self.key(), &body, request, invocation, note).await;
            let received = self.calls.lock().expect("one thread")[&(step, attempt)].received.clone();
            world.detail(|| format!("{of_call} got {:?}, whole: {}", received.status, received.is_whole));
            if !received.is_worth_a_retry() {
                return;
            }
            sleep(Duration::from_millis(500 << attempt)).await;
        }
    }

    async fn report(&self, world: &World, step: usize, mark: Mark) {
        let reports = self.requests[step].1.reports;
        for wrong in reports::follow(world, &format!("t{}s{step}a", self.number), reports, mark).await {
            self.broken.lock().expect("one thread").push(wrong);
        }
    }

    /// What the upstreams have of a call is what they say in the end.
    fn learn(&self, world: &World) {
        let calls = self.calls.lock().expect("one thread");
        let generated = calls.values().map(|called| (called.mark.clone(), world.fakes.llm.generated(&called.mark)));
        *self.generated.lock().expect("one thread") = generated.collect();
    }

    fn call_truth(&self, called: &Called, generated: &[Generated]) -> CallTruth {
        let (request, received) = (&self.requests[called.step].1, &called.received);
        let (_, input, output, of_image) = MODELS[request.model];
        let bytes = u64::try_from(called.body_bytes).expect("short");
        let of_images = i128::from(request.images) * of_image * input;
        let of_prompt = |tokens: u64| i128::from(tokens) * input + of_images;
        let most = of_prompt(bytes) + i128::from(request.max_tokens) * output;
        let estimate = |tokens: u64| (of_prompt(bytes.div_ceil(4)) + i128::from(tokens) * output).min(most);
        let cost = |of: &Generated| {
            (i128::from(of.prompt_tokens) * input + i128::from(of.completion_tokens) * output).min(most)
        };
        let key = |of: &Generated| format!("usage#{}", of.event_id());
        let own = format!("chat-{:032x}", called.invocation.number());
        let is_exact = !request.words.iter().any(|word| WITHOUT_USAGE.contains(word));
        let whole = received.is_whole.then(|| generated.iter().find(|of| received.body.contains(&of.id))).flatten();
        let charge = match received.status {
            Some(200) if received.is_fallback() => Charge::IfExpired,
            // What was charged before the first part, or is charged by the sweep.
            Some(200) if !received.body.is_empty() => Charge::Due,
            Some(402) => Charge::Never,
            Some(429) if NEVER_CALLED.iter().any(|code| received.body.contains(code)) => Charge::Never,
            Some(400..) => Charge::IfExpired,
            _ => Charge::Maybe,
        };
        // Of a model's answer: another one may be generated late for a call that a rule has answered.
        let is_of_model = received.status == Some(200) && !received.is_fallback();
        let first_at = received.first_at.filter(|_| is_of_model);
        CallTruth {
            exact: whole.filter(|_| is_exact).map(|of| -cost(of)),
            // A whole answer is charged under the name by which its upstream reports it.
            key_if_settled: whole.map(key),
            keys: generated.iter().map(key).chain([format!("usage#{own}")]).collect(),
            costs: generated.iter().map(|of| -cost(of)).chain([-most]).collect(),
            estimates: (0..=request.max_tokens).map(|tokens| -estimate(tokens)).collect(),
            at_expiry: -estimate(request.max_tokens.div_ceil(2)),
            named: received.cost.clone(),
            hold: own,
            charge,
            late: generated.iter().filter(|of| first_at.is_some_and(|first| of.at > first)).count(),
            generated: generated.len(),
        }
    }
}

impl Actor for Talker {
    fn kind(&self) -> &'static str {
        TALKER
    }

    fn times(&self) -> Vec<Duration> {
        self.requests.iter().map(|(at, _)| *at).collect()
    }

    fn describe(&self, step: usize) -> String {
        format!("{} asks {:?}", self.owner(), self.requests[step].1)
    }

    fn open<'w>(&'w self, world: &'w World) -> LocalBoxFuture<'w, ()> {
        async {
            let bound = vec![Effect::Bind { key: CallerKey::api(&self.key()), owner: self.owner() }];
            world.by_hand(&format!("talker-key-{}", self.number), bound).await;
            let (key, owner, from) = (CallerKey::api(&self.key()), self.owner(), KeySettings::default());
            let rate = self.rate.map(|calls| CallRate::a_minute(calls).expect("a rate"));
            let to = KeySettings { rate, budget: self.budget, ..from };
            if to != from {
                let change = vec![Effect::Key(Box::new(KeyChange::Set { key, owner, from, to }))];
                world.by_hand(&format!("talker-limits-{}", self.number), change).await;
            }
            if self.funds > 0 {
                let id = format!("talker-funds-{}", self.number);
                let posting =
                    Posting::to_customer(self.owner().account(Asset::CREDITS), House::Manual, credits(self.funds));
                let key = MoneyKey::of_event(&EventKey::new(Writer::Manual, &id).expect("an id"));
                let movement = Movement { key, posting, guard: Guard::Always, reverses: None, lots: Vec::new() };
                world.by_hand(&id, vec![Effect::Move(movement)]).await;
            }
            // The pull has read the log up to now.
            let (read, context) = (world.now_s().to_string(), world.context());
            world.ledger().save_sweep_cursor(Sweep::GatewayLog, Some(&read), &context).await.expect("saved");
        }
        .boxed_local()
    }

    fn step<'w>(&'w self, world: &'w World, step: usize, mark: Mark) -> LocalBoxFuture<'w, ()> {
        async move {
            join(self.talk(world, step, mark.child(0)), self.report(world, step, mark.child(1))).await;
            self.learn(world);
        }
        .boxed_local()
    }

    fn settle<'w>(&'w self, world: &'w World) -> LocalBoxFuture<'w, ()> {
        async {
            sleep(EXPIRED).await;
            world.sweep(Sweep::Holds, world.mark_of(&self.owner().to_string())).await;
            self.learn(world);
        }
        .boxed_local()
    }

    fn truth(&self) -> Truth {
        let account = self.owner().account(Asset::CREDITS).to_string();
        let generated = self.generated.lock().expect("one thread");
        let calls = self.calls.lock().expect("one thread");
        let nothing = Vec::new();
        let of = |called: &Called| self.call_truth(called, generated.get(&called.mark).unwrap_or(&nothing));
        let chat = ChatTruth { funds: units(self.funds), calls: calls.values().map(of).collect() };
        let mut truth = Truth { chats: BTreeMap::from([(account.clone(), chat)]), ..Truth::default() };
        truth.solvent.insert(account);
        if let Some(budget) = self.budget {
            let opened = calls.values().filter_map(|called| {
                let hold = format!("chat-{:032x}", called.invocation.number());
                Some((hold, called.received.opened_at?))
            });
            let of = BudgetTruth { budget, uses: BTreeMap::new(), holds: opened.collect(), is_all_held: true };
            truth.budgets.insert(CallerKey::api(&self.key()).to_string(), of);
        }
        truth.broken.clone_from(&self.broken.lock().expect("one thread"));
        // What a retry has left behind is no owner's: the token belongs to no one.
        truth.may_wait.extend(generated.values().flatten().map(Generated::event_id));
        truth
    }
}
