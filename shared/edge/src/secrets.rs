//! A function's secrets: their source, and their refresh after a key rotation.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::DisplayErrorContext;
use futures_util::future::try_join;
use ledger::Timestamp;
use signing::{SecretError, Strength};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::log::chain;

/// A bad signature causes a refresh; this rate limit keeps a flood of forgeries from causing one per request.
const REFRESH_SECONDS_MIN: u64 = 60;

/// Settings by name, from the environment or from a secret's JSON object.
#[derive(Default, Clone)]
pub struct Settings(BTreeMap<String, Zeroizing<String>>);

impl Settings {
    pub fn new(settings: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut by_name = BTreeMap::new();
        by_name.extend(settings.into_iter().map(|(name, value)| (name, Zeroizing::new(value))));
        Self(by_name)
    }

    /// An empty setting counts as not set.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.as_str()).filter(|value| !value.trim().is_empty())
    }

    /// The names of all settings, set or empty.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Appends keys to a setting's list, whose separator is white space.
    pub fn append(&mut self, name: &str, keys: &str) {
        let live = self.setting(name).unwrap_or_default();
        let list = Zeroizing::new(format!("{live}\n{keys}"));
        self.0.insert(name.to_owned(), list);
    }
}

impl Settings {
    /// Adds the settings of another secret. An empty one replaces no value.
    pub(crate) fn extend(&mut self, other: Self) {
        for (name, value) in other.0 {
            if self.setting(&name).is_none() {
                self.0.insert(name, value);
            }
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The place of a function's secrets.
#[derive(Debug)]
pub enum Vault {
    /// In memory, for the local stack: read from the environment or a file at the start.
    Here(Settings),
    /// Several secrets are merged; where two hold a setting, the first that is not empty counts.
    SecretsManager { client: Client, ids: Vec<String> },
}

impl Vault {
    /// One secret of Secrets Manager, for a program that is not a function.
    pub fn of_secret(sdk: &SdkConfig, id: String) -> Self {
        Self::SecretsManager { client: Client::new(sdk), ids: vec![id] }
    }

    fn strength(&self) -> Strength {
        match self {
            Self::Here(_) => Strength::Local,
            Self::SecretsManager { .. } => Strength::Deployed,
        }
    }
}

/// The live keys of one function.
pub struct Keyring<K> {
    vault: Vault,
    make: MakeKeys<K>,
    keys: RwLock<Arc<K>>,
    fetched_at: Mutex<Timestamp>,
}

/// Parses settings into keys. The error names the faulty setting, and never its value.
pub type MakeKeys<K> = fn(&Settings, Strength) -> Result<K, (&'static str, SecretError)>;

impl<K> Keyring<K> {
    /// Fails without a usable key: a function that cannot verify does not start.
    pub async fn open(vault: Vault, make: MakeKeys<K>, now: Timestamp) -> Result<Self, KeyringError> {
        let keys = fetched(&vault, make).await?;
        Ok(Self { vault, make, keys: RwLock::new(Arc::new(keys)), fetched_at: Mutex::new(now) })
    }

    pub fn current(&self) -> Arc<K> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Fetches the stored keys again. `None` if there are no others, or if they were fetched less than a minute ago.
    pub async fn refreshed(&self, now: Timestamp) -> Result<Option<Arc<K>>, KeyringError> {
        if matches!(self.vault, Vault::Here(_)) || !self.may_refresh(now) {
            return Ok(None);
        }
        let keys = Arc::new(fetched(&self.vault, self.make).await?);
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&keys);
        Ok(Some(keys))
    }

    /// The keys for a signature whose refusal the function does not see: fetched again if they are a minute old. A fetch
    /// that fails leaves the old ones.
    pub async fn recent(&self, now: Timestamp) -> Arc<K> {
        match self.refreshed(now).await {
            Ok(Some(keys)) => keys,
            Ok(None) => self.current(),
            Err(error) => {
                tracing::error!(error = %chain(&error), "the keys could not be fetched");
                self.current()
            }
        }
    }

    /// Makes a call with the current keys, and once more with refreshed keys if the provider refuses the current ones.
    pub async fn call<T, E, F>(
        &self,
        now: Timestamp,
        are_refused: impl Fn(&E) -> bool,
        call: impl Fn(Arc<K>) -> F,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let refused = match call(self.current()).await {
            Err(error) if are_refused(&error) => error,
            answer => return answer,
        };
        match self.refreshed(now).await {
            Ok(Some(keys)) => call(keys).await,
            Ok(None) => Err(refused),
            Err(error) => {
                tracing::error!(error = %chain(&error), "the keys could not be fetched");
                Err(refused)
            }
        }
    }

    fn may_refresh(&self, now: Timestamp) -> bool {
        let mut fetched_at = self.fetched_at.lock().unwrap_or_else(PoisonError::into_inner);
        let may = now.seconds_apart(*fetched_at) >= REFRESH_SECONDS_MIN;
        if may {
            *fetched_at = now;
        }
        may
    }
}

impl<K> fmt::Debug for Keyring<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring(redacted)")
    }
}

async fn fetched<K>(vault: &Vault, make: MakeKeys<K>) -> Result<K, KeyringError> {
    let settings = settings_in(vault).await?;
    make(&settings, vault.strength()).map_err(|(setting, error)| KeyringError::Key { setting, error })
}

/// Not generic over the keys, so that a function with many kinds of keys has this code once.
async fn settings_in(vault: &Vault) -> Result<Cow<'_, Settings>, KeyringError> {
    match vault {
        Vault::Here(settings) => Ok(Cow::Borrowed(settings)),
        Vault::SecretsManager { client, ids } => {
            let mut settings = Settings::default();
            // Two at once: a cold start with two secrets waits for one round trip.
            for pair in ids.chunks(2) {
                // On the heap, since the future of a call is large.
                let fetch = |n: usize| {
                    Box::pin(async move {
                        let Some(id) = pair.get(n) else { return Ok(Settings::default()) };
                        secret(client, id).await
                    })
                };
                let (first, second) = try_join(fetch(0), fetch(1)).await?;
                settings.extend(first);
                settings.extend(second);
            }
            Ok(Cow::Owned(settings))
        }
    }
}

async fn secret(client: &Client, id: &str) -> Result<Settings, KeyringError> {
    let answer = client.get_secret_value().secret_id(id).send().await;
    let answer = answer.map_err(|error| KeyringError::Fetch(DisplayErrorContext(error).to_string()))?;
    let text = Zeroizing::new(answer.secret_string.ok_or(KeyringError::NotAnObject)?);
    // serde_json's error could quote the secret.
    let pairs: BTreeMap<String, String> = serde_json::from_str(&text).map_err(|_| KeyringError::NotAnObject)?;
    Ok(Settings::new(pairs))
}

#[derive(Debug, Error)]
pub enum KeyringError {
    #[error("the id of a secret is not set: only the stage `local` takes its secrets from the environment")]
    NoSecret,
    #[error("the secret could not be fetched: {0}")]
    Fetch(String),
    #[error("the secret is not a JSON object of texts")]
    NotAnObject,
    #[error("the published keys could not be fetched: {0}")]
    NotPublished(String),
    #[error("the published keys, fetched less than a minute ago, do not have this one")]
    NotListed,
    #[error("{setting} {error}")]
    Key { setting: &'static str, error: SecretError },
}
