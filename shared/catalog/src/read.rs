//! The catalog's JSON format, and its validation.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{
    Amount, AmountError, Asset, Currency, CurrencyPair, GrantTerms, GrantTermsError, LotKind, Money, Operator,
    PRIORITY_DEFAULT, Provider, ReferralCredits, TopUpKind, Word,
};

use crate::json::{Node, Object};
use crate::product::{Every, LANGUAGE, Product, UnitGrant};
use crate::rate_card::rate_card;
use crate::{Catalog, CatalogError};

const WORD_CHARS_MAX: usize = 64;
/// The default for products that can be bought in quantity.
const QUANTITY_MAX: u64 = 100;
/// The default of `commission_levels_max`: with more levels, a shop would sell referrals instead of products.
const COMMISSION_LEVELS_MAX: u64 = 2;
/// The whole payment.
const BASIS_POINTS: u16 = 10_000;

type Tokens = BTreeMap<Word, Token>;

struct Token {
    scale: u8,
    /// The custodian's name of the token, if it is sent to wallets.
    on_chain: Option<String>,
}

pub(crate) fn catalog(json: &str) -> Result<Catalog, CatalogError> {
    let mut root = Node::root(json)?.object()?;
    if let Some(rates) = root.take("rates") {
        return Err(rates.error("is unknown: `hookledger rate set` sets exchange rates"));
    }
    let tokens = root.take("tokens").as_ref().map(tokens).transpose()?.unwrap_or_default();
    let levels_max =
        root.take("commission_levels_max").as_ref().map(Node::count).transpose()?.unwrap_or(COMMISSION_LEVELS_MAX);
    let rate_card = root.take("rate_card").as_ref().map(rate_card).transpose()?;
    let fields = root.need("products")?.object()?.into_fields();
    root.end()?;
    let mut products: Vec<Product> = Vec::new();
    for (id, node) in fields {
        let product = product(id, &node, &tokens, levels_max)?;
        let duplicate = products.iter().find(|other| product.top_up().is_some() && other.top_up() == product.top_up());
        if let Some(other) = duplicate {
            return Err(node.error(format_args!("orders the same top-up as {}", other.id)));
        }
        products.push(product);
    }
    check_names(&products)?;
    Ok(Catalog { products, rate_card })
}

/// Rejects a name that two products share: an id, an alias, or the operator's code of a top-up.
fn check_names(products: &[Product]) -> Result<(), CatalogError> {
    for (n, product) in products.iter().enumerate() {
        for alias in &product.aliases {
            let is_taken = |(m, other): &(usize, &Product)| {
                let is_code = other.top_up().is_some_and(|(_, _, code)| code == alias);
                *m != n && (other.has_name(alias) || is_code)
            };
            let of_itself = product.aliases.iter().filter(|name| *name == alias).count();
            let taken_by = products.iter().enumerate().find(is_taken).map(|(_, other)| other.id.as_str());
            let taken_by = taken_by.or((of_itself > 1 || *alias == product.id).then_some(product.id.as_str()));
            if let Some(other) = taken_by {
                let at = format!("products.{}.aliases", product.id);
                return Err(CatalogError { at, what: format!("{alias} is already a name of {other}") });
            }
        }
    }
    Ok(())
}

/// `{"POSX": {"scale": 18, "fireblocks": "POSX_ETH"}}`: the decimals of its smallest unit, and the custodian's name of
/// it.
fn tokens(node: &Node<'_>) -> Result<Tokens, CatalogError> {
    let mut tokens = Tokens::new();
    for (code, node) in node.object()?.into_fields() {
        let code = Word::new(&code).map_err(|what| node.error(what))?;
        let mut fields = node.object()?;
        let scale = fields.need("scale")?;
        let on_chain = fields.take("fireblocks").map(|node| node.read(word)).transpose()?;
        fields.end()?;
        let decimals = u8::try_from(scale.count()?).ok().filter(|scale| *scale <= Amount::SCALE_MAX);
        let decimals = decimals.ok_or_else(|| scale.error(format_args!("must be 0 to {}", Amount::SCALE_MAX)))?;
        Asset::token(code, decimals).ok_or_else(|| node.error("is the code of another asset"))?;
        tokens.insert(code, Token { scale: decimals, on_chain });
    }
    Ok(tokens)
}

