//! Replays verify the stored request again: with which keys, by which clock, and how planted rows are closed.

mod planted;
mod retired;

use std::io::Write as _;

use edge::{Keyring, MakeKeys, Settings, Vault, Worker as _};
use fireblocks::{Fireblocks, PublishedAt};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::FutureExt as _;
use idempotency::DynamoLedger;
use ledger::{Backlog as _, CallContext, EventKey, KeptBody};
use providers::Http;
use reconcile::{LiveKeys, PublishedKeys, Reconcile, ReplayKeys, ReplayReport, Report, RetiredKeys};
use serde_json::{Value, json};
use testkit::{
    EpayNet, FIREBLOCKS_HOOK_PAIR, FIREBLOCKS_KID, WechatNet, World, context, epay_settings, fireblocks_jwks, now,
    rsa_pair, usage,
};

use crate::epay::confirming::{TRADE, begun};
use crate::house::root;
use crate::log_capture::{captured_lines, start_capture};
use crate::sandbox::{self, SandboxOf, Sender, moment_at, open_account};
use crate::stripe::{self as of_stripe, REFUSED, made, orders_of_samples, run_at};
use crate::{epay, fireblocks as of_fireblocks, wechat};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// The keys with which every source signs in these tests.
pub(crate) fn keys() -> ReplayKeys {
    ReplayKeys {
        usage: Some(keyring(sandbox::settings(), LiveKeys::read)),
        stripe: Some(keyring(settings_of(&[("STRIPE_WEBHOOK_SECRET", of_stripe::SECRET)]), LiveKeys::read)),
        wechat: Some(keyring(Settings::new(wechat::settings()), LiveKeys::read)),
        epay: Some(keyring(Settings::new(epay_settings()), LiveKeys::read)),
        fireblocks: Some(published(FIREBLOCKS_KID, FIREBLOCKS_HOOK_PAIR)),
        retired: Some(keyring(Settings::default(), RetiredKeys::read)),
        is_incomplete: false,
        forbids_body_only_hmac: false,
    }
}

