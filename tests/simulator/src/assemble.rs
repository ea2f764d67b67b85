//! Assembles each function as its own `assemble` does, over the ledger and the network of a sandbox.

mod chat;
mod fireblocks;
mod wechat;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::Duration;

use api::{Places, RandomBits};
use catalog::Catalog;
use checkout::{Checkout, EpayPayments, EpaySettings};
use credits::Credits;
use edge::{Keyring, MakeKeys, Service, Settings, Vault, Worker};
use epay::{Epay, Gateway};
use fulfil::{Fulfil, Operator};
use futures_util::FutureExt as _;
use litellm::Litellm;
use orders::Orders;
use providers::{Http, NewApiConfig, NewApiKey, StripeConfig, UnitelConfig};
use reconcile::{GatewayApi, LiveKeys, Reconcile, ReplayKeys, RetiredKeys, StripeApi};
use serde_json::{Value, json};
use stripe::Stripe;
use testkit::{EPAY_BASE, NEW_API_BASE, NEW_API_TOKEN, UNITEL_BASE, UNITEL_PASSWORD, UNITEL_USERNAME, now};
use usage::Usage;
use webhook::{Admission, Function, Webhook as _};

use crate::port::PortLedger;
use crate::rate_card;
use crate::sandbox::{Deployed, Parts};
use crate::secrets;

pub(crate) use chat::ChatFunction;
pub(crate) use fireblocks::FireblocksFunction;
pub(crate) use wechat::WechatFunction;

const STRIPE_KEY: &str = "sk_test_0123456789abcdefghijklmnop";
pub(crate) const LITELLM_KEY: &str = "7c1e5b0a94d2f386b1e07a5d3c98f246";
const LITELLM_KEYS: [(&str, &str); 1] = [(litellm::SETTINGS[0], LITELLM_KEY)];

/// How many unpaid orders an owner may have over the API.
const OPEN_ORDERS_MAX: &str = "3";

pub(crate) type UsageFunction = Function<Usage, PortLedger>;
pub(crate) type LitellmFunction = Function<Litellm, PortLedger>;
pub(crate) type StripeFunction = Function<Stripe, PortLedger>;
pub(crate) type EpayFunction = Function<Epay, PortLedger>;
pub(crate) type CheckoutFunction = api::Function<Checkout, PortLedger>;
pub(crate) type OrdersFunction = api::Function<Orders, PortLedger>;
pub(crate) type CreditsFunction = api::Function<Credits, PortLedger>;
pub(crate) type FulfilFunction = Fulfil<PortLedger>;
pub(crate) type ReconcileFunction = Reconcile<PortLedger>;

/// The shipped catalog with a product whose credits expire within a long world, and which gives referral credits; and
/// with prices of models that change.
static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    let mut shop: Value = serde_json::from_str(catalog::SHIPPED).expect("JSON");
    shop["products"]["credits-10"] = json!({
        "name": { "en": "10 credits" },
        "price": { "amount": "1.99", "currency": "USD" },
        "providers": ["stripe"],
        "grants": [{ "credits": "10", "expires": "1d" }],
        "referral": { "referrer": "3" },
    });
    shop["rate_card"]["prices"].as_array_mut().expect("prices").extend(rate_card::rows());
    Catalog::parse(&shop.to_string()).expect("a catalog")
});

impl Deployed for UsageFunction {
    const FUNCTION: &'static str = "usage";
    const PATIENCE: Duration = <Self as Service>::REPLY_WITHIN;

    async fn open(parts: Parts) -> Option<Self> {
        let keys = parts.secrets.keyring(secrets::USAGE, Usage::keys, &parts.calls).await?;
        Some(Function::new(Usage::new(&CATALOG), keys, Admission::default(), parts.ledger))
    }
}

impl Deployed for LitellmFunction {
    const FUNCTION: &'static str = "litellm";
    const PATIENCE: Duration = <Self as Service>::REPLY_WITHIN;

    async fn open(parts: Parts) -> Option<Self> {
        let keys = keyring(&LITELLM_KEYS, Litellm::keys);
        Some(Function::new(litellm(), keys, Admission::default(), parts.ledger))
    }
}

impl Deployed for StripeFunction {
    const FUNCTION: &'static str = "stripe";
    const PATIENCE: Duration = <Self as Service>::REPLY_WITHIN;

