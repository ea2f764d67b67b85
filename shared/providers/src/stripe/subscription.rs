//! Reads Stripe subscriptions (status and customer) and creates billing portal sessions, in which a customer cancels
//! them.

use ledger::{Deadline, SubscriptionStatus};
use serde::Deserialize;

use super::Stripe;
use crate::CallError;
use crate::address::page;
use crate::form::Form;

const SUBSCRIPTIONS: &str = "/v1/subscriptions";
const PORTAL: &str = "/v1/billing_portal/sessions";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StripeSubscription {
    pub id: String,
    pub status: SubscriptionStatus,
    /// The id of the customer that Stripe charges; `None` for the newer kind of customer, an account of its v2 API.
    pub customer: Option<String>,
}

impl StripeSubscription {
    /// Whether Stripe charges the customer, or may do so again.
    pub fn is_live(&self) -> bool {
        self.status != SubscriptionStatus::Ended
    }
}

impl Stripe {
    pub async fn subscription(&self, id: &str, deadline: Deadline) -> Result<StripeSubscription, CallError> {
        let path = format!("{SUBSCRIPTIONS}/{}", checked("sub_", id)?);
        let read = StripeSubscription::read(&self.get(&path, deadline).await?)?;
        if read.id == id { Ok(read) } else { Err(CallError::Unreadable) }
    }

    /// Creates a billing portal session and returns its URL, which is valid for a few minutes.
    pub async fn portal(&self, customer: &str, return_url: &str, deadline: Deadline) -> Result<String, CallError> {
        let mut form = Form::default();
        form.push("customer", checked("cus_", customer)?);
        form.push("return_url", return_url);
        let body = self.post(PORTAL, form, deadline).await?;
        let PortalJson { object, url } = serde_json::from_slice(&body).map_err(|_| CallError::Unreadable)?;
        if object == "billing_portal.session" { page(url) } else { Err(CallError::Unreadable) }
    }
}

#[derive(Deserialize)]
struct PortalJson {
    object: String,
    url: String,
}

#[derive(Deserialize)]
struct SubscriptionJson {
    id: String,
    object: String,
    status: StatusWord,
    customer: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum StatusWord {
    Incomplete,
    IncompleteExpired,
    Trialing,
    Active,
    PastDue,
    Canceled,
    Unpaid,
    Paused,
}

impl StripeSubscription {
    fn read(body: &[u8]) -> Result<Self, CallError> {
        let SubscriptionJson { id, object, status, customer } =
            serde_json::from_slice(body).map_err(|_| CallError::Unreadable)?;
        if object != "subscription" {
            return Err(CallError::Unreadable);
        }
        let status = match status {
            StatusWord::Incomplete => SubscriptionStatus::Incomplete,
            StatusWord::Trialing => SubscriptionStatus::Trialing,
            StatusWord::Active => SubscriptionStatus::Active,
            StatusWord::PastDue => SubscriptionStatus::PastDue,
            StatusWord::Unpaid => SubscriptionStatus::Unpaid,
            StatusWord::Paused => SubscriptionStatus::Paused,
            StatusWord::IncompleteExpired | StatusWord::Canceled => SubscriptionStatus::Ended,
        };
        Ok(Self { id, status, customer })
    }
}

/// Checks the id's prefix and that it is safe in a URL path.
pub(crate) fn checked<'i>(prefix: &str, id: &'i str) -> Result<&'i str, CallError> {
    let plain = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if id.strip_prefix(prefix).is_some_and(plain) { Ok(id) } else { Err(CallError::Unreadable) }
}
