//! Faults between our code and Fireblocks: every call of the stand-in, and every look at the keys that it publishes, can fail in every
//! way a network or Fireblocks makes it fail.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use fakes::{Call, Fireblocks, FireblocksTransfer};
use ledger::Timestamp;
use signing::jws::{self, PublishedKeys};
use signing::rsa::{PrivateKey, PublicKey};
use tokio::time::sleep;

use crate::rsa_pair;

/// Where the Fireblocks of the tests is.
pub const FIREBLOCKS_BASE: &str = "https://fireblocks.invalid";
/// Where it publishes its keys.
pub const FIREBLOCKS_JWKS: &str = "https://keys.fireblocks.invalid/.well-known/jwks.json";
pub const FIREBLOCKS_API_KEY: &str = "0c2d1c5e-0000-4000-8000-000000000001";
/// The seeds of the key pairs: of whoever asks, and of Fireblocks' webhooks.
pub const FIREBLOCKS_API_PAIR: u64 = 1;
pub const FIREBLOCKS_HOOK_PAIR: u64 = 2;
/// By which the latter is published.
pub const FIREBLOCKS_KID: &str = "2026-01";

/// The settings of whoever asks.
pub fn fireblocks_settings() -> [(String, String); 2] {
    [
        ("FIREBLOCKS_API_KEY".to_owned(), FIREBLOCKS_API_KEY.to_owned()),
        ("FIREBLOCKS_API_SECRET".to_owned(), rsa_pair(FIREBLOCKS_API_PAIR).private),
    ]
}

/// The keys of these pairs as they are published, each by its name.
pub fn fireblocks_jwks(keys: &[(&str, u64)]) -> String {
    let keys: Vec<_> =
        keys.iter().map(|(kid, seed)| (*kid, PublicKey::parse(&rsa_pair(*seed).public).unwrap())).collect();
    PublishedKeys::write(&keys.iter().map(|(kid, key)| (*kid, key)).collect::<Vec<_>>())
}

/// The signature of a webhook of the second version.
pub fn fireblocks_signature(body: &[u8]) -> String {
    jws::sign(&PrivateKey::parse(&rsa_pair(FIREBLOCKS_HOOK_PAIR).private).unwrap(), FIREBLOCKS_KID, body)
}

/// What happens to one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FireblocksFault {
    None,
    /// Lost on the way there: never done, never answered.
    DropRequest,
    /// Lost on the way back: done, never answered.
    DropResponse,
    Disconnect,
    /// Done, and answered so late.
    Delay(Duration),
    /// Refused or failed with this status, and nothing done.
    Status(u16),
    /// Done, and answered with what is no answer.
    Garbage,
    /// Done, and answered with a text in which one was replaced by the other.
    Altered(&'static str, &'static str),
    /// Answered with this, whatever was asked.
    Said(&'static str),
}

impl FireblocksFault {
    /// Every single fault from which whoever asks again recovers.
    pub const ALL: [Self; 8] = [
        Self::DropRequest,
        Self::DropResponse,
        Self::Disconnect,
        Self::Delay(Duration::from_millis(3_500)),
        Self::Status(429),
        Self::Status(503),
        Self::Garbage,
        Self::Said("[]"),
    ];
}

type Plan = Box<dyn FnMut(usize, &str) -> FireblocksFault + Send>;

/// One Fireblocks, and a faulty network to it. Clones are the same.
#[derive(Clone)]
pub struct FireblocksNet(Arc<Shared>);

struct Shared {
    fireblocks: Fireblocks,
    jwks: Mutex<String>,
    plan: Mutex<Plan>,
    asked: Mutex<Vec<String>>,
    webhooks: Mutex<Vec<String>>,
    now: Mutex<Timestamp>,
}

struct Asked {
    what: String,
    authorization: Option<String>,
    body: String,
}

impl Default for FireblocksNet {
    fn default() -> Self {
        let key = PublicKey::parse(&rsa_pair(FIREBLOCKS_API_PAIR).public).unwrap();
        Self(Arc::new(Shared {
            fireblocks: Fireblocks::new(FIREBLOCKS_API_KEY, key, 7),
            jwks: Mutex::new(fireblocks_jwks(&[(FIREBLOCKS_KID, FIREBLOCKS_HOOK_PAIR)])),
            plan: Mutex::new(Box::new(|_, _: &str| FireblocksFault::None)),
            asked: Mutex::default(),
            webhooks: Mutex::default(),
            now: Mutex::new(crate::now()),
        }))
    }
}

