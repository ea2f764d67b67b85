//! How the catalog is written, and what must hold in it.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{Amount, AmountError, Asset, Currency, Money, Provider};

use crate::CatalogError;
use crate::exchange::Rate;
use crate::place::{Object, Place};
use crate::product::{EachGrants, Every, LANGUAGE, Product};

const WORD_CHARS_MAX: usize = 64;
/// Of what can be had more than once.
const QUANTITY_MAX: u64 = 100;

type Rates = BTreeMap<(Currency, Currency), Rate>;
/// The scale of each.
type Tokens = BTreeMap<String, u8>;

pub(crate) fn products(json: &str) -> Result<Vec<Product>, CatalogError> {
    let mut root = Place::root(json)?.object()?;
    let rates = root.take("rates").as_ref().map(rates).transpose()?.unwrap_or_default();
    let tokens = root.take("tokens").as_ref().map(tokens).transpose()?.unwrap_or_default();
    let fields = root.need("products")?.object()?.into_fields();
    root.end()?;
    let mut products: Vec<Product> = Vec::new();
    for (id, place) in fields {
        let product = product(id, &place, &rates, &tokens)?;
        let twin = products.iter().find(|other| product.top_up().is_some() && other.top_up() == product.top_up());
        if let Some(other) = twin {
            return Err(place.error(format_args!("is the same top-up as {}", other.id)));
        }
        products.push(product);
    }
    Ok(products)
}

/// `{"MNT": {"CNY": "0.00204"}}`: one tugrik is so many yuan.
fn rates(place: &Place<'_>) -> Result<Rates, CatalogError> {
    let mut rates = Rates::new();
    for (from, place) in place.object()?.into_fields() {
        let from = capitals(&from).map_err(|what| place.error(what))?;
        for (to, place) in place.object()?.into_fields() {
            let to = capitals(&to).map_err(|what| place.error(what))?;
            if to == from {
                return Err(place.error("is a rate of a currency to itself"));
            }
            let rate = place.read(Rate::parse)?;
            if rate.is_zero() {
                return Err(place.error(ZERO));
            }
            rates.insert((from, to), rate);
        }
    }
    Ok(rates)
}

/// `{"POSX": {"scale": 18}}`: its smallest unit has so many decimals.
fn tokens(place: &Place<'_>) -> Result<Tokens, CatalogError> {
    let mut tokens = Tokens::new();
    for (code, place) in place.object()?.into_fields() {
        word(&code).map_err(|what| place.error(what))?;
        let mut fields = place.object()?;
        let scale = fields.need("scale")?;
        fields.end()?;
        let held = u8::try_from(scale.count()?).ok().filter(|scale| *scale <= Amount::SCALE_MAX);
        let held = held.ok_or_else(|| scale.error(format_args!("must be 0 to {}", Amount::SCALE_MAX)))?;
        tokens.insert(code, held);
    }
    Ok(tokens)
}

fn product(id: String, place: &Place<'_>, rates: &Rates, tokens: &Tokens) -> Result<Product, CatalogError> {
    word(&id).map_err(|what| place.error(what))?;
    let mut fields = place.object()?;
    let names = names(&fields.need("name")?)?;
    let price = price(&fields.need("price")?)?;
    let charged = fields.take("charged_in").map(|place| charged(&place, price.currency, rates)).transpose()?;
    let every = fields.take("every");
    let every = every.map(|place| place.read(|name| Every::named(name).ok_or("must be month or year"))).transpose()?;
    let grants = grants(&fields.need("grants")?, every, tokens)?;
    let currency = charged.as_ref().map_or(price.currency, |(currency, _)| *currency);
    let providers = providers(&fields.need("providers")?, currency, every)?;
    let stripe_price = fields.take("stripe_price").map(|place| stripe_price(&place, &providers)).transpose()?;
    let quantity_max = quantity_max(&mut fields, every, &grants)?;
    fields.end()?;
    Ok(Product { id, names, price, charged, stripe_price, every, quantity_max, providers, grants })
}

fn names(place: &Place<'_>) -> Result<BTreeMap<String, String>, CatalogError> {
    let mut names = BTreeMap::new();
    for (language, place) in place.object()?.into_fields() {
        let name = place.text()?;
        if name.trim().is_empty() {
            return Err(place.error("must not be blank"));
        }
        names.insert(language, name);
    }
    if names.contains_key(LANGUAGE) { Ok(names) } else { Err(place.error(format_args!("has no {LANGUAGE}"))) }
}

fn price(place: &Place<'_>) -> Result<Money, CatalogError> {
    let mut fields = place.object()?;
    let (amount, currency) = (fields.need("amount")?, fields.need("currency")?);
    fields.end()?;
    let currency = currency.read(capitals)?;
    let amount = positive(&amount, |text| Money::parse(text, currency).map(|money| money.amount))?;
    Ok(Money { amount, currency })
}

fn charged(place: &Place<'_>, from: Currency, rates: &Rates) -> Result<(Currency, Rate), CatalogError> {
    let to = place.read(capitals)?;
    if to == from {
        return Err(place.error("is the currency of the price: leave it out"));
    }
    let rate = rates.get(&(from, to)).ok_or_else(|| place.error(format_args!("needs a rate from {from} to {to}")))?;
    Ok((to, rate.clone()))
}

