//! A stand-in for Stripe on the same port: its API, its payment page and its billing portal, and the events that it sends, signed, to our own webhook.

use edge::Reply;
use fakes::{Call, Stripe, canceled_in, card_in, is_bank_answer};
use http::{HeaderMap, StatusCode};
use ledger::Timestamp;

use crate::error::Error;
use crate::sources::{Headers, STRIPE, Scheme};

/// What stands before Stripe's own paths: `<base>/mock/stripe/v1/checkout/sessions`.
pub(crate) const PATH: &str = "/mock/stripe";
const PAY: &str = "/pay/";
const PORTAL: &str = "/pay/portal/";
const DONE: &str = "/done";
const CANCELLED: &str = "/cancelled";

pub(crate) struct MockStripe {
    stripe: Stripe,
    base_url: String,
    secret: String,
}

/// What the caller is told, and what Stripe then sends.
pub(crate) struct Mocked {
    pub(crate) reply: Reply,
    pub(crate) events: Vec<String>,
}

impl MockStripe {
    /// `secret` is what its events are signed with; of several live ones, the first.
    pub(crate) fn new(base_url: &str, secret: &str) -> Self {
        let seed = format!("{:012x}", fastrand::u64(..) >> 16);
        let base_url = format!("{base_url}{PATH}");
        let stripe = Stripe::new(&format!("{base_url}{}", PAY.trim_end_matches('/')), false, &seed);
        Self { stripe, base_url, secret: secret.to_owned() }
    }

    /// What the functions are told of it, by the names of their settings.
    pub(crate) fn setting(&self, name: &str) -> Option<String> {
        let base_url = &self.base_url;
        match name {
            "MOCK_STRIPE" => Some("true".to_owned()),
            "STRIPE_API_BASE" => Some(base_url.clone()),
            "CHECKOUT_SUCCESS_URL" => Some(format!("{base_url}{DONE}?session_id={{CHECKOUT_SESSION_ID}}")),
            "CHECKOUT_CANCEL_URL" => Some(format!("{base_url}{CANCELLED}")),
            _ => None,
        }
    }

    /// `path` is what follows [`PATH`]; `None`: there is nothing there.
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
                    silent(Reply::html(page.status, page.html))
                }
                "POST" => {
                    let events = self.stripe.cancel(&canceled_in(body).unwrap_or_default(), now.unix_s());
                    Some(Mocked { reply: see(format!("{PATH}{PORTAL}{portal}")), events })
                }
                _ => None,
            };
        }
        if let Some(session) = path.strip_prefix(PAY) {
            return match method {
                "GET" => {
                    let page = self.stripe.page(session, now.unix_s());
                    silent(Reply::html(page.status, page.html))
                }
                "POST" => Some(self.pay(session, body, now)),
                _ => None,
            };
        }
        let path = path.split('?').next().unwrap_or_default();
        match (method, path) {
            ("GET", DONE) => {
                silent(page("Paid. The shop has been told by webhook: the order is paid and its credits are there."))
            }
            ("GET", CANCELLED) => silent(page("Nothing was paid. The same link still works.")),
            _ => None,
        }
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
        let answered = self.stripe.answer_for(header("stripe-account"), &call);
        let reply = Reply { status: answered.status, headers: answered.headers, body: answered.body };
        Mocked { reply, events: answered.events }
    }

    fn pay(&self, session: &str, body: &str, now: Timestamp) -> Mocked {
        let paid = if is_bank_answer(body) {
            self.stripe.bank_answers(session, now.unix_s())
        } else {
            self.stripe.pay(session, &card_in(body).unwrap_or_default(), now.unix_s())
        };
        // Back to the page, which says what went wrong; or on to the shop.
        let to = paid.redirect.unwrap_or_else(|| format!("{PATH}{PAY}{session}"));
        Mocked { reply: see(to), events: paid.events }
    }

    /// Our webhook has taken an event, and will not be asked to again.
    pub(crate) fn delivered(&self, event: &str) {
        self.stripe.delivered(event);
    }

    /// The headers of an event that it sends now.
    pub(crate) fn signed(&self, event: &str, now: Timestamp) -> Result<Headers, Error> {
        let secret = self.secret.split_ascii_whitespace().next().unwrap_or_default();
        STRIPE.setting(Scheme::Own)?.sign(secret, now, event.as_bytes())
    }
}

fn see(location: String) -> Reply {
    Reply::empty(StatusCode::SEE_OTHER.as_u16()).with_header("location", location)
}

fn page(said: &str) -> Reply {
    Reply::html(
        200,
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Shop</title>\n<p>{said}</p>\n</html>\n"
        ),
    )
}