fn product(id: String, node: &Node<'_>, tokens: &Tokens, levels_max: u64) -> Result<Product, CatalogError> {
    word(&id).map_err(|what| node.error(what))?;
    let mut fields = node.object()?;
    let names = names(&fields.need("name")?)?;
    let aliases = fields.take("aliases").map(|node| aliases(&node)).transpose()?.unwrap_or_default();
    let price = price(&fields.need("price")?)?;
    let exchange = fields.take("charged_in").map(|node| charged(&node, price.currency)).transpose()?;
    let every = fields.take("every");
    let every = every.map(|node| node.read(|name| Every::named(name).ok_or("must be month or year"))).transpose()?;
    let grants = grants(&fields.need("grants")?, every, tokens, price.currency)?;
    let currency = exchange.map_or(price.currency, CurrencyPair::to);
    let providers = providers(&fields.need("providers")?, currency, every)?;
    let commissions = fields.take("commissions").map(|node| commissions(&node, levels_max)).transpose()?;
    let referral = fields.take("referral").map(|node| referral(&node)).transpose()?;
    let stripe_price = fields.take("stripe_price").map(|node| stripe_price(&node, &providers)).transpose()?;
    let quantity_max = quantity_max(&mut fields, every, &grants)?;
    fields.end()?;
    let commissions = commissions.unwrap_or_default();
    Ok(Product {
        id,
        aliases,
        names,
        price,
        exchange,
        stripe_price,
        every,
        quantity_max,
        providers,
        grants,
        commissions,
        referral,
    })
}

/// `[1000, 200]`: a tenth of the payment for the buyer's referrer, a fiftieth for the referrer of that one.
fn commissions(node: &Node<'_>, levels_max: u64) -> Result<Vec<u16>, CatalogError> {
    let (mut rates, mut sum) = (Vec::new(), 0_u16);
    for node in node.list()? {
        let rate = u16::try_from(node.count()?).ok().filter(|rate| (1..=BASIS_POINTS).contains(rate));
        let rate = rate.ok_or_else(|| node.error(format_args!("must be 1 to {BASIS_POINTS} basis points")))?;
        sum = sum.saturating_add(rate);
        rates.push(rate);
    }
    if sum > BASIS_POINTS {
        return Err(node.error("adds up to more than the payment"));
    }
    if u64::try_from(rates.len()).unwrap_or(u64::MAX) > levels_max {
        return Err(node.error(format_args!("has more levels than commission_levels_max ({levels_max})")));
    }
    Ok(rates)
}

/// `{"buyer": "5", "referrer": "10"}`: credits for the first purchase of a referred buyer, to one of them or both.
fn referral(node: &Node<'_>) -> Result<ReferralCredits, CatalogError> {
    let mut fields = node.object()?;
    let credits = |node: Option<Node<'_>>| {
        node.map_or(Ok(Amount::ZERO), |node| positive(&node, |text| Asset::CREDITS.parse(text)))
    };
    let to_buyer = credits(fields.take("buyer"))?;
    let to_referrer = credits(fields.take("referrer"))?;
    fields.end()?;
    let referral = ReferralCredits { to_buyer, to_referrer };
    if referral == ReferralCredits::default() { Err(node.error("gives nothing")) } else { Ok(referral) }
}

fn aliases(node: &Node<'_>) -> Result<Vec<String>, CatalogError> {
    let aliases: Vec<String> = node.list()?.iter().map(|node| node.read(word)).collect::<Result<_, _>>()?;
    if aliases.is_empty() { Err(node.error("must not be empty")) } else { Ok(aliases) }
}

fn names(node: &Node<'_>) -> Result<BTreeMap<String, String>, CatalogError> {
    let mut names = BTreeMap::new();
    for (language, node) in node.object()?.into_fields() {
        let name = node.text()?;
        if name.trim().is_empty() {
            return Err(node.error("must not be blank"));
        }
        names.insert(language, name);
    }
    if names.contains_key(LANGUAGE) { Ok(names) } else { Err(node.error(format_args!("has no {LANGUAGE}"))) }
}

