//! The upstreams, and the keys with which they are called.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use ledger::{BreakerName, CallerKey, ReportedUse};
use serde::Deserialize;
use signing::{SecretError, refuse_placeholder};
use thiserror::Error;
use zeroize::Zeroizing;

use super::reports::{AnswerIds, LlmGateway, Reports};
use crate::address::is_address;

const UPSTREAMS_MAX: usize = 8;
const MODELS_MAX: usize = 128;
const TIMEOUT_MS: u64 = 30_000;
const TIMEOUT_MS_MAX: u64 = 600_000;
/// The upstream of `LLM_BASE_URL`.
const MAIN: &str = "main";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LlmConfig {
    /// In the order in which they are tried. Empty: nothing is called.
    ///
    /// `LLM_BASE_URL`: the address of the first, as OpenAI's own clients have it: `https://api.openai.com/v1`. Only the
    /// stage `local` may call without TLS.
    ///
    /// `LLM_MODELS`: its models, separated by commas.
    ///
    /// `LLM_REPORTED_KEY`: our own key at a gateway that reports each use of it here, by a webhook or in its log, as its
    /// reports name the key. Empty: no one reports them.
    ///
    /// `LLM_REPORTED_BY`: which gateway that is: `new-api`, `one-api`, `litellm` or `openrouter`. Empty: `new-api`.
    ///
    /// `LLM_UPSTREAMS`: the others, as JSON: `[{"name":"spare","base_url":"https://…/v1","models":["gpt-4o"]}]`.
    pub upstreams: Vec<Upstream>,
    /// `LLM_TIMEOUT_MS`: how long a call may take in all, with its retries.
    pub timeout: Duration,
}

/// Where requests are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    pub name: String,
    pub(super) base: String,
    pub models: Vec<String>,
    reports: Option<Reports>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpstreamJson {
    name: String,
    base_url: String,
    models: Vec<String>,
    reported_key: Option<String>,
    reported_by: Option<String>,
}

impl LlmConfig {
    /// The environment variables that [`LlmConfig::read`] reads.
    pub const VARIABLES: [&str; 6] =
        ["LLM_BASE_URL", "LLM_MODELS", "LLM_REPORTED_KEY", "LLM_REPORTED_BY", "LLM_UPSTREAMS", "LLM_TIMEOUT_MS"];

    pub fn read(variable: impl Fn(&str) -> Option<String>, stage: &str) -> Result<Self, LlmConfigError> {
        let set = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let [base_url, models, reported_key, reported_by, upstreams, timeout_ms] = Self::VARIABLES;
        let timeout_ms = set(timeout_ms).map_or(Ok(TIMEOUT_MS), |text| text.parse());
        let timeout_ms = timeout_ms.ok().filter(|ms| (1..=TIMEOUT_MS_MAX).contains(ms));
        let timeout = timeout_ms.map(Duration::from_millis).ok_or(LlmConfigError::Timeout)?;
        let models = set(models).unwrap_or_default();
        let models = models.split(',').map(str::trim).filter(|model| !model.is_empty()).map(str::to_owned).collect();
        let main = set(base_url).map(|base_url| UpstreamJson {
            name: MAIN.to_owned(),
            base_url,
            models,
            reported_key: set(reported_key),
            reported_by: set(reported_by),
        });
        let others = set(upstreams).map_or_else(|| Ok(Vec::new()), |json| serde_json::from_str(&json));
        let others: Vec<UpstreamJson> = others.map_err(|_| LlmConfigError::Json)?;
        let upstreams: Vec<Upstream> =
            main.into_iter().chain(others).map(|upstream| upstream.read(stage)).collect::<Result<_, _>>()?;
        let names: std::collections::BTreeSet<&str> = upstreams.iter().map(|of| of.name.as_str()).collect();
        if names.len() != upstreams.len() || upstreams.len() > UPSTREAMS_MAX {
            return Err(LlmConfigError::Names);
        }
        Ok(Self { upstreams, timeout })
    }

    /// The upstreams that have the model, in their order.
    pub fn serving<'c>(&'c self, model: &'c str) -> impl Iterator<Item = &'c Upstream> {
        self.upstreams.iter().filter(move |upstream| upstream.models.iter().any(|served| served == model))
    }
}

