//! The cost of a buyer's clicks, and of orders over HTTP.

use api::Function;
use checkout::{Checkout, EpayPayments, EpaySettings, WechatPayments};
use edge::{Invocation, Keyring, Service as _, Settings, Vault};
use ledger::{Owner, Timestamp};
use providers::{Http, WechatConfig, WechatKeys};
use testkit::{
    EPAY_BASE, PLATFORM_KEY_ID, PLATFORM_PAIR, Sent, Shape, StripeNet, WECHAT_APP, WECHAT_MERCHANT, WechatNet, World,
    api_key, deadline, epay_settings, exchange_rate, instant, mark, now, rsa_pair,
};

use super::meter::{Cost, Meter};
use super::{Path, path};
use crate::policies::runs;

const STRIPE: &str = "/api/pay/checkout";
const EPAY: &str = "/api/pay/epay";
const WECHAT: &str = "/payment/create";
const TWO_DAYS_S: i64 = 2 * 24 * 60 * 60;

/// A shop with one buyer.
pub(super) async fn shop() -> (World, StripeNet) {
    let world = World::new();
    api_key(&world.ledger(0), "alice", "key-of-alice").await;
    exchange_rate(&world.ledger(0), "MNT/CNY", "0.00204", now()).await;
    (world, StripeNet::new(fakes::Stripe::new("https://pay.invalid", false, "s")))
}

/// A sandbox of an API, and the meter of its calls.
pub(super) struct Clicks<A> {
    function: Function<A, idempotency::DynamoLedger>,
    meter: Meter,
    calls: u64,
}

impl Clicks<Checkout> {
    /// Checkout at Stripe.
    pub(super) async fn at_stripe(world: &World, net: &StripeNet) -> Self {
        let (ledger, meter) = Meter::new(world);
        net.fail(meter.of_provider("Stripe"));
        Self::of(runs::checkout(net).await, ledger, meter)
    }
}

impl<A: api::Serve<idempotency::DynamoLedger>> Clicks<A> {
    pub(super) fn of(api: A, ledger: idempotency::DynamoLedger, meter: Meter) -> Self {
        Self { function: Function { api, ledger }, meter, calls: 0 }
    }

    /// The cost of this call by alice, which must get this status.
    pub(super) async fn call(&mut self, at: Timestamp, sent: Sent<'_>, status: u16) -> Cost {
        self.call_by("key-of-alice", at, sent, status).await
    }

    pub(super) async fn call_by(&mut self, key: &str, at: Timestamp, sent: Sent<'_>, status: u16) -> Cost {
        self.calls += 1;
        let event = sent.with("authorization", format!("Bearer {key}")).event(Shape::HttpApi);
        let (started, deadline) = (instant(), deadline(A::REPLY_WITHIN));
        let invocation = Invocation { now: at, started, deadline, attempt: mark(self.calls) };
        let (reply, cost) = self.meter.count(Box::pin(self.function.answer(&event, &invocation))).await;
        assert_eq!(reply.status, status, "{}", reply.body);
        cost
    }

    pub(super) async fn click(&mut self, path: &str, body: &str, status: u16) -> Cost {
        self.call(now(), Sent::post(path, body.as_bytes()), status).await
    }
}

