//! Assembles the worker from the sources, the providers' clients and the ledger: once per sandbox, and again while a
//! key is missing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use edge::{Invocation, Keyring, MakeKeys, OWN_SECRET, Start, StartError, chain};
use epay::{Epay, Gateway};
use fireblocks::Fireblocks;
use fulfil::{Custodian, Fulfil, Operator};
use futures_util::future::BoxFuture;
use ledger::{Audit, Backlog};
use litellm::Litellm;
use openrouter::Openrouter;
use providers::{Http, NewApiConfig, StripeConfig, WechatKeys};
use stripe::Stripe;
use usage::Usage;
use webhook::Admission;
use wechat::{Api, Wechat};

use crate::missing_credentials::{CUSTODIAN, GATEWAY, OPERATOR};
use crate::{Assembled, GatewayApi, LiveKeys, PublishedKeys, Reconcile, ReplayKeys, RetiredKeys, StripeApi};

/// `FULFIL_SECRET_ID`: the secret of `fulfil`.
const FULFIL_SECRET: &str = "FULFIL_SECRET_ID";
/// `USAGE_SECRET_ID`: the secret of `usage`.
const USAGE_SECRET: &str = "USAGE_SECRET_ID";
/// `LITELLM_SECRET_ID`: the secret of `litellm`.
const LITELLM_SECRET: &str = "LITELLM_SECRET_ID";
/// `OPENROUTER_SECRET_ID`: the secret of `openrouter`.
const OPENROUTER_SECRET: &str = "OPENROUTER_SECRET_ID";
/// `STRIPE_SECRET_ID`: the secret of `stripe`.
const STRIPE_SECRET: &str = "STRIPE_SECRET_ID";
/// `RETIRED_SECRET_ID`: the rotated-out keys, which only this function reads.
pub const RETIRED_SECRET: &str = "RETIRED_SECRET_ID";
/// `WECHAT_SECRET_ID`: the secret of `wechat`, which verifies notifications.
const WECHAT_SECRET: &str = "WECHAT_SECRET_ID";
const EPAY_SECRET: &str = "EPAY_SECRET_ID";
/// `NEW_API_SECRET_ID`: the access token for the log of an LLM gateway, which only this function reads.
const NEW_API_SECRET: &str = "NEW_API_SECRET_ID";
/// The variables of the secrets with which [`assemble_to_ask`] queries providers.
pub const ASKED_SECRETS: [&str; 4] = [OWN_SECRET, WechatKeys::SECRET_ID, EPAY_SECRET, FULFIL_SECRET];

pub async fn assemble<L>(start: &Start, ledger: L) -> Result<Assembled<L>, StartError>
where
    L: Backlog + Audit + Clone + 'static,
{
    ledger.warm().await;
    let start = Arc::new(start.clone());
    let assemble = move || {
        let (start, ledger) = (Arc::clone(&start), ledger.clone());
        Box::pin(async move { assemble_once(&start, ledger).await }) as BoxFuture<'static, _>
    };
    Assembled::new(Box::new(assemble), Invocation::now(Duration::ZERO).now).await
}

/// Assembles the worker with the currently stored keys, for one use.
pub async fn assemble_once<L: Clone>(start: &Start, ledger: L) -> Result<Reconcile<L>, StartError> {
    let mut worker = Box::pin(assemble_to_ask(start, ledger)).await?;
    let Reconcile { wechat, epay, fireblocks, .. } = &worker;
    worker.keys = Box::pin(replay_keys(start, wechat.is_some(), epay.is_some(), fireblocks.is_some())).await?;
    Ok(worker)
}

