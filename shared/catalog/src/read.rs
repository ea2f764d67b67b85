//! How the catalog is written, and what must hold in it.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{Amount, AmountError, Asset, Currency, Money, Operator, Provider, TopUpKind, Word};

use crate::CatalogError;
use crate::exchange::Rate;
use crate::place::{Object, Place};
use crate::product::{EachGrants, Every, LANGUAGE, Product};

const WORD_CHARS_MAX: usize = 64;
/// Of what can be had more than once.
const QUANTITY_MAX: u64 = 100;
/// Unless the catalog says otherwise: where more levels earn by one sale, it is the levels that are sold.
const COMMISSION_LEVELS_MAX: u64 = 2;
/// All that is paid.
const BASIS_POINTS: u16 = 10_000;

type Rates = BTreeMap<(Currency, Currency), Rate>;
type Tokens = BTreeMap<Word, Token>;

struct Token {
    scale: u8,
    /// The custodian's name for it, where it is sent to wallets.
    on_chain: Option<String>,
}

pub(crate) fn products(json: &str) -> Result<Vec<Product>, CatalogError> {
    let mut root = Place::root(json)?.object()?;
    let rates = root.take("rates").as_ref().map(rates).transpose()?.unwrap_or_default();
    let tokens = root.take("tokens").as_ref().map(tokens).transpose()?.unwrap_or_default();
    let levels_max =
        root.take("commission_levels_max").as_ref().map(Place::count).transpose()?.unwrap_or(COMMISSION_LEVELS_MAX);
    let fields = root.need("products")?.object()?.into_fields();
    root.end()?;
    let mut products: Vec<Product> = Vec::new();
    for (id, place) in fields {
        let product = product(id, &place, &rates, &tokens, levels_max)?;
        let twin = products.iter().find(|other| product.top_up().is_some() && other.top_up() == product.top_up());
        if let Some(other) = twin {
            return Err(place.error(format_args!("is the same top-up as {}", other.id)));
        }
        products.push(product);
    }
    check_names(&products)?;
    Ok(products)
}

