//! WeChat Pay's webhook function: the decision of each notification in each of its three forms, in every order and under faults, and
//! every refusal.

mod attacks;
mod confirmation;
mod faults;
mod hints;
mod mismatches;
mod orders;
mod reconciled;
mod refusals;
mod replays;
mod rotation;
mod suite;

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use edge::{Keyring, Reply, Service as _, Settings, Vault};
use fakes::{WechatRefund, WechatSecrets, WechatSender, WechatSent};
use ledger::{Grant, Ledger, Order, OrderNumber, Provider, Timestamp};
use providers::{Http, WechatConfig};
use serde_json::Value;
use signing::wechat_v2::Algorithm;
use testkit::{
    FORWARDER_SECRET, MERCHANT_PAIR, PLATFORM_KEY_ID, PLATFORM_PAIR, Sent, Shape, WECHAT_APP, WECHAT_MERCHANT,
    WechatNet, World, context, now, rsa_pair,
};
use webhook::{Admission, Function, Webhook as _};
use wechat::{Api, Config, Wechat};

use crate::sandbox::{Sender, invocation, order_of};
use crate::stripe::made;

pub(crate) const NOTIFY: &str = "/payment/wechat/notify";
const CALLBACK: &str = "/payment/callback/hk_sample_order";

/// The samples' order, the payment that pays it, and its refund.
const ORDER: &str = "hk_sample_order";
const TRANSACTION: &str = "4200000000202601010000000001";
const REFUND: &str = "hk_sample_refund";
const PRICE: u64 = 1_999;

const API_V3_KEY: &str = "0123456789abcdef0123456789abcdef";
const API_V2_KEY: &str = "192006250b4c09247ec02edce69f6a2d";

