//! Fireblocks' function, and the custodian that sends tokens on chain.

use std::time::Duration;

use edge::{Keyring, Service, Settings, Vault};
use fakes::FIREBLOCKS_WORKSPACE;
use fireblocks::{Config, Fireblocks, Published, Workspace};
use fulfil::Custodian;
use futures_util::FutureExt as _;
use providers::FireblocksConfig;
use reconcile::PublishedKeys;
use testkit::{FIREBLOCKS_BASE, FIREBLOCKS_JWKS, fireblocks_settings, now};
use webhook::{Admission, Function};

use crate::port::PortLedger;
use crate::sandbox::{Deployed, Parts};

pub(crate) type FireblocksFunction = Function<Fireblocks, PortLedger, Published<PortLedger>>;

impl Deployed for FireblocksFunction {
    const FUNCTION: &'static str = "fireblocks";
    const PATIENCE: Duration = <Self as Service>::REPLY_WITHIN;

    async fn open(mut parts: Parts) -> Option<Self> {
        let http = super::http(&mut parts);
        let keys = Published::open(config(), http, parts.ledger.clone(), &parts.invocation).await;
        Some(Function::new(source(), keys, Admission::default(), parts.ledger))
    }
}

pub(super) fn source() -> Fireblocks {
    Fireblocks { workspace: Workspace::read(setting).expect("settings").expect("a vault") }
}

/// The keys with which `reconcile` verifies kept webhooks again.
pub(super) fn published(parts: &mut Parts) -> PublishedKeys {
    PublishedKeys::new(config(), super::http(parts))
}

pub(super) fn custodian(parts: &mut Parts) -> Custodian {
    let config = FireblocksConfig::read(setting, "prod").expect("settings").expect("a vault");
    let vault = Vault::Here(Settings::new(fireblocks_settings()));
    let keys = Keyring::open(vault, fulfil::custodian_keys, now()).now_or_never().expect("an answer").expect("keys");
    Custodian { http: super::http(parts), config, keys }
}

fn config() -> Config {
    Config::read(setting, "prod").expect("settings")
}

fn setting(name: &str) -> Option<String> {
    let value = match name {
        "FIREBLOCKS_VAULT" => "7",
        "FIREBLOCKS_WORKSPACE" => FIREBLOCKS_WORKSPACE,
        "FIREBLOCKS_API_BASE" => FIREBLOCKS_BASE,
        "FIREBLOCKS_JWKS_URL" => FIREBLOCKS_JWKS,
        _ => return None,
    };
    Some(value.to_owned())
}
