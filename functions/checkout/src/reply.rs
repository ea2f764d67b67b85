//! Replies to the buyer: the link for the payment, the order's state, or the error.

use api::openapi::{AmountText, PaymentWord};
use api::{ApiOutcome, Failure};
use edge::Reply;
use ledger::{Order, Provider};
use pages::QrPicture;
use providers::{CallError, EpayLink, Payable, Session};
use serde::Serialize;
use utoipa::ToSchema;

/// An order, and the way to pay it. Nothing of it is there once nothing is left to pay.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Checkout)]
pub(crate) struct Body<'b> {
    #[schema(examples("HL7VX1FHR69WDBFEX0175E2T522E"))]
    order_number: &'b str,
    #[schema(value_type = PaymentWord)]
    status: &'b str,
    #[schema(value_type = AmountText)]
    amount: String,
    #[schema(examples("USD"))]
    currency: &'b str,
    #[serde(flatten)]
    way: Way<'b>,
}

/// The means of payment in the reply.
#[derive(Serialize, Default, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WayToPay)]
struct Way<'b> {
    /// Stripe's session.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    session_id: Option<&'b str>,
    /// The page to which the buyer is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    url: Option<&'b str>,
    /// A page that the gateway made for the buyer's choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    page_url: Option<&'b str>,
    /// To show as a QR code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    code_url: Option<&'b str>,
    /// The QR code of `codeUrl`, if the request asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Qr)]
    qr: Option<Qr>,
    /// An address that opens an app.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    app_url: Option<&'b str>,
    /// For `wx.requestPayment`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = InApp<'_>)]
    payment: Option<InApp<'b>>,
}

/// A QR code as an SVG: `<svg viewBox="0 0 size size"><path d="path"/></svg>`, black on white.
#[derive(Serialize, ToSchema)]
struct Qr {
    size: i32,
    path: String,
}

/// The arguments of `wx.requestPayment`, under its own names.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct InApp<'b> {
    app_id: &'b str,
    time_stamp: &'b str,
    nonce_str: &'b str,
    package: &'b str,
    sign_type: &'b str,
    pay_sign: &'b str,
}

/// The link of a session that was opened now.
pub(crate) fn opened(order: &Order, session: &Session) -> ApiOutcome {
    outcome_of(201, "opened", order, of_session(session))
}

/// The link of the same session again.
pub(crate) fn reopened(order: &Order, session: &Session) -> ApiOutcome {
    outcome_of(200, "reopened", order, of_session(session))
}

/// The gateway's page, and the link or code that its API created.
pub(crate) fn started_epay(order: &Order, url: &str, link: Option<&EpayLink>, is_first: bool) -> ApiOutcome {
    let way = Way { url: Some(url), ..Way::default() };
    let way = match link {
        None => way,
        Some(EpayLink::Page(url)) => Way { page_url: Some(url), ..way },
        Some(EpayLink::Code(url)) => Way { code_url: Some(url), ..way },
        Some(EpayLink::App(url)) => Way { app_url: Some(url), ..way },
    };
    if is_first { outcome_of(201, "opened", order, way) } else { outcome_of(200, "reopened", order, way) }
}

pub(crate) fn payable(order: &Order, payable: &Payable, is_drawn: bool) -> ApiOutcome {
    let way = match payable {
        Payable::CodeUrl(url) => {
            let picture = is_drawn.then(|| QrPicture::of(url)).flatten();
            let qr = picture.map(|QrPicture { size, path }| Qr { size, path });
            Way { code_url: Some(url), qr, ..Way::default() }
        }
        Payable::InApp { app_id, time_stamp, nonce, package, sign_type, pay_sign } => {
            let payment = InApp { app_id, time_stamp, nonce_str: nonce, package, sign_type, pay_sign };
            Way { payment: Some(payment), ..Way::default() }
        }
    };
    outcome_of(200, "opened", order, way)
}

/// The order's state, if nothing is left to pay.
pub(crate) fn state(order: &Order) -> ApiOutcome {
    outcome_of(200, order.payment.as_str(), order, Way::default())
}

/// The buyer has finished, and the bank has not answered.
pub(crate) fn processing(order: &Order) -> Failure {
    let message = "Your bank has not confirmed the payment yet; please wait for it.";
    Failure::new(409, "payment_processing", message).about(&order.number)
}

/// With the link of the billing portal, where the buyer can cancel the subscription.
pub(crate) fn subscribed(order: &Order, portal: Option<String>) -> Failure {
    let failure = Failure::new(409, "subscription_active", "You have this subscription already.").about(&order.number);
    match portal {
        Some(url) => failure.with_detail("portalUrl", url),
        None => failure,
    }
}

/// The payment's amount or currency differs from the order's price.
pub(crate) fn mispaid(order: &Order) -> Failure {
    let message = "The payment differs from this order's price; please contact the shop.";
    Failure::new(409, "payment_mismatch", message).about(&order.number)
}

fn of_session(session: &Session) -> Way<'_> {
    Way { session_id: Some(&session.id), url: session.url.as_deref(), ..Way::default() }
}

fn outcome_of(status: u16, outcome: &'static str, order: &Order, way: Way<'_>) -> ApiOutcome {
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

/// The deployment has no merchant at the order's provider.
pub(crate) fn not_offered(order: &Order) -> Failure {
    Failure::new(409, "provider_unavailable", "This shop does not offer this payment provider.").about(&order.number)
}

/// The provider's name and its error codes: no answer, busy, refused, failed, unreadable.
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

/// The failure of a provider's call. The click can be repeated, unless the message says otherwise.
pub(crate) fn failure(error: &CallError, order: &Order) -> Failure {
    let provider = order.terms.provider;
    tracing::warn!(%error, provider = provider.as_str(), "the call to a provider failed");
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
