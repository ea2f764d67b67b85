//! The secrets of the local stack: generated once and kept in the data folder. A variable of the environment overrides its secret.

use std::collections::BTreeMap;
use std::fmt;

use providers::{FireblocksKeys, NewApiKey, UnitelKeys};

use crate::error::Error;
use crate::home::Home;
use crate::random::{self, Generate};
use crate::sources::{Source, epay, fireblocks, wechat};

const FILE: &str = "secrets.json";
/// The key of the hashes of redeem codes.
pub const CODE_PEPPER: &str = "CODE_PEPPER";
/// The keys of the LLM upstreams `main` and `spare`.
pub(crate) const OPENAI_KEYS: [&str; 2] = ["OPENAI_API_KEY", "OPENAI_API_KEY_SPARE"];
pub(crate) const DEMO_API_KEY: &str = "DEMO_API_KEY";

/// Secrets by the name of their setting.
#[derive(Clone)]
pub struct Secrets(BTreeMap<String, String>);

impl Secrets {
    /// Reads the data folder, generates the missing secrets, and then applies the overrides of the environment.
    pub fn open(home: &Home, variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let _lock = home.lock_folder()?;
        let mut secrets: BTreeMap<String, String> = match home.read(FILE)? {
            None => BTreeMap::new(),
            // serde_json's own error could quote a secret.
            Some(text) => serde_json::from_str(&text).map_err(|_| Error::Unreadable(home.dir().join(FILE)))?,
        };
        let count_before = secrets.len();
        for (name, generate) in settings() {
            if !secrets.contains_key(name) {
                secrets.insert(name.to_owned(), generate()?);
            }
        }
        if secrets.len() > count_before {
            home.write(FILE, &secrets)?;
        }
        let local_keys = secrets.get(wechat::SETTING).map_or("", String::as_str);
        let of_wechat = wechat::of_function(local_keys).map_err(|error| Error::Secret(wechat::SETTING, error))?;
        secrets.extend(of_wechat.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let local_keys = secrets.get(epay::SETTING).map_or("", String::as_str);
        let of_epay = epay::of_function(local_keys).map_err(|error| Error::Secret(epay::SETTING, error))?;
        secrets.extend(of_epay.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let local_keys = secrets.get(fireblocks::SETTING).map_or("", String::as_str);
        let of_fireblocks =
            fireblocks::of_function(local_keys).map_err(|error| Error::Secret(fireblocks::SETTING, error))?;
        secrets.extend(of_fireblocks.into_iter().map(|(name, value)| (name.to_owned(), value)));
        for name in overridable() {
            if let Some(value) = variable(name) {
                secrets.insert(name.to_owned(), value);
            }
        }
        Ok(Self(secrets))
    }

    pub(crate) fn all(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// Each setting with its value.
    pub fn pairs(&self) -> impl Iterator<Item = (String, String)> {
        self.0.clone().into_iter()
    }

    pub fn named(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

/// The settings that the environment may override.
pub(crate) fn overridable() -> impl Iterator<Item = &'static str> {
    let generated = settings().map(|(name, _)| name);
    generated.chain(::wechat::SETTINGS).chain(::epay::SETTINGS).chain(FireblocksKeys::SETTINGS)
}

fn settings() -> impl Iterator<Item = (&'static str, Generate)> {
    let of_sources = Source::all().flat_map(|source| source.settings);
    let named = of_sources.map(|setting| (setting.name, setting.generate));
    let ([username, password], [token]) = (UnitelKeys::SETTINGS, NewApiKey::SETTINGS);
    let [main, spare] = OPENAI_KEYS;
    let own: [(_, Generate); 8] = [
        (CODE_PEPPER, random::hex),
        (DEMO_API_KEY, random::api_key),
        (checkout::SETTING, random::stripe_key),
        (username, || Ok("shop".to_owned())),
        (password, random::hex),
        (token, random::hex),
        (main, random::hex),
        (spare, random::hex),
    ];
    named.chain(own)
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(redacted)")
    }
}
