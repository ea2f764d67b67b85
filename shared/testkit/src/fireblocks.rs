//! The fake Fireblocks behind a faulty network: its API, and the JWKS that it publishes.

use std::convert::Infallible;
use std::sync::Mutex;
use std::time::Duration;

use fakes::{Fireblocks, FireblocksTransfer};
use signing::jws::{self, PublishedKeys};
use signing::rsa::{PrivateKey, PublicKey};

use crate::faulty_net::{FakeProvider, FaultyNet, NetFault, ProviderReply};
use crate::provider_call::ProviderCall;
use crate::rsa_pair;

/// The base URL of the fake Fireblocks.
pub const FIREBLOCKS_BASE: &str = "https://fireblocks.invalid";
/// The URL of its JWKS.
pub const FIREBLOCKS_JWKS: &str = "https://keys.fireblocks.invalid/.well-known/jwks.json";
pub const FIREBLOCKS_API_KEY: &str = "0c2d1c5e-0000-4000-8000-000000000001";
/// The seeds of the key pairs: of our API key, and of Fireblocks' webhooks.
pub const FIREBLOCKS_API_PAIR: u64 = 1;
pub const FIREBLOCKS_HOOK_PAIR: u64 = 2;
/// The key id of the latter in the JWKS.
pub const FIREBLOCKS_KID: &str = "2026-01";

/// The settings of our API key.
pub fn fireblocks_settings() -> [(String, String); 2] {
    [
        ("FIREBLOCKS_API_KEY".to_owned(), FIREBLOCKS_API_KEY.to_owned()),
        ("FIREBLOCKS_API_SECRET".to_owned(), rsa_pair(FIREBLOCKS_API_PAIR).private),
    ]
}

/// The JWKS with the public keys of these pairs, each under its key id.
pub fn fireblocks_jwks(keys: &[(&str, u64)]) -> String {
    let keys: Vec<_> =
        keys.iter().map(|(kid, seed)| (*kid, PublicKey::parse(&rsa_pair(*seed).public).unwrap())).collect();
    PublishedKeys::write(&keys.iter().map(|(kid, key)| (*kid, key)).collect::<Vec<_>>())
}

/// The signature of a webhook, version 2.
pub fn fireblocks_signature(body: &[u8]) -> String {
    jws::sign(&PrivateKey::parse(&rsa_pair(FIREBLOCKS_HOOK_PAIR).private).unwrap(), FIREBLOCKS_KID, body)
}

/// The fake Fireblocks behind a faulty network.
pub type FireblocksNet = FaultyNet<FireblocksAndJwks>;

/// The fake of the API, and the JWKS, which has a host of its own.
#[derive(Debug)]
pub struct FireblocksAndJwks {
    api: Fireblocks,
    jwks: Mutex<String>,
}

impl FakeProvider for FireblocksAndJwks {
    type OwnFault = Infallible;

    /// The path of the JWKS is its whole URL.
    fn path(url: &str) -> &str {
        url.strip_prefix(FIREBLOCKS_BASE).unwrap_or(url)
    }

    fn answer(&self, call: &ProviderCall, now_s: i64) -> ProviderReply {
        if call.path() == FIREBLOCKS_JWKS {
            return ProviderReply::of(200, self.jwks.lock().unwrap().as_str());
        }
        self.api.answer(&call.for_fake(now_s)).into()
    }

    fn answer_with(&self, fault: Infallible, _: &ProviderCall, _: i64) -> ProviderReply {
        match fault {}
    }

    fn error_body(_: u16) -> String {
        "{}".to_owned()
    }

    fn more_faults() -> Vec<NetFault> {
        vec![NetFault::DelayReply(Duration::from_millis(3_500)), NetFault::Reply(200, "[]")]
    }
}

impl Default for FireblocksAndJwks {
    fn default() -> Self {
        let key = PublicKey::parse(&rsa_pair(FIREBLOCKS_API_PAIR).public).unwrap();
        let api = Fireblocks::new(FIREBLOCKS_API_KEY, key, 7);
        let jwks = Mutex::new(fireblocks_jwks(&[(FIREBLOCKS_KID, FIREBLOCKS_HOOK_PAIR)]));
        Self { api, jwks }
    }
}

impl FireblocksAndJwks {
    /// Replaces the published JWKS.
    pub fn publish(&self, jwks: &str) {
        jwks.clone_into(&mut self.jwks.lock().unwrap());
    }

    /// The fake of the API.
    pub fn api(&self) -> &Fireblocks {
        &self.api
    }
}

impl Default for FireblocksNet {
    fn default() -> Self {
        Self::over(FireblocksAndJwks::default())
    }
}

impl FireblocksNet {
    /// Replaces the published JWKS.
    pub fn publish(&self, jwks: &str) {
        self.provider().publish(jwks);
    }

    pub fn transfers(&self) -> Vec<FireblocksTransfer> {
        self.provider().api.transfers()
    }

    /// Advances every transfer by one status, which sends webhooks.
    pub fn go_on(&self) {
        for transfer in self.transfers() {
            self.send(self.provider().api.go_on(&transfer.id, self.now_s()).unwrap_or_default());
        }
    }
}
