//! Parses a request: a product of the catalog, by any of its names. The price comes only from the catalog.

use api::openapi::ProviderWord;
use api::{Failure, idempotency_key, object, read};
use catalog::{Catalog, Choice, ChoiceError, Product};
use edge::Request;
use ledger::{Provider, Rate, Terms};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

const SITE_CHARS_MAX: usize = 64;

/// The shape of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Current,
    /// With `tier_id`, and the site in a header.
    Older,
}

/// A requested order of a product of the catalog.
#[derive(Debug)]
pub(crate) struct Wanted<'c> {
    /// The caller's idempotency key.
    pub(crate) key: Option<String>,
    /// As the caller named it. `None` stays `None`: a change of the default must not change the request.
    pub(crate) provider: Option<Provider>,
    pub(crate) phone: Option<String>,
    pub(crate) wallet: Option<String>,
    pub(crate) product: &'c Product,
    quantity: u64,
    site: Option<String>,
}

impl Wanted<'_> {
    /// The terms that the catalog has for it now, at this exchange rate.
    pub(crate) fn terms(&self, rate: Option<&Rate>) -> Result<Terms, Failure> {
        let choice = Choice {
            quantity: self.quantity,
            provider: self.provider,
            phone: self.phone.as_deref(),
            wallet: self.wallet.as_deref(),
            site: self.site.clone(),
        };
        self.product.terms(&choice, rate).map_err(|error| {
            if matches!(error, ChoiceError::RateMissing(_)) {
                return Failure::rate_missing(error.code(), &error);
            }
            Failure::new(400, error.code(), format!("The product is not sold like this: {error}."))
        })
    }
}

/// The fields of a body beside the product.
#[derive(Default)]
struct Details<'b> {
    quantity: Option<&'b Value>,
    provider: Option<&'b Value>,
    phone: Option<String>,
    wallet: Option<String>,
    site: Option<String>,
}

/// A product, or a phone's top-up: one of them.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = OrderRequest)]
pub(crate) struct Body {
    /// The id of a product of the catalog, or an alias of it.
    #[schema(value_type = Option<String>, examples("credits-100"))]
    product: Option<Value>,
    /// 1 by default.
    #[schema(value_type = Option<u64>, minimum = 1)]
    quantity: Option<Value>,
    /// The product's first provider by default.
    #[schema(value_type = Option<ProviderWord>)]
    provider: Option<Value>,
    /// Where tokens are sent, for a product that is sent.
    #[schema(value_type = Option<String>)]
    wallet: Option<Value>,
    /// The phone of a top-up.
    #[schema(value_type = Option<String>, examples("88001122"))]
    phone_number: Option<Value>,
    #[schema(value_type = Option<String>, examples("UNITEL"))]
    product_operator: Option<Value>,
    #[schema(value_type = Option<String>, examples("VOICE"))]
    recharge_type: Option<Value>,
    #[schema(value_type = Option<String>, examples("SD5000"))]
    product_code: Option<Value>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OlderOrderRequest)]
pub(crate) struct OlderBody {
    /// The id of a product of the catalog, or an alias of it.
    #[schema(value_type = String, required, examples("credits-100"))]
    tier_id: Option<Value>,
    /// 1 by default.
    #[schema(value_type = Option<u64>, minimum = 1)]
    quantity: Option<Value>,
    /// The product's first provider by default.
    #[schema(value_type = Option<ProviderWord>)]
    provider: Option<Value>,
    /// Where tokens are sent, for a product that is sent.
    #[schema(value_type = Option<String>)]
    wallet: Option<Value>,
}

