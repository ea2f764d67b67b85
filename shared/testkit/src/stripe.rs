//! Fault injection between our code and the fake Stripe, in place of the HTTP connector: every network and server fault.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use fakes::{Paid, Stripe};
use ledger::Timestamp;
use serde_json::{Value, json};
use tokio::time::sleep;

/// The fault of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StripeFault {
    None,
    /// The request is lost: not carried out, no reply.
    DropRequest,
    /// The reply is lost: carried out, no reply.
    DropResponse,
    /// The connection cannot be made.
    Disconnect,
    /// The connection breaks after the call is carried out.
    Reset,
    /// The reply arrives after this delay.
    Delay(Duration),
    /// Replies with this status; not carried out.
    Status(u16),
    /// Replies 500, stored under the call's idempotency key; not carried out.
    KeptFailure,
    /// Carried out; the reply is not valid JSON.
    Garbage,
    /// Replies to a list request as if it had no `starting_after` cursor.
    FromTheTop,
    /// Carried out; in the reply, a session, the first text is replaced by the second.
    Altered(&'static str, &'static str),
}

impl StripeFault {
    /// Every fault from which a buyer recovers by clicking again.
    pub const ALL: [Self; 10] = [
        Self::DropRequest,
        Self::DropResponse,
        Self::Disconnect,
        Self::Reset,
        Self::Delay(Duration::from_millis(3_500)),
        Self::Status(409),
        Self::Status(429),
        Self::Status(503),
        Self::KeptFailure,
        Self::Garbage,
    ];
}

/// One call of our code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// `POST /v1/checkout/sessions`
    pub what: String,
    pub authorization: Option<String>,
    pub version: Option<String>,
    /// The connected account (`Stripe-Account`).
    pub account: Option<String>,
    pub idempotency_key: Option<String>,
    pub body: String,
}

type Plan = Box<dyn FnMut(usize, &str) -> StripeFault + Send>;

/// The fake Stripe behind a faulty network. Clones share their state.
#[derive(Clone)]
pub struct StripeNet(Arc<Shared>);

struct Shared {
    stripe: Stripe,
    plan: Mutex<Plan>,
    calls: Mutex<Vec<Asked>>,
    /// The ids of all sessions.
    made: Mutex<BTreeSet<String>>,
    now: Mutex<Timestamp>,
}

impl StripeNet {
    pub fn new(stripe: Stripe) -> Self {
        let (plan, now) = (Mutex::new(Box::new(|_, _: &str| StripeFault::None) as Plan), Mutex::new(crate::now()));
        Self(Arc::new(Shared { stripe, plan, calls: Mutex::default(), made: Mutex::default(), now }))
    }

    /// Sets the faults of the next calls: the plan gets the number of the call, from 0, and its endpoint.
    pub fn fail(&self, plan: impl FnMut(usize, &str) -> StripeFault + Send + 'static) {
        self.0.calls.lock().unwrap().clear();
        *self.0.plan.lock().unwrap() = Box::new(plan);
    }

    /// The calls so far, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.0.calls.lock().unwrap().clone()
    }

    pub fn set_now(&self, now: Timestamp) {
        *self.0.now.lock().unwrap() = now;
    }

    /// The buyer pays on this session's page.
    pub fn pay(&self, session: &str) -> Paid {
        self.pay_with(session, "4242424242424242")
    }

    /// The buyer pays with this card or bank account number.
    pub fn pay_with(&self, session: &str, number: &str) -> Paid {
        self.0.stripe.pay(session, number, self.now_s())
    }

    /// The bank settles the debit that paid this session.
    pub fn bank_answers(&self, session: &str) -> Paid {
        self.0.stripe.bank_answers(session, self.now_s())
    }

    /// The customer cancels a subscription on Stripe's own page.
    pub fn cancel(&self, subscription: &str) -> Vec<String> {
        self.0.stripe.cancel(subscription, self.now_s())
    }

    /// A call by another client with the same key, without faults.
    pub fn answer(&self, path: &str, body: &str) -> Value {
        let call = fakes::Call {
            method: "POST",
            path,
            authorization: Some("Bearer sk_test_another"),
            idempotency_key: None,
            body,
            now_s: self.now_s(),
        };
        serde_json::from_str(&self.0.stripe.answer(&call).body).unwrap()
    }

    /// Adds an event that has another cause on the account.
    pub fn tell(&self, event: &str) {
        self.0.stripe.tell(event);
    }

    /// Marks this event as delivered by a webhook.
    pub fn delivered(&self, event: &str) {
        self.0.stripe.delivered(event);
    }

    /// Whether a buyer can still pay this session.
    pub fn is_open(&self, session: &str) -> bool {
        self.0.stripe.page(session, self.now_s()).status == 200
    }

    /// Every session that can still be paid, with or without a link to it.
    pub fn open(&self) -> Vec<String> {
        let made = self.0.made.lock().unwrap();
        made.iter().filter(|id| self.is_open(id)).cloned().collect()
    }

    fn now_s(&self) -> i64 {
        self.0.now.lock().unwrap().unix_s()
    }
}

