//! epay (易支付): the page on which a buyer pays, and what the gateway says of a payment when it is asked.

mod answer;
mod config;

use std::net::IpAddr;
use std::sync::Arc;

use ledger::{Deadline, Money, OrderNumber, Timestamp};
use signing::epay::{Keys, Params, Pid, Scheme, sign};

use crate::CallError;
use crate::http::{Answer, Http, Outgoing};
use crate::retry::until_answered;

use answer::Said;
pub use config::{EpayConfig, EpayConfigError, EpayMerchant, EpayQuery};

/// Never without a URL in it, of which nobody hears: the merchant's key stands in V1's.
#[derive(Debug, Clone)]
pub struct Epay {
    http: Http,
    base: String,
    v1_query: EpayQuery,
    merchant: EpayMerchant,
    keys: Arc<Keys>,
}

impl Epay {
    /// Nothing but the gateway's base is ever called, whatever an answer says.
    pub fn new(http: Http, gateway: &EpayConfig, merchant: EpayMerchant, keys: Arc<Keys>) -> Self {
        let base = gateway.base.trim_end_matches('/').to_owned();
        Self { http, base, v1_query: gateway.v1_query, merchant, keys }
    }

    /// Where the buyer goes to pay. Nobody is asked for it; the gateway makes one payment of each order, however often it is opened.
    pub fn page(&self, new: &NewEpayPayment, now: Timestamp) -> Result<String, CallError> {
        let path = match self.merchant.scheme {
            Scheme::Md5 => "submit.php",
            Scheme::Rsa => "api/pay/submit",
        };
        Ok(format!("{}/{path}?{}", self.base, self.signed(new.params(), now)?.encoded()))
    }

    /// What V1 gives at once, in place of its page: another page, a code to scan, or the address of an app.
    pub async fn create(
        &self,
        new: &NewEpayPayment,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<EpayLink, CallError> {
        let params = new.client_ip.iter().fold(new.params(), |params, ip| params.with("clientip", ip.to_string()));
        let said = self.post("mapi.php", self.signed(params, now)?, deadline).await?;
        said.succeeded("1")?.link()
    }

    /// A payment. `None`: there is no such payment.
    pub async fn payment(
        &self,
        of: EpayNumber<'_>,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<Option<EpayPayment>, CallError> {
        let Self { merchant, keys, .. } = self;
        let asked = match of {
            EpayNumber::Theirs(trade) => Params::default().with("trade_no", trade),
            EpayNumber::Ours(order) => Params::default().with("out_trade_no", order.as_str()),
        };
        let said = match merchant.scheme {
            Scheme::Md5 => {
                let key = keys.sent_along(&merchant.pid).ok_or(CallError::Unreadable)?;
                let asked = asked.with("act", "order").with("pid", merchant.pid.as_str()).with("key", key.as_str());
                match self.v1_query {
                    EpayQuery::Get => self.read(&format!("api.php?{}", asked.encoded()), deadline).await?,
                    EpayQuery::Post => self.post("api.php?act=order", asked, deadline).await?,
                }
            }
            Scheme::Rsa => self.post("api/pay/query", self.signed(asked, now)?, deadline).await?,
        };
        if said.is_missing() {
            return Ok(None);
        }
        let said = match merchant.scheme {
            Scheme::Md5 => said.succeeded("1")?,
            Scheme::Rsa => said.succeeded("0")?.verified(keys, &merchant.pid, now)?,
        };
        said.payment().map(Some)
    }

    /// Whether anything answers there, whatever it says.
    pub async fn answers(&self, deadline: Deadline) -> bool {
        let outgoing =
            Outgoing { method: "GET", url: format!("{}/", self.base), headers: Vec::new(), body: String::new() };
        until_answered(&self.http, &outgoing, deadline).await.is_ok()
    }

    fn signed(&self, params: Params, now: Timestamp) -> Result<Params, CallError> {
        let EpayMerchant { pid, scheme } = &self.merchant;
        let params = params.with("pid", pid.as_str());
        // Whoever starts without a key to sign with is refused then.
        sign(&self.keys, pid, *scheme, params, now.unix_s()).ok_or(CallError::Unreadable)
    }

    async fn read(&self, path: &str, deadline: Deadline) -> Result<Said, CallError> {
        let url = format!("{}/{path}", self.base);
        self.call(&Outgoing { method: "GET", url, headers: Vec::new(), body: String::new() }, deadline).await
    }

    async fn post(&self, path: &str, form: Params, deadline: Deadline) -> Result<Said, CallError> {
        let (url, headers) =
            (format!("{}/{path}", self.base), vec![("content-type", "application/x-www-form-urlencoded")]);
        self.call(&Outgoing { method: "POST", url, headers, body: form.encoded() }, deadline).await
    }

    async fn call(&self, outgoing: &Outgoing<'_>, deadline: Deadline) -> Result<Said, CallError> {
        let Answer { status, body, .. } = until_answered(&self.http, outgoing, deadline).await?;
        match status {
            200..300 => Said::read(&body),
            400..500 => Err(CallError::Refused { status, kind: None, code: None }),
            500.. => Err(CallError::Failed { status }),
            // A gateway sends a buyer elsewhere, and never us.
            _ => Err(CallError::Unreadable),
        }
    }
}

/// By which number a payment is asked about.
#[derive(Debug, Clone, Copy)]
pub enum EpayNumber<'n> {
    Theirs(&'n str),
    Ours(&'n OrderNumber),
}

/// What is to be paid, in words of ours alone: what somebody may write into a signed text, he may write another order into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEpayPayment {
    pub order: OrderNumber,
    pub money: Money,
    pub name: String,
    /// How; the buyer chooses on the page where it says nothing.
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

/// With what the buyer goes on to pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EpayLink {
    Page(String),
    /// To be shown as a code.
    Code(String),
    /// Opens an app.
    App(String),
}

/// A payment as the gateway has it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpayPayment {
    pub pid: Pid,
    pub trade: String,
    pub order: String,
    pub money: Money,
    /// And not given back since.
    pub is_paid: bool,
}
