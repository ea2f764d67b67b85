//! A subscription as Stripe describes it: whether it runs, and whose it is there; and the page on which its customer ends it.

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
    /// Stripe's id of the customer that is charged for it, where it is one of the first kind.
    pub customer: Option<String>,
}

impl StripeSubscription {
    /// Stripe charges its customer for it, or may again.
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

    /// The address of a page of Stripe's on which this customer manages subscriptions. It stands for a few minutes.
    pub async fn portal(&self, customer: &str, return_url: &str, deadline: Deadline) -> Result<String, CallError> {
        let mut form = Form::default();
        form.push("customer", checked("cus_", customer)?);
        form.push("return_url", return_url);
        let said = self.post(PORTAL, form, deadline).await?;
        let PortalJson { object, url } = serde_json::from_slice(&said).map_err(|_| CallError::Unreadable)?;
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

/// An id of this kind, which may stand in a path as it is.
pub(crate) fn checked<'i>(prefix: &str, id: &'i str) -> Result<&'i str, CallError> {
    let plain = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if id.strip_prefix(prefix).is_some_and(plain) { Ok(id) } else { Err(CallError::Unreadable) }
}
