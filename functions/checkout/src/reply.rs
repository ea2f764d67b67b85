//! What the buyer is told: where to pay, how it stands, or why neither.

use api::{ApiOutcome, Failure};
use edge::Reply;
use ledger::{Order, Provider};
use providers::{CallError, EpayLink, Payable, Session};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'b> {
    order_number: &'b str,
    status: &'b str,
    amount: String,
    currency: &'b str,
    #[serde(flatten)]
    way: Way<'b>,
}

/// With what it is paid.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct Way<'b> {
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<&'b str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'b str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page_url: Option<&'b str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code_url: Option<&'b str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_url: Option<&'b str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<InApp<'b>>,
}

/// The arguments of `wx.requestPayment`, by the names that it has for them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InApp<'b> {
    app_id: &'b str,
    time_stamp: &'b str,
    nonce_str: &'b str,
    package: &'b str,
    sign_type: &'b str,
    pay_sign: &'b str,
}

/// Where it is paid, by a page that was made just now.
pub(crate) fn opened(order: &Order, session: &Session) -> ApiOutcome {
    told(201, "opened", order, of_session(session))
}

/// The same page again.
pub(crate) fn reopened(order: &Order, session: &Session) -> ApiOutcome {
    told(200, "reopened", order, of_session(session))
}

/// The gateway's page, and what it gave beside it.
pub(crate) fn begun(order: &Order, url: &str, link: Option<&EpayLink>, is_first: bool) -> ApiOutcome {
    let way = Way { url: Some(url), ..Way::default() };
    let way = match link {
        None => way,
        Some(EpayLink::Page(url)) => Way { page_url: Some(url), ..way },
        Some(EpayLink::Code(url)) => Way { code_url: Some(url), ..way },
        Some(EpayLink::App(url)) => Way { app_url: Some(url), ..way },
    };
    if is_first { told(201, "opened", order, way) } else { told(200, "reopened", order, way) }
}

pub(crate) fn payable(order: &Order, payable: &Payable) -> ApiOutcome {
    let way = match payable {
        Payable::CodeUrl(url) => Way { code_url: Some(url), ..Way::default() },
        Payable::InApp { app_id, time_stamp, nonce, package, sign_type, pay_sign } => {
            let payment = InApp { app_id, time_stamp, nonce_str: nonce, package, sign_type, pay_sign };
            Way { payment: Some(payment), ..Way::default() }
        }
    };
    told(200, "opened", order, way)
}

/// How it stands: there is nothing more to be done on a page.
pub(crate) fn state(order: &Order) -> ApiOutcome {
    told(200, order.payment.as_str(), order, Way::default())
}

/// The buyer is done, and the bank is not.
pub(crate) fn processing(order: &Order) -> Failure {
    let message = "Your bank has not answered yet; until it has, nothing else is to be paid.";
    Failure::new(409, "payment_processing", message).about(&order.number)
}

/// With the address of the page on which it can be ended.
pub(crate) fn subscribed(order: &Order, portal: Option<String>) -> Failure {
    let failure = Failure::new(409, "subscription_active", "You have this subscription already.").about(&order.number);
    match portal {
        Some(url) => failure.with_detail("portalUrl", url),
        None => failure,
    }
}

/// What came is not what the order asks for.
pub(crate) fn mispaid(order: &Order) -> Failure {
    let message = "Another amount was paid than this order asks for; the shop looks at it.";
    Failure::new(409, "payment_mismatch", message).about(&order.number)
}

fn of_session(session: &Session) -> Way<'_> {
    Way { session_id: Some(&session.id), url: session.url.as_deref(), ..Way::default() }
}

fn told(status: u16, outcome: &'static str, order: &Order, way: Way<'_>) -> ApiOutcome {
    let price = order.terms.price;
    let body = Body {
        order_number: order.number.as_str(),
        status: order.payment.as_str(),
        amount: price.priced(),
        currency: price.currency.as_str(),
        way,
    };
    ApiOutcome { reply: Reply::json(status, &body), outcome, subject: Some(order.number.to_string()) }
}

/// This deployment has no way to be paid there.
pub(crate) fn not_offered(order: &Order) -> Failure {
    Failure::new(409, "provider_unavailable", "Nothing is paid there in this shop.").about(&order.number)
}

/// The words for what went wrong, by where: a name, then for no answer, busy, refused, failed, unreadable.
const fn words(provider: Provider) -> (&'static str, [&'static str; 5]) {
    match provider {
        Provider::Stripe => {
            ("Stripe", ["stripe_timeout", "stripe_busy", "stripe_refused", "stripe_failed", "stripe_unreadable"])
        }
        Provider::Wechat => {
            ("WeChat Pay", ["wechat_timeout", "wechat_busy", "wechat_refused", "wechat_failed", "wechat_unreadable"])
        }
        Provider::Epay => {
            ("The gateway", ["epay_timeout", "epay_busy", "epay_refused", "epay_failed", "epay_unreadable"])
        }
    }
}

/// The provider did not do what was asked. Unless the answer says otherwise, clicking again may help.
pub(crate) fn failure(error: &CallError, order: &Order) -> Failure {
    let provider = order.terms.provider;
    tracing::warn!(%error, provider = provider.as_str(), "a provider did not do what was asked");
    let (name, [timeout, busy, refused, failed, unreadable]) = words(provider);
    let failure = match error {
        CallError::NoAnswer | CallError::Unsigned => {
            Failure::new(504, timeout, format!("{name} did not answer in time; try again."))
        }
        CallError::Refused { status: 409 | 429, .. } => {
            Failure::new(503, busy, format!("{name} is busy; try again.")).later()
        }
        CallError::Refused { .. } => Failure::new(502, refused, format!("{name} refused the request.")),
        CallError::Failed { .. } => Failure::new(502, failed, format!("{name} failed; try again.")),
        CallError::Unreadable => Failure::new(502, unreadable, format!("{name}'s answer could not be read.")),
    };
    failure.about(&order.number)
}
