//! Whole clicks: the real SDK over the embedded store, the stand-in where Stripe would be, faults between.

mod branches;
mod failures;
mod faults;
mod races;
mod rotation;
mod settings;

use std::time::Instant;

use api::Function;
use edge::{Moment, Service as _, Settings, Vault};
use ledger::Timestamp;
use providers::StripeConfig;
use serde_json::Value;
use testkit::{Sent, Shape, StripeFault, StripeNet, World, api_key, deadline, mark, now};

use super::*;

const CREDITS: &str = r#"{"product":"credits-100"}"#;
const KEY: &str = "sk_test_0123456789abcdefghijklmnop";

/// A shop with one buyer, `alice`, and a Stripe of its own.
struct Shop {
    world: World,
    net: StripeNet,
    kept_price: &'static str,
    now: Timestamp,
}

impl Shop {
    async fn new() -> Self {
        let price = |id: &str, unit_amount, interval| standin::Price {
            id: id.to_owned(),
            name: id.to_owned(),
            unit_amount,
            currency: "usd".to_owned(),
            interval,
        };
        let prices = [
            price("price_report", 1_999, None),
            price("price_dear", 2_999, None),
            price("price_pro", 2_999, Some(standin::Interval::Month)),
        ];
        let (world, stripe) = (World::new(), standin::Stripe::new("https://pay.invalid", false, "s"));
        api_key(&world.ledger(0), "alice", "key-of-alice").await;
        api_key(&world.ledger(0), "bob", "key-of-bob").await;
        Self { world, net: StripeNet::new(stripe.with_prices(prices)), kept_price: "price_report", now: now() }
    }

    async fn function<L: Ledger>(&self, seed: u64, ledger: L) -> Function<Checkout, L> {
        let catalog = Catalog::parse(catalog::SHIPPED).expect("it is valid");
        let config = Config {
            stripe: StripeConfig { base: "https://stripe.invalid".to_owned(), livemode: false, is_mock: false },
            success_url: "https://shop.invalid/done?session={CHECKOUT_SESSION_ID}".to_owned(),
            cancel_url: "https://shop.invalid/".to_owned(),
            prices: [("full-report", self.kept_price), ("pro-monthly", "price_pro")]
                .map(|(product, price)| (product.to_owned(), price.to_owned()))
                .into(),
        };
        let vault = Vault::Here(Settings::new([(SETTING.to_owned(), KEY.to_owned())]));
        let keys = Keyring::open(vault, keys(false), now()).await.expect("a key");
        let http = Http::over(self.net.clone(), fastrand::Rng::with_seed(seed));
        Function {
            api: Checkout { catalog, config, keys, http, dice: Dice::new(fastrand::Rng::with_seed(seed)) },
            ledger,
        }
    }

    #[expect(clippy::disallowed_methods, reason = "only for the duration in the log")]
    fn moment(&self, attempt: u64) -> Moment {
        let (now, deadline) = (self.now, deadline(Checkout::REPLY_WITHIN));
        Moment { now, started: Instant::now(), deadline, attempt: mark(attempt) }
    }

    /// Meets a sandbox of its own, which knows nothing.
    async fn click(&self, attempt: u64, body: &str) -> Reply {
        let function = self.function(attempt, self.world.ledger(attempt)).await;
        function.answer(&event(body), &self.moment(attempt)).await
    }

    fn later(&mut self, seconds: i64) {
        self.now = self.now.plus_seconds(seconds);
        self.net.set_now(self.now);
    }

    fn payment(&self, order: &str) -> String {
        self.world.books().order(order).payment.clone()
    }
}

fn event(body: &str) -> String {
    let sent = Sent::post("/api/pay/checkout", body.as_bytes());
    sent.with("authorization", "Bearer key-of-alice").event(Shape::HttpApi)
}

fn said(reply: &Reply) -> Value {
    serde_json::from_str(&reply.body).expect("JSON")
}

fn word(reply: &Reply, name: &str) -> String {
    said(reply)[name].as_str().unwrap_or_default().to_owned()
}

/// Status, and what the body says of it.
fn told(reply: &Reply) -> (u16, String) {
    let word = |name| word(reply, name);
    (reply.status, if reply.status < 300 { word("status") } else { word("error") })
}

fn is(status: u16, word: &str) -> (u16, String) {
    (status, word.to_owned())
}
