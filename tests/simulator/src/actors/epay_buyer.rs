//! A buyer at an epay gateway: clicks, opens the gateway's page, pays, returns; and an attacker who has the merchant's
//! key, and notifies of payments that were not made.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use edge::Service as _;
use fakes::epay::Call;
use fastrand::Rng;
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use signing::epay::{Params, Pid, Scheme, sign};
use testkit::{EPAY_BASE, Sent, Shape};

use super::click::{click, register};
use super::{Actor, times};
use crate::epay_merchant::epay_keys;
use crate::mark::Mark;
use crate::outbox::Sender;
use crate::secrets::EPAY;
use crate::truth::{Grant, OrderTruth, PaymentTruth, Truth};
use crate::world::World;

const STEPS_MAX: usize = 8;
const CHECKOUT: &str = "/api/pay/epay";
const RETURN: &str = "/payment/return";
const REQUEST: &str = r#"{"product":"credits-1000"}"#;
/// 648 yuan, in fen, for a thousand credits.
const PRICE: i128 = 64_800;
const GRANT: Grant = Grant { whole: 1_000_000_000_000, is_indivisible: false };
/// Nothing queries an order that is older: only a notification pays it.
const QUERIED_FOR_S: i64 = 48 * 60 * 60;

#[derive(Debug, Clone, Copy)]
enum Act {
    Click,
    /// The buyer opens the gateway's page and pays there.
    Pay,
    /// The browser returns with the parameters of the notification.
    Return,
    /// Signed with the merchant's own key, for a trade that is not paid.
    Forge,
}

struct EpayBuyer {
    number: usize,
    steps: Vec<(Duration, Act)>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// The links to the gateway's page, each with its order.
    links: Vec<(String, String)>,
    /// When the first link to an order came.
    ordered_at_s: BTreeMap<String, i64>,
    /// Payments by the gateway's number, each with its order.
    payments: BTreeMap<String, String>,
    /// The parameters with which the browser returns.
    returns: Vec<String>,
    /// The notifications of payments that no query finds.
    late: Vec<String>,
    /// Trades of which an attacker has notified.
    forged: BTreeSet<String>,
}

pub(super) fn draw(number: usize, rng: &mut Rng, horizon: Duration) -> Box<dyn Actor> {
    let act = |rng: &mut Rng| match rng.u8(0..12) {
        0..=3 => Act::Click,
        4..=7 => Act::Pay,
        8 | 9 => Act::Return,
        _ => Act::Forge,
    };
    let count = rng.usize(2..=STEPS_MAX);
    let mut times = times(rng, count, horizon);
    times.sort();
    let steps = times.into_iter().enumerate().map(|(n, at)| (at, if n == 0 { Act::Click } else { act(rng) }));
    Box::new(EpayBuyer { number, steps: steps.collect(), known: Mutex::default() })
}

