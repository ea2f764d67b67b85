//! The epay webhook function: the decision of each notification, faults, every refusal, and the buyer's return page.

mod attacks;
pub(crate) mod confirming;
mod faults;
mod pages;
mod reconciled;
mod refusals;
mod suite;

use std::fs;

use edge::{Keyring, Reply, Service as _, Settings, Vault};
use epay::{Config, Epay, Gateway};
use ledger::{Amount, Currency, Grant, Ledger, Order, Provider, Timestamp};
use providers::Http;
use serde_json::Value;
use signing::epay::{Params, Pid, Scheme, sign};
use testkit::{EPAY_BASE, EpayNet, Sent, Shape, World, epay_keys, epay_settings, now};
use webhook::{Admission, Function, Webhook as _};

use crate::house::root;
use crate::sandbox::{SandboxOf, Sender, moment_within, order_of};
use crate::stripe::made;

pub(crate) const NOTIFY: &str = "/payment/notify";
const RETURN: &str = "/payment/return";
/// The order that the samples name.
pub(crate) const ORDER: &str = "hk_sample_order";
const FORM: &str = "application/x-www-form-urlencoded";
const SAMPLES: [&str; 3] = ["notify_v1_get", "notify_v1_post", "notify_v2"];

type Sandbox = SandboxOf<Epay>;

impl Sender for Epay {
    /// The deployed configuration, with a gateway at which all samples are paid.
    async fn function<L: Ledger>(ledger: L) -> Function<Self, L> {
        let net = EpayNet::default();
        for name in SAMPLES {
            net.add_paid(&params(&sample(name)));
        }
        confirming(ledger, &net).await
    }

    /// The sample, signed by its gateway at this time.
    fn signed(body: &str, now: Timestamp) -> String {
        let sample: Value = serde_json::from_str(body).expect("JSON");
        sent(sample["method"].as_str().expect("a method"), &signed(params(body), now).encoded())
    }
}

/// Waives the confirmation of V1: the signature alone decides, as it does for V2.
const KEY_ALONE: (&str, &str) = ("EPAY_MD5_KEY_ALONE_PAYS", "true");

/// The function with two merchants: 1001 of V1, 1002 of V2. It queries no gateway.
pub(crate) async fn function<L: Ledger>(ledger: L, settings: &[(&str, &str)]) -> Function<Epay, L> {
    let keys = Keyring::open(Vault::Here(Settings::new(epay_settings())), Epay::keys, now()).await.expect("keys");
    let set = |name: &str| {
        let of_test = [("EPAY_API_BASE", EPAY_BASE), ("EPAY_MERCHANTS", "1001:md5,1002:rsa"), KEY_ALONE];
        let found = settings.iter().chain(&of_test).find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let source = Epay { config: Config::read(set, "prod").expect("a configuration"), gateway: None };
    Function::new(source, keys, Admission::default(), ledger)
}

/// The deployed configuration: the gateway confirms payments to V1's merchant.
async fn confirming<L: Ledger>(ledger: L, net: &EpayNet) -> Function<Epay, L> {
    asking(ledger, net, &[("EPAY_MD5_KEY_ALONE_PAYS", "")]).await
}

/// The gateway confirms payments to V2's merchant too.
async fn confirming_all<L: Ledger>(ledger: L, net: &EpayNet) -> Function<Epay, L> {
    asking(ledger, net, &[("EPAY_MD5_KEY_ALONE_PAYS", ""), ("EPAY_CONFIRM", "true")]).await
}

pub(crate) async fn asking<L: Ledger>(ledger: L, net: &EpayNet, settings: &[(&str, &str)]) -> Function<Epay, L> {
    let mut function = function(ledger, settings).await;
    let keys = Keyring::open(Vault::Here(Settings::new(epay_settings())), Epay::keys, now()).await.expect("keys");
    function.source.gateway = Some(Gateway { http: Http::over(net.clone(), fastrand::Rng::with_seed(1)), keys });
    function
}

/// The parameters of a sample, unsigned.
fn params(sample: &str) -> Params {
    let sample: Value = serde_json::from_str(sample).expect("JSON");
    let params = sample["params"].as_object().expect("parameters").iter();
    params.fold(Params::default(), |params, (name, value)| params.with(name, value.as_str().expect("a text")))
}

/// The parameters of a payment of the sample's order by V1, unsigned.
fn paid() -> Params {
    Params::default()
        .with("pid", "1001")
        .with("trade_no", "2026010100000012345")
        .with("out_trade_no", ORDER)
        .with("type", "alipay")
        .with("name", "1000 点数")
        .with("money", "648")
        .with("trade_status", "TRADE_SUCCESS")
}

/// Signs the parameters as the gateway does for the merchant that they name.
fn signed(params: Params, now: Timestamp) -> Params {
    let pid = Pid::new(params.value("pid").expect("a merchant")).expect("a number");
    let scheme = if pid.as_str() == "1002" { Scheme::Rsa } else { Scheme::Md5 };
    sign(&epay_keys(), &pid, scheme, params, now.unix_s()).expect("a key")
}

fn good(params: Params) -> String {
    signed(params, now()).encoded()
}

/// The Lambda event of a form: in the query of a GET, in the body of a POST.
fn sent(method: &str, form: &str) -> String {
    match method {
        "GET" => Sent::get(NOTIFY, form).event(Shape::HttpApi),
        _ => Sent::post(NOTIFY, form.as_bytes()).with("content-type", FORM).event(Shape::HttpApi),
    }
}

fn sample(name: &str) -> String {
    crate::suite::sample(Epay::SOURCE, name)
}

/// An order at epay, owned by alice, for 1000 credits at CNY 648.
pub(crate) fn order(number: &str) -> Order {
    let credits = Grant::Credits(crate::sandbox::amount("1000"));
    order_of(Provider::Epay, number, "credits-1000", (64_800, "CNY"), credits)
}

/// The gateway's notification of the payment of the sample's order.
pub(crate) fn notification() -> String {
    good(paid())
}

pub(crate) async fn shop() -> World {
    let world = World::new();
    made(&world, order(ORDER)).await;
    world
}

/// A cold sandbox's reply to an event, with the confirmation waived.
async fn answered(world: &World, event: &str) -> Reply {
    let function = function(world.ledger(1), &[]).await;
    function.answer(event, &moment_within::<Epay>(1)).await
}

/// The paused clock of the test.
fn clock() -> std::time::Instant {
    testkit::deadline(std::time::Duration::ZERO).0
}

fn status_and_body(reply: &Reply) -> (u16, &str) {
    (reply.status, &reply.body)
}

const BOOKED: (u16, &str) = (200, "success");
