//! What is asked for: a product of the catalog, however it is named. What it costs nobody outside has a say in.

use api::{Failure, object, read};
use catalog::{Catalog, Choice, ChoiceError, Product};
use edge::Request;
use ledger::{Provider, Terms};
use serde::Deserialize;
use serde_json::Value;

const KEY_CHARS_MAX: usize = 255;
const SITE_CHARS_MAX: usize = 64;

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Current,
    /// With `tier_id`, and the site in a header.
    Older,
}

/// An order as somebody asked for it, and the terms that it would be made on now.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// The caller's own name for this request.
    pub(crate) key: Option<String>,
    /// As the caller named it: another default later makes no other request of this one.
    pub(crate) provider: Option<Provider>,
    pub(crate) phone: Option<String>,
    pub(crate) wallet: Option<String>,
    pub(crate) terms: Terms,
    /// What those earn who led the caller here.
    pub(crate) commissions: Vec<u16>,
}

/// What a body says beside the product.
#[derive(Default)]
struct Said<'b> {
    quantity: Option<&'b Value>,
    provider: Option<&'b Value>,
    phone: Option<String>,
    wallet: Option<String>,
    site: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Body {
    product: Option<Value>,
    quantity: Option<Value>,
    provider: Option<Value>,
    wallet: Option<Value>,
    phone_number: Option<Value>,
    product_operator: Option<Value>,
    recharge_type: Option<Value>,
    product_code: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OlderBody {
    tier_id: Option<Value>,
    quantity: Option<Value>,
    provider: Option<Value>,
    wallet: Option<Value>,
}

pub(crate) fn wanted(form: Form, request: &Request, catalog: &Catalog) -> Result<Wanted, Failure> {
    let key = key(request)?;
    match form {
        Form::Current => {
            let body: Body = object(request.body())?;
            let words = [&body.phone_number, &body.product_operator, &body.recharge_type, &body.product_code];
            if words.iter().all(|word| word.is_none()) {
                let product =
                    product(&text(body.product.as_ref(), "product", "product_missing", "product_invalid")?, catalog)?;
                let said = Said {
                    quantity: body.quantity.as_ref(),
                    provider: body.provider.as_ref(),
                    wallet: wallet(body.wallet.as_ref())?,
                    ..Said::default()
                };
                return order(key, product, said);
            }
            if body.product.is_some() || body.quantity.is_some() || body.wallet.is_some() {
                let message = "A body names a product, or what to top up, and not both.";
                return Err(Failure::new(400, "fields_conflict", message));
            }
            let [phone, operator, kind, code] = words.map(Option::as_ref);
            let phone = text(phone, "phoneNumber", "phone_missing", "phone_invalid")?;
            let operator = text(operator, "productOperator", "operator_missing", "operator_invalid")?;
            let kind = text(kind, "rechargeType", "recharge_type_missing", "recharge_type_invalid")?;
            let code = text(code, "productCode", "product_code_missing", "product_code_invalid")?;
            let product = catalog.top_up(&operator, &kind, &code).ok_or_else(unknown_product)?;
            order(key, product, Said { provider: body.provider.as_ref(), phone: Some(phone), ..Said::default() })
        }
        Form::Older => {
            let body: OlderBody = object(request.body())?;
            let product =
                product(&text(body.tier_id.as_ref(), "tier_id", "product_missing", "product_invalid")?, catalog)?;
            let said = Said {
                quantity: body.quantity.as_ref(),
                provider: body.provider.as_ref(),
                wallet: wallet(body.wallet.as_ref())?,
                site: site(request)?,
                ..Said::default()
            };
            order(key, product, said)
        }
    }
}

fn order(key: Option<String>, product: &Product, said: Said<'_>) -> Result<Wanted, Failure> {
    let Said { quantity, provider, phone, wallet, site } = said;
    let whole = || Failure::new(400, "quantity_invalid", "quantity must be a whole number.");
    let quantity = read(quantity, whole)?.unwrap_or(1);
    let provider = provider_in(provider)?;
    let choice = Choice { quantity, provider, phone: phone.as_deref(), wallet: wallet.as_deref(), site };
    let refused = |error: ChoiceError| Failure::new(400, error.code(), format!("Not sold so: {error}."));
    let terms = product.terms(&choice).map_err(refused)?;
    Ok(Wanted { key, provider, phone, wallet, terms, commissions: product.commissions().to_vec() })
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

fn key(request: &Request) -> Result<Option<String>, Failure> {
    word(
        request.header("idempotency-key")?,
        KEY_CHARS_MAX,
        |byte| byte.is_ascii_graphic(),
        || {
            let message = format!("Idempotency-Key must be 1 to {KEY_CHARS_MAX} visible ASCII characters.");
            Failure::new(400, "idempotency_key_invalid", message)
        },
    )
}

fn site(request: &Request) -> Result<Option<String>, Failure> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    word(request.header("x-site-code")?, SITE_CHARS_MAX, allowed, || {
        let message = format!("X-Site-Code must be 1 to {SITE_CHARS_MAX} letters, digits or - _.");
        Failure::new(400, "site_code_invalid", message)
    })
}

/// A header that may be missing, and is of these characters if it is not.
fn word(
    header: Option<&str>,
    chars_max: usize,
    allowed: impl Fn(u8) -> bool,
    wrong: impl Fn() -> Failure,
) -> Result<Option<String>, Failure> {
    let is_word = |text: &str| !text.is_empty() && text.len() <= chars_max && text.bytes().all(&allowed);
    header.map(|text| if is_word(text) { Ok(text.to_owned()) } else { Err(wrong()) }).transpose()
}