fn settings_of(settings: &[(&str, &str)]) -> Settings {
    Settings::new(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

/// A local vault answers at once.
fn keyring<K>(settings: Settings, make: MakeKeys<K>) -> Keyring<K> {
    Keyring::open(Vault::Here(settings), make, now()).now_or_never().expect("an answer").expect("keys")
}

/// Fireblocks publishes this key, which signs its v1 webhooks too.
fn published(kid: &str, pair: u64) -> PublishedKeys {
    let published_at = PublishedAt::Here(fireblocks_jwks(&[(kid, pair)]));
    let config = ::fireblocks::Config { published_at, v1: Some(rsa_pair(pair).public) };
    PublishedKeys::new(config, Http::new(fastrand::Rng::with_seed(1)))
}

/// One delivery in one form; its order or account does not exist yet when it is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Usage,
    Stripe,
    WechatV3,
    WechatV2,
    CloudRun,
    EpayV1,
    EpayV2,
    FireblocksV2,
    FireblocksV1,
}

impl Form {
    const ALL: [Self; 9] = [
        Self::Usage,
        Self::Stripe,
        Self::WechatV3,
        Self::WechatV2,
        Self::CloudRun,
        Self::EpayV1,
        Self::EpayV2,
        Self::FireblocksV2,
        Self::FireblocksV1,
    ];

    /// Whether the signature covers a time.
    fn has_clock(self) -> bool {
        match self {
            Self::Stripe | Self::WechatV3 | Self::EpayV2 => true,
            Self::Usage | Self::WechatV2 | Self::CloudRun | Self::EpayV1 | Self::FireblocksV2 | Self::FireblocksV1 => {
                false
            }
        }
    }

    fn body(self) -> String {
        match self {
            Self::Usage => usage("e1", "k1", "3").to_string(),
            Self::Stripe => sample("stripe/payment_intent_succeeded"),
            Self::WechatV3 => sample("wechat/v3_payment"),
            Self::WechatV2 => sample("wechat/v2_payment"),
            Self::CloudRun => sample("wechat/cloudrun_payment"),
            Self::EpayV1 => {
                let mut sample: Value = serde_json::from_str(&sample("epay/notify_v1_get")).expect("JSON");
                sample["params"]["trade_no"] = TRADE.into();
                sample.to_string()
            }
            Self::EpayV2 => sample("epay/notify_v2"),
            Self::FireblocksV2 => sample("fireblocks/v2_completed"),
            Self::FireblocksV1 => sample("fireblocks/v1_completed"),
        }
    }

    /// Delivers at this second; the event is refused and kept. Returns the id of its row.
    pub(crate) async fn deliver(self, world: &World, at_s: i64) -> String {
        match self {
            Self::Usage => send::<::usage::Usage>(world, &self.body(), at_s).await,
            Self::Stripe => send::<stripe::Stripe>(world, &self.body(), at_s).await,
            Self::WechatV3 | Self::WechatV2 | Self::CloudRun => {
                send::<::wechat::Wechat>(world, &self.body(), at_s).await;
            }
            Self::EpayV1 | Self::EpayV2 => send::<::epay::Epay>(world, &self.body(), at_s).await,
            Self::FireblocksV2 | Self::FireblocksV1 => send::<Fireblocks>(world, &self.body(), at_s).await,
        }
        let kept = world.books().bodies;
        assert_eq!(kept.len(), 1, "{self:?}");
        kept.into_iter().next().expect("a body")
    }

    /// Creates the order or account that the event waits for.
    async fn make_order(self, world: &World) {
        match self {
            Self::Usage => open_account(world, "alice", "k1", "10").await,
            Self::Stripe => orders_of_samples(world).await,
            Self::WechatV3 | Self::WechatV2 | Self::CloudRun => made(world, wechat::order()).await,
            Self::EpayV1 | Self::EpayV2 => made(world, epay::order(epay::ORDER)).await,
            Self::FireblocksV2 | Self::FireblocksV1 => {
                of_fireblocks::sent(world, of_fireblocks::order(of_fireblocks::ORDER)).await;
            }
        }
    }
}

fn sample(name: &str) -> String {
    let path = root().join("events").join(name).with_extension("json");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

async fn send<W: Sender>(world: &World, body: &str, at_s: i64) {
    let invocation = moment_at(u64::try_from(at_s).expect("later"), now().plus_seconds(at_s));
    SandboxOf::<W>::faultless(world).await.deliver(body, &invocation).await.expect("the sandbox survives");
}

/// The providers' APIs, as a run queries them.
struct Providers {
    wechat: WechatNet,
    epay: EpayNet,
    stripe_api: Option<reconcile::StripeApi>,
}

impl Providers {
    /// WeChat and the gateway have the payments of the samples; Stripe's API is not configured.
    fn paid() -> Self {
        let epay = begun("1001");
        epay.pay(TRADE);
        Self { wechat: wechat::paid(), epay, stripe_api: None }
    }

    /// No provider has a payment.
    fn unpaid() -> Self {
        Self { wechat: WechatNet::default(), epay: begun("1001"), stripe_api: None }
    }
}

async fn sweeper(world: &World, keys: ReplayKeys, providers: Providers, after_s: i64) -> Reconcile<DynamoLedger> {
    let at = now().plus_seconds(after_s);
    providers.wechat.set_now(at);
    providers.epay.set_now(at);
    let wechat = Some(
        wechat::function(world.ledger(0), &providers.wechat, &[("WECHAT_CONFIRM_CLOUDRUN", "false")]).await.source,
    );
    let mut epay = epay::function(world.ledger(0), &[]).await.source;
    epay.gateway = epay::asking(world.ledger(0), &providers.epay, &[]).await.source.gateway;
    let (epay, fireblocks) = (Some(epay), Some(of_fireblocks::source()));
    Reconcile {
        wechat,
        epay,
        fireblocks,
        keys,
        stripe_api: providers.stripe_api,
        ..of_stripe::reconcile(world.ledger(0), &[])
    }
}

/// The report of one run, this long after the delivery, and its alarms.
async fn run(world: &World, keys: ReplayKeys, providers: Providers, after_s: i64) -> (ReplayReport, Vec<String>) {
    let sweeper = sweeper(world, keys, providers, after_s).await;
    start_capture();
    let attempt = 1_000 + u64::try_from(after_s).expect("later");
    let report = sweeper.work(REFUSED, &run_at(attempt, after_s)).await.expect("a run");
    let alarms = captured_lines().iter().filter_map(|line| line["alarm"].as_str().map(str::to_owned)).collect();
    world.books().check();
    let Report::Refused(report) = report else { panic!("{report:?}") };
    (report, alarms)
}

/// Status or reason of a row, with ! while it waits.
fn row(world: &World, id: &str) -> String {
    let row = world.books().journal.get(id).cloned().unwrap_or_default();
    format!("{}{}", row.reason.unwrap_or(row.status), if row.needs_attention { "!" } else { "" })
}

/// Reads a kept request, as a role with read access does.
async fn read_kept(world: &World, id: &str) -> KeptBody {
    let late = CallContext { received_at: now().plus_seconds(DAY), ..context(2) };
    let waiting = world.ledger(2).refused_event(&EventKey::of_row(id), &late).await.expect("the books");
    waiting.expect("a waiting event").body.expect("a body")
}

/// Overwrites a kept request, as a role with write access could.
fn write_kept(world: &World, id: &str, kept: &KeptBody) {
    let mut stored = GzEncoder::new(Vec::new(), Compression::default());
    stored.write_all(&kept.bytes).expect("packed");
    let stored = stored.finish().expect("packed");
    let headers: serde_json::Map<String, Value> =
        kept.headers.iter().map(|(name, value)| (name.clone(), json!({ "S": value }))).collect();
    let text = |text: &str| json!({ "S": text });
    let item = json!({
        "id": text(id),
        "body": { "B": base64(&stored) },
        "parts": { "N": "1" },
        "length": { "N": kept.bytes.len().to_string() },
        "method": text(&kept.method),
        "path": text(&kept.path),
        "query": text(&kept.query),
        "headers": { "M": headers },
        "bytes_at": text(&kept.bytes_at.to_string()),
        "written_by": text("another function"),
        "expires_at": { "N": "4000000000" },
    });
    put(world, "bodies", &item);
}

pub(crate) fn put(world: &World, table: &str, item: &Value) {
    let put = json!({ "TableName": format!("hookledger-local-{table}"), "Item": item });
    world.engine.request("PutItem", &put).expect("written");
}

pub(crate) fn item(world: &World, table: &str, id: &str) -> Value {
    let get = json!({ "TableName": format!("hookledger-local-{table}"), "Key": { "id": { "S": id } } });
    world.engine.request("GetItem", &get).expect("an answer")["Item"].clone()
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
