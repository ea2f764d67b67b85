//! Assembles the function from the rate card, the settings, the keys, the client of its upstreams and the ledger.

use api::RandomBits;
use catalog::RateCard;
use edge::{OWN_SECRET, Settings, Start, StartError};
use providers::{Http, LlmConfig, OpenAiKeys};
use signing::{SecretError, Strength};
use thiserror::Error;

use crate::fallback::Fallback;
use crate::{Books, Chat, Config, Parts};

pub async fn assemble<L: Books>(start: &Start, ledger: L) -> Result<Chat<L>, StartError> {
    let upstreams = start.read(|variable| LlmConfig::read(variable, &start.config.stage))?;
    let config = start.read(Config::read)?;
    let card = RateCard::shipped().map_err(StartError::setting)?;
    let fallback = Fallback::shipped().map_err(StartError::setting)?;
    // During init, when CPU is free and no caller waits.
    ledger.warm().await;
    let keys = if upstreams.upstreams.is_empty() { None } else { Some(start.keys_of(&[OWN_SECRET], keys).await?) };
    if let Some(keys) = &keys {
        let current = keys.current();
        if let Some(upstream) = upstreams.upstreams.iter().find(|upstream| !current.has(&upstream.name)) {
            return Err(StartError::setting(NoKey(upstream.name.clone())));
        }
    }
    let http = Http::new(fastrand::Rng::new());
    let parts = Parts { upstreams, config, card, fallback, keys, http, ids: RandomBits::of_system() };
    Ok(Chat::new(parts, ledger))
}

/// Reads the keys of the upstreams.
pub fn keys(settings: &Settings, _: Strength) -> Result<OpenAiKeys, (&'static str, SecretError)> {
    OpenAiKeys::parse(settings.names().filter_map(|name| Some((name, settings.setting(name)?))))
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the secret has no key for the upstream {0}: OPENAI_API_KEY, or for another than main OPENAI_API_KEY_<NAME>")]
struct NoKey(String);
