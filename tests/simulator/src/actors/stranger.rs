//! Events that must pay nothing, although they name an order of ours: of the other mode, in another currency, of another
//! amount, for another provider's order, under a key that is not Stripe's, or signed long ago.

use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use catalog::{Catalog, Choice, SHIPPED};
use edge::Service as _;
use fastrand::Rng;
use futures_util::FutureExt as _;
use futures_util::future::{LocalBoxFuture, ready};
use ledger::{Order, OrderNumber, Owner, Provider};
use serde_json::Value;
use signing::{Strength, stripe};
use testkit::{Sent, Shape};

use super::{Actor, times};
use crate::mark::Mark;
use crate::truth::Truth;
use crate::world::World;

const EVENT: &str = include_str!("../../../../events/stripe/payment_intent_succeeded.json");
const WEBHOOK: &str = "/api/v1/webhooks/stripe/";
const STEPS_MAX: usize = 5;
/// Older than any signature that is accepted, even by a clock that is off.
const OLD_S: i64 = 900;

static FORGED: LazyLock<stripe::Keys> = LazyLock::new(|| {
    stripe::Keys::parse("whsec_that_an_attacker_has_made_up_0123456789", Strength::Local).expect("a secret")
});
static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::parse(SHIPPED).expect("the catalog"));

/// What is wrong with an event. Everything else of it fits its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    Mode,
    Currency,
    Amount,
    Provider,
    Key,
    Time,
}

const WRONG: [Wrong; 6] = [Wrong::Mode, Wrong::Currency, Wrong::Amount, Wrong::Provider, Wrong::Key, Wrong::Time];

struct Stranger {
    number: usize,
    steps: Vec<(Duration, Wrong)>,
    broken: Mutex<Vec<String>>,
}

pub(super) fn draw(number: usize, rng: &mut Rng, horizon: Duration) -> Box<dyn Actor> {
    let count = rng.usize(1..=STEPS_MAX);
    let times = times(rng, count, horizon);
    let steps = times.into_iter().map(|at| (at, WRONG[rng.usize(0..WRONG.len())])).collect();
    Box::new(Stranger { number, steps, broken: Mutex::default() })
}

impl Stranger {
    /// An order that this payment would pay if nothing were wrong with it.
    async fn create(&self, world: &World, step: usize, wrong: Wrong) -> Order {
        let provider = if wrong == Wrong::Provider { Provider::Epay } else { Provider::Stripe };
        let choice = Choice { quantity: 1, provider: Some(provider), ..Choice::default() };
        let terms = CATALOG.product("credits-1000").expect("a product").terms(&choice, None).expect("terms");
        let number = OrderNumber::new(&format!("HL-stranger-{}-{step}", self.number)).expect("a number");
        let owner = Owner::new(&format!("stranger-{}", self.number)).expect("an owner");
        let order = Order::new(number.clone(), owner, terms, world.now());
        world.by_hand(number.as_str(), vec![order.clone().created()]).await;
        order
    }

    async fn send(&self, world: &World, step: usize, wrong: Wrong, mark: Mark) {
        let order = self.create(world, step, wrong).await;
        let price = order.terms.price;
        let mut amount = i64::try_from(price.amount.units()).expect("a price");
        if wrong == Wrong::Amount {
            amount -= 1;
        }
        let currency = if wrong == Wrong::Currency { "usd".to_owned() } else { price.currency.as_str().to_lowercase() };
        let mut event: Value = serde_json::from_str(EVENT).expect("JSON");
        event["id"] = format!("evt_stranger_{}_{step}", self.number).into();
        event["created"] = world.now_s().into();
        event["livemode"] = (wrong == Wrong::Mode).into();
        let object = &mut event["data"]["object"];
        object["id"] = format!("pi_stranger_{}_{step}", self.number).into();
        for (name, value) in [("amount", amount), ("amount_received", amount), ("created", world.now_s())] {
            object[name] = value.into();
        }
        object["currency"] = currency.into();
        object["metadata"]["hookledger_order"] = order.number.as_str().into();
        object["metadata"]["hookledger_stage"] = testkit::STAGE.into();
        let body = event.to_string();
        let signed_at = world.now_s() - if wrong == Wrong::Time { OLD_S } else { 0 };
        let keys = if wrong == Wrong::Key { &*FORGED } else { world.secrets.of_stripe() };
        let header = stripe::sign(keys, body.as_bytes(), signed_at);
        let request = Sent::post(WEBHOOK, body.as_bytes()).with(stripe::HEADER, header).event(Shape::HttpApi);
        for attempt in 0..3 {
            let answer = world.invoke(&world.pools.stripe, mark.child(attempt), async |stripe, invocation| {
                stripe.answer(&request, invocation).await.status
            });
            let status = answer.await;
            world.detail(|| format!("an event with another {wrong:?}: {status:?}"));
            if matches!(wrong, Wrong::Key | Wrong::Time) && status.is_some_and(|status| status < 400) {
                let text = format!("an event with another {wrong:?} was accepted with {status:?}");
                self.broken.lock().expect("one thread").push(text);
            }
        }
    }
}

impl Actor for Stranger {
    fn kind(&self) -> &'static str {
        "stranger"
    }

    fn times(&self) -> Vec<Duration> {
        self.steps.iter().map(|(at, _)| *at).collect()
    }

    fn describe(&self, step: usize) -> String {
        format!("stranger {} pays with another {:?}", self.number, self.steps[step].1)
    }

    fn open<'w>(&'w self, _: &'w World) -> LocalBoxFuture<'w, ()> {
        ready(()).boxed_local()
    }

    fn step<'w>(&'w self, world: &'w World, step: usize, mark: Mark) -> LocalBoxFuture<'w, ()> {
        self.send(world, step, self.steps[step].1, mark).boxed_local()
    }

    fn settle<'w>(&'w self, _: &'w World) -> LocalBoxFuture<'w, ()> {
        ready(()).boxed_local()
    }

    fn truth(&self) -> Truth {
        Truth { broken: self.broken.lock().expect("one thread").clone(), ..Truth::default() }
    }
}