pub(crate) fn wanted<'c>(form: Form, request: &Request, catalog: &'c Catalog) -> Result<Wanted<'c>, Failure> {
    let key = idempotency_key(request)?;
    match form {
        Form::Current => {
            let body: Body = object(request.body())?;
            let words = [&body.phone_number, &body.product_operator, &body.recharge_type, &body.product_code];
            if words.iter().all(|word| word.is_none()) {
                let product =
                    product(&text(body.product.as_ref(), "product", "product_missing", "product_invalid")?, catalog)?;
                let details = Details {
                    quantity: body.quantity.as_ref(),
                    provider: body.provider.as_ref(),
                    wallet: wallet(body.wallet.as_ref())?,
                    ..Details::default()
                };
                return order(key, product, details);
            }
            if body.product.is_some() || body.quantity.is_some() || body.wallet.is_some() {
                let message = "A body names a product or a top-up, and not both.";
                return Err(Failure::new(400, "fields_conflict", message));
            }
            let [phone, operator, kind, code] = words.map(Option::as_ref);
            let phone = text(phone, "phoneNumber", "phone_missing", "phone_invalid")?;
            let operator = text(operator, "productOperator", "operator_missing", "operator_invalid")?;
            let kind = text(kind, "rechargeType", "recharge_type_missing", "recharge_type_invalid")?;
            let code = text(code, "productCode", "product_code_missing", "product_code_invalid")?;
            let product = catalog.top_up(&operator, &kind, &code).ok_or_else(unknown_product)?;
            order(key, product, Details { provider: body.provider.as_ref(), phone: Some(phone), ..Details::default() })
        }
        Form::Older => {
            let body: OlderBody = object(request.body())?;
            let product =
                product(&text(body.tier_id.as_ref(), "tier_id", "product_missing", "product_invalid")?, catalog)?;
            let details = Details {
                quantity: body.quantity.as_ref(),
                provider: body.provider.as_ref(),
                wallet: wallet(body.wallet.as_ref())?,
                site: site(request)?,
                ..Details::default()
            };
            order(key, product, details)
        }
    }
}

fn order<'c>(key: Option<String>, product: &'c Product, details: Details<'_>) -> Result<Wanted<'c>, Failure> {
    let Details { quantity, provider, phone, wallet, site } = details;
    let whole = || Failure::new(400, "quantity_invalid", "quantity must be a whole number.");
    let quantity = read(quantity, whole)?.unwrap_or(1);
    let provider = provider_in(provider)?;
    Ok(Wanted { key, provider, phone, wallet, product, quantity, site })
}

fn product<'c>(id: &str, catalog: &'c Catalog) -> Result<&'c Product, Failure> {
    catalog.product(id).ok_or_else(unknown_product)
}

fn wallet(value: Option<&Value>) -> Result<Option<String>, Failure> {
    read(value, || Failure::new(400, "wallet_invalid", "wallet must be a text."))
}

fn unknown_product() -> Failure {
    Failure::new(400, "unknown_product", "No such product.")
}

fn provider_in(value: Option<&Value>) -> Result<Option<Provider>, Failure> {
    let unknown = || Failure::new(400, "unknown_provider", "No such provider.");
    let name: Option<String> = read(value, unknown)?;
    name.map(|name| Provider::named(&name).ok_or_else(unknown)).transpose()
}

fn text(value: Option<&Value>, name: &str, missing: &'static str, invalid: &'static str) -> Result<String, Failure> {
    let text: Option<String> = read(value, || Failure::new(400, invalid, format!("{name} must be a text.")))?;
    text.ok_or_else(|| Failure::new(400, missing, format!("{name} is missing.")))
}

fn site(request: &Request) -> Result<Option<String>, Failure> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    word(request.header("x-site-code")?, SITE_CHARS_MAX, allowed, || {
        let message = format!("X-Site-Code must be 1 to {SITE_CHARS_MAX} letters, digits or - _.");
        Failure::new(400, "site_code_invalid", message)
    })
}

/// An optional header of at most this many allowed characters.
fn word(
    header: Option<&str>,
    chars_max: usize,
    allowed: impl Fn(u8) -> bool,
    wrong: impl Fn() -> Failure,
) -> Result<Option<String>, Failure> {
    let is_word = |text: &str| !text.is_empty() && text.len() <= chars_max && text.bytes().all(&allowed);
    header.map(|text| if is_word(text) { Ok(text.to_owned()) } else { Err(wrong()) }).transpose()
}