fn price(node: &Node<'_>) -> Result<Money, CatalogError> {
    let mut fields = node.object()?;
    let (amount, currency) = (fields.need("amount")?, fields.need("currency")?);
    fields.end()?;
    let currency = currency.read(capitals)?;
    let amount = positive(&amount, |text| Money::parse(text, currency).map(|money| money.amount))?;
    Ok(Money { amount, currency })
}

fn charged(node: &Node<'_>, from: Currency) -> Result<CurrencyPair, CatalogError> {
    let to = node.read(capitals)?;
    CurrencyPair::new(from, to).ok_or_else(|| node.error("is the currency of the price: remove it"))
}

fn grants(
    node: &Node<'_>,
    every: Option<Every>,
    tokens: &Tokens,
    priced_in: Currency,
) -> Result<Vec<UnitGrant>, CatalogError> {
    let (mut grants, mut kinds) = (Vec::new(), BTreeSet::new());
    for node in node.list()? {
        let mut fields = node.object()?;
        let expiry = expiry(&mut fields)?;
        let mut fields = fields.into_fields();
        let (Some((kind, granted)), true) = (fields.pop(), fields.is_empty()) else {
            return Err(node.error("must contain exactly one grant"));
        };
        let grant = expiring(grant(&kind, &granted, tokens, priced_in)?, expiry, &node)?;
        let each_period =
            matches!(grant, UnitGrant::CreditsEachPeriod(_) | UnitGrant::Expiring { each_period: true, .. });
        match every {
            Some(_) if !each_period => return Err(granted.error("cannot be granted by a subscription")),
            None if each_period => return Err(granted.error("can only be granted by a subscription")),
            Some(_) | None => {}
        }
        if !kinds.insert((kind, expiry)) {
            return Err(granted.error("is granted twice"));
        }
        grants.push(grant);
    }
    if grants.is_empty() { Err(node.error("must not be empty")) } else { Ok(grants) }
}

/// The terms on which credits expire. Undated credits have one place in the order of spending.
fn expiry(fields: &mut Object<'_>) -> Result<Option<GrantTerms>, CatalogError> {
    let (expires, priority, kind) = (fields.take("expires"), fields.take("priority"), fields.take("kind"));
    let Some(expires) = expires else {
        let without = [priority, kind].into_iter().flatten().next();
        return without.map_or(Ok(None), |node| Err(node.error("needs expires beside it")));
    };
    let days = expires.read(GrantTerms::parse_days)?;
    let kind =
        kind.map_or(Ok(LotKind::Paid), |node| node.read(|name| LotKind::named(name).ok_or("must be free or paid")))?;
    let Some(node) = priority else {
        return GrantTerms::new(days, PRIORITY_DEFAULT, kind).map(Some).map_err(|error| expires.error(error));
    };
    let count = u8::try_from(node.count()?).map_err(|_| node.error(GrantTermsError::Priority))?;
    GrantTerms::new(days, count, kind).map(Some).map_err(|error| node.error(error))
}

fn expiring(grant: UnitGrant, terms: Option<GrantTerms>, node: &Node<'_>) -> Result<UnitGrant, CatalogError> {
    let Some(terms) = terms else { return Ok(grant) };
    match grant {
        UnitGrant::Credits(amount) => Ok(UnitGrant::Expiring { amount, terms, each_period: false }),
        UnitGrant::CreditsEachPeriod(amount) => Ok(UnitGrant::Expiring { amount, terms, each_period: true }),
        UnitGrant::Expiring { .. } | UnitGrant::Token { .. } | UnitGrant::Report(_) | UnitGrant::TopUp { .. } => {
            Err(node.error("only credits expire"))
        }
    }
}

