//! Validates the parameters of a new checkout session; the first error refuses it.

use std::collections::BTreeMap;

use super::form::Params;
use super::refusal::Refusal;
use super::sessions::{Interval, Item, Metadata, Mode, OPEN_S_MAX, Order, Price};
use super::state::Ids;

const OPEN_S_MIN: i64 = 30 * 60;
const ITEMS_MAX: usize = 100;
/// Eight digits, in any currency.
const AMOUNT_MAX: u64 = 99_999_999;
const REFERENCE_CHARS_MAX: usize = 200;
const METADATA_KEYS_MAX: usize = 50;
const METADATA_KEY_CHARS_MAX: usize = 40;
const METADATA_VALUE_CHARS_MAX: usize = 500;

/// Removes the known parameters from `params`.
pub(crate) fn order(
    params: &mut Params,
    prices: &BTreeMap<String, Price>,
    ids: &mut Ids,
    now_s: i64,
) -> Result<Order, Refusal> {
    let mode = mode(&required(params, "mode")?)?;
    let (allowed, forbidden) = match mode {
        Mode::Payment => ("payment_intent_data", "subscription_data"),
        Mode::Subscription => ("subscription_data", "payment_intent_data"),
    };
    if params.has(forbidden) {
        let message = format!("You can not pass `{forbidden}` in `{}` mode.", mode.label());
        return Err(Refusal::invalid(message).param(forbidden));
    }
    let items = items(params, mode, prices, ids)?;
    let (currency, amount) = total(&items)?;
    Ok(Order {
        mode,
        items,
        currency,
        amount,
        success_url: url(params, "success_url")?.ok_or_else(|| Refusal::missing("success_url"))?,
        cancel_url: url(params, "cancel_url")?,
        client_reference_id: reference(params)?,
        customer_email: email(params)?,
        metadata: metadata(params, "metadata")?,
        nested_metadata: metadata(params, &format!("{allowed}[metadata]"))?,
        expires_at: expires_at(params, now_s)?,
    })
}

fn mode(name: &str) -> Result<Mode, Refusal> {
    let valid = [Mode::Payment, Mode::Subscription].into_iter().find(|mode| mode.label() == name);
    valid.ok_or_else(|| Refusal::invalid("Invalid mode: must be one of payment or subscription").param("mode"))
}

fn items(
    params: &mut Params,
    mode: Mode,
    prices: &BTreeMap<String, Price>,
    ids: &mut Ids,
) -> Result<Vec<Item>, Refusal> {
    let mut items = Vec::new();
    for name in (0..ITEMS_MAX).map(|n| format!("line_items[{n}]")) {
        if !params.has(&name) {
            break;
        }
        items.push(item(params, &name, prices, ids)?);
    }
    let Some(first) = items.first() else {
        let message = format!("The `line_items` parameter is required in {} mode.", mode.label());
        return Err(Refusal::invalid(message).code("parameter_missing").param("line_items"));
    };
    let (interval, currency) = (first.price.interval, &first.price.currency);
    // Stripe also allows one-time prices beside recurring ones, on the first invoice; the fake does not support them.
    let wrong = match mode {
        Mode::Payment if items.iter().any(|item| item.price.interval.is_some()) => Some(
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use only \
             one-time prices.",
        ),
        Mode::Subscription if items.iter().any(|item| item.price.interval.is_none()) => {
            Some("You must provide at least one recurring price in `subscription` mode when using prices.")
        }
        Mode::Subscription if items.iter().any(|item| item.price.interval != interval) => {
            Some("Checkout does not support multiple prices with different billing intervals.")
        }
        Mode::Payment | Mode::Subscription => None,
    };
    if let Some(message) = wrong {
        return Err(Refusal::invalid(message));
    }
    if items.iter().any(|item| item.price.currency != *currency) {
        return Err(Refusal::invalid("All prices on a Checkout Session must have the same currency."));
    }
    Ok(items)
}

fn item(params: &mut Params, name: &str, prices: &BTreeMap<String, Price>, ids: &mut Ids) -> Result<Item, Refusal> {
    let (by_id, by_data) = (format!("{name}[price]"), format!("{name}[price_data]"));
    let price = match (text(params, &by_id)?, params.has(&by_data)) {
        (Some(_), true) => {
            let message = "You may only specify one of these parameters: price, price_data.";
            return Err(Refusal::invalid(message).param(name));
        }
        (Some(id), false) => prices
            .get(&id)
            .cloned()
            .ok_or_else(|| Refusal::invalid(format!("No such price: '{id}'")).code("resource_missing").param(&by_id))?,
        (None, true) => price(params, &by_data, ids)?,
        (None, false) => return Err(Refusal::missing(&by_id)),
    };
    let quantity_name = format!("{name}[quantity]");
    let quantity = whole(&quantity_name, &required(params, &quantity_name)?)?;
    if quantity == 0 {
        let message = "This value must be greater than or equal to 1.";
        return Err(Refusal::invalid(message).code("parameter_invalid_integer").param(&quantity_name));
    }
    let amount = price.unit_amount.checked_mul(quantity).ok_or_else(too_large)?;
    Ok(Item { price, quantity, amount })
}

