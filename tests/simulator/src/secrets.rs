//! The stored secrets of one world, which people rotate while webhooks are on their way. The store of secrets has faults
//! like any other call, in the worlds that rotate.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};

use aws_sdk_secretsmanager::config::retry::RetryPartition;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use edge::{Keyring, MakeKeys, Settings, Vault};
use serde_json::{Value, json};
use signing::{Strength, hmac_hex, stripe};
use testkit::now;

use crate::epay_merchant::EPAY_KEYS;
use crate::faults::{Calls, FaultKind, Side};
use crate::wechat_merchant::{API_V2_KEYS, API_V3_KEYS, FORWARDER_SECRETS, wechat_key_pairs};

/// The secrets that functions fetch.
pub(crate) const USAGE: &str = "usage";
pub(crate) const STRIPE: &str = "stripe";
pub(crate) const EPAY: &str = "epay";
pub(crate) const WECHAT: &str = "wechat";
pub(crate) const RETIRED: &str = "retired";

/// The shared secrets of before and after a rotation.
const USAGE_SECRETS: [&str; 2] =
    ["a-secret-of-the-simulated-gateway-0123456789", "another-secret-of-the-gateway-9876543210"];
const STRIPE_SECRETS: [&str; 2] =
    ["whsec_a_secret_of_the_simulated_stripe_0123456789", "whsec_another_secret_of_the_stripe_9876543210"];

/// Each setting that is rotated: its secret, its name, and its text before and after.
const ROTATED: [(&str, &str, [&str; 2]); 6] = [
    (USAGE, "WEBHOOK_SECRET", USAGE_SECRETS),
    (STRIPE, "STRIPE_WEBHOOK_SECRET", STRIPE_SECRETS),
    (EPAY, "EPAY_MD5_KEYS", EPAY_KEYS),
    (WECHAT, "WECHAT_API_V3_KEY", API_V3_KEYS),
    (WECHAT, "WECHAT_API_V2_KEY", API_V2_KEYS),
    (WECHAT, "WECHAT_FORWARDER_SECRET", FORWARDER_SECRETS),
];

type SenderKeys = (Vec<hmac_hex::Keys>, Vec<stripe::Keys>);

/// The keys of the senders, for each of [`Stage::ALL`]: parsed once per process.
static SENDERS: LazyLock<SenderKeys> = LazyLock::new(|| {
    let usage = |text: &str| hmac_hex::Keys::parse(text, Strength::Deployed).expect("a secret");
    let stripe = |text: &str| stripe::Keys::parse(text, Strength::Local).expect("a secret");
    let [old, new] = STRIPE_SECRETS;
    // While a secret is rolled, Stripe signs with both.
    let both = format!("{old}\n{new}");
    let usage_keys = Stage::ALL.map(|stage| usage(USAGE_SECRETS[usize::from(stage >= Stage::Switched)]));
    let stripe_keys = [old, &both, &both, new].map(stripe);
    (usage_keys.into(), stripe_keys.into())
});

/// How far a rotation is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    #[default]
    Old,
    /// The function knows both secrets, and the sender still uses the old one.
    Both,
    /// The sender uses the new one, with which the function signs its own calls.
    Switched,
    /// The function knows only the new one. The old one is among the retired secrets.
    Retired,
}

impl Stage {
    pub(crate) const ALL: [Self; 4] = [Self::Old, Self::Both, Self::Switched, Self::Retired];

    pub(crate) fn next(self) -> Self {
        let next = Self::ALL.iter().position(|stage| *stage == self).map_or(0, |at| at + 1);
        Self::ALL.get(next).copied().unwrap_or(self)
    }
}

/// Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Secrets(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Whether functions fetch their secrets over the network. Otherwise they have them, since none changes.
    are_rotated: bool,
    stages: Mutex<BTreeMap<&'static str, (Stage, String)>>,
}

impl Secrets {
    pub(crate) fn new(are_rotated: bool) -> Self {
        Self(Arc::new(Shared { are_rotated, stages: Mutex::default() }))
    }

    /// A rotation goes on. `day`: today, under which the old secret is retired.
    pub(crate) fn advance(&self, secret: &'static str, day: &str) -> Stage {
        let mut stages = self.stages();
        let known = stages.entry(secret).or_default();
        *known = (known.0.next(), day.to_owned());
        known.0
    }

