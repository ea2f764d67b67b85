//! Faults between our code and WeChat Pay: where a client's connector would be, every call of the stand-in can fail.

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

/// The merchant that the samples and the tests are about.
pub const WECHAT_MERCHANT: &str = "1900000001";
pub const WECHAT_APP: &str = "wx0123456789abcdef";
/// The seeds of the key pairs: of the merchant, and of WeChat.
pub const MERCHANT_PAIR: u64 = 1;
pub const PLATFORM_PAIR: u64 = 2;
/// What our container in WeChat's cloud shares with us.
pub const FORWARDER_SECRET: &str = "a-forwarder-secret-of-the-tests-0123456789";
pub const PLATFORM_KEY_ID: &str = "PUB_KEY_ID_0000000000000000000000000001";

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WechatFault {
    None,
    /// Lost on the way there.
    DropRequest,
    /// The connection cannot be made.
    Disconnect,
    /// Answered, but so late.
    Delay(Duration),
    /// Refused or failed with this status, and nothing done.
    Status(u16),
    /// Done, and answered with what is no answer.
    Garbage,
    /// Done, and answered with a text in which one was replaced by the other after it was signed.
    Altered(&'static str, &'static str),
    /// Done, and answered with a text in which one was replaced by the other, signed.
    Saying(&'static str, &'static str),
    /// Done, and answered without a signature.
    Unsigned,
    /// Done, and answered with the signature of the answer to the first call.
    SignedAsFirst,
}

/// One call that our code made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WechatAsked {
    /// `GET /v3/pay/transactions/out-trade-no/HL1?mchid=1900000001`
    pub what: String,
    pub authorization: Option<String>,
    pub body: String,
}

type Plan = Box<dyn FnMut(usize, &str) -> WechatFault + Send>;

/// One WeChat Pay, and a faulty network to it. Clones are the same.
#[derive(Clone)]
pub struct WechatNet(Arc<Shared>);

struct Shared {
    wechat: WechatPay,
    plan: Mutex<Plan>,
    asked: Mutex<Vec<WechatAsked>>,
    now: Mutex<Timestamp>,
    /// The headers of the first answer.
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
            asked: Mutex::default(),
            now: Mutex::new(crate::now()),
            first: Mutex::default(),
        }))
    }

    /// From now on calls fail so: the plan is asked with the number of the call, from 0, and what is called.
    pub fn fail(&self, plan: impl FnMut(usize, &str) -> WechatFault + Send + 'static) {
        self.0.asked.lock().unwrap().clear();
        *self.0.plan.lock().unwrap() = Box::new(plan);
    }

    /// The calls so far, in their order.
    pub fn asked(&self) -> Vec<WechatAsked> {
        self.0.asked.lock().unwrap().clone()
    }

    /// The time that its answers are signed at.
    pub fn set_now(&self, now: Timestamp) {
        *self.0.now.lock().unwrap() = now;
    }

    /// The buyer pays an order, begun or not.
    pub fn pay(&self, order: &str, transaction: &str, fen: u64, attach: Option<&str>) {
        let (transaction, attach) = (transaction.to_owned(), attach.map(str::to_owned));
        self.0.wechat.pay(order, WechatPaid { transaction, fen, attach });
    }

    /// An order is begun and not paid.
    pub fn begin(&self, order: &str, fen: u64) {
        self.0.wechat.begin(order, fen);
    }

    pub fn refund(&self, number: &str, refund: WechatRefund) {
        self.0.wechat.refund(number, refund);
    }

    fn apply(&self, asked: &WechatAsked) -> Answered {
        self.apply_saying(asked, |body| body)
    }

    fn apply_saying(&self, asked: &WechatAsked, say: impl FnOnce(String) -> String) -> Answered {
        let (method, path) = asked.what.split_once(' ').unwrap();
        let call = fakes::Call {
            method,
            path,
            authorization: asked.authorization.as_deref(),
            idempotency_key: None,
            body: &asked.body,
            now_s: self.0.now.lock().unwrap().unix_s(),
        };
        let answered = self.0.wechat.answer_saying(&call, say);
        self.0.first.lock().unwrap().get_or_insert_with(|| answered.headers.clone());
        answered
    }

    async fn play(&self, fault: WechatFault, asked: &WechatAsked) -> Result<HttpResponse, ConnectorError> {
        match fault {
            WechatFault::None => Ok(response(self.apply(asked))),
            WechatFault::DropRequest => std::future::pending().await,
            WechatFault::Disconnect => {
                Err(ConnectorError::io(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()))
            }
            WechatFault::Delay(delay) => {
                sleep(delay).await;
                Ok(response(self.apply(asked)))
            }
            WechatFault::Status(status) => {
                Ok(response(Answered { status, body: r#"{"code":"SYSTEM_ERROR"}"#.to_owned(), ..self.apply(asked) }))
            }
            WechatFault::Garbage => Ok(response(Answered { body: "<html>".to_owned(), ..self.apply(asked) })),
            WechatFault::Altered(this, that) => {
                let answered = self.apply(asked);
                assert!(answered.body.contains(this), "{this} is not in {}", answered.body);
                Ok(response(Answered { body: answered.body.replace(this, that), ..answered }))
            }
            WechatFault::Saying(this, that) => Ok(response(self.apply_saying(asked, |body| {
                assert!(body.contains(this), "{this} is not in {body}");
                body.replace(this, that)
            }))),
            WechatFault::SignedAsFirst => {
                let headers = self.0.first.lock().unwrap().clone();
                let answered = self.apply(asked);
                Ok(response(Answered { headers: headers.unwrap_or_default(), ..answered }))
            }
            WechatFault::Unsigned => Ok(response(Answered { headers: Vec::new(), ..self.apply(asked) })),
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
        let asked = WechatAsked {
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

fn response(answered: Answered) -> HttpResponse {
    let status = StatusCode::from(http::StatusCode::from_u16(answered.status).unwrap());
    let mut response = HttpResponse::new(status, SdkBody::from(answered.body));
    for (name, value) in answered.headers {
        response.headers_mut().insert(name, value);
    }
    response
}
