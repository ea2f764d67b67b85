//! Signature verification before a replay: with the source's live keys, then with its rotated-out keys. Keys come from
//! Secrets Manager or from a provider's JWKS, never from a table that other functions can write.

use std::fmt;

use edge::{Invocation, KeySource as _, Keyring, KeyringError, Settings, chain};
use epay::Epay;
use fireblocks::{Fireblocks, Published};
use ledger::{CachedJwks, CallContext, CommitError, JwksCache, JwksName};
use litellm::Litellm;
use openrouter::Openrouter;
use providers::Http;
use signing::{SecretError, Strength, VerifyError};
use stripe::Stripe;
use tokio::sync::OnceCell;
use usage::Usage;
use webhook::{Kept, KeptError, Received, Webhook};
use wechat::Wechat;

use crate::RetiredKeys;

/// The keys of every source. Without a source's keys, its kept deliveries wait.
#[derive(Debug, Default)]
pub struct ReplayKeys {
    pub usage: Option<Keyring<LiveKeys<Usage>>>,
    pub litellm: Option<Keyring<LiveKeys<Litellm>>>,
    pub openrouter: Option<Keyring<LiveKeys<Openrouter>>>,
    pub stripe: Option<Keyring<LiveKeys<Stripe>>>,
    pub wechat: Option<Keyring<LiveKeys<Wechat>>>,
    pub epay: Option<Keyring<LiveKeys<Epay>>>,
    pub fireblocks: Option<PublishedKeys>,
    pub retired: Option<Keyring<RetiredKeys>>,
    /// Whether keys of a configured source could not be fetched.
    pub is_incomplete: bool,
    /// `FORBID_BODY_ONLY_HMAC`: whether replays, too, refuse an HMAC over the body only.
    pub forbids_body_only_hmac: bool,
}

/// A source's live keys, and their settings, to which retired keys are appended.
pub struct LiveKeys<W: Webhook> {
    keys: W::Keys,
    settings: Settings,
    strength: Strength,
}

impl<W: Webhook> LiveKeys<W> {
    pub fn read(settings: &Settings, strength: Strength) -> Result<Self, (&'static str, SecretError)> {
        Ok(Self { keys: W::keys(settings, strength)?, settings: settings.clone(), strength })
    }

    pub(crate) fn keys(&self) -> &W::Keys {
        &self.keys
    }
}

impl<W: Webhook> fmt::Debug for LiveKeys<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LiveKeys(redacted)")
    }
}

/// A kept delivery whose signature is verified again.
#[derive(Debug)]
pub(crate) struct Proven<'k> {
    pub(crate) received: Received<'k>,
    pub(crate) is_by_retired_key: bool,
}

/// Reasons why a kept delivery is not replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unproven {
    /// Secrets Manager, the JWKS or the provider is unavailable, or a setting forbids the proof; the delivery waits.
    NotNow,
    /// The signature does not match keys that were fetched less than a minute ago.
    Disproved(&'static str),
    /// It is signed by a key that is no longer published.
    KeyVanished,
    /// The provider has deleted the event.
    EventGone,
}

impl From<KeptError> for Unproven {
    fn from(error: KeptError) -> Self {
        Self::Disproved(error.label())
    }
}

/// Verifies a source's kept deliveries.
pub(crate) trait Prove<W: Webhook>: Sync {
    fn prove<'k>(
        &self,
        source: &W,
        kept: &'k Kept,
        invocation: &Invocation,
    ) -> impl Future<Output = Result<Proven<'k>, Unproven>> + Send;
}

/// Keys from Secrets Manager.
pub(crate) struct SecretKeys<'r, W: Webhook> {
    live: Option<&'r Keyring<LiveKeys<W>>>,
    retired: Option<&'r Keyring<RetiredKeys>>,
}

impl ReplayKeys {
    pub(crate) fn of<'r, W: Webhook>(&'r self, live: Option<&'r Keyring<LiveKeys<W>>>) -> SecretKeys<'r, W> {
        SecretKeys { live, retired: self.retired.as_ref() }
    }
}

impl<W: Webhook> Prove<W> for SecretKeys<'_, W> {
    async fn prove<'k>(&self, source: &W, kept: &'k Kept, invocation: &Invocation) -> Result<Proven<'k>, Unproven> {
        let live = self.live.ok_or(Unproven::NotNow)?;
        if let Ok(proven) = self.verified(source, kept, live, invocation)? {
            return Ok(proven);
        }
        // The keys may have been rotated since they were fetched. Only fresh keys disprove a delivery.
        let retired = self.retired.ok_or(Unproven::NotNow)?;
        refreshed(live, invocation).await?;
        refreshed(retired, invocation).await?;
        self.verified(source, kept, live, invocation)?.map_err(|refused| {
            // The signature matches, and a setting forbids its kind. It may be allowed again.
            let is_forbidden = refused == VerifyError::BodyOnly;
            if is_forbidden { Unproven::NotNow } else { Unproven::Disproved(refused.label()) }
        })
    }
}