impl EpayBuyer {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().expect("one thread")
    }

    fn name(&self) -> String {
        format!("epay-buyer-{}", self.number)
    }

    async fn click(&self, world: &World, mark: Mark) {
        let Some(body) = click(world, &self.name(), (CHECKOUT, REQUEST), mark).await else { return };
        if let (Some(url), Some(order)) = (body["url"].as_str(), body["orderNumber"].as_str()) {
            let known = &mut self.known();
            known.links.push((url.to_owned(), order.to_owned()));
            known.ordered_at_s.entry(order.to_owned()).or_insert_with(|| world.now_s());
        }
    }

    /// Opens the newest link. Returns the gateway's number of the trade, and its order.
    fn open_page(&self, world: &World) -> Option<(String, String)> {
        let (url, order) = self.known().links.last().cloned()?;
        let path = url.strip_prefix(EPAY_BASE)?;
        let now_s = world.now_s();
        let page = world.fakes.epay.answer(&Call { method: "GET", path, body: "", now_s }).body;
        let number = page.split("/pay/").nth(1)?.split(|c: char| !c.is_ascii_alphanumeric()).next()?;
        Some((number.to_owned(), order))
    }

    fn pay(&self, world: &World) {
        let Some((number, order)) = self.open_page(world) else { return };
        let Some(paid) = world.fakes.epay.pay(&number, world.now_s()) else { return };
        world.detail(|| format!("{number} is paid for {order}"));
        let known = &mut self.known();
        if known.ordered_at_s.get(&order).is_some_and(|at| world.now_s() - at >= QUERIED_FOR_S) {
            known.late.push(paid.form.clone());
        }
        known.payments.insert(number, order);
        known.returns.push(paid.form.clone());
        world.outbox.add(Sender::Epay, paid.form);
    }

    async fn return_to_shop(&self, world: &World, mark: Mark) {
        let Some(form) = self.known().returns.last().cloned() else { return };
        let request = Sent::get(RETURN, &form).event(Shape::HttpApi);
        let reply = world
            .invoke(&world.pools.epay, mark, async |epay, invocation| epay.answer(&request, invocation).await.status);
        let status = reply.await;
        world.detail(|| format!("{} returns: {status:?}", self.name()));
    }

    fn forge(&self, world: &World) {
        let Some((number, order)) = self.open_page(world) else { return };
        if self.known().payments.contains_key(&number) {
            return;
        }
        let params = Params::default()
            .with("pid", "1001")
            .with("trade_no", number.as_str())
            .with("out_trade_no", order.as_str())
            .with("type", "alipay")
            .with("name", "product")
            .with("money", "648")
            .with("trade_status", "TRADE_SUCCESS");
        self.known().forged.insert(number);
        world.outbox.add(Sender::Epay, signed(world, params));
    }
}

/// Signed with the merchant's key of now.
fn signed(world: &World, params: Params) -> String {
    let (keys, pid) = (epay_keys(world.secrets.are_switched(EPAY)), Pid::new("1001").expect("a merchant"));
    sign(&keys, &pid, Scheme::Md5, params, world.now_s()).expect("a key").encoded()
}

impl Actor for EpayBuyer {
    fn kind(&self) -> &'static str {
        "buyer at epay"
    }

    fn times(&self) -> Vec<Duration> {
        self.steps.iter().map(|(at, _)| *at).collect()
    }

    fn describe(&self, step: usize) -> String {
        format!("{}: {:?}", self.name(), self.steps[step].1)
    }

    fn open<'w>(&'w self, world: &'w World) -> LocalBoxFuture<'w, ()> {
        async {
            register(world, &self.name()).await;
        }
        .boxed_local()
    }

    fn step<'w>(&'w self, world: &'w World, step: usize, mark: Mark) -> LocalBoxFuture<'w, ()> {
        async move {
            match self.steps[step].1 {
                Act::Click => self.click(world, mark).await,
                Act::Pay => self.pay(world),
                Act::Return => self.return_to_shop(world, mark).await,
                Act::Forge => self.forge(world),
            }
        }
        .boxed_local()
    }

    fn settle<'w>(&'w self, world: &'w World) -> LocalBoxFuture<'w, ()> {
        async {
            let late = self.known().late.clone();
            for form in late {
                let params = Params::decode(&form).expect("a form");
                let is_signed = |name: &str| !["sign", "sign_type"].contains(&name);
                let again = params.all().filter(|(name, _)| is_signed(name));
                let again = again.fold(Params::default(), |again, (name, value)| again.with(name, value));
                world.outbox.add(Sender::EpayAgain, signed(world, again));
            }
        }
        .boxed_local()
    }

    fn truth(&self) -> Truth {
        let (known, mut truth) = (self.known(), Truth::default());
        for (number, order) in &known.payments {
            let of_order = truth.orders.entry(order.clone()).or_insert_with(|| OrderTruth {
                owner: self.name(),
                grants: [(format!("{}/credits", self.name()), GRANT)].into(),
                ..OrderTruth::default()
            });
            let payment = PaymentTruth { paid: PRICE, ..PaymentTruth::default() };
            of_order.payments.insert(format!("1001.{number}"), payment);
        }
        truth.may_wait.extend(known.forged.difference(&known.payments.keys().cloned().collect()).cloned());
        truth
    }
}