impl fmt::Debug for StripeNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StripeNet")
    }
}

impl HttpConnector for StripeNet {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let header = |name: &str| request.headers().get(name).map(str::to_owned);
        let received = Asked {
            what: format!("{} {}", request.method(), path(request.uri())),
            authorization: header("authorization"),
            version: header("stripe-version"),
            account: header("stripe-account"),
            idempotency_key: header("idempotency-key"),
            body: String::from_utf8(request.body().bytes().unwrap_or_default().to_vec()).unwrap(),
        };
        let number = {
            let mut all = self.0.calls.lock().unwrap();
            all.push(received.clone());
            all.len().checked_sub(1).unwrap()
        };
        let fault = (self.0.plan.lock().unwrap())(number, &received.what);
        let net = self.clone();
        HttpConnectorFuture::new(async move { net.play(fault, &received).await })
    }
}

impl StripeNet {
    async fn play(&self, fault: StripeFault, received: &Asked) -> Result<HttpResponse, ConnectorError> {
        match fault {
            StripeFault::None => Ok(self.apply(received)),
            StripeFault::DropRequest => std::future::pending().await,
            StripeFault::DropResponse => {
                self.apply(received);
                std::future::pending().await
            }
            StripeFault::Disconnect => Err(broken()),
            StripeFault::Reset => {
                self.apply(received);
                Err(broken())
            }
            StripeFault::Delay(delay) => {
                sleep(delay).await;
                Ok(self.apply(received))
            }
            StripeFault::Status(status) => {
                let (kind, code) = if status == 409 {
                    ("idempotency_error", "idempotency_key_in_use")
                } else {
                    ("api_error", "injected")
                };
                Ok(response(status, json!({ "error": { "type": kind, "code": code } }).to_string()))
            }
            StripeFault::KeptFailure => {
                // Without an idempotency key nothing is stored; a repeat gets the stored reply.
                let Some(key) = &received.idempotency_key else {
                    return Ok(response(500, "{}".to_owned()));
                };
                if self.asked().iter().filter(|other| other.idempotency_key.as_ref() == Some(key)).count() == 1 {
                    self.0.stripe.fail_next();
                }
                Ok(self.apply(received))
            }
            StripeFault::Garbage => {
                self.apply(received);
                Ok(response(200, "<html>".to_owned()))
            }
            StripeFault::FromTheTop => {
                let path =
                    received.what.split_once("&starting_after=").map_or(received.what.as_str(), |(path, _)| path);
                Ok(self.apply(&Asked { what: path.to_owned(), ..received.clone() }))
            }
            StripeFault::Altered(this, that) => {
                let (status, body) = self.applied(received);
                assert!(body.contains(this), "{this} is not in {body}");
                Ok(response(status, body.replace(this, that)))
            }
        }
    }

    fn apply(&self, received: &Asked) -> HttpResponse {
        let (status, body) = self.applied(received);
        response(status, body)
    }

    fn applied(&self, received: &Asked) -> (u16, String) {
        let (method, path) = received.what.split_once(' ').unwrap();
        let call = fakes::Call {
            method,
            path,
            authorization: received.authorization.as_deref(),
            idempotency_key: received.idempotency_key.as_deref(),
            body: &received.body,
            now_s: self.now_s(),
        };
        let answered = self.0.stripe.answer_for(received.account.as_deref(), &call);
        let reply: Value = serde_json::from_str(&answered.body).unwrap();
        self.0.made.lock().unwrap().extend(reply.get("id").and_then(Value::as_str).map(str::to_owned));
        (answered.status, answered.body)
    }
}

fn path(uri: &str) -> String {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/").to_owned()
}

fn broken() -> ConnectorError {
    ConnectorError::io(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into())
}

fn response(status: u16, body: String) -> HttpResponse {
    HttpResponse::new(StatusCode::from(http::StatusCode::from_u16(status).unwrap()), SdkBody::from(body))
}
