//! Chat, at its edge: requests through the function, over the SDK and an embedded DynamoDB, and fake upstreams behind a
//! faulty network.

mod answers;
mod at_once;
mod crashes;
mod faults;
mod gateways;
mod leaving;
mod metrics;
mod retries;
mod upstreams;

use std::time::Duration;

use api::RandomBits;
use chat::Chat;
use edge::{Invocation, Reply, Settings, Start, StreamService as _};
use idempotency::DynamoLedger;
use ledger::{
    Budget, BudgetChange, CallerKey, Effect, Hold, HoldClosing, HoldState, Holds as _, Limits, Owner, Timestamp, Zone,
};
use providers::Http;
use serde_json::{Value, json};
use testkit::{
    OPENAI_BASE, OPENAI_KEY, OPENAI_SECOND_BASE, OpenAiNet, Sent, Shape, World, api_key, context, deadline, instant,
    mark, now,
};

use crate::lots::later;
use crate::sandbox::{amount, by_hand, top_up};

pub(crate) const KEY: &str = "key-of-alice";
/// Of gpt-4o, in billionths of a credit for a token.
const IN: i128 = 300_000;
const OUT: i128 = 1_200_000;
/// When every hold has expired.
const EXPIRED_S: i64 = 3_600;

/// A shop whose owner alice has so many credits, and its upstreams.
pub(crate) struct Shop {
    pub(crate) world: World,
    pub(crate) net: OpenAiNet,
}

impl Shop {
    pub(crate) async fn new(credits: &str) -> Self {
        let world = World::new();
        api_key(&world.ledger(0), "alice", KEY).await;
        top_up(&world, "top", "alice", credits).await;
        Self { world, net: OpenAiNet::default() }
    }

    /// The function with these settings beside the usual ones.
    pub(crate) async fn chat(&self, ledger: DynamoLedger, seed: u64, more: &[(&str, &str)]) -> Chat<DynamoLedger> {
        let usual = [
            ("STAGE", "local"),
            ("LLM_BASE_URL", OPENAI_BASE),
            ("LLM_MODELS", "gpt-4o,gpt-4o-mini,qwen-2.5-0.5b:free,no-price"),
        ];
        let settings = |pairs: &[(&str, &str)]| {
            Settings::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
        };
        let keys = settings(&[("OPENAI_API_KEY", OPENAI_KEY), ("OPENAI_API_KEY_SECOND", OPENAI_KEY)]);
        let all: Vec<(&str, &str)> = usual.into_iter().chain(more.iter().copied()).collect();
        let start =
            Start::on_machine(self.world.engine.sdk_config(), settings(&all), [("SECRET_ID".to_owned(), keys)].into());
        let chat = chat::assemble(&start.expect("settings"), ledger).await.expect("a function");
        let http = Http::over(self.net.clone(), fastrand::Rng::with_seed(seed));
        chat.over(http, RandomBits::new(testkit::seeded_bits(seed)))
    }

    /// One request to a new sandbox, at the start of the test's time.
    pub(crate) async fn asked(&self, seed: u64, body: &Value) -> Reply {
        let chat = self.chat(self.world.ledger(seed), seed, &[]).await;
        reply_at(&chat, seed, 0, &post(body)).await
    }

    pub(crate) fn balance(&self) -> i128 {
        let books = self.world.books();
        books.check();
        books.balance("alice/credits")
    }

    /// What the open holds of the owner set aside.
    pub(crate) fn held(&self) -> i128 {
        self.world.books().accounts["alice/credits"].held
    }

    /// Closes every hold as the sweep does, after its time.
    pub(crate) async fn expire_all(&self) -> Vec<HoldState> {
        let ledger = self.world.ledger(99);
        let context = later(99, EXPIRED_S);
        let due = ledger.holds_due(context.received_at, 1_000, &context).await.expect("holds").holds;
        let mut states = Vec::new();
        for hold in due {
            states.push(ledger.close_hold(&hold, &HoldClosing::Expire, &context).await.expect("closed").state);
        }
        states
    }

    pub(crate) async fn hold(&self, id: &str) -> Hold {
        let id = ledger::HoldId::new(id).expect("an id");
        self.world.ledger(98).hold(&id, &context(98)).await.expect("a read").expect("a hold")
    }
}

/// The key of alice may spend so much in all.
pub(crate) async fn limited(world: &World, key: &str, total: &str) {
    let limits = Limits { total: Some(amount(total)), ..Limits::default() };
    let change = BudgetChange {
        key: CallerKey::api(key),
        owner: Owner::new("alice").expect("an owner"),
        from: Ok(None),
        to: Budget::new(Zone::default(), limits),
    };
    by_hand(world, "limited", vec![Effect::SetBudget(change)]).await;
}

/// With the second upstream behind the first.
pub(crate) fn second() -> (&'static str, String) {
    let second = json!([{ "name": "second", "base_url": OPENAI_SECOND_BASE, "models": ["gpt-4o"] }]);
    ("LLM_UPSTREAMS", second.to_string())
}

pub(crate) fn request(content: &str) -> Value {
    json!({ "model": "gpt-4o", "max_tokens": 100, "messages": [{ "role": "user", "content": content }] })
}

pub(crate) fn streamed(content: &str) -> Value {
    let mut body = request(content);
    body["stream"] = true.into();
    body
}

/// The gateway's event for a request by alice.
pub(crate) fn post(body: &Value) -> String {
    post_by(KEY, &body.to_string())
}

pub(crate) fn post_by(key: &str, body: &str) -> String {
    let sent = Sent::post("/v1/chat/completions", body.as_bytes()).with("authorization", format!("Bearer {key}"));
    sent.event(Shape::HttpApi)
}

pub(crate) fn moment(attempt: u64, seconds: i64) -> Invocation {
    let within = Duration::from_mins(1);
    let now: Timestamp = now().plus_seconds(seconds);
    Invocation { now, started: instant(), deadline: deadline(within), attempt: mark(attempt) }
}

/// The reply of a sandbox that lives.
pub(crate) async fn reply_at(chat: &Chat<DynamoLedger>, attempt: u64, seconds: i64, event: &str) -> Reply {
    let invocation = moment(attempt, seconds);
    let (responder, reader) = edge::responder(true, invocation.deadline);
    let answer = Box::pin(chat.answer(event, &invocation, responder));
    let ((), reply) = futures_util::future::join(answer, reader.collect()).await;
    reply.expect("a reply")
}

pub(crate) fn json_of(reply: &Reply) -> Value {
    serde_json::from_str(&reply.body).unwrap_or_else(|_| panic!("no JSON: {}", reply.body))
}

pub(crate) fn header<'r>(reply: &'r Reply, name: &str) -> Option<&'r str> {
    reply.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

/// The code of an error, and the field that it names.
pub(crate) fn code_of(reply: &Reply) -> (u16, String, String) {
    let error = &json_of(reply)["error"];
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    assert!(!text("message").is_empty() && !text("type").is_empty(), "{}", reply.body);
    (reply.status, text("code"), text("param"))
}

/// The data of a stream's events.
pub(crate) fn events(reply: &Reply) -> Vec<&str> {
    reply.body.split("\n\n").filter_map(|event| event.trim().strip_prefix("data: ")).collect()
}