fn grants(place: &Place<'_>, every: Option<Every>, tokens: &Tokens) -> Result<Vec<EachGrants>, CatalogError> {
    let (mut grants, mut kinds) = (Vec::new(), BTreeSet::new());
    for place in place.list()? {
        let mut fields = place.object()?.into_fields();
        let (Some((kind, granted)), true) = (fields.pop(), fields.is_empty()) else {
            return Err(place.error("must be one thing that is granted"));
        };
        let grant = grant(&kind, &granted, tokens)?;
        let each_period = matches!(grant, EachGrants::CreditsEachPeriod(_));
        match every {
            Some(_) if !each_period => return Err(granted.error("is not granted by a subscription")),
            None if each_period => return Err(granted.error("is granted by a subscription only")),
            Some(_) | None => {}
        }
        if !kinds.insert(kind) {
            return Err(granted.error("is granted twice"));
        }
        grants.push(grant);
    }
    if grants.is_empty() { Err(place.error("must not be empty")) } else { Ok(grants) }
}

fn grant(kind: &str, place: &Place<'_>, tokens: &Tokens) -> Result<EachGrants, CatalogError> {
    match kind {
        "credits" => positive(place, |text| Asset::CREDITS.parse(text)).map(EachGrants::Credits),
        "credits_each_period" => positive(place, |text| Asset::CREDITS.parse(text)).map(EachGrants::CreditsEachPeriod),
        "token" => {
            let mut fields = place.object()?;
            let (code, amount) = (fields.need("code")?, fields.need("amount")?);
            fields.end()?;
            let scale = code.read(|code| tokens.get(code).copied().ok_or("is none of the tokens"))?;
            let amount = positive(&amount, |text| Amount::parse(text, scale))?;
            Ok(EachGrants::Token { code: code.text()?, scale, amount })
        }
        "report" => place.read(word).map(EachGrants::Report),
        "top_up" => {
            let mut fields = place.object()?;
            let (operator, kind, code) = (fields.need("operator")?, fields.need("kind")?, fields.need("code")?);
            fields.end()?;
            Ok(EachGrants::TopUp { operator: operator.read(word)?, kind: kind.read(word)?, code: code.read(word)? })
        }
        _ => Err(place.error("is not known here")),
    }
}

fn providers(place: &Place<'_>, currency: Currency, every: Option<Every>) -> Result<Vec<Provider>, CatalogError> {
    let mut providers = Vec::new();
    for place in place.list()? {
        let provider = place.read(|name| Provider::named(name).ok_or("is no provider"))?;
        let is_stripe = provider == Provider::Stripe;
        if providers.contains(&provider) {
            return Err(place.error("stands there twice"));
        }
        if !is_stripe && currency != Currency::CNY {
            return Err(place.error(format_args!("takes CNY and not {currency}")));
        }
        if !is_stripe && every.is_some() {
            return Err(place.error("has no subscriptions"));
        }
        providers.push(provider);
    }
    if providers.is_empty() { Err(place.error("must not be empty")) } else { Ok(providers) }
}

/// A setting and not the id itself, which is another one in test mode.
fn stripe_price(place: &Place<'_>, providers: &[Provider]) -> Result<String, CatalogError> {
    let name = place.text()?;
    let allowed = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    if name.is_empty() || !name.bytes().all(allowed) {
        return Err(place.error("must be the name of a setting"));
    }
    if !providers.contains(&Provider::Stripe) {
        return Err(place.error("is of no use where stripe is not offered"));
    }
    Ok(name)
}

fn quantity_max(fields: &mut Object<'_>, every: Option<Every>, grants: &[EachGrants]) -> Result<u64, CatalogError> {
    let countable = grants.iter().all(EachGrants::is_countable);
    let Some(place) = fields.take("quantity_max") else {
        return Ok(if countable && every.is_none() { QUANTITY_MAX } else { 1 });
    };
    match place.count()? {
        0 => Err(place.error(ZERO)),
        max if max > 1 && !countable => Err(place.error("must be 1 where a report or a top-up is granted")),
        max => Ok(max),
    }
}

const ZERO: &str = "must not be 0";

fn positive(place: &Place<'_>, read: impl FnOnce(&str) -> Result<Amount, AmountError>) -> Result<Amount, CatalogError> {
    let amount = place.read(read)?;
    if amount.is_zero() { Err(place.error(ZERO)) } else { Ok(amount) }
}

/// A name that may be a part of keys, addresses and file names.
fn word(text: &str) -> Result<String, String> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if text.is_empty() || text.len() > WORD_CHARS_MAX || !text.bytes().all(allowed) {
        return Err(format!("a name here is 1 to {WORD_CHARS_MAX} letters, digits or - _"));
    }
    Ok(text.to_owned())
}

/// One way to write each, so that two spellings are not two rates.
fn capitals(code: &str) -> Result<Currency, String> {
    let currency = Currency::parse(code).map_err(|error| error.to_string())?;
    if currency.as_str() == code { Ok(currency) } else { Err(format!("must be in capitals: {currency}")) }
}
