//! Fault injection between our code and the fake Fireblocks: API calls and JWKS requests can fail in every way.

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

/// The fault of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FireblocksFault {
    None,
    /// The request is lost: not carried out, no reply.
    DropRequest,
    /// The reply is lost: carried out, no reply.
    DropResponse,
    Disconnect,
    /// Carried out at once; the reply arrives after this delay.
    Delay(Duration),
    /// Replies with this status; not carried out.
    Status(u16),
    /// Carried out; the reply is not valid JSON.
    Garbage,
    /// Carried out; in the reply the first text is replaced by the second.
    Altered(&'static str, &'static str),
    /// Replies with this text to any call.
    Said(&'static str),
}

impl FireblocksFault {
    /// Every fault from which a retry recovers.
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

/// The fake Fireblocks behind a faulty network. Clones share their state.
#[derive(Clone)]
pub struct FireblocksNet(Arc<Shared>);

struct Shared {
    fireblocks: Fireblocks,
    jwks: Mutex<String>,
    plan: Mutex<Plan>,
    calls: Mutex<Vec<String>>,
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
            calls: Mutex::default(),
            webhooks: Mutex::default(),
            now: Mutex::new(crate::now()),
        }))
    }
}

impl FireblocksNet {
    /// Sets the faults of the next calls: the plan gets the number of the call, from 0, and its endpoint.
    pub fn fail(&self, plan: impl FnMut(usize, &str) -> FireblocksFault + Send + 'static) {
        self.0.calls.lock().unwrap().clear();
        *self.0.plan.lock().unwrap() = Box::new(plan);
    }

    /// The calls so far, in order: `POST /v1/transactions`; the call for the JWKS is its whole URL.
    pub fn asked(&self) -> Vec<String> {
        self.0.calls.lock().unwrap().clone()
    }

    pub fn set_now(&self, now: Timestamp) {
        *self.0.now.lock().unwrap() = now;
    }

    /// Replaces the published JWKS.
    pub fn publish(&self, jwks: &str) {
        jwks.clone_into(&mut self.0.jwks.lock().unwrap());
    }

    pub fn transfers(&self) -> Vec<FireblocksTransfer> {
        self.0.fireblocks.transfers()
    }

    /// Advances every transfer by one status.
    pub fn go_on(&self) {
        for transfer in self.transfers() {
            let reply = self.0.fireblocks.go_on(&transfer.id, self.now_s());
            self.0.webhooks.lock().unwrap().extend(reply.unwrap_or_default());
        }
    }

    /// The webhooks sent since the last call: JSON bodies, unsigned, in order.
    pub fn webhooks(&self) -> Vec<String> {
        std::mem::take(&mut self.0.webhooks.lock().unwrap())
    }

    fn now_s(&self) -> i64 {
        self.0.now.lock().unwrap().unix_s()
    }

    fn applied(&self, received: &Asked) -> (u16, String) {
        let (method, path) = received.what.split_once(' ').unwrap();
        if path == FIREBLOCKS_JWKS {
            return (200, self.0.jwks.lock().unwrap().clone());
        }
        let authorization = received.authorization.as_deref();
        let call =
            Call { method, path, authorization, idempotency_key: None, body: &received.body, now_s: self.now_s() };
        let answered = self.0.fireblocks.answer(&call);
        self.0.webhooks.lock().unwrap().extend(answered.events);
        (answered.status, answered.body)
    }

    fn apply(&self, received: &Asked) -> HttpResponse {
        let (status, body) = self.applied(received);
        response(status, body)
    }

    async fn play(&self, fault: FireblocksFault, received: &Asked) -> Result<HttpResponse, ConnectorError> {
        match fault {
            FireblocksFault::None => Ok(self.apply(received)),
            FireblocksFault::DropRequest => std::future::pending().await,
            FireblocksFault::DropResponse => {
                self.apply(received);
                std::future::pending().await
            }
            FireblocksFault::Disconnect => {
                Err(ConnectorError::io(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()))
            }
            FireblocksFault::Delay(delay) => {
                let answer = self.apply(received);
                sleep(delay).await;
                Ok(answer)
            }
            FireblocksFault::Status(status) => Ok(response(status, "{}".to_owned())),
            FireblocksFault::Garbage => {
                self.apply(received);
                Ok(response(200, "<html>".to_owned()))
            }
            FireblocksFault::Altered(this, that) => {
                let (status, body) = self.applied(received);
                assert!(body.contains(this), "{this} is not in {body}");
                Ok(response(status, body.replace(this, that)))
            }
            FireblocksFault::Said(reply) => Ok(response(200, reply.to_owned())),
        }
    }
}

impl HttpConnector for FireblocksNet {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let path = request.uri().strip_prefix(FIREBLOCKS_BASE).unwrap_or(request.uri());
        let received = Asked {
            what: format!("{} {path}", request.method()),
            authorization: request.headers().get("authorization").map(str::to_owned),
            body: String::from_utf8(request.body().bytes().unwrap_or_default().to_vec()).unwrap(),
        };
        let number = {
            let mut all = self.0.calls.lock().unwrap();
            all.push(received.what.clone());
            all.len().checked_sub(1).unwrap()
        };
        let fault = (self.0.plan.lock().unwrap())(number, &received.what);
        let net = self.clone();
        HttpConnectorFuture::new(async move { net.play(fault, &received).await })
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
