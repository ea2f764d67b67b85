//! The billing portal, where a customer cancels subscriptions; `POST /v1/billing_portal/sessions` creates a page.

use pages::escaped;
use serde_json::{Value, json};

use super::Page;
use super::form::Params;
use super::objects::{self, Cause};
use super::page::NAME;
use super::refusal::Refusal;
use super::sessions::Session;
use super::state::{Portal, State};
use crate::html::document;

const SUBSCRIPTION_FIELD: &str = "subscription";

/// Extracts the id of the subscription to cancel from the page's form.
pub fn canceled_in(form: &str) -> Option<String> {
    Params::decode(form).ok()?.take(SUBSCRIPTION_FIELD)
}

pub(crate) fn create(
    state: &mut State,
    account: Option<&str>,
    params: &mut Params,
    now_s: i64,
) -> Result<Value, Refusal> {
    let customer = params.take("customer").ok_or_else(|| Refusal::missing("customer"))?;
    let return_url = params.take("return_url");
    if let Some(name) = params.first_remaining() {
        return Err(Refusal::unknown(name));
    }
    if !state.has_portal {
        return Err(Refusal::invalid(
            "No configuration provided and your test mode default configuration has not been created. Provide a configuration or \
             create your default by saving your customer portal settings in test mode at \
             https://dashboard.stripe.com/test/settings/billing/portal.",
        ));
    }
    if !state.sessions.values().any(|session| session.is_of(account) && is_of_customer(session, &customer)) {
        return Err(Refusal::invalid(format!("No such customer: '{customer}'"))
            .code("resource_missing")
            .param("customer"));
    }
    let id = state.ids.next("bps");
    let object = json!({
        "id": id,
        "object": "billing_portal.session",
        "configuration": "bpc_default",
        "created": now_s,
        "customer": customer,
        "flow": null,
        "livemode": state.settings.livemode,
        "locale": null,
        "on_behalf_of": null,
        "return_url": return_url,
        "url": format!("{}/portal/{id}", state.settings.pay_url),
    });
    let portal = Portal { account: account.map(str::to_owned), customer, return_url };
    state.portals.insert(id, portal);
    Ok(object)
}

pub(crate) fn page(state: &State, portal: &str) -> Page {
    let Some(portal) = state.portals.get(portal) else {
        return Page { status: 404, html: document(NAME, "<p>There is no such portal session.</p>") };
    };
    let active = state.sessions.values().filter(|session| session.is_of(portal.account.as_deref()));
    let active = active.filter(|session| is_of_customer(session, &portal.customer));
    let forms: String = active.filter_map(form).collect();
    let forms = if forms.is_empty() { "<p>No subscription is active.</p>\n".to_owned() } else { forms };
    let back = portal.return_url.as_deref();
    let back = back.map(|url| format!("<p><a href=\"{}\">Back</a></p>", escaped(url))).unwrap_or_default();
    Page { status: 200, html: document(NAME, &format!("<h1>Subscriptions</h1>\n{forms}{back}")) }
}

/// The form of an active subscription.
fn form(session: &Session) -> Option<String> {
    let subscription = session.subscription.as_ref().filter(|_| !session.has_ended())?;
    let id = subscription.get("id").and_then(Value::as_str)?;
    let name: String = session.order.items.iter().map(|item| escaped(&item.price.name)).collect();
    Some(format!(
        "<form method=\"post\">\n<p>{name}</p>\n<button name=\"{SUBSCRIPTION_FIELD}\" value=\"{id}\">Cancel</button>\n</form>\n"
    ))
}

/// Cancels the subscription at once and returns it with the event. Stripe's own portal usually waits for the end of the
/// paid period.
pub(crate) fn cancel(state: &mut State, id: &str, now_s: i64) -> Option<(Value, Value)> {
    let State { settings, ids, sessions, .. } = state;
    let session = sessions.values_mut().find(|session| session.is_subscription(id) && !session.has_ended())?;
    let account = session.account.clone();
    let subscription = session.subscription.as_mut()?;
    let members = subscription.as_object_mut()?;
    members.insert("status".to_owned(), "canceled".into());
    members.insert("canceled_at".to_owned(), now_s.into());
    members.insert("ended_at".to_owned(), now_s.into());
    let cause = Cause { account: account.as_deref(), ..Cause::default() };
    let event = objects::event(ids, settings, "customer.subscription.deleted", subscription, &cause, now_s);
    Some((subscription.clone(), event))
}

fn is_of_customer(session: &Session, customer: &str) -> bool {
    session.subscribed.as_ref().is_some_and(|made| made.customer == customer)
}