/// No name stands for two products: be it an id, an alias, or the operator's code of a top-up.
fn check_names(products: &[Product]) -> Result<(), CatalogError> {
    for (n, product) in products.iter().enumerate() {
        for alias in &product.aliases {
            let is_taken = |(m, other): &(usize, &Product)| {
                let is_code = other.top_up().is_some_and(|(_, _, code)| code == alias);
                *m != n && (other.goes_by(alias) || is_code)
            };
            let of_itself = product.aliases.iter().filter(|name| *name == alias).count();
            let taken_by = products.iter().enumerate().find(is_taken).map(|(_, other)| other.id.as_str());
            let taken_by = taken_by.or((of_itself > 1 || *alias == product.id).then_some(product.id.as_str()));
            if let Some(other) = taken_by {
                let at = format!("products.{}.aliases", product.id);
                return Err(CatalogError { at, what: format!("{alias} is a name of {other} already") });
            }
        }
    }
    Ok(())
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

/// `{"POSX": {"scale": 18, "fireblocks": "POSX_ETH"}}`: its smallest unit has so many decimals, and it goes by that name there.
fn tokens(place: &Place<'_>) -> Result<Tokens, CatalogError> {
    let mut tokens = Tokens::new();
    for (code, place) in place.object()?.into_fields() {
        let code = Word::new(&code).map_err(|what| place.error(what))?;
        let mut fields = place.object()?;
        let scale = fields.need("scale")?;
        let on_chain = fields.take("fireblocks").map(|place| place.read(word)).transpose()?;
        fields.end()?;
        let held = u8::try_from(scale.count()?).ok().filter(|scale| *scale <= Amount::SCALE_MAX);
        let held = held.ok_or_else(|| scale.error(format_args!("must be 0 to {}", Amount::SCALE_MAX)))?;
        Asset::token(code, held).ok_or_else(|| place.error("goes by the name of something else that is counted"))?;
        tokens.insert(code, Token { scale: held, on_chain });
    }
    Ok(tokens)
}

fn product(
    id: String,
    place: &Place<'_>,
    rates: &Rates,
    tokens: &Tokens,
    levels_max: u64,
) -> Result<Product, CatalogError> {
    word(&id).map_err(|what| place.error(what))?;
    let mut fields = place.object()?;
    let names = names(&fields.need("name")?)?;
    let aliases = fields.take("aliases").map(|place| aliases(&place)).transpose()?.unwrap_or_default();
    let price = price(&fields.need("price")?)?;
    let charged = fields.take("charged_in").map(|place| charged(&place, price.currency, rates)).transpose()?;
    let every = fields.take("every");
    let every = every.map(|place| place.read(|name| Every::named(name).ok_or("must be month or year"))).transpose()?;
    let grants = grants(&fields.need("grants")?, every, tokens, price.currency)?;
    let currency = charged.as_ref().map_or(price.currency, |(currency, _)| *currency);
    let providers = providers(&fields.need("providers")?, currency, every)?;
    let commissions = fields.take("commissions").map(|place| commissions(&place, levels_max)).transpose()?;
    let stripe_price = fields.take("stripe_price").map(|place| stripe_price(&place, &providers)).transpose()?;
    let quantity_max = quantity_max(&mut fields, every, &grants)?;
    fields.end()?;
    let commissions = commissions.unwrap_or_default();
    Ok(Product {
        id,
        aliases,
        names,
        price,
        charged,
        stripe_price,
        every,
        quantity_max,
        providers,
        grants,
        commissions,
    })
}

/// `[1000, 200]`: a tenth of what is paid to whoever led the buyer here, a fiftieth to whoever led that one.
fn commissions(place: &Place<'_>, levels_max: u64) -> Result<Vec<u16>, CatalogError> {
    let (mut rates, mut sum) = (Vec::new(), 0_u16);
    for place in place.list()? {
        let rate = u16::try_from(place.count()?).ok().filter(|rate| (1..=BASIS_POINTS).contains(rate));
        let rate = rate.ok_or_else(|| place.error(format_args!("must be 1 to {BASIS_POINTS} basis points")))?;
        sum = sum.saturating_add(rate);
        rates.push(rate);
    }
    if sum > BASIS_POINTS {
        return Err(place.error("is more than what is paid"));
    }
    if u64::try_from(rates.len()).unwrap_or(u64::MAX) > levels_max {
        return Err(place.error(format_args!("has more levels than {levels_max}: see commission_levels_max")));
    }
    Ok(rates)
}

fn aliases(place: &Place<'_>) -> Result<Vec<String>, CatalogError> {
    let aliases: Vec<String> = place.list()?.iter().map(|place| place.read(word)).collect::<Result<_, _>>()?;
    if aliases.is_empty() { Err(place.error("must not be empty")) } else { Ok(aliases) }
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

fn grants(
    place: &Place<'_>,
    every: Option<Every>,
    tokens: &Tokens,
    priced_in: Currency,
) -> Result<Vec<EachGrants>, CatalogError> {
    let (mut grants, mut kinds) = (Vec::new(), BTreeSet::new());
    for place in place.list()? {
        let mut fields = place.object()?.into_fields();
        let (Some((kind, granted)), true) = (fields.pop(), fields.is_empty()) else {
            return Err(place.error("must be one thing that is granted"));
        };
        let grant = grant(&kind, &granted, tokens, priced_in)?;
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

fn grant(kind: &str, place: &Place<'_>, tokens: &Tokens, priced_in: Currency) -> Result<EachGrants, CatalogError> {
    match kind {
        "credits" => positive(place, |text| Asset::CREDITS.parse(text)).map(EachGrants::Credits),
        "credits_each_period" => positive(place, |text| Asset::CREDITS.parse(text)).map(EachGrants::CreditsEachPeriod),
        "token" => {
            let mut fields = place.object()?;
            let (code, amount) = (fields.need("code")?, fields.need("amount")?);
            fields.end()?;
            let known = |code: &str| Word::new(code).ok().and_then(|code| tokens.get_key_value(&code));
            let (code, Token { scale, on_chain }) = code.read(|code| known(code).ok_or("is none of the tokens"))?;
            let amount = positive(&amount, |text| Amount::parse(text, *scale))?;
            Ok(EachGrants::Token { code: *code, scale: *scale, amount, on_chain: on_chain.clone() })
        }
        "report" => place.read(Word::new).map(EachGrants::Report),
        "top_up" => {
            let mut fields = place.object()?;
            let (operator, kind, code) = (fields.need("operator")?, fields.need("kind")?, fields.need("code")?);
            fields.end()?;
            let operator = operator.read(|name| Operator::named(name).ok_or("is no operator that is known here"))?;
            let kind = kind.read(|name| TopUpKind::named(name).ok_or("must be VOICE, DATA or POSTPAID"))?;
            let takes = match operator {
                Operator::Unitel => Currency::MNT,
            };
            if priced_in != takes {
                return Err(place.error(format_args!("is paid for in {takes}: so must be the product")));
            }
            Ok(EachGrants::TopUp { operator, kind, code: code.read(word)? })
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
