//! The Stripe adapter: API calls, and checkout sessions (create, read, expire).

mod config;
mod events;
mod intent;
mod invoice;
mod object;
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
use crate::retry::send_with_retries;

use session::is_session_id;

pub use config::{StripeConfig, StripeConfigError};
pub use events::{EventPage, ListedEvent};
pub use intent::{Intent, IntentStatus};
pub use invoice::Invoice;
pub use object::StripeObject;
pub use session::{PaymentStatus, Session, SessionStatus};
pub use subscription::StripeSubscription;
pub use unsettled::Unsettled;

/// The pinned API version, whatever the account's default is.
pub const STRIPE_VERSION: &str = "2025-08-27.basil";
/// The metadata key that names the order of an object.
pub const METADATA_ORDER: &str = "hookledger_order";
/// The metadata key that names the stage which created it.
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
    /// The client calls only the configured base URL, whatever a response contains, and each call acts for the
    /// configured account.
    pub fn new(http: Http, config: &StripeConfig, key: Arc<SecretKey>) -> Self {
        let base = config.base.trim_end_matches('/').to_owned();
        Self { http, base, account: config.account.clone(), key }
    }

    /// Creates a checkout session under an idempotency key: repeated calls for the same order create one session, and
    /// each replaced session gets a new key.
    pub async fn create_session(&self, new: &NewSession, deadline: Deadline) -> Result<Session, CallError> {
        let replaced = new.replaces.as_ref().map(|session| format!("-{session}")).unwrap_or_default();
        let key = format!("hookledger-{}{replaced}", new.order);
        let body = self.call(&self.http, "POST", SESSIONS, new.form(), Some(&key), deadline).await?;
        Session::read(&body)
    }

    pub async fn session(&self, id: &str, deadline: Deadline) -> Result<Session, CallError> {
        let path = format!("{SESSIONS}/{}", checked(id)?);
        let body = self.call(&self.http, "GET", &path, Form::default(), None, deadline).await?;
        same(Session::read(&body)?, id)
    }

    /// Expires an open session. Stripe refuses it for any other, also when the response to a first attempt was lost.
    pub async fn expire(&self, id: &str, deadline: Deadline) -> Result<Session, CallError> {
        let path = format!("{SESSIONS}/{}/expire", checked(id)?);
        // Without an idempotency key: Stripe would replay a failure for a day, and a second expiry has no effect.
        let body = self.call(&self.http, "POST", &path, Form::default(), None, deadline).await?;
        same(Session::read(&body)?, id)
    }

    pub(crate) async fn get(&self, path: &str, deadline: Deadline) -> Result<Vec<u8>, CallError> {
        self.call(&self.http, "GET", path, Form::default(), None, deadline).await
    }

    /// Posts without an idempotency key, so only for operations that are idempotent by themselves.
    pub(crate) async fn post(&self, path: &str, form: Form, deadline: Deadline) -> Result<Vec<u8>, CallError> {
        self.call(&self.http, "POST", path, form, None, deadline).await
    }

    /// Lists or searches objects by these parameters.
    pub(crate) async fn find(
        &self,
        path: &str,
        query: Form,
        answer_bytes_max: usize,
        deadline: Deadline,
    ) -> Result<Vec<u8>, CallError> {
        let path = format!("{path}?{}", query.into_body());
        self.call(&self.http.with_answer_limit(answer_bytes_max), "GET", &path, Form::default(), None, deadline).await
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
        let mut headers = vec![("authorization", authorization.as_str()), ("stripe-version", STRIPE_VERSION)];
        headers.extend(self.account.as_deref().map(|account| ("stripe-account", account)));
        headers.extend(idempotency_key.map(|key| ("idempotency-key", key)));
        if method == "POST" {
            headers.push(("content-type", "application/x-www-form-urlencoded"));
        }
        let outgoing = Outgoing { method, url: format!("{}{path}", self.base), headers, body: form.into_body() };
        let answer = send_with_retries(http, &outgoing, deadline).await?;
        match answer.status {
            200..300 => Ok(answer.body),
            400..500 => Err(refused(&answer)),
            500.. => Err(CallError::Failed { status: answer.status }),
            // Stripe never redirects an API call.
            _ => Err(CallError::Unreadable),
        }
    }
}

/// A checkout session to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    pub order: OrderNumber,
    /// The expired or failed session of this order, which the new one replaces.
    pub replaces: Option<String>,
    /// Lets other stages on the same account ignore its events.
    pub stage: String,
    pub item: Item,
    /// `month` or `year` for a subscription.
    pub every: Option<&'static str>,
    /// Stripe replaces `{CHECKOUT_SESSION_ID}` by the session's id.
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
    /// A price object at Stripe.
    Id(String),
    /// An inline price per unit.
    Inline { name: String, unit: Money },
}

impl NewSession {
    fn form(&self) -> Form {
        let number = self.order.as_str();
        let (mode, nested) = match self.every {
            None => ("payment", "payment_intent_data"),
            Some(_) => ("subscription", "subscription_data"),
        };
        let mut form = Form::default();
        form.push("mode", mode);
        form.push("client_reference_id", number);
        for (name, value) in [(METADATA_ORDER, number), (METADATA_STAGE, &self.stage)] {
            form.push(&format!("metadata[{name}]"), value);
            form.push(&format!("{nested}[metadata][{name}]"), value);
        }
        match &self.item.price {
            Price::Id(id) => form.push("line_items[0][price]", id),
            Price::Inline { name, unit } => {
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

/// Stripe's secret API key. Wiped on drop, and redacted in `Debug`.
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

    /// Whether it moves real money; `None` if its prefix does not show it.
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

/// Carries the error's type and code if they are plain words.
fn refused(answer: &Answer) -> CallError {
    #[derive(Deserialize)]
    struct Body {
        error: ErrorJson,
    }
    #[derive(Deserialize)]
    struct ErrorJson {
        #[serde(rename = "type")]
        kind: Option<String>,
        code: Option<String>,
    }
    let error = serde_json::from_slice(&answer.body).map(|body: Body| body.error);
    let ErrorJson { kind, code } = error.unwrap_or(ErrorJson { kind: None, code: None });
    let word = |text: &String| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    CallError::Refused { status: answer.status, kind: kind.filter(word), code: code.filter(word) }
}
