//! Fault injection between our code and the fake epay gateway: every network and server fault.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use fakes::epay::{Call, Gateway, Paid};
use ledger::Timestamp;
use signing::Strength;
use signing::epay::{Keys, Params, Pid, SETTINGS, Scheme};
use tokio::time::sleep;

/// The base URL of the fake gateway.
pub const EPAY_BASE: &str = "https://gateway.invalid";
/// The key of merchant 1001, which signs by V1.
pub const EPAY_KEY: &str = "WxbM0Hk2qYv8Z3rT";

/// The settings of a deployment with two merchants: 1001 signs by V1, 1002 by V2. The gateway's key pair is the merchant's own.
pub fn epay_settings() -> Vec<(String, String)> {
    let bare = |pem: &str| -> String { pem.lines().filter(|line| !line.starts_with("-----")).collect() };
    let pair = crate::rsa_pair(1);
    let [md5, public, private] = SETTINGS.map(str::to_owned);
    let of = |pid: &str, key: &str| format!("{pid}:{key}");
    vec![
        (md5, of("1001", EPAY_KEY)),
        (public, of("1002", &bare(&pair.public))),
        (private, of("1002", &bare(&pair.private))),
    ]
}

/// The keys of both merchants.
pub fn epay_keys() -> Keys {
    let settings = epay_settings();
    let setting = |name: &str| settings.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str());
    Keys::read(setting, Strength::Deployed).unwrap()
}

/// The fault of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EpayFault {
    None,
    /// The request is lost: not carried out, no reply.
    DropRequest,
    /// The reply is lost: carried out, no reply.
    DropResponse,
    Disconnect,
    /// The reply arrives after this delay.
    Delay(Duration),
    Status(u16),
    /// Carried out; the reply is not valid JSON.
    Garbage,
    /// Carried out; in the reply the first text is replaced by the second.
    Altered(&'static str, &'static str),
    /// Replies with this text to any call.
    Said(&'static str),
}

impl EpayFault {
    /// Every fault from which a buyer, or a gateway that retries its notification, recovers.
    pub const ALL: [Self; 8] = [
        Self::DropRequest,
        Self::DropResponse,
        Self::Disconnect,
        Self::Delay(Duration::from_millis(3_500)),
        Self::Status(429),
        Self::Status(503),
        Self::Garbage,
        Self::Said(r#"{"code":-3,"msg":"busy"}"#),
    ];
}

type Plan = Box<dyn FnMut(usize, &str) -> EpayFault + Send>;

/// The fake epay gateway behind a faulty network. Clones share their state.
#[derive(Clone)]
pub struct EpayNet(Arc<Shared>);

struct Shared {
    gateway: Gateway,
    plan: Mutex<Plan>,
    calls: Mutex<Vec<(String, String)>>,
    now: Mutex<Timestamp>,
}

impl Default for EpayNet {
    fn default() -> Self {
        let merchants = [("1001", Scheme::Md5), ("1002", Scheme::Rsa)];
        let merchants = merchants.map(|(pid, scheme)| (Pid::new(pid).unwrap(), scheme));
        Self(Arc::new(Shared {
            gateway: Gateway::new(EPAY_BASE, epay_keys(), merchants, "g"),
            plan: Mutex::new(Box::new(|_, _: &str| EpayFault::None)),
            calls: Mutex::default(),
            now: Mutex::new(crate::now()),
        }))
    }
}

impl EpayNet {
    /// Sets the faults of the next calls: the plan gets the number of the call, from 0, and its endpoint.
    pub fn fail(&self, plan: impl FnMut(usize, &str) -> EpayFault + Send + 'static) {
        self.0.calls.lock().unwrap().clear();
        *self.0.plan.lock().unwrap() = Box::new(plan);
    }

    /// The calls so far, in order: `POST /mapi.php`, and the body.
    pub fn asked(&self) -> Vec<(String, String)> {
        self.0.calls.lock().unwrap().clone()
    }

    pub fn set_now(&self, now: Timestamp) {
        *self.0.now.lock().unwrap() = now;
    }

    /// The buyer opens a URL of the gateway; returns the page.
    pub fn opened(&self, url: &str) -> String {
        let path = url.strip_prefix(EPAY_BASE).unwrap_or_else(|| panic!("{url} is not at the gateway"));
        self.0.gateway.answer(&Call { method: "GET", path, body: "", now_s: self.now_s() }).body
    }

    /// The buyer pays the trade.
    pub fn pay(&self, trade: &str) -> Paid {
        self.0.gateway.pay(trade, self.now_s()).unwrap()
    }

    /// Adds a paid trade that was begun elsewhere, from its notification.
    pub fn hear(&self, notified: &Params) {
        self.0.gateway.hear(notified);
    }

    pub fn trades(&self) -> Vec<String> {
        self.0.gateway.trades()
    }

    fn now_s(&self) -> i64 {
        self.0.now.lock().unwrap().unix_s()
    }
}

impl fmt::Debug for EpayNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EpayNet")
    }
}

impl HttpConnector for EpayNet {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let path = request.uri().strip_prefix(EPAY_BASE).unwrap_or_default();
        let received = (
            format!("{} {path}", request.method()),
            String::from_utf8(request.body().bytes().unwrap_or_default().to_vec()).unwrap(),
        );
        let number = {
            let mut all = self.0.calls.lock().unwrap();
            all.push(received.clone());
            all.len().checked_sub(1).unwrap()
        };
        let fault = (self.0.plan.lock().unwrap())(number, &received.0);
        let net = self.clone();
        HttpConnectorFuture::new(async move { net.play(fault, &received).await })
    }
}

impl EpayNet {
    async fn play(&self, fault: EpayFault, received: &(String, String)) -> Result<HttpResponse, ConnectorError> {
        match fault {
            EpayFault::None => Ok(self.apply(received)),
            EpayFault::DropRequest => std::future::pending().await,
            EpayFault::DropResponse => {
                self.apply(received);
                std::future::pending().await
            }
            EpayFault::Disconnect => {
                Err(ConnectorError::io(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()))
            }
            EpayFault::Delay(delay) => {
                sleep(delay).await;
                Ok(self.apply(received))
            }
            EpayFault::Status(status) => Ok(response(status, "{}".to_owned())),
            EpayFault::Garbage => {
                self.apply(received);
                Ok(response(200, "<html>".to_owned()))
            }
            EpayFault::Altered(this, that) => {
                let (status, body) = self.applied(received);
                assert!(body.contains(this), "{this} is not in {body}");
                Ok(response(status, body.replace(this, that)))
            }
            EpayFault::Said(body) => Ok(response(200, body.to_owned())),
        }
    }

    fn apply(&self, received: &(String, String)) -> HttpResponse {
        let (status, body) = self.applied(received);
        response(status, body)
    }

    fn applied(&self, (what, body): &(String, String)) -> (u16, String) {
        let (method, path) = what.split_once(' ').unwrap();
        let answered = self.0.gateway.answer(&Call { method, path, body, now_s: self.now_s() });
        (answered.status, answered.body)
    }
}

fn response(status: u16, body: String) -> HttpResponse {
    HttpResponse::new(StatusCode::from(http::StatusCode::from_u16(status).unwrap()), SdkBody::from(body))
}