fn grant(kind: &str, node: &Node<'_>, tokens: &Tokens, priced_in: Currency) -> Result<UnitGrant, CatalogError> {
    match kind {
        "credits" => positive(node, |text| Asset::CREDITS.parse(text)).map(UnitGrant::Credits),
        "credits_each_period" => positive(node, |text| Asset::CREDITS.parse(text)).map(UnitGrant::CreditsEachPeriod),
        "token" => {
            let mut fields = node.object()?;
            let (code, amount) = (fields.need("code")?, fields.need("amount")?);
            fields.end()?;
            let known = |code: &str| Word::new(code).ok().and_then(|code| tokens.get_key_value(&code));
            let (code, Token { scale, on_chain }) =
                code.read(|code| known(code).ok_or("is not a token of this catalog"))?;
            let amount = positive(&amount, |text| Amount::parse(text, *scale))?;
            Ok(UnitGrant::Token { code: *code, scale: *scale, amount, on_chain: on_chain.clone() })
        }
        "report" => node.read(Word::new).map(UnitGrant::Report),
        "top_up" => {
            let mut fields = node.object()?;
            let (operator, kind, code) = (fields.need("operator")?, fields.need("kind")?, fields.need("code")?);
            fields.end()?;
            let operator = operator.read(|name| Operator::named(name).ok_or("is not a known operator"))?;
            let kind = kind.read(|name| TopUpKind::named(name).ok_or("must be VOICE, DATA or POSTPAID"))?;
            let takes = match operator {
                Operator::Unitel => Currency::MNT,
            };
            if priced_in != takes {
                return Err(node.error(format_args!("is sold in {takes}: the product must have a price in {takes}")));
            }
            Ok(UnitGrant::TopUp { operator, kind, code: code.read(word)? })
        }
        _ => Err(node.error("is unknown")),
    }
}

fn providers(node: &Node<'_>, currency: Currency, every: Option<Every>) -> Result<Vec<Provider>, CatalogError> {
    let mut providers = Vec::new();
    for node in node.list()? {
        let provider = node.read(|name| Provider::named(name).ok_or("is not a provider"))?;
        let is_stripe = provider == Provider::Stripe;
        if providers.contains(&provider) {
            return Err(node.error("appears twice"));
        }
        if !is_stripe && currency != Currency::CNY {
            return Err(node.error(format_args!("takes CNY, not {currency}")));
        }
        if !is_stripe && every.is_some() {
            return Err(node.error("has no subscriptions"));
        }
        providers.push(provider);
    }
    if providers.is_empty() { Err(node.error("must not be empty")) } else { Ok(providers) }
}

/// Names a setting instead of the id itself, because test mode has another id.
fn stripe_price(node: &Node<'_>, providers: &[Provider]) -> Result<String, CatalogError> {
    let name = node.text()?;
    let allowed = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    if name.is_empty() || !name.bytes().all(allowed) {
        return Err(node.error("must be the name of a setting: capitals, digits and _"));
    }
    if !providers.contains(&Provider::Stripe) {
        return Err(node.error("needs stripe among the providers"));
    }
    Ok(name)
}

fn quantity_max(fields: &mut Object<'_>, every: Option<Every>, grants: &[UnitGrant]) -> Result<u64, CatalogError> {
    let countable = grants.iter().all(UnitGrant::is_countable);
    let Some(node) = fields.take("quantity_max") else {
        return Ok(if countable && every.is_none() { QUANTITY_MAX } else { 1 });
    };
    match node.count()? {
        0 => Err(node.error(ZERO)),
        max if max > 1 && !countable => Err(node.error("must be 1 for a report or a top-up")),
        max => Ok(max),
    }
}

const ZERO: &str = "must not be 0";

fn positive(node: &Node<'_>, read: impl FnOnce(&str) -> Result<Amount, AmountError>) -> Result<Amount, CatalogError> {
    let amount = node.read(read)?;
    if amount.is_zero() { Err(node.error(ZERO)) } else { Ok(amount) }
}

/// A name that can be a part of keys, addresses and file names.
fn word(text: &str) -> Result<String, String> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if text.is_empty() || text.len() > WORD_CHARS_MAX || !text.bytes().all(allowed) {
        return Err(format!("a name must be 1 to {WORD_CHARS_MAX} letters, digits or - _"));
    }
    Ok(text.to_owned())
}

/// Accepts a single spelling of each code, so that two spellings cannot be two rates.
fn capitals(code: &str) -> Result<Currency, String> {
    let currency = Currency::parse(code).map_err(|error| error.to_string())?;
    if currency.as_str() == code { Ok(currency) } else { Err(format!("must be upper case: {currency}")) }
}
