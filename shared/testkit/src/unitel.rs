//! Fault injection between our code and the fake telephone operator, and a count of the top-ups that it carried out.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use fakes::unitel::{Answered, Call, Calls, Unitel, Wait};
use ledger::Timestamp;
use tokio::time::sleep;

/// The base URL of the fake operator.
pub const UNITEL_BASE: &str = "https://operator.invalid/api/v1";
/// The credentials that it accepts.
pub const UNITEL_USERNAME: &str = "shop";
pub const UNITEL_PASSWORD: &str = "one-of-ours";
/// Both as the `Authorization` header.
const BASIC: &str = "Basic c2hvcDpvbmUtb2Ytb3Vycw==";

/// The fault of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnitelFault {
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
    /// Replies with this status, although it is carried out.
    StatusApplied(u16),
    /// Carried out; the reply is not valid JSON.
    Garbage,
    /// Carried out; the reply is cut in half.
    Truncated,
    /// Carried out; in the reply the first text is replaced by the second.
    Altered(&'static str, &'static str),
    /// Carried out; replies with this.
    Said(u16, &'static str),
    /// Replies with this; not carried out.
    Refused(u16, &'static str),
}

impl UnitelFault {
    /// Every fault, for tests that try them all.
    pub const ALL: [Self; 10] = [
        Self::DropRequest,
        Self::DropResponse,
        Self::Disconnect,
        Self::Reset,
        Self::Delay(Duration::from_secs(35)),
        Self::Status(429),
        Self::Status(503),
        Self::StatusApplied(502),
        Self::Garbage,
        Self::Truncated,
    ];
}

/// One call of our code.
#[derive(Clone, PartialEq, Eq)]
pub struct UnitelAsked {
    /// `POST /service/recharge`
    pub what: String,
    pub authorization: Option<String>,
    pub body: String,
}

type Plan = Box<dyn FnMut(usize, &str) -> UnitelFault + Send>;

/// The fake operator behind a faulty network. Clones share their state.
#[derive(Clone)]
pub struct UnitelNet(Arc<Shared>);

struct Shared {
    unitel: Unitel,
    plan: Mutex<Plan>,
    calls: Mutex<Vec<UnitelAsked>>,
    now: Mutex<Timestamp>,
}

impl Default for UnitelNet {
    fn default() -> Self {
        Self(Arc::new(Shared {
            unitel: Unitel::new(BASIC, "u"),
            plan: Mutex::new(Box::new(|_, _: &str| UnitelFault::None)),
            calls: Mutex::default(),
            now: Mutex::new(crate::now()),
        }))
    }
}

impl UnitelNet {
    /// Sets the faults of the next calls: the plan gets the number of the call, from 0, and its endpoint.
    pub fn fail(&self, plan: impl FnMut(usize, &str) -> UnitelFault + Send + 'static) {
        self.0.calls.lock().unwrap().clear();
        *self.0.plan.lock().unwrap() = Box::new(plan);
    }

    /// The calls so far, in order, including those for a token.
    pub fn asked(&self) -> Vec<UnitelAsked> {
        self.0.calls.lock().unwrap().clone()
    }

    /// The numbers of accepted calls and of carried-out top-ups for this order.
    pub fn calls(&self, order: &str) -> Calls {
        self.0.unitel.calls().get(order).copied().unwrap_or_default()
    }

    pub fn set_now(&self, now: Timestamp) {
        *self.0.now.lock().unwrap() = now;
    }
}

impl fmt::Debug for UnitelNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnitelNet")
    }
}

/// Without the credentials and the phone number.
impl fmt::Debug for UnitelAsked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnitelAsked").field("what", &self.what).finish_non_exhaustive()
    }
}

impl HttpConnector for UnitelNet {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let path = request.uri().strip_prefix(UNITEL_BASE).unwrap_or_default();
        let received = UnitelAsked {
            what: format!("{} {path}", request.method()),
            authorization: request.headers().get("authorization").map(str::to_owned),
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

impl UnitelNet {
    async fn play(&self, fault: UnitelFault, received: &UnitelAsked) -> Result<HttpResponse, ConnectorError> {
        match fault {
            UnitelFault::None => Ok(self.apply(received).await),
            UnitelFault::DropRequest => std::future::pending().await,
            UnitelFault::DropResponse => {
                self.answer(received);
                std::future::pending().await
            }
            UnitelFault::Disconnect => Err(broken()),
            UnitelFault::Reset => {
                self.answer(received);
                Err(broken())
            }
            UnitelFault::Delay(delay) => {
                sleep(delay).await;
                Ok(self.apply(received).await)
            }
            UnitelFault::Status(status) => Ok(response(status, "{}".to_owned())),
            UnitelFault::StatusApplied(status) => {
                self.answer(received);
                Ok(response(status, "{}".to_owned()))
            }
            UnitelFault::Garbage => {
                self.answer(received);
                Ok(response(200, "<html>".to_owned()))
            }
            UnitelFault::Truncated => {
                let Answered { status, mut body, .. } = self.answer(received);
                body.truncate(body.len().div_euclid(2));
                Ok(response(status, body))
            }
            UnitelFault::Altered(this, that) => {
                let Answered { status, body, .. } = self.answer(received);
                assert!(body.contains(this), "{this} is not in {body}");
                Ok(response(status, body.replace(this, that)))
            }
            UnitelFault::Refused(status, body) => Ok(response(status, body.to_owned())),
            UnitelFault::Said(status, body) => {
                self.answer(received);
                Ok(response(status, body.to_owned()))
            }
        }
    }

    async fn apply(&self, received: &UnitelAsked) -> HttpResponse {
        let Answered { status, body, wait } = self.answer(received);
        match wait {
            Wait::None => {}
            Wait::Seconds(seconds) => sleep(Duration::from_secs(seconds)).await,
            Wait::ForEver => std::future::pending().await,
        }
        response(status, body)
    }

    fn answer(&self, received: &UnitelAsked) -> Answered {
        let (method, path) = received.what.split_once(' ').unwrap();
        let now_s = self.0.now.lock().unwrap().unix_s();
        let authorization = received.authorization.as_deref();
        self.0.unitel.answer(&Call { method, path, authorization, body: &received.body, now_s })
    }
}

fn broken() -> ConnectorError {
    ConnectorError::io(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into())
}

fn response(status: u16, body: String) -> HttpResponse {
    HttpResponse::new(StatusCode::from(http::StatusCode::from_u16(status).unwrap()), SdkBody::from(body))
}