/// An inline price.
fn price(params: &mut Params, name: &str, ids: &mut Ids) -> Result<Price, Refusal> {
    let of = |field: &str| format!("{name}{field}");
    let currency = required(params, &of("[currency]"))?.to_ascii_lowercase();
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Err(Refusal::invalid(format!("Invalid currency: {currency}.")).param(&of("[currency]")));
    }
    let unit_amount = whole(&of("[unit_amount]"), &required(params, &of("[unit_amount]"))?)?;
    let product = required(params, &of("[product_data][name]"))?;
    let interval = text(params, &of("[recurring][interval]"))?;
    let interval = interval.map(|name| {
        let valid = Interval::ALL.into_iter().find(|interval| interval.label() == name);
        let message = "Invalid interval: must be one of day, month, week, or year";
        valid.ok_or_else(|| Refusal::invalid(message).param(&of("[recurring][interval]")))
    });
    Ok(Price { id: ids.next("price"), name: product, unit_amount, currency, interval: interval.transpose()? })
}

fn total(items: &[Item]) -> Result<(String, u64), Refusal> {
    let currency = items.first().map(|item| item.price.currency.clone()).unwrap_or_default();
    let amount = items.iter().try_fold(0_u64, |sum, item| sum.checked_add(item.amount)).ok_or_else(too_large)?;
    match amount {
        0 => Err(Refusal::invalid("The Checkout Session's total amount due must be more than zero.")
            .code("amount_too_small")),
        1..=AMOUNT_MAX => Ok((currency, amount)),
        _ => Err(too_large()),
    }
}

fn too_large() -> Refusal {
    Refusal::invalid(format!("The Checkout Session's total amount due must be no more than {AMOUNT_MAX}."))
        .code("amount_too_large")
}

/// Accepts only http and https URLs, since the page links to them.
fn url(params: &mut Params, name: &str) -> Result<Option<String>, Refusal> {
    let Some(url) = text(params, name)? else {
        return Ok(None);
    };
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    if rest.is_none_or(str::is_empty) || url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(Refusal::invalid("Not a valid URL").code("url_invalid").param(name));
    }
    Ok(Some(url))
}

fn reference(params: &mut Params) -> Result<Option<String>, Refusal> {
    let name = "client_reference_id";
    let reference = text(params, name)?;
    if reference.as_ref().is_some_and(|text| text.chars().count() > REFERENCE_CHARS_MAX) {
        let message = format!("Invalid string: must be at most {REFERENCE_CHARS_MAX} characters");
        return Err(Refusal::invalid(message).param(name));
    }
    Ok(reference)
}

fn email(params: &mut Params) -> Result<Option<String>, Refusal> {
    let name = "customer_email";
    let email = text(params, name)?;
    if email.as_ref().is_some_and(|text| text.split_once('@').is_none_or(|(who, at)| who.is_empty() || at.is_empty())) {
        return Err(Refusal::invalid("Invalid email address").code("email_invalid").param(name));
    }
    Ok(email)
}

fn metadata(params: &mut Params, name: &str) -> Result<Metadata, Refusal> {
    let mut metadata = params.take_under(name);
    // An empty value unsets a key, which has no effect on a new object.
    metadata.retain(|_, value| !value.is_empty());
    if metadata.len() > METADATA_KEYS_MAX {
        let message = format!("Metadata can have up to {METADATA_KEYS_MAX} keys");
        return Err(Refusal::invalid(message).param(name));
    }
    for (key, value) in &metadata {
        let (kind, max) = if key.chars().count() > METADATA_KEY_CHARS_MAX {
            ("keys", METADATA_KEY_CHARS_MAX)
        } else if value.chars().count() > METADATA_VALUE_CHARS_MAX {
            ("values", METADATA_VALUE_CHARS_MAX)
        } else {
            continue;
        };
        let message = format!("Metadata {kind} can have up to {max} characters");
        return Err(Refusal::invalid(message).param(&format!("{name}[{key}]")));
    }
    Ok(metadata)
}

fn expires_at(params: &mut Params, now_s: i64) -> Result<i64, Refusal> {
    let name = "expires_at";
    let Some(seconds) = text(params, name)? else {
        return Ok(now_s.saturating_add(OPEN_S_MAX));
    };
    let at = i64::try_from(whole(name, &seconds)?).unwrap_or(i64::MAX);
    let bound = match at.saturating_sub(now_s) {
        ..OPEN_S_MIN => "at least 30 minutes",
        OPEN_S_MIN..=OPEN_S_MAX => return Ok(at),
        _ => "less than 24 hours",
    };
    let message = format!("The `expires_at` timestamp must be {bound} from Checkout Session creation.");
    Err(Refusal::invalid(message).param(name))
}

fn required(params: &mut Params, name: &str) -> Result<String, Refusal> {
    text(params, name)?.ok_or_else(|| Refusal::missing(name))
}

fn text(params: &mut Params, name: &str) -> Result<Option<String>, Refusal> {
    let value = params.take(name);
    if value.as_ref().is_some_and(String::is_empty) {
        let message = format!(
            "You passed an empty string for '{name}'. We assume empty values are an attempt to unset a field; however '{name}' \
             cannot be unset. You should remove '{name}' from your request or supply a non-empty value."
        );
        return Err(Refusal::invalid(message).code("parameter_invalid_empty").param(name));
    }
    Ok(value)
}

fn whole(name: &str, text: &str) -> Result<u64, Refusal> {
    let number = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    let message = || format!("Invalid integer: {text}");
    number.ok_or_else(|| Refusal::invalid(message()).code("parameter_invalid_integer").param(name))
}
