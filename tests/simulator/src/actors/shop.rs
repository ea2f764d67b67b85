//! Two owners who order over the API under the same idempotency keys, repeat requests, look at each other's orders, and
//! order more than they may have open.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use edge::{Reply, Service as _};
use fastrand::Rng;
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use ledger::{CallerKey, Effect, Owner};
use serde_json::Value;
use testkit::{Sent, Shape};
use tokio::time::sleep;

use super::{Actor, times};
use crate::mark::Mark;
use crate::truth::Truth;
use crate::world::World;

const ORDERS: &str = "/orders";
const BODY: &str = r#"{"product":"credits-1000","provider":"epay"}"#;
const STEPS_MAX: usize = 12;
const KEYS_MAX: u8 = 6;
/// A client tries a request again this often.
const ATTEMPTS_MAX: u64 = 5;
/// By then every order of before has expired.
const EXPIRED_AFTER: Duration = Duration::from_hours(75);

#[derive(Debug, Clone, Copy)]
enum Act {
    /// Both owners may use the same key.
    Order { owner: usize, key: u8 },
    /// Of this owner, or of the other one.
    Show { owner: usize, of: usize, key: u8 },
}

struct Shop {
    number: usize,
    steps: Vec<(Duration, Act)>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The order that each owner got under each key.
    orders: BTreeMap<(usize, u8), String>,
    broken: Vec<String>,
}

pub(super) fn draw(number: usize, rng: &mut Rng, horizon: Duration) -> Box<dyn Actor> {
    let count = rng.usize(1..=STEPS_MAX);
    let times = times(rng, count, horizon);
    let act = |rng: &mut Rng| {
        let (owner, key) = (rng.usize(0..2), rng.u8(0..KEYS_MAX));
        if rng.u8(0..4) == 0 { Act::Show { owner, of: rng.usize(0..2), key } } else { Act::Order { owner, key } }
    };
    let steps = times.into_iter().map(|at| (at, act(rng))).collect();
    Box::new(Shop { number, steps, state: Mutex::default() })
}

impl Shop {
    fn owner(&self, owner: usize) -> Owner {
        Owner::new(&format!("shopper-{}-{owner}", self.number)).expect("an owner")
    }

    fn secret(&self, owner: usize) -> String {
        format!("api-key-of-{}-{owner}", self.number)
    }

    /// One request, again until it is answered. `None`: it never was.
    async fn call(&self, world: &World, owner: usize, request: Sent<'_>, mark: Mark) -> Option<Reply> {
        let request = request.with("authorization", format!("Bearer {}", self.secret(owner))).event(Shape::HttpApi);
        for attempt in 0..ATTEMPTS_MAX {
            let mark = mark.child(attempt);
            let answer = world.invoke(&world.pools.orders, mark, async |orders, invocation| {
                orders.answer(&request, invocation).await
            });
            if let Some(reply) = answer.await.filter(|reply| reply.status < 500) {
                return Some(reply);
            }
            sleep(Duration::from_millis(mark.rng().u64(200..4_000))).await;
        }
        None
    }

    async fn order(&self, world: &World, owner: usize, key: u8, mark: Mark) -> Option<u16> {
        let request = Sent::post(ORDERS, BODY.as_bytes()).with("idempotency-key", format!("order-{key}"));
        let reply = self.call(world, owner, request, mark).await?;
        world.detail(|| format!("{} orders: {}", self.owner(owner), reply.status));
        if reply.status == 201 {
            let body: Value = serde_json::from_str(&reply.body).expect("JSON");
            let number = body["orderNumber"].as_str().unwrap_or_default().to_owned();
            let mut state = self.state.lock().expect("one thread");
            let known = state.orders.entry((owner, key)).or_insert_with(|| number.clone()).clone();
            if known != number {
                state.broken.push(format!("{} got {known} and {number} under one key", self.owner(owner)));
            }
        } else if reply.status != 409 {
            self.broken(format!("{} cannot order: {} {}", self.owner(owner), reply.status, reply.body));
        }
        Some(reply.status)
    }

    async fn show(&self, world: &World, owner: usize, (of, key): (usize, u8), mark: Mark) {
        let Some(number) = self.state.lock().expect("one thread").orders.get(&(of, key)).cloned() else { return };
        let path = format!("{ORDERS}/{number}");
        let Some(reply) = self.call(world, owner, Sent::get(&path, ""), mark).await else { return };
        let expected = if owner == of { 200 } else { 404 };
        if reply.status != expected {
            self.broken(format!("{} sees {number} with status {}", self.owner(owner), reply.status));
        }
    }

    fn broken(&self, text: String) {
        self.state.lock().expect("one thread").broken.push(text);
    }
}

impl Actor for Shop {
    fn kind(&self) -> &'static str {
        "shop"
    }

    fn times(&self) -> Vec<Duration> {
        self.steps.iter().map(|(at, _)| *at).collect()
    }

    fn describe(&self, step: usize) -> String {
        match self.steps[step].1 {
            Act::Order { owner, key } => format!("{} orders under key {key}", self.owner(owner)),
            Act::Show { owner, of, key } => format!("{} looks at order {key} of {}", self.owner(owner), self.owner(of)),
        }
    }

    fn open<'w>(&'w self, world: &'w World) -> LocalBoxFuture<'w, ()> {
        async {
            for owner in 0..2 {
                let (key, secret) = (CallerKey::api(&self.secret(owner)), self.secret(owner));
                world.by_hand(&secret, vec![Effect::Bind { key, owner: self.owner(owner) }]).await;
            }
        }
        .boxed_local()
    }

    fn step<'w>(&'w self, world: &'w World, step: usize, mark: Mark) -> LocalBoxFuture<'w, ()> {
        async move {
            match self.steps[step].1 {
                Act::Order { owner, key } => _ = self.order(world, owner, key, mark).await,
                Act::Show { owner, of, key } => self.show(world, owner, (of, key), mark).await,
            }
        }
        .boxed_local()
    }

    /// An owner with as many open orders as allowed can order again once they have expired.
    fn settle<'w>(&'w self, world: &'w World) -> LocalBoxFuture<'w, ()> {
        async {
            sleep(EXPIRED_AFTER).await;
            let mark = Mark::of_seed(u64::try_from(self.number).expect("few"));
            for owner in 0..2 {
                let status = self.order(world, owner, u8::MAX, mark.child(u64::try_from(owner).expect("few"))).await;
                if status != Some(201) {
                    self.broken(format!("{} cannot order any more: {status:?}", self.owner(owner)));
                }
            }
        }
        .boxed_local()
    }

    fn truth(&self) -> Truth {
        let state = self.state.lock().expect("one thread");
        let mut truth = Truth { broken: state.broken.clone(), ..Truth::default() };
        let distinct: BTreeSet<&String> = state.orders.values().collect();
        if distinct.len() != state.orders.len() {
            truth.broken.push(format!("two owners share an order: {:?}", state.orders));
        }
        truth
    }
}
