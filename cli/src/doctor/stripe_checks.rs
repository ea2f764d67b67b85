//! Judges what Stripe says of itself: its endpoint, prices and addresses.

use local::{Admission, STRIPE_VERSION, stripe_events};

use super::facts::{AtStripe, EndpointFacts, Facts, StripeFacts};
use super::finding::Finding;

pub(crate) const STRIPE_PATHS: [&str; 2] = ["/api/v1/webhooks/stripe", "/api/stripe/webhook"];
/// Without these, money is booked late or not at all. The others only say why a payment failed.
const STRIPE_REQUIRED: [&str; 7] = [
    "payment_intent.succeeded",
    "charge.refunded",
    "refund.updated",
    "charge.dispute.created",
    "charge.dispute.closed",
    "checkout.session.completed",
    "invoice.paid",
];

pub(super) fn stripe(facts: &Facts, found: &StripeFacts, all: &mut Vec<Finding>) {
    let before = all.len();
    let is_live = facts.parameters.get("StripeLivemode").map(|mode| mode == "true");
    let here = facts.api.as_ref().map(|api| api.url.trim_end_matches('/').to_owned()).unwrap_or_default();
    let leads_here = |endpoint: &&EndpointFacts| {
        let url = endpoint.url.trim_end_matches('/');
        STRIPE_PATHS.iter().any(|path| url.ends_with(path)) && (here.is_empty() || url.starts_with(&here))
    };
    match found.endpoints.iter().find(leads_here) {
        None => {
            let elsewhere = found
                .endpoints
                .iter()
                .find(|endpoint| STRIPE_PATHS.iter().any(|path| endpoint.url.trim_end_matches('/').ends_with(path)));
            let path = STRIPE_PATHS[0];
            all.push(match elsewhere {
                None => Finding::red(
                    "stripe",
                    "Stripe has no endpoint that leads here, so no payment is reported",
                    format!("add {here}{path} in Stripe's dashboard: docs/providers/stripe.md"),
                ),
                Some(other) => Finding::yellow(
                    "stripe",
                    format!("Stripe's endpoint is {}, and this API is {here}", other.url),
                    "check that it leads here, as a domain of your own does; otherwise correct it in Stripe's dashboard",
                ),
            });
            if let Some(endpoint) = elsewhere {
                endpoint_settings(endpoint, is_live, all);
            }
        }
        Some(endpoint) => endpoint_settings(endpoint, is_live, all),
    }
    if found.undelivered > 0 {
        all.push(Finding::yellow(
            "stripe",
            format!("Stripe could not deliver {} events of the last day", found.undelivered),
            "the sweep stripe_backfill books them; its cause is in the log of API Gateway (docs/operate.md, \"Who sends\")",
        ));
    }
    prices(found, all);
    if let Some(allowlist) = facts.parameters.get("StripeAllowedIps").filter(|allowlist| !allowlist.is_empty()) {
        let refused: Vec<String> = found
            .addresses
            .iter()
            .filter(|address| Admission::would_admit(allowlist, **address) != Some(true))
            .map(ToString::to_string)
            .collect();
        if found.addresses.is_empty() {
            all.push(Finding::yellow(
                "stripe",
                "the list of Stripe's addresses could not be read, so that StripeAllowedIps is not compared with it",
                "run it again, from where https://stripe.com can be reached",
            ));
        }
        if !refused.is_empty() {
            all.push(Finding::red(
                "stripe",
                format!("StripeAllowedIps turns {} of Stripe's addresses away: {}", refused.len(), refused.join(", ")),
                "add them: Stripe's webhooks from there are answered 403 and lost after three days",
            ));
        }
    }
    if all.len() == before {
        all.push(Finding::green(
            "stripe",
            "the endpoint is enabled, with the events that act; prices and addresses fit",
        ));
    }
}

fn prices(found: &StripeFacts, all: &mut Vec<Finding>) {
    for price in &found.prices {
        let (product, id) = (&price.product, &price.id);
        match &price.at_stripe {
            AtStripe::Active(at_stripe) if *at_stripe == price.in_catalog => {}
            AtStripe::Active(at_stripe) => all.push(Finding::red(
                "prices",
                format!("{product}: {id} is {at_stripe} at Stripe and {} in the catalog", price.in_catalog),
                "make both prices equal: a buyer's payment of another sum is refused",
            )),
            AtStripe::Inactive => all.push(Finding::red(
                "prices",
                format!("{product}: Stripe has no active price {id}"),
                "correct the price id in samconfig.toml: without it no page opens",
            )),
            AtStripe::Unread(why) => all.push(Finding::yellow(
                "prices",
                format!("{product}: Stripe could not be queried about {id}: {why}"),
                "correct that, and run it again",
            )),
        }
    }
    if !found.unpriced.is_empty() {
        all.push(Finding::yellow(
            "prices",
            format!("no price id is set for {}: its page does not open", found.unpriced.join(", ")),
            "set its price id in samconfig.toml, and deploy; or take the product out of infra/catalog.json",
        ));
    }
}

fn endpoint_settings(endpoint: &EndpointFacts, is_live: Option<bool>, all: &mut Vec<Finding>) {
    if !endpoint.is_enabled {
        let fix = "enable it in Stripe's dashboard: the backfill books what was not delivered for 30 days";
        all.push(Finding::red("stripe", format!("Stripe has disabled the endpoint {}", endpoint.url), fix));
    }
    if is_live.is_some_and(|is_live| endpoint.is_live != is_live) {
        let [of, want] = if endpoint.is_live { ["live", "test"] } else { ["test", "live"] };
        let says = format!("the endpoint is of {of} mode, and StripeLivemode says {want}");
        all.push(Finding::red("stripe", says, "make the endpoint in the other mode, or correct StripeLivemode"));
    }
    let has = |event: &str| endpoint.events.iter().any(|chosen| chosen == "*" || chosen == event);
    let missing: Vec<&str> = STRIPE_REQUIRED.into_iter().filter(|event| !has(event)).collect();
    if !missing.is_empty() {
        let says = format!("the endpoint lacks events that move money: {}", missing.join(", "));
        all.push(Finding::red(
            "stripe",
            says,
            "choose them in Stripe's dashboard: docs/providers/stripe.md has the list",
        ));
    }
    let others: Vec<&str> = stripe_events().filter(|event| !has(event) && !STRIPE_REQUIRED.contains(event)).collect();
    if !others.is_empty() {
        let says = format!("the endpoint lacks events: {}", others.join(", "));
        let fix = "choose them in Stripe's dashboard, so that orders show why a payment failed";
        all.push(Finding::yellow("stripe", says, fix));
    }
    if let Some(version) = endpoint.api_version.as_deref().filter(|version| *version != STRIPE_VERSION) {
        let says = format!("the endpoint sends API version {version}");
        let fix = format!("make one with {STRIPE_VERSION}: older versions are read, later ones are not tested");
        let is_older = version < STRIPE_VERSION;
        all.push(if is_older { Finding::green("stripe", says) } else { Finding::yellow("stripe", says, fix) });
    }
}
