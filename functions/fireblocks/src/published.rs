//! The keys that Fireblocks publishes: fetched once an hour, sooner where a webhook names one that is not among them, and never more than
//! once a minute. The last good set outlives the sandbox for a day: whoever starts takes the copy, whether Fireblocks answers or not.

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

/// What Fireblocks asks for: `Cache-Control: max-age=3600`.
const FRESH_SECONDS: u64 = 60 * 60;
/// While Fireblocks cannot be reached, a key that it has withdrawn is believed for this long and no longer.
const AGE_SECONDS_MAX: u64 = 24 * 60 * 60;
/// The alarm's word: nothing can be verified, because there are no keys younger than that.
const NO_RECENT_KEYS: &str = "no_recent_keys";
/// A forged webhook makes us look for new keys; a flood of them must not make us look all the time.
const REFRESH_SECONDS_MIN: u64 = 60;
/// A sender waits meanwhile, and what it sent is still to be booked.
const FETCH_WITHIN: Duration = Duration::from_secs(2);
const COPY_WITHIN: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct Published<C> {
    config: Config,
    http: Http,
    jwks_cache: C,
    known: RwLock<Known>,
    /// Those to verify with while none are known that are young enough: no published ones.
    unpublished: Arc<Keys>,
    /// Held by whoever looks: the others wait, and look at what he has found.
    looked: Mutex<Looked>,
}

#[derive(Debug, Clone)]
struct Known {
    keys: Arc<Keys>,
    fetched_at: Option<Timestamp>,
}

/// The last look at what is published.
#[derive(Debug, Clone, Copy, Default)]
struct Looked {
    at: Option<Timestamp>,
    has_failed: bool,
}

impl<C: JwksCache> Published<C> {
    /// Never fails: without keys nobody is believed, everybody is asked to come again, and the keys are looked for meanwhile.
    pub async fn open(config: Config, http: Http, jwks_cache: C, invocation: &Invocation) -> Self {
        // What is wrong with it was said when the configuration was read.
        let keys = Arc::new(Keys::without_published(config.v1.as_deref()).unwrap_or_default());
        let known = RwLock::new(Known { keys: Arc::clone(&keys), fetched_at: None });
        let opened = Self { config, http, jwks_cache, known, unpublished: keys, looked: Mutex::default() };
        let mut looked = opened.looked.lock().await;
        opened.recall(&mut looked, invocation).await;
        if !opened.known().is_fresh(invocation.now) {
            // Said there, and of no consequence yet.
            let _ = opened.look(&mut looked, invocation).await;
        }
        drop(looked);
        opened
    }

    /// What this or another sandbox has kept, unless it is too old.
    async fn recall(&self, looked: &mut Looked, invocation: &Invocation) {
        match self.jwks_cache.cached_jwks(NAME, &invocation.part(COPY_WITHIN).context()).await {
            Ok(None) => {}
            Ok(Some(CachedJwks { text, fetched_at })) => {
                let is_recent = is_within(AGE_SECONDS_MAX, fetched_at, invocation.now);
                if is_recent && self.take(&text, fetched_at).is_ok() {
                    looked.at = looked.at.max(Some(fetched_at));
                }
            }
            Err(error) => tracing::warn!(error = %chain(&error), "the copy of Fireblocks' keys could not be read"),
        }
    }

    /// Fetches them. Whatever goes wrong, those that we have stay.
    async fn look(&self, looked: &mut Looked, invocation: &Invocation) -> Result<(), KeyringError> {
        *looked = Looked { at: Some(invocation.now), has_failed: true };
        let fetched = self.fetch(invocation).await;
        let taken = fetched.and_then(|text| self.take(&text, invocation.now).map(|()| text));
        let text = taken.inspect_err(|error| {
            tracing::warn!(%error, "those that were published before stay, for a day");
            if !self.known().is_recent(invocation.now) {
                edge::alarm(Fireblocks::SOURCE.as_str(), NO_RECENT_KEYS, "jwks#fireblocks");
            }
        })?;
        looked.has_failed = false;
        let copied = CachedJwks { text, fetched_at: invocation.now };
        if let Err(error) = self.jwks_cache.cache_jwks(NAME, &copied, &invocation.part(COPY_WITHIN).context()).await {
            tracing::warn!(error = %chain(&error), "the copy of Fireblocks' keys could not be written");
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

    /// A set that is empty or spoilt is none.
    fn take(&self, text: &str, fetched_at: Timestamp) -> Result<(), KeyringError> {
        let keys = Keys::read(text, self.config.v1.as_deref());
        let keys = Arc::new(keys.map_err(|(setting, error)| KeyringError::Key { setting, error })?);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Known { keys, fetched_at: Some(fetched_at) };
        Ok(())
    }

    fn known(&self) -> Known {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Those to verify with now.
    fn usable(&self, now: Timestamp) -> Arc<Keys> {
        let known = self.known();
        if known.is_recent(now) { known.keys } else { Arc::clone(&self.unpublished) }
    }
}

impl<C: JwksCache> KeySource<Keys> for Published<C> {
    async fn live(&self, invocation: &Invocation) -> Arc<Keys> {
        let known = self.known();
        // Whoever finds somebody looking goes on with what there is.
        if !known.is_fresh(invocation.now)
            && let Ok(mut looked) = self.looked.try_lock()
        {
            if !known.is_recent(invocation.now) {
                // Another sandbox may have reached Fireblocks, or the store may not have answered when this one started.
                self.recall(&mut looked, invocation).await;
            } else if looked.may_again(invocation.now) {
                let _ = self.look(&mut looked, invocation).await;
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
        // A key that is known is never another by the same name.
        if error != VerifyError::UnknownKey {
            return Ok(None);
        }
        let mut looked = self.looked.lock().await;
        if Arc::ptr_eq(&self.usable(invocation.now), unfit) {
            if looked.may_again(invocation.now) {
                self.look(&mut looked, invocation).await?;
            } else if looked.has_failed {
                // It may be genuine: whoever sent it is asked to come again, and not turned away.
                return Err(KeyringError::NotPublished("a moment ago".to_owned()));
            } else {
                // It may have been published since that look, and Fireblocks does not repeat what is answered 4xx.
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

impl Looked {
    fn may_again(&self, now: Timestamp) -> bool {
        self.at.is_none_or(|at| now.seconds_apart(at) >= REFRESH_SECONDS_MIN)
    }
}
