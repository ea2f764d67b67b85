//! What Stripe says: its endpoints, undelivered events, prices, and the addresses that it sends from.

#![expect(clippy::indexing_slicing, reason = "a member of JSON that is not there is null")]

use std::collections::BTreeMap;
use std::time::Duration;

use catalog::{Catalog, SHIPPED};
use ledger::{Amount, Currency, Money};
use local::now;
use sending::{Post, Signed};
use serde_json::Value;

use super::facts::{AtStripe, EndpointFacts, PriceFacts, StripeFacts};

const BASE: &str = "https://api.stripe.com";
/// Stripe publishes them for allowlists.
const ADDRESSES: &str = "https://stripe.com/files/ips/ips_webhooks.json";
const REPLY_WITHIN: Duration = Duration::from_secs(20);
const DAY_SECONDS: i64 = 24 * 60 * 60;

/// The error is a sentence for a person: it has no part of the key.
pub(super) async fn facts(key: &str, parameters: &BTreeMap<String, String>) -> Result<StripeFacts, String> {
    let set = |name: &str| parameters.get(name).filter(|value| !value.is_empty()).cloned();
    let base = set("StripeApiBase").unwrap_or_else(|| BASE.to_owned());
    let account = set("StripeAccount");
    let get = async |path: &str| {
        let mut headers = vec![("authorization", format!("Bearer {key}"))];
        headers.extend(account.clone().map(|account| ("stripe-account", account)));
        json(format!("{}{path}", base.trim_end_matches('/')), headers).await
    };
    let endpoints = endpoints_of(&get("/v1/webhook_endpoints?limit=100").await.map_err(|no_answer| no_answer.why)?);
    let since = now().plus_seconds(DAY_SECONDS.saturating_neg()).unix_s();
    let events = get(&format!("/v1/events?delivery_success=false&limit=100&created[gte]={since}")).await;
    let events = events.map_err(|no_answer| no_answer.why)?;
    let undelivered = events["data"].as_array().map_or(0, Vec::len);
    let (mut prices, mut unpriced) = (Vec::new(), Vec::new());
    for (product, setting, in_catalog) in priced() {
        let Some(id) = set(&parameter_of(&setting)) else {
            unpriced.push(product);
            continue;
        };
        let at_stripe = at_stripe(get(&format!("/v1/prices/{id}")).await);
        prices.push(PriceFacts { product, id, in_catalog, at_stripe });
    }
    // Without the list one check is left out, which has a finding.
    let listed = json(ADDRESSES.to_owned(), Vec::new()).await.unwrap_or_default();
    let addresses = listed["WEBHOOKS"].as_array().into_iter().flatten();
    let addresses = addresses.filter_map(|address| address.as_str()?.parse().ok()).collect();
    let undelivered = u64::try_from(undelivered).unwrap_or(u64::MAX);
    Ok(StripeFacts { endpoints, undelivered, prices, unpriced, addresses })
}

/// Why a query has no answer.
#[derive(Debug)]
pub(super) struct NoAnswer {
    /// `None` if there was no reply.
    pub(super) status: Option<u16>,
    /// A sentence for a person.
    pub(super) why: String,
}

pub(super) fn at_stripe(answer: Result<Value, NoAnswer>) -> AtStripe {
    match answer {
        Ok(found) => price_of(&found).map_or(AtStripe::Inactive, AtStripe::Active),
        Err(NoAnswer { status: Some(404), .. }) => AtStripe::Inactive,
        Err(no_answer) => AtStripe::Unread(no_answer.why),
    }
}

async fn json(url: String, headers: Vec<(&'static str, String)>) -> Result<Value, NoAnswer> {
    let (address, query) = url.split_once('?').unwrap_or((url.as_str(), ""));
    let request = Signed { method: "GET", query: query.to_owned(), body: String::new(), headers };
    let reply = Post::to(address.to_owned(), REPLY_WITHIN).send(request).await;
    let no_answer = |status, why| NoAnswer { status, why };
    let reply = reply.map_err(|no_reply| no_answer(None, format!("{address} does not answer: {}", no_reply.why)))?;
    let status = reply.status;
    let why = match status {
        200 => match serde_json::from_str(&reply.body) {
            Ok(found) => return Ok(found),
            Err(_) => format!("{address} answers no JSON"),
        },
        401 | 403 => format!("Stripe refuses the key for {address} ({status})"),
        status => format!("{address} answers {status}"),
    };
    Err(no_answer(Some(status), why))
}

pub(super) fn endpoints_of(listed: &Value) -> Vec<EndpointFacts> {
    let all = listed["data"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let endpoint = |found: &Value| {
        Some(EndpointFacts {
            url: text(&found["url"])?,
            is_enabled: found["status"] == "enabled",
            is_live: found["livemode"] == true,
            events: found["enabled_events"].as_array().into_iter().flatten().filter_map(text).collect(),
            api_version: text(&found["api_version"]),
        })
    };
    all.filter_map(endpoint).collect()
}

/// As the catalog shows it: `9.99 USD`.
pub(super) fn price_of(found: &Value) -> Option<String> {
    if found["active"] != true {
        return None;
    }
    let (units, currency) = (found["unit_amount"].as_u64()?, Currency::parse(found["currency"].as_str()?).ok()?);
    Some(shown(Money { amount: Amount::from_units(units), currency }))
}

fn shown(money: Money) -> String {
    format!("{} {}", money.priced(), money.currency.as_str())
}

/// Each product with the setting of its price, and what the catalog says.
fn priced() -> Vec<(String, String, String)> {
    let Ok(catalog) = Catalog::parse(SHIPPED) else { return Vec::new() };
    let of = |product: &catalog::Product| {
        Some((product.id().to_owned(), product.stripe_price()?.to_owned(), shown(product.price())))
    };
    catalog.products().filter_map(of).collect()
}

/// The template's parameter of a setting: `STRIPE_FULL_REPORT_PRICE_ID` is `StripeFullReportPriceId`.
pub(super) fn parameter_of(setting: &str) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        format!("{first}{}", rest.to_ascii_lowercase())
    };
    setting.split('_').map(word).collect()
}
