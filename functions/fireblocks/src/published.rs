//! The published keys (JWKS): fetched once an hour, earlier if a webhook names an unknown key, and at most once a
//! minute. The last good set is cached in DynamoDB for a day, so that new sandboxes start from it even if Fireblocks is
//! unreachable.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use edge::{Invocation, KeySource, KeyringError, chain};
use ledger::{CachedJwks, JwksCache, JwksName, Timestamp};
use providers::{Http, published};
use signing::VerifyError;
use tokio::sync::Mutex;
use webhook::Webhook as _;

use crate::verify::Keys;
use crate::{Config, Fireblocks, PublishedAt};

const NAME: JwksName = JwksName("fireblocks");

/// Fireblocks' own `Cache-Control: max-age=3600`.
const FRESH_SECONDS: u64 = 60 * 60;
/// While Fireblocks is unreachable, a revoked key verifies for at most this long.
const AGE_SECONDS_MAX: u64 = 24 * 60 * 60;
/// The alarm's word: all keys are older than that, and nothing can be verified.
const NO_RECENT_KEYS: &str = "no_recent_keys";
/// A forged key id triggers a fetch; this limits the rate of fetches in a flood of forgeries.
const REFRESH_SECONDS_MIN: u64 = 60;
/// The sender waits during the fetch, and its event is still to be booked.
const FETCH_WITHIN: Duration = Duration::from_secs(2);
const CACHE_WITHIN: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct Published<C> {
    config: Config,
    http: Http,
    jwks_cache: C,
    known: RwLock<Known>,
    /// The keys to verify with while no recent set is known: without published keys.
    unpublished: Arc<Keys>,
    /// Held during a fetch: other invocations wait and use its result.
    last_fetch: Mutex<LastFetch>,
}

#[derive(Debug, Clone)]
struct Known {
    keys: Arc<Keys>,
    fetched_at: Option<Timestamp>,
}

/// The last fetch of the published keys.
#[derive(Debug, Clone, Copy, Default)]
struct LastFetch {
    at: Option<Timestamp>,
    has_failed: bool,
}

impl<C: JwksCache> Published<C> {
    /// Never fails: without keys, senders get a retryable reply, and later invocations fetch the keys.
    pub async fn open(config: Config, http: Http, jwks_cache: C, invocation: &Invocation) -> Self {
        // An error in `v1` was reported when the configuration was read.
        let keys = Arc::new(Keys::without_published(config.v1.as_deref()).unwrap_or_default());
        let known = RwLock::new(Known { keys: Arc::clone(&keys), fetched_at: None });
        let published_keys = Self { config, http, jwks_cache, known, unpublished: keys, last_fetch: Mutex::default() };
        let mut last_fetch = published_keys.last_fetch.lock().await;
        published_keys.read_cache(&mut last_fetch, invocation).await;
        if !published_keys.known().is_fresh(invocation.now) {
            // `refresh` logs the error, and the sandbox works without the keys.
            let _ = published_keys.refresh(&mut last_fetch, invocation).await;
        }
        drop(last_fetch);
        published_keys
    }

    /// Reads the set that this or another sandbox cached, unless it is too old.
    async fn read_cache(&self, last_fetch: &mut LastFetch, invocation: &Invocation) {
        match self.jwks_cache.cached_jwks(NAME, &invocation.part(CACHE_WITHIN).context()).await {
            Ok(None) => {}
            Ok(Some(CachedJwks { text, fetched_at })) => {
                let is_recent = is_within(AGE_SECONDS_MAX, fetched_at, invocation.now);
                if is_recent && self.install(&text, fetched_at).is_ok() {
                    last_fetch.at = last_fetch.at.max(Some(fetched_at));
                }
            }
            Err(error) => tracing::warn!(error = %chain(&error), "the cached keys of Fireblocks could not be read"),
        }
    }

