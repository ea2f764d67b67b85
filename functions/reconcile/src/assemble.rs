//! The worker as a whole: the sources whose events it replays, the clients of the providers and the ledger; assembled once per
//! sandbox, and again for as long as a key is missing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use edge::{Invocation, Keyring, MakeKeys, OWN_SECRET, Start, StartError, chain};
use epay::{Epay, Gateway};
use fireblocks::Fireblocks;
use fulfil::{Custodian, Fulfil, Operator};
use futures_util::future::BoxFuture;
use ledger::{Audit, Backlog};
use providers::{Http, StripeConfig, WechatKeys};
use stripe::Stripe;
use usage::Usage;
use webhook::Admission;
use wechat::{Api, Wechat};

use crate::missing_credentials::{CUSTODIAN, OPERATOR};
use crate::{Assembled, LiveKeys, PublishedKeys, Reconcile, ReplayKeys, RetiredKeys, StripeApi};

/// `FULFIL_SECRET_ID`: the secret of the function that fulfils.
const FULFIL_SECRET: &str = "FULFIL_SECRET_ID";
/// `USAGE_SECRET_ID`: the secret of the function that takes usage events.
const USAGE_SECRET: &str = "USAGE_SECRET_ID";
/// `STRIPE_SECRET_ID`: the secret of the function that takes Stripe's events.
const STRIPE_SECRET: &str = "STRIPE_SECRET_ID";
/// `RETIRED_SECRET_ID`: the keys that were replaced, which this function alone reads.
pub const RETIRED_SECRET: &str = "RETIRED_SECRET_ID";
/// `WECHAT_SECRET_ID`: the secret of the function that takes WeChat's notifications, which verifies them.
const WECHAT_SECRET: &str = "WECHAT_SECRET_ID";
const EPAY_SECRET: &str = "EPAY_SECRET_ID";

pub async fn assemble<L>(start: &Start, ledger: L) -> Result<Assembled<L>, StartError>
where
    L: Backlog + Audit + Clone + 'static,
{
    ledger.warm().await;
    let start = Arc::new(start.clone());
    let assemble = move || {
        let (start, ledger) = (Arc::clone(&start), ledger.clone());
        Box::pin(async move { reconcile(&start, ledger).await }) as BoxFuture<'static, _>
    };
    Assembled::new(Box::new(assemble), Invocation::now(Duration::ZERO).now).await
}

/// With the keys as they are stored now.
async fn reconcile<L: Clone>(start: &Start, ledger: L) -> Result<Reconcile<L>, StartError> {
    let stripe = Stripe::configured(start)?;
    let mut missing_credentials = Keyless::default();
    let stripe_api = missing_credentials.or_without("stripe", StripeApi::open(start).await)?;
    let wechat = match wechat::Config::configured(start)? {
        None => None,
        Some(config) => {
            let api = missing_credentials.or_without("wechat", Api::open(start).await)?;
            Some(Wechat { config, api })
        }
    };
    let epay = match epay::Config::configured(start)? {
        None => None,
        Some(config) => {
            let gateway = Gateway::open(start, EPAY_SECRET).await.map(Some).map_err(StartError::from);
            Some(Epay { config, gateway: missing_credentials.or_without("epay", gateway)? })
        }
    };
    let fireblocks = Fireblocks::configured(start)?;
    let operator = missing_credentials.or_without(OPERATOR, Operator::open(start, FULFIL_SECRET).await)?;
    let custodian = missing_credentials.or_without(CUSTODIAN, Custodian::open(start, FULFIL_SECRET).await)?;
    let fulfil = Fulfil { ledger: ledger.clone(), operator, custodian };
    let keys = Box::pin(replay_keys(start, wechat.is_some(), epay.is_some(), fireblocks.is_some())).await?;
    let missing_credentials = missing_credentials.0;
    Ok(Reconcile {
        ledger,
        usage: Usage,
        stripe,
        wechat,
        epay,
        fireblocks,
        stripe_api,
        fulfil,
        keys,
        missing_credentials,
    })
}

/// The keys of the configured sources. Where some cannot be fetched, the kept events of their source wait, and the keys are looked for
/// again.
async fn replay_keys(
    start: &Start,
    has_wechat: bool,
    has_epay: bool,
    has_fireblocks: bool,
) -> Result<ReplayKeys, StartError> {
    let (usage, stripe, wechat, epay, retired) = tokio::join!(
        found(start, true, &[USAGE_SECRET], LiveKeys::<Usage>::read),
        found(start, true, &[STRIPE_SECRET], LiveKeys::<Stripe>::read),
        found(start, has_wechat, &[WECHAT_SECRET, WechatKeys::SECRET_ID], LiveKeys::<Wechat>::read),
        found(start, has_epay, &[EPAY_SECRET], LiveKeys::<Epay>::read),
        found(start, true, &[RETIRED_SECRET], RetiredKeys::read),
    );
    let is_incomplete = usage.is_none()
        || stripe.is_none()
        || (has_wechat && wechat.is_none())
        || (has_epay && epay.is_none())
        || retired.is_none();
    let fireblocks =
        if has_fireblocks { Some(PublishedKeys::new(fireblocks::Config::configured(start)?, http())) } else { None };
    let forbids_body_only_hmac = start.read(Admission::read_forbids_body_only_hmac)?;
    Ok(ReplayKeys { usage, stripe, wechat, epay, fireblocks, retired, is_incomplete, forbids_body_only_hmac })
}

async fn found<K>(start: &Start, is_configured: bool, secrets: &[&str], make: MakeKeys<K>) -> Option<Keyring<K>> {
    if !is_configured {
        return None;
    }
    let keys = start.keys_of(secrets, make).await;
    keys.inspect_err(|error| tracing::warn!(?secrets, error = %chain(error), "nothing can be verified again")).ok()
}

/// The providers whose keys cannot be used.
#[derive(Default)]
struct Keyless(BTreeSet<&'static str>);

impl Keyless {
    /// A provider without a key is not called until there is one. Every other error stands.
    fn or_without<T>(
        &mut self,
        provider: &'static str,
        opened: Result<Option<T>, StartError>,
    ) -> Result<Option<T>, StartError> {
        match opened {
            Err(StartError::Keys(error)) => {
                tracing::warn!(provider, error = %chain(&error), "nobody can be asked");
                self.0.insert(provider);
                Ok(None)
            }
            opened => opened,
        }
    }
}

impl StripeApi {
    async fn open(start: &Start) -> Result<Option<Self>, StartError> {
        let config = start.read(|variable| StripeConfig::read(variable, &start.config.stage))?;
        let keys = start.keys_of(&[OWN_SECRET], checkout::keys(config.livemode)).await?;
        Ok(Some(Self { http: http(), config, keys }))
    }
}

fn http() -> Http {
    Http::new(fastrand::Rng::new())
}
