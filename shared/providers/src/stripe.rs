//! Stripe's API: how it is called, and its checkout sessions, made, read, expired.

mod config;
mod events;
mod intent;
mod invoice;
mod session;
mod subscription;
mod unsettled;

use std::fmt;
use std::sync::Arc;

use ledger::{Deadline, Money, OrderNumber};
use serde::Deserialize;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::CallError;
use crate::form::Form;
use crate::http::{Answer, Http, Outgoing};
use crate::retry::until_answered;

use session::is_session_id;

pub use config::{StripeConfig, StripeConfigError};
pub use events::{EventPage, ListedEvent};
pub use intent::{Intent, IntentStatus};
pub use invoice::Invoice;
pub use session::{PaymentStatus, Session, SessionStatus};
pub use subscription::StripeSubscription;
pub use unsettled::Unsettled;

/// The version whose objects are read here, whatever the account's own default is.
const VERSION: &str = "2025-08-27.basil";
/// Where an object of Stripe's names an order of ours.
pub(crate) const METADATA_ORDER: &str = "hookledger_order";
/// And which stage has made it.
const METADATA_STAGE: &str = "hookledger_stage";
const SESSIONS: &str = "/v1/checkout/sessions";

#[derive(Debug, Clone)]
pub struct Stripe {
    http: Http,
    base: String,
    account: Option<String>,
    key: Arc<SecretKey>,
}

impl Stripe {
    /// No other address than the configured one is ever called, whatever an answer says; and every call acts for the configured account.
    pub fn new(http: Http, config: &StripeConfig, key: Arc<SecretKey>) -> Self {
        let base = config.base.trim_end_matches('/').to_owned();
        Self { http, base, account: config.account.clone(), key }
    }

    /// However often it is asked for the same order in the same words, it is one session; and another one for each that it replaces.
    pub async fn create_session(&self, new: &NewSession, deadline: Deadline) -> Result<Session, CallError> {
        let replaced = new.replaces.as_ref().map(|session| format!("-{session}")).unwrap_or_default();
        let key = format!("hookledger-{}{replaced}", new.order);
        let said = self.call(&self.http, "POST", SESSIONS, new.form(), Some(&key), deadline).await?;
        Session::read(&said)
    }

    pub async fn session(&self, id: &str, deadline: Deadline) -> Result<Session, CallError> {
        let path = format!("{SESSIONS}/{}", checked(id)?);
        let said = self.call(&self.http, "GET", &path, Form::default(), None, deadline).await?;
        same(Session::read(&said)?, id)
    }

    /// Only an open session can be expired; of any other Stripe refuses it, and so where the answer to a first attempt was lost.
    pub async fn expire(&self, id: &str, deadline: Deadline) -> Result<Session, CallError> {
        let path = format!("{SESSIONS}/{}/expire", checked(id)?);
        // Without an idempotency key: under one a failure would be repeated for a day, and expiring twice does nothing more.
        let said = self.call(&self.http, "POST", &path, Form::default(), None, deadline).await?;
        same(Session::read(&said)?, id)
    }

    pub(crate) async fn get(&self, path: &str, deadline: Deadline) -> Result<Vec<u8>, CallError> {
        self.call(&self.http, "GET", path, Form::default(), None, deadline).await
    }

    /// Only what does nothing more when it is done twice: it carries no idempotency key.
    pub(crate) async fn post(&self, path: &str, form: Form, deadline: Deadline) -> Result<Vec<u8>, CallError> {
        self.call(&self.http, "POST", path, form, None, deadline).await
    }

    /// What is found under a path by these parameters.
    pub(crate) async fn find(
        &self,
        path: &str,
        query: Form,
        answer_bytes_max: usize,
        deadline: Deadline,
    ) -> Result<Vec<u8>, CallError> {
        let path = format!("{path}?{}", query.into_body());
        self.call(&self.http.reading(answer_bytes_max), "GET", &path, Form::default(), None, deadline).await
    }

