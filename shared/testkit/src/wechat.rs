//! Fault injection between our code and the fake WeChat Pay, in place of the HTTP connector.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use fakes::{Answered, WechatMerchant, WechatPaid, WechatPay, WechatRefund};
use ledger::Timestamp;
use signing::rsa::PrivateKey;
use signing::{Strength, forwarder};
use tokio::time::sleep;

use crate::rsa_pair;

/// The merchant of the samples and the tests.
pub const WECHAT_MERCHANT: &str = "1900000001";
pub const WECHAT_APP: &str = "wx0123456789abcdef";
/// The seeds of the key pairs: of the merchant, and of WeChat Pay.
pub const MERCHANT_PAIR: u64 = 1;
pub const PLATFORM_PAIR: u64 = 2;
/// The secret that our container in WeChat CloudRun shares with us.
pub const FORWARDER_SECRET: &str = "a-forwarder-secret-of-the-tests-0123456789";
pub const PLATFORM_KEY_ID: &str = "PUB_KEY_ID_0000000000000000000000000001";

/// The fault of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WechatFault {
    None,
    /// The request is lost.
    DropRequest,
    /// The connection cannot be made.
    Disconnect,
    /// The reply arrives after this delay.
    Delay(Duration),
    /// Replies with this status; not carried out.
    Status(u16),
    /// Carried out; the reply is not valid JSON.
    Garbage,
    /// Carried out; in the signed reply the first text is replaced by the second, so that the signature is wrong.
    Altered(&'static str, &'static str),
    /// Carried out; in the reply the first text is replaced by the second before it is signed.
    Saying(&'static str, &'static str),
    /// Carried out; the reply has no signature.
    Unsigned,
    /// Carried out; the reply has the signature of the reply to the first call.
    SignedAsFirst,
}

/// One call of our code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WechatAsked {
    /// `GET /v3/pay/transactions/out-trade-no/HL1?mchid=1900000001`
    pub what: String,
    pub authorization: Option<String>,
    pub body: String,
}

type Plan = Box<dyn FnMut(usize, &str) -> WechatFault + Send>;

/// The fake WeChat Pay behind a faulty network. Clones share their state.
#[derive(Clone)]
pub struct WechatNet(Arc<Shared>);

struct Shared {
    wechat: WechatPay,
    plan: Mutex<Plan>,
    calls: Mutex<Vec<WechatAsked>>,
    now: Mutex<Timestamp>,
    /// The headers of the first reply.
    first: Mutex<Option<Vec<(&'static str, String)>>>,
}

impl Default for WechatNet {
    fn default() -> Self {
        Self::new()
    }
}

impl WechatNet {
    pub fn new() -> Self {
        let merchant = WechatMerchant { mch_id: WECHAT_MERCHANT.to_owned(), app_id: WECHAT_APP.to_owned() };
        let platform = PrivateKey::parse(&rsa_pair(PLATFORM_PAIR).private).unwrap();
        let keys = forwarder::Keys::parse(FORWARDER_SECRET, Strength::Deployed).unwrap();
        let wechat = WechatPay::new(merchant, platform, PLATFORM_KEY_ID).with_forwarder(keys);
        let plan = Mutex::new(Box::new(|_, _: &str| WechatFault::None) as Plan);
        Self(Arc::new(Shared {
            wechat,
            plan,
            calls: Mutex::default(),
            now: Mutex::new(crate::now()),
            first: Mutex::default(),
        }))
    }

    /// Sets the faults of the next calls: the plan gets the number of the call, from 0, and its endpoint.
    pub fn fail(&self, plan: impl FnMut(usize, &str) -> WechatFault + Send + 'static) {
        self.0.calls.lock().unwrap().clear();
        *self.0.plan.lock().unwrap() = Box::new(plan);
    }

    /// The calls so far, in order.
    pub fn asked(&self) -> Vec<WechatAsked> {
        self.0.calls.lock().unwrap().clone()
    }

    /// The signing time of its replies.
    pub fn set_now(&self, now: Timestamp) {
        *self.0.now.lock().unwrap() = now;
    }

    /// The buyer pays an order, whether it is begun or not.
    pub fn pay(&self, order: &str, transaction: &str, fen: u64, attach: Option<&str>) {
        let (transaction, attach) = (transaction.to_owned(), attach.map(str::to_owned));
        self.0.wechat.pay(order, WechatPaid { transaction, fen, attach });
    }

    /// Begins an order without paying it.
    pub fn begin(&self, order: &str, fen: u64) {
        self.0.wechat.begin(order, fen);
    }

    pub fn refund(&self, number: &str, refund: WechatRefund) {
        self.0.wechat.refund(number, refund);
    }

    fn apply(&self, received: &WechatAsked) -> Answered {
        self.apply_resigned(received, |body| body)
    }

    fn apply_resigned(&self, received: &WechatAsked, change: impl FnOnce(String) -> String) -> Answered {
        let (method, path) = received.what.split_once(' ').unwrap();
        let call = fakes::Call {
            method,
            path,
            authorization: received.authorization.as_deref(),
            idempotency_key: None,
            body: &received.body,
            now_s: self.0.now.lock().unwrap().unix_s(),
        };
        let answered = self.0.wechat.answer_saying(&call, change);
        self.0.first.lock().unwrap().get_or_insert_with(|| answered.headers.clone());
        answered
    }

    async fn play(&self, fault: WechatFault, received: &WechatAsked) -> Result<HttpResponse, ConnectorError> {
        match fault {
            WechatFault::None => Ok(response(self.apply(received))),
            WechatFault::DropRequest => std::future::pending().await,
            WechatFault::Disconnect => {
                Err(ConnectorError::io(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()))
            }
            WechatFault::Delay(delay) => {
                sleep(delay).await;
                Ok(response(self.apply(received)))
            }
            WechatFault::Status(status) => {
                Ok(response(Answered { status, body: r#"{"code":"SYSTEM_ERROR"}"#.to_owned(), ..self.apply(received) }))
            }
            WechatFault::Garbage => Ok(response(Answered { body: "<html>".to_owned(), ..self.apply(received) })),
            WechatFault::Altered(this, that) => {
                let answered = self.apply(received);
                assert!(answered.body.contains(this), "{this} is not in {}", answered.body);
                Ok(response(Answered { body: answered.body.replace(this, that), ..answered }))
            }
            WechatFault::Saying(this, that) => Ok(response(self.apply_resigned(received, |body| {
                assert!(body.contains(this), "{this} is not in {body}");
                body.replace(this, that)
            }))),
            WechatFault::SignedAsFirst => {
                let headers = self.0.first.lock().unwrap().clone();
                let answered = self.apply(received);
                Ok(response(Answered { headers: headers.unwrap_or_default(), ..answered }))
            }
            WechatFault::Unsigned => Ok(response(Answered { headers: Vec::new(), ..self.apply(received) })),
        }
    }
}

impl fmt::Debug for WechatNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WechatNet")
    }
}

impl HttpConnector for WechatNet {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let rest = request.uri().split_once("://").map_or(request.uri(), |(_, rest)| rest);
        let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/");
        let received = WechatAsked {
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

fn response(answered: Answered) -> HttpResponse {
    let status = StatusCode::from(http::StatusCode::from_u16(answered.status).unwrap());
    let mut response = HttpResponse::new(status, SdkBody::from(answered.body));
    for (name, value) in answered.headers {
        response.headers_mut().insert(name, value);
    }
    response
}