    async fn open(parts: Parts) -> Option<Self> {
        let keys = parts.secrets.keyring(secrets::STRIPE, Stripe::keys, &parts.calls).await?;
        Some(Function::new(stripe(), keys, Admission::default(), parts.ledger))
    }
}

impl Deployed for EpayFunction {
    const FUNCTION: &'static str = "epay";
    const PATIENCE: Duration = <Self as Service>::REPLY_WITHIN;

    async fn open(mut parts: Parts) -> Option<Self> {
        let source = epay(&mut parts).await?;
        let keys = of_merchant(&parts, Epay::keys).await?;
        Some(Function::new(source, keys, Admission::default(), parts.ledger))
    }
}

impl Deployed for OrdersFunction {
    const FUNCTION: &'static str = "orders";
    const PATIENCE: Duration = <Self as Service>::REPLY_WITHIN;

    async fn open(mut parts: Parts) -> Option<Self> {
        let order_numbers = RandomBits::new(testkit::seeded_bits(parts.rng.u64(..)));
        let places = Places::read(|_| Some(OPEN_ORDERS_MAX.to_owned())).expect("a number");
        Some(Self { api: Orders::new(CATALOG.clone(), order_numbers, places), ledger: parts.ledger })
    }
}

impl Deployed for CreditsFunction {
    const FUNCTION: &'static str = "credits";
    const PATIENCE: Duration = <Self as Service>::REPLY_WITHIN;

    async fn open(mut parts: Parts) -> Option<Self> {
        let secrets = RandomBits::new(testkit::seeded_bits(parts.rng.u64(..)));
        Some(Self { api: Credits::new(CATALOG.clone(), secrets, testkit::code_pepper()), ledger: parts.ledger })
    }
}

impl Deployed for CheckoutFunction {
    const FUNCTION: &'static str = "checkout";
    const PATIENCE: Duration = <Self as Service>::REPLY_WITHIN;

    async fn open(mut parts: Parts) -> Option<Self> {
        let http = http(&mut parts);
        let keys = keyring(&[(checkout::SETTING, STRIPE_KEY)], checkout::keys(false));
        let config = checkout::Config {
            stage: testkit::STAGE.to_owned(),
            stripe: stripe_config(),
            success_url: "https://shop.invalid/done?session={CHECKOUT_SESSION_ID}".to_owned(),
            cancel_url: "https://shop.invalid/".to_owned(),
            prices: BTreeMap::new(),
        };
        let order_numbers = RandomBits::new(testkit::seeded_bits(parts.rng.u64(..)));
        let settings = EpaySettings::read(epay_setting, "prod").expect("settings").expect("a merchant");
        let epay = Some(EpayPayments { settings, keys: of_merchant(&parts, checkout::epay_keys).await? });
        let places = Places::read(|_| None).expect("a number");
        let wechat = match parts.optional.wechat {
            Some(interface) => Some(wechat::payments(&parts, interface).await?),
            None => None,
        };
        let catalog = CATALOG.clone();
        let api = Checkout { catalog, config, keys, epay, wechat, http, order_numbers, places };
        Some(api::Function { api, ledger: parts.ledger })
    }
}

impl Deployed for FulfilFunction {
    const FUNCTION: &'static str = "fulfil";
    const PATIENCE: Duration = <Self as Worker>::DONE_WITHIN;

    async fn open(mut parts: Parts) -> Option<Self> {
        Some(fulfil(&mut parts))
    }
}

impl Deployed for ReconcileFunction {
    const FUNCTION: &'static str = "reconcile";
    const PATIENCE: Duration = <Self as Worker>::DONE_WITHIN;