    async fn call(
        &self,
        http: &Http,
        method: &'static str,
        path: &str,
        form: Form,
        idempotency_key: Option<&str>,
        deadline: Deadline,
    ) -> Result<Vec<u8>, CallError> {
        let authorization = Zeroizing::new(format!("Bearer {}", *self.key.0));
        let mut headers = vec![("authorization", authorization.as_str()), ("stripe-version", VERSION)];
        headers.extend(self.account.as_deref().map(|account| ("stripe-account", account)));
        headers.extend(idempotency_key.map(|key| ("idempotency-key", key)));
        if method == "POST" {
            headers.push(("content-type", "application/x-www-form-urlencoded"));
        }
        let outgoing = Outgoing { method, url: format!("{}{path}", self.base), headers, body: form.into_body() };
        let answer = until_answered(http, &outgoing, deadline).await?;
        match answer.status {
            200..300 => Ok(answer.body),
            400..500 => Err(refused(&answer)),
            500.. => Err(CallError::Failed { status: answer.status }),
            // Stripe sends nobody elsewhere.
            _ => Err(CallError::Unreadable),
        }
    }
}

/// What a session is to be made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    pub order: OrderNumber,
    /// The session of this order by which nobody can pay any more.
    pub replaces: Option<String>,
    /// So that another stage on the same account leaves its events alone.
    pub stage: String,
    pub item: Item,
    /// `month` or `year` for a subscription.
    pub every: Option<&'static str>,
    /// Stripe puts the session's id where this says `{CHECKOUT_SESSION_ID}`.
    pub success_url: String,
    pub cancel_url: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub price: Price,
    pub quantity: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Price {
    /// Kept at Stripe under this id.
    Kept(String),
    /// Of one.
    Said { name: String, unit: Money },
}

impl NewSession {
    fn form(&self) -> Form {
        let number = self.order.as_str();
        let (mode, passed_on) = match self.every {
            None => ("payment", "payment_intent_data"),
            Some(_) => ("subscription", "subscription_data"),
        };
        let mut form = Form::default();
        form.push("mode", mode);
        form.push("client_reference_id", number);
        for (name, value) in [(METADATA_ORDER, number), (METADATA_STAGE, &self.stage)] {
            form.push(&format!("metadata[{name}]"), value);
            form.push(&format!("{passed_on}[metadata][{name}]"), value);
        }
        match &self.item.price {
            Price::Kept(id) => form.push("line_items[0][price]", id),
            Price::Said { name, unit } => {
                let of = |field: &str| format!("line_items[0][price_data]{field}");
                form.push(&of("[currency]"), &unit.currency.as_str().to_ascii_lowercase());
                form.push(&of("[unit_amount]"), &unit.amount.units().to_string());
                form.push(&of("[product_data][name]"), name);
                if let Some(every) = self.every {
                    form.push(&of("[recurring][interval]"), every);
                }
            }
        }
        form.push("line_items[0][quantity]", &self.item.quantity.to_string());
        form.push("success_url", &self.success_url);
        form.push("cancel_url", &self.cancel_url);
        form
    }
}

/// What may call Stripe's API for this account. Wiped when dropped, and never shown.
pub struct SecretKey(Zeroizing<String>);

impl SecretKey {
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let is_key = ["sk_", "rk_"].iter().any(|prefix| text.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty()));
        if is_key && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            Ok(Self(Zeroizing::new(text.to_owned())))
        } else {
            Err(KeyError)
        }
    }

    /// Whether it moves real money; `None` of a key that does not say.
    pub fn is_live(&self) -> Option<bool> {
        match self.0.split('_').nth(1) {
            Some("live") => Some(true),
            Some("test") => Some(false),
            Some(_) | None => None,
        }
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(redacted)")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must begin with sk_ or rk_ and go on with letters, digits or _")]
pub struct KeyError;

fn checked(id: &str) -> Result<&str, CallError> {
    if is_session_id(id) { Ok(id) } else { Err(CallError::Unreadable) }
}

fn same(session: Session, id: &str) -> Result<Session, CallError> {
    if session.id == id { Ok(session) } else { Err(CallError::Unreadable) }
}

/// The words of the refusal, where they are words.
fn refused(answer: &Answer) -> CallError {
    #[derive(Deserialize)]
    struct Body {
        error: Said,
    }
    #[derive(Deserialize)]
    struct Said {
        #[serde(rename = "type")]
        kind: Option<String>,
        code: Option<String>,
    }
    let said = serde_json::from_slice(&answer.body).map(|body: Body| body.error);
    let Said { kind, code } = said.unwrap_or(Said { kind: None, code: None });
    let word = |text: &String| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    CallError::Refused { status: answer.status, kind: kind.filter(word), code: code.filter(word) }
}
