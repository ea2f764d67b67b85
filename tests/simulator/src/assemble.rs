//! Assembles each function as its own `assemble` does, over the ledger of a sandbox.

use std::collections::BTreeSet;
use std::time::Duration;

use edge::{Keyring, MakeKeys, Service, Settings, Vault, Worker};
use fulfil::Fulfil;
use futures_util::FutureExt as _;
use reconcile::{LiveKeys, Reconcile, ReplayKeys, RetiredKeys};
use stripe::Stripe;
use testkit::now;
use usage::Usage;
use webhook::{Admission, Function, Webhook as _};

use crate::port::PortLedger;
use crate::sandbox::Deployed;

pub(crate) const USAGE_SECRET: &str = "a-secret-of-the-simulated-gateway-0123456789";
pub(crate) const STRIPE_SECRET: &str = "whsec_a_secret_of_the_simulated_stripe_0123456789";

pub(crate) type UsageFunction = Function<Usage, PortLedger>;
pub(crate) type ReconcileFunction = Reconcile<PortLedger>;

impl Deployed for UsageFunction {
    const FUNCTION: &'static str = "usage";
    const PATIENCE: Duration = <Self as Service>::REPLY_WITHIN;

    async fn open(ledger: PortLedger) -> Self {
        Function::new(Usage, keyring(&[("WEBHOOK_SECRET", USAGE_SECRET)], Usage::keys), Admission::default(), ledger)
    }
}

impl Deployed for ReconcileFunction {
    const FUNCTION: &'static str = "reconcile";
    const PATIENCE: Duration = <Self as Worker>::DONE_WITHIN;

    async fn open(ledger: PortLedger) -> Self {
        let fulfil = Fulfil { ledger: ledger.clone(), operator: None, custodian: None };
        let keys = ReplayKeys {
            usage: Some(keyring(&[("WEBHOOK_SECRET", USAGE_SECRET)], LiveKeys::read)),
            stripe: Some(keyring(&[("STRIPE_WEBHOOK_SECRET", STRIPE_SECRET)], LiveKeys::read)),
            retired: Some(keyring(&[], RetiredKeys::read)),
            ..ReplayKeys::default()
        };
        let set = |name: &str| (name == "STRIPE_LIVEMODE").then(|| "false".to_owned());
        let stripe = Stripe { config: stripe::Config::read(set, testkit::STAGE).expect("settings") };
        Reconcile {
            ledger,
            usage: Usage,
            stripe,
            wechat: None,
            epay: None,
            fireblocks: None,
            stripe_api: None,
            fulfil,
            keys,
            missing_credentials: BTreeSet::new(),
        }
    }
}

/// A secret in memory answers at once.
fn keyring<K>(secrets: &[(&str, &str)], make: MakeKeys<K>) -> Keyring<K> {
    let settings = secrets.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Keyring::open(Vault::Here(Settings::new(settings)), make, now()).now_or_never().expect("an answer").expect("keys")
}
