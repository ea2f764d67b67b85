//! Faults between our code and Stripe: where a client's connector would be, every call of the stand-in can fail in every way a
//! network or Stripe itself makes it fail.

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

/// What happens to one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StripeFault {
    None,
    /// Lost on the way there: never done, never answered.
    DropRequest,
    /// Lost on the way back: done, never answered.
    DropResponse,
    /// The connection cannot be made.
    Disconnect,
    /// The connection breaks after the call was carried out.
    Reset,
    /// Answered, but so late.
    Delay(Duration),
    /// Refused or failed with this status, and nothing done.
    Status(u16),
    /// 500, kept under the call's idempotency key, and nothing done.
    KeptFailure,
    /// Done, and answered with what is no answer.
    Garbage,
    /// A list answered as if no place in it had been named.
    FromTheTop,
    /// Done, and answered with a text of a session in which one was replaced by the other.
    Altered(&'static str, &'static str),
}

impl StripeFault {
    /// Every single fault from which a buyer recovers by clicking again.
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

/// One call that our code made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// `POST /v1/checkout/sessions`
    pub what: String,
    pub authorization: Option<String>,
    pub version: Option<String>,
    /// The connected account that it acts for.
    pub account: Option<String>,
    pub idempotency_key: Option<String>,
    pub body: String,
}

type Plan = Box<dyn FnMut(usize, &str) -> StripeFault + Send>;

/// One Stripe, and a faulty network to it. Clones are the same.
#[derive(Clone)]
pub struct StripeNet(Arc<Shared>);

struct Shared {
    stripe: Stripe,
    plan: Mutex<Plan>,
    asked: Mutex<Vec<Asked>>,
    /// Every session that there is.
    made: Mutex<BTreeSet<String>>,
    now: Mutex<Timestamp>,
}

impl StripeNet {
    pub fn new(stripe: Stripe) -> Self {
        let (plan, now) = (Mutex::new(Box::new(|_, _: &str| StripeFault::None) as Plan), Mutex::new(crate::now()));
        Self(Arc::new(Shared { stripe, plan, asked: Mutex::default(), made: Mutex::default(), now }))
    }

    /// From now on calls fail so: the plan is asked with the number of the call, from 0, and what is called.
    pub fn fail(&self, plan: impl FnMut(usize, &str) -> StripeFault + Send + 'static) {
        self.0.asked.lock().unwrap().clear();
        *self.0.plan.lock().unwrap() = Box::new(plan);
    }

    /// The calls so far, in their order.
    pub fn asked(&self) -> Vec<Asked> {
        self.0.asked.lock().unwrap().clone()
    }

    pub fn set_now(&self, now: Timestamp) {
        *self.0.now.lock().unwrap() = now;
    }

    /// The buyer pays on the page that this session has.
    pub fn pay(&self, session: &str) -> Paid {
        self.pay_with(session, "4242424242424242")
    }

    /// With this number of a card or of a bank account.
    pub fn pay_with(&self, session: &str, number: &str) -> Paid {
        self.0.stripe.pay(session, number, self.now_s())
    }

    /// The bank answers to the debit that this session was paid by.
    pub fn bank_answers(&self, session: &str) -> Paid {
        self.0.stripe.bank_answers(session, self.now_s())
    }

    /// The customer ends a subscription on Stripe's own page.
    pub fn cancel(&self, subscription: &str) -> Vec<String> {
        self.0.stripe.cancel(subscription, self.now_s())
    }

    /// A call that somebody else makes with the same key, over a network without faults.
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

    /// Something else on the account has caused this event.
    pub fn tell(&self, event: &str) {
        self.0.stripe.tell(event);
    }

    /// A webhook has taken this event.
    pub fn delivered(&self, event: &str) {
        self.0.stripe.delivered(event);
    }

    /// Whether a buyer can still pay there.
    pub fn is_open(&self, session: &str) -> bool {
        self.0.stripe.page(session, self.now_s()).status == 200
    }

    /// Every session that can still be paid, whether anybody has a link to it or not.
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
        let asked = Asked {
            what: format!("{} {}", request.method(), path(request.uri())),
            authorization: header("authorization"),
            version: header("stripe-version"),
            account: header("stripe-account"),
            idempotency_key: header("idempotency-key"),
            body: String::from_utf8(request.body().bytes().unwrap_or_default().to_vec()).unwrap(),
        };
        let number = {
            let mut all = self.0.asked.lock().unwrap();
            all.push(asked.clone());
            all.len().checked_sub(1).unwrap()
        };
        let fault = (self.0.plan.lock().unwrap())(number, &asked.what);
        let net = self.clone();
        HttpConnectorFuture::new(async move { net.play(fault, &asked).await })
    }
}

impl StripeNet {
    async fn play(&self, fault: StripeFault, asked: &Asked) -> Result<HttpResponse, ConnectorError> {
        match fault {
            StripeFault::None => Ok(self.apply(asked)),
            StripeFault::DropRequest => std::future::pending().await,
            StripeFault::DropResponse => {
                self.apply(asked);
                std::future::pending().await
            }
            StripeFault::Disconnect => Err(broken()),
            StripeFault::Reset => {
                self.apply(asked);
                Err(broken())
            }
            StripeFault::Delay(delay) => {
                sleep(delay).await;
                Ok(self.apply(asked))
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
                // Nothing is kept of what has no key; and a repeat is given what is kept.
                let Some(key) = &asked.idempotency_key else {
                    return Ok(response(500, "{}".to_owned()));
                };
                if self.asked().iter().filter(|other| other.idempotency_key.as_ref() == Some(key)).count() == 1 {
                    self.0.stripe.fail_next();
                }
                Ok(self.apply(asked))
            }
            StripeFault::Garbage => {
                self.apply(asked);
                Ok(response(200, "<html>".to_owned()))
            }
            StripeFault::FromTheTop => {
                let path = asked.what.split_once("&starting_after=").map_or(asked.what.as_str(), |(path, _)| path);
                Ok(self.apply(&Asked { what: path.to_owned(), ..asked.clone() }))
            }
            StripeFault::Altered(this, that) => {
                let (status, body) = self.applied(asked);
                assert!(body.contains(this), "{this} is not in {body}");
                Ok(response(status, body.replace(this, that)))
            }
        }
    }

    fn apply(&self, asked: &Asked) -> HttpResponse {
        let (status, body) = self.applied(asked);
        response(status, body)
    }

    fn applied(&self, asked: &Asked) -> (u16, String) {
        let (method, path) = asked.what.split_once(' ').unwrap();
        let call = fakes::Call {
            method,
            path,
            authorization: asked.authorization.as_deref(),
            idempotency_key: asked.idempotency_key.as_deref(),
            body: &asked.body,
            now_s: self.now_s(),
        };
        let answered = self.0.stripe.answer_for(asked.account.as_deref(), &call);
        let said: Value = serde_json::from_str(&answered.body).unwrap();
        self.0.made.lock().unwrap().extend(said.get("id").and_then(Value::as_str).map(str::to_owned));
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
