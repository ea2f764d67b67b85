//! Configuration: the address of the published keys (JWKS), whether webhooks v1 are accepted, and our workspace.

use std::path::PathBuf;

use signing::fireblocks::Environment;
use thiserror::Error;

use crate::verify::Keys;

const LOCAL: &str = "local";
const US: &str = "https://keys.fireblocks.io/.well-known/jwks.json";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `FIREBLOCKS_JWKS_URL`: the address of the JWKS for webhooks. Empty: that of the US installation. The stage
    /// `local` also accepts a file (`file:…`) or the JWKS itself.
    pub published_at: PublishedAt,
    /// `FIREBLOCKS_V1`: the installation whose webhooks v1 are accepted: `us`, `eu` or `sandbox`; in the stage `local`
    /// also a public key. Empty: webhooks v1 are refused.
    pub v1: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishedAt {
    Url(String),
    File(PathBuf),
    Here(String),
}

impl Config {
    /// The environment variables that [`Config::read`] reads.
    pub const VARIABLES: [&str; 2] = ["FIREBLOCKS_JWKS_URL", "FIREBLOCKS_V1"];

    pub fn read(variable: impl Fn(&str) -> Option<String>, stage: &str) -> Result<Self, ConfigError> {
        let set = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let [url, v1] = Self::VARIABLES;
        let published_at = published_at(set(url), stage == LOCAL).ok_or(ConfigError::Url)?;
        let v1 = set(v1);
        let is_accepted = |v1: &str| Environment::named(v1).is_some() || stage == LOCAL;
        let is_key = v1.as_deref().is_none_or(is_accepted) && Keys::without_published(v1.as_deref()).is_ok();
        if is_key { Ok(Self { published_at, v1 }) } else { Err(ConfigError::V1) }
    }
}

fn published_at(url: Option<String>, is_local: bool) -> Option<PublishedAt> {
    let Some(url) = url else { return Some(PublishedAt::Url(US.to_owned())) };
    if let Some(path) = url.strip_prefix("file:").filter(|_| is_local) {
        return Some(PublishedAt::File(path.into()));
    }
    if is_local && url.starts_with('{') {
        return Some(PublishedAt::Here(url));
    }
    is_address(&url).then_some(PublishedAt::Url(url))
}

/// Only TLS, in every stage: an attacker who can answer in Fireblocks' place could sign any webhook.
fn is_address(url: &str) -> bool {
    let host = url.strip_prefix("https://");
    host.is_some_and(|host| host.starts_with(|first: char| first.is_ascii_alphanumeric()))
        && url.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'@' | b'#' | b'{'))
}

/// The workspace whose webhooks are ours. An installation signs the webhooks of all its workspaces with the same keys,
/// so a signature alone does not prove that an event is about our transfers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace(String);

impl Workspace {
    /// The environment variables that [`Workspace::read`] reads.
    ///
    /// `FIREBLOCKS_VAULT`: the vault account that tokens are sent from. Empty: no tokens are sent, and no webhook is
    /// ours.
    ///
    /// `FIREBLOCKS_WORKSPACE`: the id of our workspace, a UUID. Required if there is a vault.
    pub const VARIABLES: [&str; 2] = ["FIREBLOCKS_VAULT", "FIREBLOCKS_WORKSPACE"];

    /// `None` for a deployment that sends nothing on chain.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, ConfigError> {
        let set = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let [vault, workspace] = Self::VARIABLES;
        if set(vault).is_none() {
            return Ok(None);
        }
        let id = set(workspace).filter(|id| is_uuid(id)).ok_or(ConfigError::Workspace)?;
        Ok(Some(Self(id)))
    }

    /// Whether this is our workspace's id, from `workspaceId`, or `tenantId` in webhooks v1.
    pub(crate) fn is(&self, id: &str) -> bool {
        self.0.eq_ignore_ascii_case(id)
    }
}

fn is_uuid(text: &str) -> bool {
    let mut lengths = text.split('-').map(str::len);
    let is_grouped =
        [8, 4, 4, 4, 12].into_iter().all(|length| lengths.next() == Some(length)) && lengths.next().is_none();
    is_grouped && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ConfigError {
    #[error("FIREBLOCKS_JWKS_URL must be an https address")]
    Url,
    #[error("FIREBLOCKS_V1 must be us, eu or sandbox, or not be set")]
    V1,
    #[error("FIREBLOCKS_WORKSPACE must be the id of the workspace (a UUID) if FIREBLOCKS_VAULT is set")]
    Workspace,
}