/// Each form's reply to an accepted notification and to an unverified one.
const V3_SUCCESS: (u16, &str) = (200, r#"{"code":"SUCCESS"}"#);
const V2_SUCCESS: (u16, &str) =
    (200, "<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>");
const CLOUDRUN_SUCCESS: (u16, &str) = (200, r#"{"errcode":0,"errmsg":"OK"}"#);
const V3_UNVERIFIED: (u16, &str) = (401, r#"{"code":"FAIL","message":"Not verified"}"#);
const V2_UNVERIFIED: (u16, &str) =
    (200, "<xml><return_code><![CDATA[FAIL]]></return_code><return_msg><![CDATA[Not verified]]></return_msg></xml>");
const CLOUDRUN_UNVERIFIED: (u16, &str) = (401, r#"{"errcode":401,"errmsg":"Not verified"}"#);

/// Seeds each sandbox's nonces: the forwarder refuses a nonce that it has seen.
static SANDBOXES: AtomicU64 = AtomicU64::new(0);

static SENDER: LazyLock<WechatSender> = LazyLock::new(|| {
    let secrets = WechatSecrets {
        platform: (&rsa_pair(PLATFORM_PAIR).private, PLATFORM_KEY_ID),
        api_v3_key: API_V3_KEY,
        api_v2_key: API_V2_KEY,
        sign_type: Algorithm::HmacSha256,
        forwarder: FORWARDER_SECRET,
    };
    WechatSender::new(secrets).expect("keys")
});

impl Sender for Wechat {
    async fn function<L: Ledger>(ledger: L) -> Function<Self, L> {
        function(ledger, &paid(), &[]).await
    }

    fn signed(body: &str, now: Timestamp) -> String {
        event(NOTIFY, &sent_at(body, now))
    }
}

pub(crate) fn settings() -> Vec<(String, String)> {
    let platform = format!("{PLATFORM_KEY_ID} {}", rsa_pair(PLATFORM_PAIR).public);
    [
        ("WECHAT_PLATFORM_KEYS", platform.as_str()),
        ("WECHAT_API_V3_KEY", API_V3_KEY),
        ("WECHAT_API_V2_KEY", API_V2_KEY),
        ("WECHAT_FORWARDER_SECRET", FORWARDER_SECRET),
        ("WECHAT_FORWARDER_STANDARD_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ("WECHAT_PRIVATE_KEY", &rsa_pair(MERCHANT_PAIR).private),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// The function with these variables, which queries this WeChat; over APIv3 by default.
pub(crate) async fn function<L: Ledger>(ledger: L, net: &WechatNet, variables: &[(&str, &str)]) -> Function<Wechat, L> {
    with_settings(ledger, net, variables, settings()).await
}

async fn with_settings<L: Ledger>(
    ledger: L,
    net: &WechatNet,
    variables: &[(&str, &str)],
    settings: Vec<(String, String)>,
) -> Function<Wechat, L> {
    let vault = || Vault::Here(Settings::new(settings.clone()));
    let keys = Keyring::open(vault(), Wechat::keys, now()).await.expect("keys");
    let api_keys = Keyring::open(vault(), wechat::api_keys, now()).await.expect("keys");
    let set = |name: &str| {
        let defaults = [
            ("WECHAT_MCH_ID", WECHAT_MERCHANT),
            ("WECHAT_APP_ID", WECHAT_APP),
            ("WECHAT_API", "v3"),
            ("WECHAT_API_BASE", "https://wechat.invalid"),
            ("WECHAT_MERCHANT_SERIAL", "1DDE55AD98ED71D6EDD4A4A16996DE7B47773A8C"),
            ("WECHAT_NOTIFY_URL", "https://shop.invalid/payment/callback"),
            ("WECHAT_CLOUD_ENV", "prod-1"),
            ("WECHAT_CLOUD_SERVICE", "forwarder"),
            ("WECHAT_CLOUD_PATH", "/payment/callback"),
        ];
        let found = variables.iter().chain(&defaults).find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let http = Http::over(net.clone(), fastrand::Rng::with_seed(SANDBOXES.fetch_add(1, Ordering::Relaxed)));
    let api =
        WechatConfig::read(set, "prod").expect("a configuration").map(|config| Api { http, config, keys: api_keys });
    let source = Wechat { config: Config::read(set).expect("a configuration"), api };
    Function::new(source, keys, Admission::default(), ledger)
}

/// A WeChat with the order's payment and a partial refund.
pub(crate) fn paid() -> WechatNet {
    let net = WechatNet::default();
    net.pay(ORDER, TRANSACTION, PRICE, None);
    let id = "50000000000202601010000000001".to_owned();
    let (order, transaction) = (ORDER.to_owned(), TRANSACTION.to_owned());
    net.refund(REFUND, WechatRefund { id, order, transaction, fen: 500, status: "SUCCESS" });
    net
}

fn sample(name: &str) -> String {
    crate::suite::sample(Wechat::SOURCE, name)
}

/// A sample with some of its values replaced, by JSON pointer.
fn with(name: &str, changes: &[(&str, Value)]) -> String {
    crate::suite::altered(Wechat::SOURCE, name, changes)
}

fn sent_at(sample: &str, at: Timestamp) -> WechatSent {
    SENDER.sent(sample, at.unix_s(), 0x5d2b_6c2a_8db5_3831_f7ed_a20a_f46e_531c).expect("a sample")
}

fn sent(sample: &str) -> WechatSent {
    sent_at(sample, now())
}

fn post<'s>(path: &'s str, sent: &'s WechatSent) -> Sent<'s> {
    sent.headers
        .iter()
        .fold(Sent::post(path, sent.body.as_bytes()), |post, (name, value)| post.with(name, value.clone()))
}

fn event(path: &str, sent: &WechatSent) -> String {
    post(path, sent).event(Shape::HttpApi)
}

/// The reply to one sample, delivered to a cold sandbox.
async fn deliver_sample(
    world: &World,
    net: &WechatNet,
    variables: &[(&str, &str)],
    path: &str,
    sample: &str,
) -> (u16, String) {
    let function = function(world.ledger(1), net, variables).await;
    let reply = function.answer(&event(path, &sent(sample)), &invocation(1)).await;
    status_and_body(reply)
}

fn status_and_body(reply: Reply) -> (u16, String) {
    (reply.status, reply.body)
}

fn is(got: &(u16, String), expected: (u16, &str)) -> bool {
    (got.0, got.1.as_str()) == expected
}

/// The success reply in the form of this sample.
fn success_of(name: &str) -> (u16, &'static str) {
    match name.split('_').next() {
        Some("v3") => V3_SUCCESS,
        Some("v2") => V2_SUCCESS,
        _ => CLOUDRUN_SUCCESS,
    }
}

/// An order at WeChat, owned by alice, for 100 credits at CNY 19.99.
pub(crate) fn order() -> Order {
    order_by(Provider::Wechat, ORDER, "CNY")
}

fn order_by(provider: Provider, number: &str, currency: &str) -> Order {
    let credits = Grant::Credits(crate::sandbox::amount("100"));
    order_of(provider, number, "credits-100", (PRICE, currency), credits)
}

/// A ledger with the order that the samples name.
pub(crate) async fn shop() -> World {
    let world = World::new();
    made(&world, order()).await;
    world
}

const PAYMENTS: [&str; 4] = ["v3_payment", "v2_payment", "cloudrun_payment", "cloudrun_payment_without_attach"];