    /// The keys with which the gateway signs now.
    pub(crate) fn of_gateway(&self) -> &'static hmac_hex::Keys {
        &SENDERS.0[self.stage(USAGE) as usize]
    }

    /// The keys with which Stripe signs now.
    pub(crate) fn of_stripe(&self) -> &'static stripe::Keys {
        &SENDERS.1[self.stage(STRIPE) as usize]
    }

    /// The keys of a cold sandbox. `None`: they could not be fetched, and the sandbox does not start.
    pub(crate) async fn keyring<K>(
        &self,
        secret: &'static str,
        make: MakeKeys<K>,
        calls: &Calls,
    ) -> Option<Keyring<K>> {
        let vault = if self.0.are_rotated {
            let connector = SharedHttpConnector::new(Fetch { secrets: self.clone(), calls: calls.clone() });
            let sdk = embedded::sdk_config(http_client_fn(move |_, _| connector.clone()));
            // The SDK keeps its budget of retries for the whole process, and so from one world to the next.
            let budget = RetryPartition::custom("sandbox").build();
            let config = aws_sdk_secretsmanager::config::Builder::from(&sdk).retry_partition(budget).build();
            let client = aws_sdk_secretsmanager::Client::from_conf(config);
            Vault::SecretsManager { client, ids: vec![secret.to_owned()] }
        } else {
            Vault::Here(Settings::new(self.settings(secret)))
        };
        Keyring::open(vault, make, now()).await.ok()
    }

    fn settings(&self, secret: &str) -> Vec<(String, String)> {
        if secret == RETIRED {
            let retired = ROTATED.into_iter().filter(|(of, ..)| self.stage(of) == Stage::Retired);
            let entry = |(of, setting, [old, _]): (&str, &str, [&str; 2])| {
                let day = self.stages().get(of).map(|(_, day)| day.clone()).unwrap_or_default();
                (format!("{setting}@{day}"), old.to_owned())
            };
            return retired.map(entry).collect();
        }
        // Where a function signs, it signs with the first.
        let live = |[old, new]: [&str; 2]| match self.stage(secret) {
            Stage::Old => old.to_owned(),
            Stage::Both => format!("{old}\n{new}"),
            Stage::Switched => format!("{new}\n{old}"),
            Stage::Retired => new.to_owned(),
        };
        let rotated = ROTATED.into_iter().filter(|(of, ..)| *of == secret);
        let rotated = rotated.map(|(_, setting, texts)| (setting.to_owned(), live(texts)));
        let kept = wechat_key_pairs().into_iter().filter(|_| secret == WECHAT);
        rotated.chain(kept.map(|(setting, text)| (setting.to_owned(), text))).collect()
    }

    /// Whether the other side uses the new secret.
    pub(crate) fn are_switched(&self, secret: &str) -> bool {
        self.stage(secret) >= Stage::Switched
    }

    fn stage(&self, secret: &str) -> Stage {
        self.stages().get(secret).map(|(stage, _)| *stage).unwrap_or_default()
    }

    fn stages(&self) -> MutexGuard<'_, BTreeMap<&'static str, (Stage, String)>> {
        self.0.stages.lock().expect("one thread")
    }
}

/// The store of secrets, as one sandbox reaches it.
#[derive(Debug, Clone)]
struct Fetch {
    secrets: Secrets,
    calls: Calls,
}

impl HttpConnector for Fetch {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body: Value = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
        let id = body["SecretId"].as_str().unwrap_or_default();
        let stored: serde_json::Map<String, Value> =
            self.secrets.settings(id).into_iter().map(|(name, value)| (name, value.into())).collect();
        let found = json!({ "SecretString": Value::from(stored).to_string() }).to_string();
        let (_, fault) = self.calls.next(Side::Secrets, id);
        match fault {
            None | Some(FaultKind::KilledLater) => HttpConnectorFuture::ready(Ok(response(200, found))),
            Some(FaultKind::Killed | FaultKind::KilledApplied) => {
                self.calls.kill();
                HttpConnectorFuture::new(std::future::pending())
            }
            Some(FaultKind::Throttled | FaultKind::Hot | FaultKind::Conflicted | FaultKind::InProgress) => {
                let refused = json!({ "__type": "ThrottlingException", "message": "injected" }).to_string();
                HttpConnectorFuture::ready(Ok(response(400, refused)))
            }
            Some(FaultKind::ServerError | FaultKind::ServerErrorApplied | FaultKind::Down | FaultKind::Garbage) => {
                HttpConnectorFuture::ready(Ok(response(503, "{}".to_owned())))
            }
            Some(_) => {
                let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
                HttpConnectorFuture::ready(Err(ConnectorError::io(reset.into())))
            }
        }
    }
}

fn response(status: u16, body: String) -> HttpResponse {
    HttpResponse::new(StatusCode::try_from(status).expect("a status"), SdkBody::from(body))
}