    /// Fetches the keys. On any error the current set stays in use.
    async fn refresh(&self, last_fetch: &mut LastFetch, invocation: &Invocation) -> Result<(), KeyringError> {
        *last_fetch = LastFetch { at: Some(invocation.now), has_failed: true };
        let fetched = self.fetch(invocation).await;
        let taken = fetched.and_then(|text| self.install(&text, invocation.now).map(|()| text));
        let text = taken.inspect_err(|error| {
            tracing::warn!(%error, "the fetch failed: the last published keys stay in use for a day");
            if !self.known().is_recent(invocation.now) {
                edge::alarm(Fireblocks::SOURCE.as_str(), NO_RECENT_KEYS, "jwks#fireblocks");
            }
        })?;
        last_fetch.has_failed = false;
        let cached = CachedJwks { text, fetched_at: invocation.now };
        if let Err(error) = self.jwks_cache.cache_jwks(NAME, &cached, &invocation.part(CACHE_WITHIN).context()).await {
            tracing::warn!(error = %chain(&error), "the keys of Fireblocks could not be cached");
        }
        Ok(())
    }

    async fn fetch(&self, invocation: &Invocation) -> Result<String, KeyringError> {
        let failed = |error: &(dyn std::error::Error + 'static)| KeyringError::NotPublished(chain(error));
        match &self.config.published_at {
            PublishedAt::Url(url) => {
                published(&self.http, url, invocation.part(FETCH_WITHIN).deadline).await.map_err(|error| failed(&error))
            }
            PublishedAt::File(path) => std::fs::read_to_string(path).map_err(|error| failed(&error)),
            PublishedAt::Here(text) => Ok(text.clone()),
        }
    }

    /// Uses this set. An empty or malformed set is an error.
    fn install(&self, text: &str, fetched_at: Timestamp) -> Result<(), KeyringError> {
        let keys = Keys::read(text, self.config.v1.as_deref());
        let keys = Arc::new(keys.map_err(|(setting, error)| KeyringError::Key { setting, error })?);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Known { keys, fetched_at: Some(fetched_at) };
        Ok(())
    }

    fn known(&self) -> Known {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The keys to verify with now.
    fn usable(&self, now: Timestamp) -> Arc<Keys> {
        let known = self.known();
        if known.is_recent(now) { known.keys } else { Arc::clone(&self.unpublished) }
    }
}

impl<C: JwksCache> KeySource<Keys> for Published<C> {
    async fn live(&self, invocation: &Invocation) -> Arc<Keys> {
        let known = self.known();
        // If another invocation fetches already, this one goes on with the current keys.
        if !known.is_fresh(invocation.now)
            && let Ok(mut last_fetch) = self.last_fetch.try_lock()
        {
            if !known.is_recent(invocation.now) {
                // Another sandbox may have cached a newer set, or DynamoDB may not have answered when this sandbox
                // started.
                self.read_cache(&mut last_fetch, invocation).await;
            } else if last_fetch.may_repeat(invocation.now) {
                let _ = self.refresh(&mut last_fetch, invocation).await;
            }
        }
        self.usable(invocation.now)
    }

    async fn renewed(
        &self,
        unfit: &Arc<Keys>,
        error: VerifyError,
        invocation: &Invocation,
    ) -> Result<Option<Arc<Keys>>, KeyringError> {
        // Only an unknown key id can be a newly published key; the key of a known id never changes.
        if error != VerifyError::UnknownKey {
            return Ok(None);
        }
        let mut last_fetch = self.last_fetch.lock().await;
        if Arc::ptr_eq(&self.usable(invocation.now), unfit) {
            if last_fetch.may_repeat(invocation.now) {
                self.refresh(&mut last_fetch, invocation).await?;
            } else if last_fetch.has_failed {
                // The delivery may be genuine: a retryable reply asks for a redelivery.
                return Err(KeyringError::NotPublished("a moment ago".to_owned()));
            } else {
                // The key may have been published since that fetch, and Fireblocks does not redeliver after a 4xx.
                return Err(KeyringError::NotListed);
            }
        }
        Ok(Some(self.usable(invocation.now)))
    }
}

impl Known {
    fn is_fresh(&self, now: Timestamp) -> bool {
        self.fetched_at.is_some_and(|at| is_within(FRESH_SECONDS, at, now))
    }

    fn is_recent(&self, now: Timestamp) -> bool {
        self.fetched_at.is_some_and(|at| is_within(AGE_SECONDS_MAX, at, now))
    }
}

fn is_within(seconds: u64, at: Timestamp, now: Timestamp) -> bool {
    now.seconds_apart(at) < seconds
}

impl LastFetch {
    fn may_repeat(&self, now: Timestamp) -> bool {
        self.at.is_none_or(|at| now.seconds_apart(at) >= REFRESH_SECONDS_MIN)
    }
}
