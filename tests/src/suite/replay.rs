//! Replays verify the stored request again: with which keys, by which clock, and how planted rows are closed.

pub(crate) mod planted;
pub(crate) mod retired;

use std::fmt;
use std::io::Write as _;

use edge::{Keyring, MakeKeys, Settings, Vault, Worker as _};
use fireblocks::PublishedAt;
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
    rsa_pair,
};

use super::Suite;
use crate::epay::confirming::{TRADE, begun};
use crate::log_capture::{captured_lines, start_capture};
use crate::sandbox::{self, SandboxOf, moment_at};
use crate::stripe::{self as of_stripe, REFUSED, run_at};
use crate::{epay, fireblocks as of_fireblocks, wechat};

pub(crate) const HOUR: i64 = 3_600;
pub(crate) const DAY: i64 = 24 * HOUR;

/// The keys with which every source signs in these tests.
pub(crate) fn keys() -> ReplayKeys {
    ReplayKeys {
        usage: Some(keyring(sandbox::settings(), LiveKeys::read)),
        litellm: Some(keyring(crate::litellm::settings(), LiveKeys::read)),
        openrouter: Some(keyring(crate::openrouter::settings(), LiveKeys::read)),
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
pub(crate) fn published(kid: &str, pair: u64) -> PublishedKeys {
    let published_at = PublishedAt::Here(fireblocks_jwks(&[(kid, pair)]));
    let config = ::fireblocks::Config { published_at, v1: Some(rsa_pair(pair).public) };
    PublishedKeys::new(config, Http::new(fastrand::Rng::with_seed(1)))
}

/// A delivery in one form. Its order or account does not exist yet when it is delivered.
pub(crate) struct KeptForm {
    pub(crate) name: &'static str,
    /// In the form of the samples, unsigned.
    pub(crate) body: String,
    /// Whether the signature covers a time.
    pub(crate) has_clock: bool,
    /// Whether it is an HMAC of nothing but the body, which a deployment may forbid.
    pub(crate) is_body_only: bool,
    /// Whether the provider publishes the keys, so that none of ours retires.
    pub(crate) is_published: bool,
    /// The state of the books in which the event is booked.
    pub(crate) state: &'static str,
    /// The result of a replay under a retired key, if the provider confirms the payment and if it does not.
    pub(crate) retired: [Replayed; 2],
}

impl fmt::Display for KeptForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The result of the replay of a genuine delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replayed {
    Booked,
    /// The provider does not confirm the payment.
    Unconfirmed,
    /// The provider cannot be queried.
    Waits,
    Closed,
}

/// The form of this name.
pub(crate) fn kept<W: Suite>(name: &str) -> KeptForm {
    W::kept_forms().into_iter().find(|form| form.name == name).unwrap_or_else(|| panic!("no form is called {name}"))
}

/// Delivers at this second; the event is refused and kept. Returns the id of its row.
pub(crate) async fn deliver<W: Suite>(world: &World, form: &KeptForm, at_s: i64) -> String {
    let invocation = moment_at(u64::try_from(at_s).expect("later"), now().plus_seconds(at_s));
    SandboxOf::<W>::faultless(world).await.deliver(&form.body, &invocation).await.expect("the sandbox survives");
    let kept = world.books().bodies;
    assert_eq!(kept.len(), 1, "{form}");
    kept.into_iter().next().expect("a body")
}

/// The providers' APIs, as a run queries them.
pub(crate) struct Providers {
    pub(crate) wechat: WechatNet,
    pub(crate) epay: EpayNet,
    pub(crate) stripe_api: Option<reconcile::StripeApi>,
}

impl Providers {
    /// WeChat and the gateway have the payments of the samples; Stripe's API is not configured.
    pub(crate) fn paid() -> Self {
        let epay = begun("1001");
        epay.pay(TRADE);
        Self { wechat: wechat::paid(), epay, stripe_api: None }
    }

    /// No provider has a payment.
    pub(crate) fn unpaid() -> Self {
        Self { wechat: WechatNet::default(), epay: begun("1001"), stripe_api: None }
    }
}

pub(crate) async fn sweeper(
    world: &World,
    keys: ReplayKeys,
    providers: Providers,
    after_s: i64,
) -> Reconcile<DynamoLedger> {
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
pub(crate) async fn run(
    world: &World,
    keys: ReplayKeys,
    providers: Providers,
    after_s: i64,
) -> (ReplayReport, Vec<String>) {
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
pub(crate) fn row(world: &World, id: &str) -> String {
    let row = world.books().journal.get(id).cloned().unwrap_or_default();
    format!("{}{}", row.reason.unwrap_or(row.status), if row.needs_attention { "!" } else { "" })
}

/// Reads a kept request, as a role with read access does.
pub(crate) async fn read_kept(world: &World, id: &str) -> KeptBody {
    let late = CallContext { received_at: now().plus_seconds(DAY), ..context(2) };
    let waiting = world.ledger(2).refused_event(&EventKey::of_row(id), &late).await.expect("the books");
    waiting.expect("a waiting event").body.expect("a body")
}

/// Overwrites a kept request, as a role with write access could.
pub(crate) fn write_kept(world: &World, id: &str, kept: &KeptBody) {
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
