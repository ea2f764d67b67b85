//! Faults between our code and a telephone operator: every call of the stand-in can fail in every way a network or the operator makes
//! it fail, and what was given in the end is counted.

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

/// Where the operator of the tests is.
pub const UNITEL_BASE: &str = "https://operator.invalid/api/v1";
/// Whom it knows.
pub const UNITEL_USERNAME: &str = "shop";
pub const UNITEL_PASSWORD: &str = "one-of-ours";
/// The two as the header has them.
const BASIC: &str = "Basic c2hvcDpvbmUtb2Ytb3Vycw==";

/// What happens to one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnitelFault {
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
    /// Answered so, and nothing done.
    Status(u16),
    /// Answered so, and yet done.
    StatusApplied(u16),
    /// Done, and answered with what is no answer.
    Garbage,
    /// Done, and answered with the first half of the answer.
    Truncated,
    /// Done, and answered with a text in which one was replaced by the other.
    Altered(&'static str, &'static str),
    /// Done, and answered with this.
    Said(u16, &'static str),
    /// Answered with this, and nothing done.
    Refused(u16, &'static str),
}

impl UnitelFault {
    /// Every single fault, for tests that try them all.
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

/// One call that our code made.
#[derive(Clone, PartialEq, Eq)]
pub struct UnitelAsked {
    /// `POST /service/recharge`
    pub what: String,
    pub authorization: Option<String>,
    pub body: String,
}

type Plan = Box<dyn FnMut(usize, &str) -> UnitelFault + Send>;

/// One operator, and a faulty network to it. Clones are the same.
#[derive(Clone)]
pub struct UnitelNet(Arc<Shared>);

struct Shared {
    unitel: Unitel,
    plan: Mutex<Plan>,
    asked: Mutex<Vec<UnitelAsked>>,
    now: Mutex<Timestamp>,
}

impl Default for UnitelNet {
    fn default() -> Self {
        Self(Arc::new(Shared {
            unitel: Unitel::new(BASIC, "u"),
            plan: Mutex::new(Box::new(|_, _: &str| UnitelFault::None)),
            asked: Mutex::default(),
            now: Mutex::new(crate::now()),
        }))
    }
}

impl UnitelNet {
    /// From now on calls fail so: the plan is asked with the number of the call, from 0, and what is called.
    pub fn fail(&self, plan: impl FnMut(usize, &str) -> UnitelFault + Send + 'static) {
        self.0.asked.lock().unwrap().clear();
        *self.0.plan.lock().unwrap() = Box::new(plan);
    }

    /// The calls so far, in their order, those that ask for a token among them.
    pub fn asked(&self) -> Vec<UnitelAsked> {
        self.0.asked.lock().unwrap().clone()
    }

    /// How often this order was let in, and how often something was given for it.
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

/// Without the key and the phone.
impl fmt::Debug for UnitelAsked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnitelAsked").field("what", &self.what).finish_non_exhaustive()
    }
}

impl HttpConnector for UnitelNet {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let path = request.uri().strip_prefix(UNITEL_BASE).unwrap_or_default();
        let asked = UnitelAsked {
            what: format!("{} {path}", request.method()),
            authorization: request.headers().get("authorization").map(str::to_owned),
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

impl UnitelNet {
    async fn play(&self, fault: UnitelFault, asked: &UnitelAsked) -> Result<HttpResponse, ConnectorError> {
        match fault {
            UnitelFault::None => Ok(self.apply(asked).await),
            UnitelFault::DropRequest => std::future::pending().await,
            UnitelFault::DropResponse => {
                self.answer(asked);
                std::future::pending().await
            }
            UnitelFault::Disconnect => Err(broken()),
            UnitelFault::Reset => {
                self.answer(asked);
                Err(broken())
            }
            UnitelFault::Delay(delay) => {
                sleep(delay).await;
                Ok(self.apply(asked).await)
            }
            UnitelFault::Status(status) => Ok(response(status, "{}".to_owned())),
            UnitelFault::StatusApplied(status) => {
                self.answer(asked);
                Ok(response(status, "{}".to_owned()))
            }
            UnitelFault::Garbage => {
                self.answer(asked);
                Ok(response(200, "<html>".to_owned()))
            }
            UnitelFault::Truncated => {
                let Answered { status, mut body, .. } = self.answer(asked);
                body.truncate(body.len().div_euclid(2));
                Ok(response(status, body))
            }
            UnitelFault::Altered(this, that) => {
                let Answered { status, body, .. } = self.answer(asked);
                assert!(body.contains(this), "{this} is not in {body}");
                Ok(response(status, body.replace(this, that)))
            }
            UnitelFault::Refused(status, said) => Ok(response(status, said.to_owned())),
            UnitelFault::Said(status, said) => {
                self.answer(asked);
                Ok(response(status, said.to_owned()))
            }
        }
    }

    async fn apply(&self, asked: &UnitelAsked) -> HttpResponse {
        let Answered { status, body, wait } = self.answer(asked);
        match wait {
            Wait::None => {}
            Wait::Seconds(seconds) => sleep(Duration::from_secs(seconds)).await,
            Wait::ForEver => std::future::pending().await,
        }
        response(status, body)
    }

    fn answer(&self, asked: &UnitelAsked) -> Answered {
        let (method, path) = asked.what.split_once(' ').unwrap();
        let now_s = self.0.now.lock().unwrap().unix_s();
        let authorization = asked.authorization.as_deref();
        self.0.unitel.answer(&Call { method, path, authorization, body: &asked.body, now_s })
    }
}

fn broken() -> ConnectorError {
    ConnectorError::io(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into())
}

fn response(status: u16, body: String) -> HttpResponse {
    HttpResponse::new(StatusCode::from(http::StatusCode::from_u16(status).unwrap()), SdkBody::from(body))
}