impl<W: Webhook> SecretKeys<'_, W> {
    /// Verifies with the live keys, and else with the retired keys appended to them.
    fn verified<'k>(
        &self,
        source: &W,
        kept: &'k Kept,
        live: &Keyring<LiveKeys<W>>,
        invocation: &Invocation,
    ) -> Result<Result<Proven<'k>, VerifyError>, Unproven> {
        let live = live.current();
        let refused = match kept.verified(source, &live.keys) {
            Ok(received) => return Ok(Ok(Proven { received, is_by_retired_key: false })),
            Err(error) => error,
        };
        let retired = self.retired.and_then(|retired| retired.current().behind(&live.settings, invocation.now));
        let Some(settings) = retired else {
            return Ok(Err(refused));
        };
        let keys = W::keys(&settings, live.strength).map_err(|(setting, error)| {
            tracing::error!(setting, %error, "the retired keys cannot be used");
            Unproven::NotNow
        })?;
        let verified = kept.verified(source, &keys);
        Ok(verified.map(|received| Proven { received, is_by_retired_key: true }))
    }
}

async fn refreshed<K>(keys: &Keyring<K>, invocation: &Invocation) -> Result<(), Unproven> {
    let fetched = keys.refreshed(invocation.now).await.map(|_| ());
    fetched.map_err(|error| {
        tracing::error!(error = %chain(&error), "the keys could not be fetched");
        Unproven::NotNow
    })
}

/// Keys that Fireblocks publishes as a JWKS. They are fetched at first use, and only from Fireblocks: other functions
/// can write the cached JWKS in the accounts table.
#[derive(Debug)]
pub struct PublishedKeys {
    config: fireblocks::Config,
    http: Http,
    fetched: OnceCell<Published<NoJwksCache>>,
}

impl PublishedKeys {
    pub fn new(config: fireblocks::Config, http: Http) -> Self {
        Self { config, http, fetched: OnceCell::new() }
    }
}

impl Prove<Fireblocks> for Option<PublishedKeys> {
    async fn prove<'k>(
        &self,
        source: &Fireblocks,
        kept: &'k Kept,
        invocation: &Invocation,
    ) -> Result<Proven<'k>, Unproven> {
        let keys = self.as_ref().ok_or(Unproven::NotNow)?;
        let open = || Published::open(keys.config.clone(), keys.http.clone(), NoJwksCache, invocation);
        let published = keys.fetched.get_or_init(open).await;
        let proven = |received| Proven { received, is_by_retired_key: false };
        let live = published.live(invocation).await;
        let refused = match kept.verified(source, &live) {
            Ok(received) => return Ok(proven(received)),
            Err(error) => error,
        };
        let renewed = match published.renewed(&live, refused, invocation).await {
            Ok(renewed) => renewed,
            // Fetched less than a minute ago: the key of a delivery that was once verified is no longer published.
            Err(KeyringError::NotListed) => None,
            Err(error) => {
                tracing::warn!(error = %chain(&error), "the published keys could not be fetched");
                return Err(Unproven::NotNow);
            }
        };
        let refused = match renewed.map(|keys| kept.verified(source, &keys)) {
            Some(Ok(received)) => return Ok(proven(received)),
            Some(Err(error)) => error,
            None => refused,
        };
        Err(match refused {
            VerifyError::UnknownKey => Unproven::KeyVanished,
            VerifyError::Missing
            | VerifyError::Malformed
            | VerifyError::Stale
            | VerifyError::BadSignature
            | VerifyError::BodyOnly => Unproven::Disproved(refused.label()),
        })
    }
}

/// A cache that stores nothing, so that no cached JWKS of other functions is read.
#[derive(Debug, Clone, Copy)]
pub struct NoJwksCache;

impl JwksCache for NoJwksCache {
    async fn cached_jwks(&self, _: JwksName, _: &CallContext<'_>) -> Result<Option<CachedJwks>, CommitError> {
        Ok(None)
    }

    async fn cache_jwks(&self, _: JwksName, _: &CachedJwks, _: &CallContext<'_>) -> Result<(), CommitError> {
        Ok(())
    }
}
