//! The epay (易支付) adapter: builds the signed payment page and queries payments at the gateway.

mod answer;
mod config;

use std::net::IpAddr;
use std::sync::Arc;

use ledger::{Deadline, Money, OrderNumber, Timestamp};
use signing::epay::{Keys, Params, Pid, Scheme, sign};

use crate::CallError;
use crate::http::{Answer, Http, Outgoing};
use crate::retry::send_with_retries;

use answer::GatewayResponse;
pub use config::{EpayConfig, EpayConfigError, EpayMerchant, EpayQuery};

/// The client logs no URL and puts none into an error: V1's query URL contains the merchant's key.
#[derive(Debug, Clone)]
pub struct Epay {
    http: Http,
    base: String,
    v1_query: EpayQuery,
    merchant: EpayMerchant,
    keys: Arc<Keys>,
}

impl Epay {
    /// The client calls only the gateway's base URL, whatever a response contains.
    pub fn new(http: Http, gateway: &EpayConfig, merchant: EpayMerchant, keys: Arc<Keys>) -> Self {
        let base = gateway.base.trim_end_matches('/').to_owned();
        Self { http, base, v1_query: gateway.v1_query, merchant, keys }
    }

    /// The URL where the buyer pays. No request is needed; the gateway makes one payment per order, however often the
    /// page is opened.
    pub fn page(&self, new: &NewEpayPayment, now: Timestamp) -> Result<String, CallError> {
        let path = match self.merchant.scheme {
            Scheme::Md5 => "submit.php",
            Scheme::Rsa => "api/pay/submit",
        };
        Ok(format!("{}/{path}?{}", self.base, self.signed(new.params(), now)?.encoded()))
    }

    /// Creates a payment through V1's API instead of its page: the result is another page, a QR code or an app link.
    pub async fn create(
        &self,
        new: &NewEpayPayment,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<EpayLink, CallError> {
        let params = new.client_ip.iter().fold(new.params(), |params, ip| params.with("clientip", ip.to_string()));
        let response = self.post("mapi.php", self.signed(params, now)?, deadline).await?;
        response.succeeded("1")?.link()
    }

    /// Queries a payment; `None` if the gateway has no such payment.
    pub async fn payment(
        &self,
        of: EpayNumber<'_>,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<Option<EpayPayment>, CallError> {
        let Self { merchant, keys, .. } = self;
        let query = match of {
            EpayNumber::Theirs(trade) => Params::default().with("trade_no", trade),
            EpayNumber::Ours(order) => Params::default().with("out_trade_no", order.as_str()),
        };
        let response = match merchant.scheme {
            Scheme::Md5 => {
                let key = keys.sent_along(&merchant.pid).ok_or(CallError::Unreadable)?;
                let query = query.with("act", "order").with("pid", merchant.pid.as_str()).with("key", key.as_str());
                match self.v1_query {
                    EpayQuery::Get => self.get(&format!("api.php?{}", query.encoded()), deadline).await?,
                    EpayQuery::Post => self.post("api.php?act=order", query, deadline).await?,
                }
            }
            Scheme::Rsa => self.post("api/pay/query", self.signed(query, now)?, deadline).await?,
        };
        if response.is_missing() {
            return Ok(None);
        }
        let response = match merchant.scheme {
            Scheme::Md5 => response.succeeded("1")?,
            Scheme::Rsa => response.succeeded("0")?.verified(keys, &merchant.pid, now)?,
        };
        response.payment().map(Some)
    }

    /// Whether the gateway is reachable: any response counts.
    pub async fn answers(&self, deadline: Deadline) -> bool {
        let outgoing =
            Outgoing { method: "GET", url: format!("{}/", self.base), headers: Vec::new(), body: String::new() };
        send_with_retries(&self.http, &outgoing, deadline).await.is_ok()
    }

    fn signed(&self, params: Params, now: Timestamp) -> Result<Params, CallError> {
        let EpayMerchant { pid, scheme } = &self.merchant;
        let params = params.with("pid", pid.as_str());
        // A function without a signing key fails at startup.
        sign(&self.keys, pid, *scheme, params, now.unix_s()).ok_or(CallError::Unreadable)
    }

    async fn get(&self, path: &str, deadline: Deadline) -> Result<GatewayResponse, CallError> {
        let url = format!("{}/{path}", self.base);
        self.call(&Outgoing { method: "GET", url, headers: Vec::new(), body: String::new() }, deadline).await
    }

    async fn post(&self, path: &str, form: Params, deadline: Deadline) -> Result<GatewayResponse, CallError> {
        let (url, headers) =
            (format!("{}/{path}", self.base), vec![("content-type", "application/x-www-form-urlencoded")]);
        self.call(&Outgoing { method: "POST", url, headers, body: form.encoded() }, deadline).await
    }

    async fn call(&self, outgoing: &Outgoing<'_>, deadline: Deadline) -> Result<GatewayResponse, CallError> {
        let Answer { status, body, .. } = send_with_retries(&self.http, outgoing, deadline).await?;
        match status {
            200..300 => GatewayResponse::read(&body),
            400..500 => Err(CallError::Refused { status, kind: None, code: None }),
            500.. => Err(CallError::Failed { status }),
            // A redirect is meant for a buyer's browser, never for an API client.
            _ => Err(CallError::Unreadable),
        }
    }
}

/// The number that identifies a payment in a query.
#[derive(Debug, Clone, Copy)]
pub enum EpayNumber<'n> {
    Theirs(&'n str),
    Ours(&'n OrderNumber),
}

/// A payment to create, from our own texts alone: a user's text inside a signed request could add parameters of another
/// order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEpayPayment {
    pub order: OrderNumber,
    pub money: Money,
    pub name: String,
    /// The payment method; if absent, the buyer chooses on the page.
    pub way: Option<EpayWay>,
    pub client_ip: Option<IpAddr>,
    pub notify_url: String,
    pub return_url: String,
}

impl NewEpayPayment {
    fn params(&self) -> Params {
        let params = Params::default()
            .with("out_trade_no", self.order.as_str())
            .with("money", self.money.priced())
            .with("name", self.name.as_str())
            .with("notify_url", self.notify_url.as_str())
            .with("return_url", self.return_url.as_str());
        self.way.iter().fold(params, |params, way| params.with("type", way.as_str()))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpayWay {
    Alipay,
    Wxpay,
    Qqpay,
    Bank,
}

impl EpayWay {
    pub const ALL: [Self; 4] = [Self::Alipay, Self::Wxpay, Self::Qqpay, Self::Bank];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alipay => "alipay",
            Self::Wxpay => "wxpay",
            Self::Qqpay => "qqpay",
            Self::Bank => "bank",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.as_str() == name)
    }
}

/// The link with which the buyer pays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EpayLink {
    Page(String),
    /// The content of a QR code.
    Code(String),
    /// Opens an app.
    App(String),
}

/// The current state of a payment at the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpayPayment {
    pub pid: Pid,
    pub trade: String,
    pub order: String,
    pub money: Money,
    /// Paid and not refunded.
    pub is_paid: bool,
}
