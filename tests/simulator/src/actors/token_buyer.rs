//! A buyer of tokens on chain: pays at Stripe, and Fireblocks sends the tokens. The transfer goes on status by status,
//! fails, hangs, or is reported twice; its webhooks overtake each other; the keys that sign them are rotated. Every
//! other buyer wants a refund within minutes, while the request of the transfer may be unanswered.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use fakes::FireblocksFate;
use fastrand::Rng;
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use serde_json::Value;

use super::calls::{erase, open_server};
use super::claims::{self, Claim, Claims, Paid};
use super::click::{click, register};
use super::{Actor, TOKEN_BUYER, times};
use crate::custodian;
use crate::mark::Mark;
use crate::outbox::Sender;
use crate::truth::{Grant, OrderTruth, PaymentTruth, Truth};
use crate::world::World;

const STEPS_MAX: usize = 12;
const CHECKOUT: &str = "/api/pay/checkout";
/// The worker retries a request that was not answered after a minute.
const HASTE_MAX_MS: u64 = 120_000;
const CARD: &str = "4242424242424242";
const GRANT: Grant = Grant { whole: 10_000_000_000_000_000_000, is_indivisible: false };
/// Its last digits decide what becomes of a transfer.
const WALLET: &str = "0x52908400098527886e0f7030069857d2e4";
const FATES: [&str; 10] = ["9ee7", "9ee7", "9ee7", "0001", "0002", "0003", "0004", "0005", "0006", "0007"];

#[derive(Debug, Clone, Copy)]
enum Act {
    Click,
    Pay,
    /// Every transfer goes on by one status.
    GoOn,
    /// Fireblocks publishes another key beside the known ones, signs with it, or withdraws the old one.
    RotateKeys,
    Claim(Claim),
    /// What names the buyer is to be erased, whatever has been paid or sent.
    Erase,
}

struct TokenBuyer {
    number: usize,
    fate: &'static str,
    steps: Vec<(Duration, Act)>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    sessions: Vec<String>,
    claims: Claims,
}

pub(super) fn draw(number: usize, rng: &mut Rng, horizon: Duration) -> Box<dyn Actor> {
    let act = |rng: &mut Rng| match rng.u8(0..18) {
        0 => Act::Click,
        16 | 17 => Act::Erase,
        1 | 2 => Act::Pay,
        3..=9 => Act::GoOn,
        10 | 11 => Act::RotateKeys,
        _ => Act::Claim(claims::draw(rng)),
    };
    let count = rng.usize(2..=STEPS_MAX);
    let mut times = times(rng, count, horizon);
    times.sort();
    let begins = [Act::Click, Act::Pay];
    let mut acts: Vec<Act> = (0..count).map(|n| if n < 2 { begins[n] } else { act(rng) }).collect();
    if count > 2 && rng.bool() {
        times[2] = times[2].min(times[1] + Duration::from_millis(rng.u64(0..HASTE_MAX_MS)));
        acts[2] = Act::Claim(claims::draw_demand(rng));
    }
    let fate = FATES[rng.usize(0..FATES.len())];
    Box::new(TokenBuyer { number, fate, steps: times.into_iter().zip(acts).collect(), known: Mutex::default() })
}

impl TokenBuyer {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().expect("one thread")
    }

    fn name(&self) -> String {
        format!("token-buyer-{}", self.number)
    }

    /// Two buyers have different wallets.
    fn wallet(&self) -> String {
        format!("{WALLET}{:02}{}", self.number, self.fate)
    }

    async fn click(&self, world: &World, mark: Mark) {
        let request = format!(r#"{{"product":"posx-10","wallet":"{}"}}"#, self.wallet());
        let Some(body) = click(world, &self.name(), (CHECKOUT, &request), mark).await else { return };
        if let Some(session) = body["sessionId"].as_str() {
            self.known().sessions.push(session.to_owned());
        }
    }

    fn pay(&self, world: &World) {
        let Some(session) = self.known().sessions.last().cloned() else { return };
        for text in world.fakes.stripe.pay(&session, CARD, world.now_s()).events {
            let event: Value = serde_json::from_str(&text).expect("JSON");
            let object = &event["data"]["object"];
            if event["type"] == "checkout.session.completed" {
                let field = |name: &str| object[name].as_str().expect("a text").to_owned();
                let amount = object["amount_total"].as_i64().expect("an amount").into();
                let truth = PaymentTruth { paid: amount, ..PaymentTruth::default() };
                let paid = Paid { order: field("client_reference_id"), currency: field("currency"), truth };
                self.known().claims.payments.insert(field("payment_intent"), paid);
            }
            world.outbox.add(Sender::Stripe, text);
        }
    }
}

impl Actor for TokenBuyer {
    fn kind(&self) -> &'static str {
        TOKEN_BUYER
    }

    fn times(&self) -> Vec<Duration> {
        self.steps.iter().map(|(at, _)| *at).collect()
    }

    fn describe(&self, step: usize) -> String {
        format!("{} ({:?}): {:?}", self.name(), FireblocksFate::of(self.fate), self.steps[step].1)
    }

    fn open<'w>(&'w self, world: &'w World) -> LocalBoxFuture<'w, ()> {
        async {
            register(world, &self.name()).await;
            open_server(world, &self.name(), "admin").await;
        }
        .boxed_local()
    }

    fn step<'w>(&'w self, world: &'w World, step: usize, mark: Mark) -> LocalBoxFuture<'w, ()> {
        async move {
            match self.steps[step].1 {
                Act::Click => self.click(world, mark).await,
                Act::Pay => self.pay(world),
                Act::GoOn => custodian::go_on(world),
                Act::RotateKeys => custodian::rotate(world),
                Act::Claim(claim) => self.known().claims.make(world, self.number, claim),
                Act::Erase => {
                    let (admin, name) = (format!("hs_{}", self.name()), format!("erase-{}-{step}", self.name()));
                    erase(world, &admin, &self.name(), &name, mark).await;
                }
            }
        }
        .boxed_local()
    }

    fn settle<'w>(&'w self, world: &'w World) -> LocalBoxFuture<'w, ()> {
        async { self.known().claims.dispute_ends(world, self.number.is_multiple_of(2)) }.boxed_local()
    }

    fn truth(&self) -> Truth {
        let (known, mut truth) = (self.known(), Truth::default());
        for (intent, paid) in &known.claims.payments {
            let of_order = OrderTruth {
                owner: self.name(),
                payments: [(intent.clone(), paid.truth)].into(),
                grants: [(format!("{}/POSX", self.name()), GRANT)].into(),
                is_on_chain: true,
                ..OrderTruth::default()
            };
            truth.orders.insert(paid.order.clone(), of_order);
        }
        truth
    }
}
