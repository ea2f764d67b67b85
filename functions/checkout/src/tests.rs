//! Tests of whole clicks: the AWS SDK over the embedded DynamoDB, fakes of the providers, and injected faults.

mod accounts;
mod branches;
mod ended;
mod epay;
mod failures;
mod faults;
mod places;
mod races;
mod rates;
mod rotation;
mod settings;
mod subscriptions;
mod wechat;

use api::Function;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use edge::{Invocation, Service as _, Settings, Vault};
use ledger::Timestamp;
use providers::StripeConfig;
use serde_json::Value;
use testkit::{
    EPAY_BASE, EpayNet, NetFault, Sent, Shape, StripeFault, StripeNet, WechatNet, World, api_key, deadline,
    epay_settings, exchange_rate, instant, mark, now,
};

use super::*;

const CREDITS: &str = r#"{"product":"credits-100"}"#;
const KEY: &str = "sk_test_0123456789abcdefghijklmnop";

/// A shop with one buyer, `alice`, and its own fakes of the providers.
struct Shop {
    world: World,
    net: StripeNet,
    gateway: EpayNet,
    wechat: WechatNet,
    /// The epay settings that differ from those of every test.
    settings: &'static [(&'static str, &'static str)],
    kept_price: &'static str,
    /// The connected account that the shop sells on.
    account: Option<&'static str>,
    now: Timestamp,
}

impl Shop {
    async fn new() -> Self {
        let price = |id: &str, unit_amount, interval| fakes::Price {
            id: id.to_owned(),
            name: id.to_owned(),
            unit_amount,
            currency: "usd".to_owned(),
            interval,
        };
        let prices = [
            price("price_report", 1_999, None),
            price("price_dear", 2_999, None),
            price("price_pro", 2_999, Some(fakes::Interval::Month)),
        ];
        let (world, stripe) = (World::new(), fakes::Stripe::new("https://pay.invalid", false, "s"));
        api_key(&world.ledger(0), "alice", "key-of-alice").await;
        api_key(&world.ledger(0), "bob", "key-of-bob").await;
        exchange_rate(&world.ledger(0), "MNT/CNY", "0.00204", now()).await;
        let net = StripeNet::new(stripe.with_prices(prices));
        let (gateway, wechat) = (EpayNet::default(), WechatNet::default());
        Self { world, net, gateway, wechat, settings: &[], kept_price: "price_report", account: None, now: now() }
    }

    async fn function<L: Ledger>(&self, seed: u64, ledger: L) -> Function<Checkout, L> {
        let catalog = Catalog::parse(catalog::SHIPPED).expect("a valid catalog");
        let config = Config {
            stage: "test".to_owned(),
            stripe: StripeConfig {
                base: "https://stripe.invalid".to_owned(),
                livemode: false,
                account: self.account.map(str::to_owned),
                is_mock: false,
            },
            success_url: "https://shop.invalid/done?session={CHECKOUT_SESSION_ID}".to_owned(),
            cancel_url: "https://shop.invalid/".to_owned(),
            prices: [("full-report", self.kept_price), ("pro-monthly", "price_pro")]
                .map(|(product, price)| (product.to_owned(), price.to_owned()))
                .into(),
        };
        let vault = Vault::Here(Settings::new([(SETTING.to_owned(), KEY.to_owned())]));
        let keys = Keyring::open(vault, keys(false), now()).await.expect("a key");
        let nets = Nets { stripe: self.net.clone(), epay: self.gateway.clone(), wechat: self.wechat.clone() };
        let http = Http::over(nets, fastrand::Rng::with_seed(seed));
        let order_numbers = RandomBits::new(testkit::seeded_bits(seed));
        let (epay, wechat) = (epay::payments(self.settings).await, Some(wechat::payments().await));
        let places =
            Places::read(|name| self.settings.iter().find(|(set, _)| *set == name).map(|(_, to)| (*to).to_owned()));
        let places = places.expect("a number");
        Function { api: Checkout { catalog, config, keys, epay, wechat, http, order_numbers, places }, ledger }
    }

    fn invocation(&self, attempt: u64) -> Invocation {
        let (now, deadline) = (self.now, deadline(Checkout::REPLY_WITHIN));
        Invocation { now, started: instant(), deadline, attempt: mark(attempt) }
    }

    /// Sends a click to a new sandbox without any state.
    async fn click(&self, attempt: u64, body: &str) -> Reply {
        self.click_at(attempt, "/api/pay/checkout", body).await
    }

    async fn click_at(&self, attempt: u64, path: &str, body: &str) -> Reply {
        let function = self.function(attempt, self.world.ledger(attempt)).await;
        function.answer(&event_at(path, body), &self.invocation(attempt)).await
    }

    fn later(&mut self, seconds: i64) {
        self.now = self.now.plus_seconds(seconds);
        self.net.set_now(self.now);
        self.gateway.set_now(self.now);
    }

    fn payment(&self, order: &str) -> String {
        self.world.books().order(order).payment.clone()
    }
}

/// Routes each call to the fake of its provider.
#[derive(Debug, Clone)]
struct Nets {
    stripe: StripeNet,
    epay: EpayNet,
    wechat: WechatNet,
}

impl HttpConnector for Nets {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if request.uri().starts_with(EPAY_BASE) {
            self.epay.call(request)
        } else if request.uri().starts_with("https://wechat.invalid/") {
            self.wechat.call(request)
        } else {
            self.stripe.call(request)
        }
    }
}

fn event(body: &str) -> String {
    event_at("/api/pay/checkout", body)
}

fn event_at(path: &str, body: &str) -> String {
    let sent = Sent::post(path, body.as_bytes());
    sent.with("authorization", "Bearer key-of-alice").event(Shape::HttpApi)
}

fn body_of(reply: &Reply) -> Value {
    serde_json::from_str(&reply.body).expect("JSON")
}

fn word(reply: &Reply, name: &str) -> String {
    body_of(reply)[name].as_str().unwrap_or_default().to_owned()
}

/// The status, and the order's state or the error code.
fn summary(reply: &Reply) -> (u16, String) {
    let word = |name| word(reply, name);
    (reply.status, if reply.status < 300 { word("status") } else { word("error") })
}

fn is(status: u16, word: &str) -> (u16, String) {
    (status, word.to_owned())
}