    async fn open(mut parts: Parts) -> Option<Self> {
        let (secrets, calls, optional) = (parts.secrets.clone(), parts.calls.clone(), parts.optional);
        let replay_keys = ReplayKeys {
            litellm: Some(keyring(&LITELLM_KEYS, LiveKeys::read)),
            usage: Some(secrets.keyring(secrets::USAGE, LiveKeys::read, &calls).await?),
            stripe: Some(secrets.keyring(secrets::STRIPE, LiveKeys::read, &calls).await?),
            wechat: match optional.wechat {
                Some(_) => Some(wechat::keyring(&parts, LiveKeys::read).await?),
                None => None,
            },
            epay: Some(of_merchant(&parts, LiveKeys::read).await?),
            fireblocks: optional.fireblocks.then(|| fireblocks::published(&mut parts)),
            retired: Some(secrets.keyring(secrets::RETIRED, RetiredKeys::read, &calls).await?),
            ..ReplayKeys::default()
        };
        let keys = keyring(&[(checkout::SETTING, STRIPE_KEY)], checkout::keys(false));
        let stripe_api = StripeApi { http: http(&mut parts), config: stripe_config(), keys };
        Some(Reconcile {
            usage: Usage::new(&CATALOG),
            litellm: litellm(),
            openrouter: openrouter::Openrouter {
                card: CATALOG.rate_card().cloned(),
                ..openrouter::Openrouter::default()
            },
            stripe: stripe(),
            wechat: match optional.wechat {
                Some(interface) => Some(wechat::source(&mut parts, interface).await?),
                None => None,
            },
            epay: Some(epay(&mut parts).await?),
            fireblocks: optional.fireblocks.then(fireblocks::source),
            stripe_api: Some(stripe_api),
            gateway: optional.gateway.then(|| gateway(&mut parts)),
            fulfil: fulfil(&mut parts),
            ledger: parts.ledger,
            keys: replay_keys,
            missing_credentials: BTreeSet::new(),
        })
    }
}

fn litellm() -> Litellm {
    Litellm { card: CATALOG.rate_card().cloned(), ..Litellm::default() }
}

fn stripe() -> Stripe {
    let set = |name: &str| (name == "STRIPE_LIVEMODE").then(|| "false".to_owned());
    Stripe { config: stripe::Config::read(set, testkit::STAGE).expect("settings") }
}

/// The gateway confirms every payment.
async fn epay(parts: &mut Parts) -> Option<Epay> {
    let config = epay::Config::read(epay_setting, "prod").expect("settings");
    let keys = of_merchant(parts, Epay::keys).await?;
    Some(Epay { config, gateway: Some(Gateway { http: http(parts), keys }) })
}

fn epay_setting(name: &str) -> Option<String> {
    let value = match name {
        "EPAY_API_BASE" => EPAY_BASE,
        "EPAY_MERCHANTS" => "1001:md5",
        "EPAY_NOTIFY_URL" => "https://shop.invalid/payment/notify",
        "EPAY_RETURN_URL" => "https://shop.invalid/payment/return",
        _ => return None,
    };
    Some(value.to_owned())
}

async fn of_merchant<K>(parts: &Parts, make: MakeKeys<K>) -> Option<Keyring<K>> {
    parts.secrets.keyring(secrets::EPAY, make, &parts.calls).await
}

fn stripe_config() -> StripeConfig {
    StripeConfig { base: "https://stripe.invalid".to_owned(), livemode: false, account: None, is_mock: false }
}

fn fulfil(parts: &mut Parts) -> FulfilFunction {
    let secrets = [("UNITEL_USERNAME", UNITEL_USERNAME), ("UNITEL_PASSWORD", UNITEL_PASSWORD)];
    let keys = keyring(&secrets, fulfil::operator_keys);
    let set = |name: &str| (name == "UNITEL_API_URL").then(|| UNITEL_BASE.to_owned());
    let config = UnitelConfig::read(set, "prod").expect("settings").expect("an address");
    let operator = Some(Operator::new(http(parts), config, keys));
    let custodian = parts.optional.fireblocks.then(|| fireblocks::custodian(parts));
    Fulfil { ledger: parts.ledger.clone(), operator, custodian }
}

/// The gateway whose log is read.
fn gateway(parts: &mut Parts) -> GatewayApi {
    let set = |name: &str| (name == "NEW_API_BASE_URL").then(|| NEW_API_BASE.to_owned());
    let config = NewApiConfig::read(set, "prod").expect("settings").expect("an address");
    let keys = keyring(&[(NewApiKey::SETTINGS[0], NEW_API_TOKEN)], GatewayApi::key);
    GatewayApi { http: http(parts), config, keys }
}

fn http(parts: &mut Parts) -> Http {
    Http::over(parts.nets.clone(), parts.rng.fork())
}

/// A secret in memory answers at once.
fn keyring<K>(secrets: &[(&str, &str)], make: MakeKeys<K>) -> Keyring<K> {
    let settings = secrets.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Keyring::open(Vault::Here(Settings::new(settings)), make, now()).now_or_never().expect("an answer").expect("keys")
}
