//! The fake of Stripe: its API, its payment page and its billing portal, and its signed events to our own webhook.

use edge::Reply;
use fakes::{Call, Page, Stripe, canceled_in, card_in, is_bank_answer};
use http::{HeaderMap, StatusCode};
use ledger::{OrderNumber, Timestamp};
use pages::{OWN_FORMS, POLICY, TO_SHOP};
use providers::METADATA_ORDER;

use crate::error::Error;
use crate::front;
use crate::sources::{Headers, STRIPE, Scheme};

/// The prefix of Stripe's own paths: `<base>/mock/stripe/v1/checkout/sessions`.
pub(crate) const PATH: &str = "/mock/stripe";
const PAY: &str = "/pay/";
const PORTAL: &str = "/pay/portal/";

pub(crate) struct MockStripe {
    stripe: Stripe,
    base_url: String,
    secret: String,
}

/// The reply, and the events that Stripe then sends.
pub(crate) struct Mocked {
    pub(crate) reply: Reply,
    pub(crate) events: Vec<String>,
}

impl MockStripe {
    /// `secret` signs its events; of several live secrets the first one does.
    pub(crate) fn new(base_url: &str, secret: &str) -> Self {
        let seed = format!("{:012x}", fastrand::u64(..) >> 16);
        let stripe = Stripe::new(&format!("{base_url}{PATH}{}", PAY.trim_end_matches('/')), false, &seed);
        Self { stripe, base_url: base_url.to_owned(), secret: secret.to_owned() }
    }

    /// The value of a function's setting that points it to this fake.
    pub(crate) fn setting(&self, name: &str) -> Option<String> {
        let base_url = &self.base_url;
        match name {
            "MOCK_STRIPE" => Some("true".to_owned()),
            "STRIPE_API_BASE" => Some(format!("{base_url}{PATH}")),
            _ => None,
        }
    }

    /// The pages to which a buyer returns, unless the environment names a shop's own: the front page.
    pub(crate) fn return_page(&self, name: &str) -> Option<String> {
        let base_url = &self.base_url;
        match name {
            "CHECKOUT_SUCCESS_URL" => Some(format!("{base_url}{}{{CHECKOUT_SESSION_ID}}", front::BACK)),
            "CHECKOUT_CANCEL_URL" => Some(format!("{base_url}{}", front::PATH)),
            _ => None,
        }
    }

    /// The order that a session is about.
    pub(crate) fn order_of(&self, session: &str) -> Option<OrderNumber> {
        OrderNumber::new(&self.stripe.metadata(session, METADATA_ORDER)?).ok()
    }

    /// `path` is the part after [`PATH`]; `None` if no page has it.
    pub(crate) fn answer(
        &self,
        method: &str,
        path: &str,
        headers: &HeaderMap,
        body: &str,
        now: Timestamp,
    ) -> Option<Mocked> {
        let silent = |reply: Reply| Some(Mocked { reply, events: Vec::new() });
        if path.starts_with("/v1/") {
            return Some(self.api(method, path, headers, body, now));
        }
        if let Some(portal) = path.strip_prefix(PORTAL) {
            return match method {
                "GET" => {
                    let page = self.stripe.portal(portal);
                    silent(html(page, OWN_FORMS))
                }
                "POST" => {
                    let events = self.stripe.cancel(&canceled_in(body).unwrap_or_default(), now.unix_s());
                    Some(Mocked { reply: see_other(format!("{PATH}{PORTAL}{portal}")), events })
                }
                _ => None,
            };
        }
        if let Some(session) = path.strip_prefix(PAY) {
            return match method {
                "GET" => {
                    let page = self.stripe.page(session, now.unix_s());
                    silent(html(page, TO_SHOP))
                }
                "POST" => Some(self.pay(session, body, now)),
                _ => None,
            };
        }
        None
    }

    fn api(&self, method: &str, path: &str, headers: &HeaderMap, body: &str, now: Timestamp) -> Mocked {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let call = Call {
            method,
            path,
            authorization: header("authorization"),
            idempotency_key: header("idempotency-key"),
            body,
            now_s: now.unix_s(),
        };
        let response = self.stripe.answer_for(header("stripe-account"), &call);
        let reply = Reply { status: response.status, headers: response.headers, body: response.body };
        Mocked { reply, events: response.events }
    }

    fn pay(&self, session: &str, body: &str, now: Timestamp) -> Mocked {
        let paid = if is_bank_answer(body) {
            self.stripe.bank_answers(session, now.unix_s())
        } else {
            self.stripe.pay(session, &card_in(body).unwrap_or_default(), now.unix_s())
        };
        // To the shop, or back to the page, which shows the error.
        let to = paid.redirect.unwrap_or_else(|| format!("{PATH}{PAY}{session}"));
        Mocked { reply: see_other(to), events: paid.events }
    }

    /// Records that our webhook accepted an event, so that it is no longer listed as undelivered.
    pub(crate) fn delivered(&self, event: &str) {
        self.stripe.delivered(event);
    }

    /// The signature headers of an event that it sends now.
    pub(crate) fn signed(&self, event: &str, now: Timestamp) -> Result<Headers, Error> {
        let secret = self.secret.split_ascii_whitespace().next().unwrap_or_default();
        STRIPE.setting(Scheme::Own)?.sign(secret, now, event.as_bytes())
    }
}

fn see_other(location: String) -> Reply {
    Reply::empty(StatusCode::SEE_OTHER.as_u16()).with_header("location", location)
}

fn html(page: Page, policy: &'static str) -> Reply {
    Reply::html(page.status, page.html).with_header(POLICY, policy)
}