/// The same for a person's questions: it verifies no delivery, so that it has no keys of senders.
pub async fn assemble_to_ask<L: Clone>(start: &Start, ledger: L) -> Result<Reconcile<L>, StartError> {
    let stripe = Stripe::configured(start)?;
    let mut missing_credentials = MissingCredentials::default();
    let stripe_api = missing_credentials.or_without("stripe", StripeApi::open(start).await)?;
    let gateway = missing_credentials.or_without(GATEWAY, GatewayApi::open(start).await)?;
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
    let keys = ReplayKeys::default();
    let missing_credentials = missing_credentials.0;
    Ok(Reconcile {
        ledger,
        usage: Usage::shipped().map_err(StartError::setting)?,
        litellm: Litellm::configured(start)?,
        openrouter: Openrouter::configured(start)?,
        stripe,
        wechat,
        epay,
        fireblocks,
        stripe_api,
        gateway,
        fulfil,
        keys,
        missing_credentials,
    })
}

/// The keys of the configured sources. If some cannot be fetched, their source's kept events wait, and the keys are
/// fetched again later.
async fn replay_keys(
    start: &Start,
    has_wechat: bool,
    has_epay: bool,
    has_fireblocks: bool,
) -> Result<ReplayKeys, StartError> {
    let (usage, litellm, openrouter, stripe, wechat, epay, retired) = tokio::join!(
        found(start, true, &[USAGE_SECRET], LiveKeys::<Usage>::read),
        found(start, true, &[LITELLM_SECRET], LiveKeys::<Litellm>::read),
        found(start, true, &[OPENROUTER_SECRET], LiveKeys::<Openrouter>::read),
        found(start, true, &[STRIPE_SECRET], LiveKeys::<Stripe>::read),
        found(start, has_wechat, &[WECHAT_SECRET, WechatKeys::SECRET_ID], LiveKeys::<Wechat>::read),
        found(start, has_epay, &[EPAY_SECRET], LiveKeys::<Epay>::read),
        found(start, true, &[RETIRED_SECRET], RetiredKeys::read),
    );
    let is_incomplete = usage.is_none()
        || litellm.is_none()
        || openrouter.is_none()
        || stripe.is_none()
        || (has_wechat && wechat.is_none())
        || (has_epay && epay.is_none())
        || retired.is_none();
    let fireblocks =
        if has_fireblocks { Some(PublishedKeys::new(fireblocks::Config::configured(start)?, http())) } else { None };
    let forbids_body_only_hmac = start.read(Admission::read_forbids_body_only_hmac)?;
    Ok(ReplayKeys {
        usage,
        litellm,
        openrouter,
        stripe,
        wechat,
        epay,
        fireblocks,
        retired,
        is_incomplete,
        forbids_body_only_hmac,
    })
}

async fn found<K>(start: &Start, is_configured: bool, secrets: &[&str], make: MakeKeys<K>) -> Option<Keyring<K>> {
    if !is_configured {
        return None;
    }
    let keys = start.keys_of(secrets, make).await;
    keys.inspect_err(|error| tracing::warn!(?secrets, error = %chain(error), "the keys could not be fetched, and kept deliveries wait")).ok()
}

/// The providers with a missing or unusable key.
#[derive(Default)]
struct MissingCredentials(BTreeSet<&'static str>);

impl MissingCredentials {
    /// Turns a missing key into `None`: the provider is not called until its key is there. Other errors are returned.
    fn or_without<T>(
        &mut self,
        provider: &'static str,
        opened: Result<Option<T>, StartError>,
    ) -> Result<Option<T>, StartError> {
        match opened {
            Err(StartError::Keys(error)) => {
                tracing::warn!(provider, error = %chain(&error), "the provider's key is missing, and is fetched again later");
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

impl GatewayApi {
    /// `None` if no log is read.
    async fn open(start: &Start) -> Result<Option<Self>, StartError> {
        let Some(config) = start.read(|variable| NewApiConfig::read(variable, &start.config.stage))? else {
            return Ok(None);
        };
        let keys = start.keys_of(&[NEW_API_SECRET], Self::key).await?;
        Ok(Some(Self { http: http(), config, keys }))
    }
}

fn http() -> Http {
    Http::new(fastrand::Rng::new())
}