pub(super) async fn of_checkout() -> Vec<Path> {
    const CREDITS: &str = r#"{"product":"credits-100"}"#;
    let (world, net) = shop().await;
    let mut cold = Clicks::at_stripe(&world, &net).await;
    let first = cold.click(STRIPE, r#"{"product":"full-report"}"#, 201).await;
    let mut paths = vec![
        path("checkout: a buyer's first click, at a new sandbox", first),
        path("checkout: the first click on a product", cold.click(STRIPE, CREDITS, 201).await),
        path("checkout: the second click", cold.click(STRIPE, CREDITS, 200).await),
    ];
    let subscribed = cold.click(STRIPE, r#"{"product":"pro-monthly"}"#, 201).await;
    paths.push(path("checkout: the first click on a subscription", subscribed));
    let later = now().plus_seconds(TWO_DAYS_S);
    net.set_now(later);
    // Two days later this sandbox reads the owner of the key again, and the page has expired.
    let expired = cold.call(later, Sent::post(STRIPE, CREDITS.as_bytes()), 201).await;
    paths.push(path("checkout: another page, in place of one that has expired", expired));
    paths.extend(of_other_providers(&net).await);
    paths.extend(of_orders().await);
    paths.extend(of_codes().await);
    paths
}

async fn of_other_providers(net: &StripeNet) -> Vec<Path> {
    let (world, _) = shop().await;
    crate::stripe::made(&world, crate::wechat::order()).await;
    let wechat_net = WechatNet::default();
    let (ledger, meter) = Meter::new(&world);
    wechat_net.fail(meter.of_provider("WeChat Pay"));
    let mut checkout = runs::checkout(net).await;
    checkout.epay = Some(epay().await);
    checkout.wechat = Some(wechat().await);
    checkout.http = Http::over(wechat_net, fastrand::Rng::with_seed(1));
    let mut clicks = Clicks::of(checkout, ledger, meter);
    let by_epay = r#"{"product":"credits-1000"}"#;
    // Reads the owner of the key.
    clicks.click(WECHAT, r#"{"orderNumber":"HLnone"}"#, 404).await;
    vec![
        path("checkout at epay: the first click", clicks.click(EPAY, by_epay, 201).await),
        path("checkout at epay: the second click", clicks.click(EPAY, by_epay, 200).await),
        path(
            "checkout at WeChat Pay: an order's code",
            clicks.click(WECHAT, r#"{"orderNumber":"hk_sample_order"}"#, 200).await,
        ),
    ]
}

async fn epay() -> EpayPayments {
    let set = |name: &str| {
        let settings = [
            ("EPAY_API_BASE", EPAY_BASE),
            ("EPAY_MERCHANTS", "1001:md5,1002:rsa"),
            ("EPAY_NOTIFY_URL", "https://shop.invalid/payment/notify"),
            ("EPAY_RETURN_URL", "https://shop.invalid/payment/return"),
        ];
        settings.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    let settings = EpaySettings::read(set, "prod").expect("settings").expect("a gateway");
    let vault = Vault::Here(Settings::new(epay_settings()));
    EpayPayments { settings, keys: Keyring::open(vault, checkout::epay_keys, now()).await.expect("keys") }
}

async fn wechat() -> WechatPayments {
    let set = |name: &str| {
        let settings = [
            ("WECHAT_API", "v3"),
            ("WECHAT_API_BASE", "https://wechat.invalid"),
            ("WECHAT_MCH_ID", WECHAT_MERCHANT),
            ("WECHAT_APP_ID", WECHAT_APP),
            ("WECHAT_MERCHANT_SERIAL", "0000000000000000000000000000000000000001"),
            ("WECHAT_NOTIFY_URL", "https://shop.invalid/payment/callback"),
        ];
        settings.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    let config = WechatConfig::read(set, "prod").expect("a configuration").expect("an interface");
    let [private, platform, _] = WechatKeys::SETTINGS;
    let settings = Settings::new([
        (private.to_owned(), rsa_pair(1).private),
        (platform.to_owned(), format!("{PLATFORM_KEY_ID} {}", rsa_pair(PLATFORM_PAIR).public)),
    ]);
    let keys = Keyring::open(Vault::Here(settings), checkout::wechat_keys, now()).await.expect("keys");
    WechatPayments { config, keys }
}

/// A code is redeemed by the logic that an API calls.
async fn of_codes() -> Vec<Path> {
    let world = World::new();
    let code = crate::codes::make(&world, 7, 2, None).await;
    let (ledger, meter) = Meter::new(&world);
    let (pepper, alice) = (crate::codes::pepper(), Owner::new("alice").expect("an owner"));
    let (context, wrong) = (testkit::context(2), "0000-0000-0000-0000");
    let (first, redeemed) = meter.count(Box::pin(api::redeem(&ledger, &pepper, &alice, code.as_str(), &context))).await;
    first.expect("redeemed");
    let (second, repeated) =
        meter.count(Box::pin(api::redeem(&ledger, &pepper, &alice, code.as_str(), &context))).await;
    second.expect("redeemed before");
    let (third, refused) = meter.count(Box::pin(api::redeem(&ledger, &pepper, &alice, wrong, &context))).await;
    third.expect_err("wrong");
    let dated = crate::codes::make_on(&world, 8, 2, None, Some(crate::codes::lasting())).await;
    let (fourth, with_lots) =
        meter.count(Box::pin(api::redeem(&ledger, &pepper, &alice, dated.as_str(), &context))).await;
    fourth.expect("redeemed");
    vec![
        path("codes: a code is redeemed", redeemed),
        path("codes: a code of credits that expire", with_lots),
        path("codes: the same code again", repeated),
        path("codes: a wrong code, the first of an hour", refused),
    ]
}

async fn of_orders() -> Vec<Path> {
    let (world, _) = shop().await;
    let (ledger, meter) = Meter::new(&world);
    let mut orders = Clicks::of(runs::orders(), ledger, meter);
    orders.click("/orders", r#"{"product":"full-report"}"#, 201).await;
    let keyed = || Sent::post("/orders", br#"{"product":"credits-100"}"#).with("idempotency-key", "once");
    let top_up = || {
        let body =
            r#"{"phoneNumber":"88001122","productOperator":"UNITEL","rechargeType":"VOICE","productCode":"SD5000"}"#;
        Sent::post("/orders", body.as_bytes())
    };
    vec![
        path("orders: an order is made", orders.call(now(), keyed(), 201).await),
        path("orders: the same request again", orders.call(now(), keyed(), 201).await),
        path("orders: an order at an exchange rate, the first of a minute", orders.call(now(), top_up(), 201).await),
        path("orders: an order at an exchange rate", orders.call(now(), top_up(), 201).await),
    ]
}