impl UpstreamJson {
    fn read(self, stage: &str) -> Result<Upstream, LlmConfigError> {
        let Self { name, base_url, models, reported_key, reported_by } = self;
        let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !name.bytes().all(is_word) {
            return Err(LlmConfigError::Names);
        }
        if !is_address(&base_url, stage) {
            return Err(LlmConfigError::Url);
        }
        let are_plain = models.iter().all(|model| BreakerName::new(&name, model).is_ok());
        if models.is_empty() || models.len() > MODELS_MAX || !are_plain {
            return Err(LlmConfigError::Models);
        }
        let gateway = reported_by.map_or(Some(LlmGateway::default()), |word| LlmGateway::parse(&word));
        let gateway = gateway.ok_or(LlmConfigError::ReportedBy)?;
        let key = reported_key.map(|key| CallerKey::remote(&key)).transpose();
        let key = key.map_err(|_| LlmConfigError::ReportedKey)?;
        let reports = key.map(|key| Reports { gateway, key });
        Ok(Upstream { name, base: base_url.trim_end_matches('/').to_owned(), models, reports })
    }
}

impl Upstream {
    /// How the upstream reports the use that it has answered under these ids, if it reports any.
    pub fn reported_use(&self, ids: AnswerIds<'_>) -> Option<ReportedUse> {
        self.reports.as_ref()?.of(ids)
    }

    /// The header in which its answers have the id of the request.
    pub(super) fn id_header(&self) -> Option<&'static str> {
        self.reports.as_ref()?.gateway.id_header()
    }

    pub fn breaker(&self, model: &str) -> Option<BreakerName> {
        BreakerName::new(&self.name, model).ok()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LlmConfigError {
    #[error("LLM_BASE_URL and each base_url must be an https address without a query")]
    Url,
    #[error("LLM_MODELS and each list of models must have 1 to {MODELS_MAX} names")]
    Models,
    #[error("LLM_REPORTED_KEY and each reported_key must be 1 to 64 visible ASCII characters without #")]
    ReportedKey,
    #[error("LLM_REPORTED_BY and each reported_by must be new-api, one-api, litellm or openrouter")]
    ReportedBy,
    #[error("LLM_UPSTREAMS must be a JSON list of objects with name, base_url and models")]
    Json,
    #[error(
        "LLM_UPSTREAMS may have up to {UPSTREAMS_MAX} upstreams, whose names are different words of a-z, 0-9 and -"
    )]
    Names,
    #[error("LLM_TIMEOUT_MS must be 1 to {TIMEOUT_MS_MAX}")]
    Timeout,
}

/// The keys of all upstreams, by name. Wiped on drop.
pub struct OpenAiKeys(BTreeMap<String, Zeroizing<String>>);

impl OpenAiKeys {
    /// The setting with the key of `main`. That of an upstream `spare` is `OPENAI_API_KEY_SPARE`.
    pub const SETTINGS: [&str; 1] = ["OPENAI_API_KEY"];

    /// From the settings whose names begin so.
    pub fn parse<'s>(
        settings: impl IntoIterator<Item = (&'s str, &'s str)>,
    ) -> Result<Self, (&'static str, SecretError)> {
        let [setting] = Self::SETTINGS;
        let mut keys = BTreeMap::new();
        for (name, key) in settings {
            let Some(suffix) = name.strip_prefix(setting) else { continue };
            let upstream = match suffix.strip_prefix('_') {
                Some(name) => name.to_ascii_lowercase().replace('_', "-"),
                None if suffix.is_empty() => MAIN.to_owned(),
                None => continue,
            };
            let key = key.trim();
            refuse_placeholder(key).map_err(|error| (setting, error))?;
            // It is sent in a header.
            if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err((setting, SecretError::NotAKey { expected: "visible ASCII characters" }));
            }
            keys.insert(upstream, Zeroizing::new(format!("Bearer {key}")));
        }
        Ok(Self(keys))
    }

    /// Whether no upstream has a key, as where there is no chat.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn has(&self, upstream: &str) -> bool {
        self.0.contains_key(upstream)
    }

    pub(super) fn authorization(&self, upstream: &str) -> Option<&Zeroizing<String>> {
        self.0.get(upstream)
    }
}

impl fmt::Debug for OpenAiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenAiKeys(redacted)")
    }
}
