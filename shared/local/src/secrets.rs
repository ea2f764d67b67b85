//! The secrets of this machine: generated once, kept in the data folder; those of the environment win.

use std::collections::BTreeMap;
use std::fmt;

use providers::{FireblocksKeys, UnitelKeys};

use crate::error::Error;
use crate::home::Home;
use crate::random::{self, Generate};
use crate::sources::{Source, epay, fireblocks, wechat};

const FILE: &str = "secrets.json";
pub(crate) const DEMO_API_KEY: &str = "DEMO_API_KEY";

/// By the name of the setting.
#[derive(Clone)]
pub struct Secrets(BTreeMap<String, String>);

impl Secrets {
    /// Those in the data folder, with the missing ones made, and then those of the environment in place of both.
    pub fn open(home: &Home, variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let _alone = home.alone()?;
        let mut secrets: BTreeMap<String, String> = match home.read(FILE)? {
            None => BTreeMap::new(),
            // serde_json's own error could quote a secret.
            Some(text) => serde_json::from_str(&text).map_err(|_| Error::Unreadable(home.dir().join(FILE)))?,
        };
        let known = secrets.len();
        for (name, generate) in settings() {
            if !secrets.contains_key(name) {
                secrets.insert(name.to_owned(), generate()?);
            }
        }
        if secrets.len() > known {
            home.write(FILE, &secrets)?;
        }
        let both_sides = secrets.get(wechat::SETTING).map_or("", String::as_str);
        let of_wechat = wechat::of_function(both_sides).map_err(|error| Error::Secret(wechat::SETTING, error))?;
        secrets.extend(of_wechat.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let both_sides = secrets.get(epay::SETTING).map_or("", String::as_str);
        let of_epay = epay::of_function(both_sides).map_err(|error| Error::Secret(epay::SETTING, error))?;
        secrets.extend(of_epay.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let both_sides = secrets.get(fireblocks::SETTING).map_or("", String::as_str);
        let of_fireblocks =
            fireblocks::of_function(both_sides).map_err(|error| Error::Secret(fireblocks::SETTING, error))?;
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

    pub fn named(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

/// What the environment may set in place of a generated secret.
pub(crate) fn overridable() -> impl Iterator<Item = &'static str> {
    let generated = settings().map(|(name, _)| name);
    generated.chain(::wechat::SETTINGS).chain(::epay::SETTINGS).chain(FireblocksKeys::SETTINGS)
}

fn settings() -> impl Iterator<Item = (&'static str, Generate)> {
    let of_sources = Source::all().flat_map(|source| source.settings);
    let named = of_sources.map(|setting| (setting.name, setting.generate));
    let [username, password] = UnitelKeys::SETTINGS;
    let ours: [(_, Generate); 4] = [
        (DEMO_API_KEY, random::api_key),
        (checkout::SETTING, random::stripe_key),
        (username, || Ok("shop".to_owned())),
        (password, random::hex),
    ];
    named.chain(ours)
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(redacted)")
    }
}