impl FireblocksNet {
    /// From now on calls fail so: the plan is asked with the number of the call, from 0, and what is called.
    pub fn fail(&self, plan: impl FnMut(usize, &str) -> FireblocksFault + Send + 'static) {
        self.0.asked.lock().unwrap().clear();
        *self.0.plan.lock().unwrap() = Box::new(plan);
    }

    /// The calls so far, in their order: `POST /v1/transactions`; the keys go by their whole address.
    pub fn asked(&self) -> Vec<String> {
        self.0.asked.lock().unwrap().clone()
    }

    pub fn set_now(&self, now: Timestamp) {
        *self.0.now.lock().unwrap() = now;
    }

    /// What is published from now on.
    pub fn publish(&self, jwks: &str) {
        jwks.clone_into(&mut self.0.jwks.lock().unwrap());
    }

    pub fn transfers(&self) -> Vec<FireblocksTransfer> {
        self.0.fireblocks.transfers()
    }

    /// Every transfer goes one step on.
    pub fn go_on(&self) {
        for transfer in self.transfers() {
            let said = self.0.fireblocks.go_on(&transfer.id, self.now_s());
            self.0.webhooks.lock().unwrap().extend(said.unwrap_or_default());
        }
    }

    /// The webhooks that were sent since this was last asked: JSON bodies, unsigned, in their order.
    pub fn webhooks(&self) -> Vec<String> {
        std::mem::take(&mut self.0.webhooks.lock().unwrap())
    }

    fn now_s(&self) -> i64 {
        self.0.now.lock().unwrap().unix_s()
    }

    fn applied(&self, asked: &Asked) -> (u16, String) {
        let (method, path) = asked.what.split_once(' ').unwrap();
        if path == FIREBLOCKS_JWKS {
            return (200, self.0.jwks.lock().unwrap().clone());
        }
        let authorization = asked.authorization.as_deref();
        let call = Call { method, path, authorization, idempotency_key: None, body: &asked.body, now_s: self.now_s() };
        let answered = self.0.fireblocks.answer(&call);
        self.0.webhooks.lock().unwrap().extend(answered.events);
        (answered.status, answered.body)
    }

    fn apply(&self, asked: &Asked) -> HttpResponse {
        let (status, body) = self.applied(asked);
        response(status, body)
    }

    async fn play(&self, fault: FireblocksFault, asked: &Asked) -> Result<HttpResponse, ConnectorError> {
        match fault {
            FireblocksFault::None => Ok(self.apply(asked)),
            FireblocksFault::DropRequest => std::future::pending().await,
            FireblocksFault::DropResponse => {
                self.apply(asked);
                std::future::pending().await
            }
            FireblocksFault::Disconnect => {
                Err(ConnectorError::io(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()))
            }
            FireblocksFault::Delay(delay) => {
                let answer = self.apply(asked);
                sleep(delay).await;
                Ok(answer)
            }
            FireblocksFault::Status(status) => Ok(response(status, "{}".to_owned())),
            FireblocksFault::Garbage => {
                self.apply(asked);
                Ok(response(200, "<html>".to_owned()))
            }
            FireblocksFault::Altered(this, that) => {
                let (status, body) = self.applied(asked);
                assert!(body.contains(this), "{this} is not in {body}");
                Ok(response(status, body.replace(this, that)))
            }
            FireblocksFault::Said(said) => Ok(response(200, said.to_owned())),
        }
    }
}

impl HttpConnector for FireblocksNet {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let path = request.uri().strip_prefix(FIREBLOCKS_BASE).unwrap_or(request.uri());
        let asked = Asked {
            what: format!("{} {path}", request.method()),
            authorization: request.headers().get("authorization").map(str::to_owned),
            body: String::from_utf8(request.body().bytes().unwrap_or_default().to_vec()).unwrap(),
        };
        let number = {
            let mut all = self.0.asked.lock().unwrap();
            all.push(asked.what.clone());
            all.len().checked_sub(1).unwrap()
        };
        let fault = (self.0.plan.lock().unwrap())(number, &asked.what);
        let net = self.clone();
        HttpConnectorFuture::new(async move { net.play(fault, &asked).await })
    }
}

impl fmt::Debug for FireblocksNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FireblocksNet")
    }
}

fn response(status: u16, body: String) -> HttpResponse {
    HttpResponse::new(StatusCode::from(http::StatusCode::from_u16(status).unwrap()), SdkBody::from(body))
}
