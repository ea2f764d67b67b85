//! Parses a request: a product or an existing order, and the buyer's payment options.

use std::net::IpAddr;

use api::{Failure, object, read};
use catalog::{Catalog, Choice, ChoiceError, Product};
use ledger::{OrderNumber, Provider, Rate, Terms};
use providers::{EpayWay, Payer};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

/// WeChat's openids have 28 characters; it documents at most 128.
const OPEN_ID_CHARS_MAX: usize = 128;

#[derive(Debug)]
pub(crate) enum Wanted<'c> {
    Product(WantedProduct<'c>),
    Order(OrderNumber),
}

/// A product, and the buyer's choice of it.
#[derive(Debug)]
pub(crate) struct WantedProduct<'c> {
    pub(crate) product: &'c Product,
    provider: Provider,
    quantity: u64,
    phone: Option<String>,
    wallet: Option<String>,
}

impl WantedProduct<'_> {
    /// The catalog's current terms, at this exchange rate.
    pub(crate) fn terms(&self, rate: Option<&Rate>) -> Result<Terms, Failure> {
        let (phone, wallet) = (self.phone.as_deref(), self.wallet.as_deref());
        let choice = Choice { quantity: self.quantity, provider: Some(self.provider), phone, wallet, site: None };
        self.product.terms(&choice, rate).map_err(|error| {
            if matches!(error, ChoiceError::RateMissing(_)) {
                return Failure::rate_missing(error.code(), &error);
            }
            Failure::new(400, error.code(), format!("The product is not sold like this: {error}."))
        })
    }
}

/// A buyer's options for a payment by epay. Both are parsed values; no buyer's text reaches the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct EpayOptions {
    pub(crate) way: Option<EpayWay>,
    pub(crate) client_ip: Option<IpAddr>,
}

/// A product, or the number of an order that was made before: one of them.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CheckoutRequest)]
pub(crate) struct Body {
    /// The id of a product of the catalog, or an alias of it.
    #[schema(value_type = Option<String>, examples("credits-100"))]
    product: Option<Value>,
    /// 1 by default.
    #[schema(value_type = Option<u64>, minimum = 1)]
    quantity: Option<Value>,
    /// The phone of a top-up.
    #[schema(value_type = Option<String>, examples("88001122"))]
    phone_number: Option<Value>,
    /// Where tokens are sent, for a product that is sent.
    #[schema(value_type = Option<String>)]
    wallet: Option<Value>,
    #[schema(value_type = Option<String>, examples("HL7VX1FHR69WDBFEX0175E2T522E"))]
    order_number: Option<Value>,
}

/// A product, or the number of an order that was made before: one of them; and the buyer's options.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = EpayRequest)]
pub(crate) struct EpayBody {
    /// The id of a product of the catalog, or an alias of it.
    #[schema(value_type = Option<String>, examples("credits-100"))]
    product: Option<Value>,
    /// 1 by default.
    #[schema(value_type = Option<u64>, minimum = 1)]
    quantity: Option<Value>,
    /// The phone of a top-up.
    #[schema(value_type = Option<String>, examples("88001122"))]
    phone_number: Option<Value>,
    /// Where tokens are sent, for a product that is sent.
    #[schema(value_type = Option<String>)]
    wallet: Option<Value>,
    #[schema(value_type = Option<String>, examples("HL7VX1FHR69WDBFEX0175E2T522E"))]
    order_number: Option<Value>,
    /// `alipay`, `wxpay`, `qqpay` or `bank`. Otherwise the buyer chooses on the page.
    #[schema(value_type = Option<String>, pattern = "^(alipay|wxpay|qqpay|bank)$")]
    r#type: Option<Value>,
    /// The buyer's address.
    #[schema(value_type = Option<String>, examples("192.0.2.7"))]
    client_ip: Option<Value>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = WechatRequest)]
pub(crate) struct WechatBody {
    #[schema(value_type = String, required, examples("HL7VX1FHR69WDBFEX0175E2T522E"))]
    order_number: Option<Value>,
    /// The buyer's id in the app, for a payment inside WeChat. Without it the answer has a QR code's text.
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9_-]{1,128}$")]
    open_id: Option<Value>,
    /// Whether the answer has the QR code as a picture, too.
    #[schema(value_type = Option<bool>)]
    qr: Option<Value>,
}

/// How a buyer pays by WeChat Pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WechatOptions {
    pub(crate) payer: Payer,
    /// Whether the code is drawn.
    pub(crate) is_drawn: bool,
}

pub(crate) fn of_stripe<'c>(body: &[u8], catalog: &'c Catalog) -> Result<Wanted<'c>, Failure> {
    wanted(&object(body)?, catalog, Provider::Stripe)
}

pub(crate) fn of_epay<'c>(body: &[u8], catalog: &'c Catalog) -> Result<(Wanted<'c>, EpayOptions), Failure> {
    let EpayBody { product, quantity, phone_number, wallet, order_number, r#type: way, client_ip } = object(body)?;
    let of_way = || invalid("type_invalid", "type must be alipay, wxpay, qqpay or bank.");
    let of_ip = || invalid("client_ip_invalid", "clientIp must be an address.");
    let way: Option<String> = read(way.as_ref(), of_way)?;
    let client_ip: Option<String> = read(client_ip.as_ref(), of_ip)?;
    let options = EpayOptions {
        way: way.map(|way| EpayWay::named(&way).ok_or_else(of_way)).transpose()?,
        client_ip: client_ip.map(|ip| ip.parse().map_err(|_| of_ip())).transpose()?,
    };
    let body = Body { product, quantity, phone_number, wallet, order_number };
    Ok((wanted(&body, catalog, Provider::Epay)?, options))
}

pub(crate) fn of_wechat(body: &[u8]) -> Result<(OrderNumber, WechatOptions), Failure> {
    let WechatBody { order_number, open_id, qr } = object(body)?;
    let number =
        number(order_number.as_ref())?.ok_or_else(|| invalid("order_number_missing", "An orderNumber is needed."))?;
    let of_id = || invalid("open_id_invalid", "openId must be the buyer's id in the app.");
    let open_id: Option<String> = read(open_id.as_ref(), of_id)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_id = |id: &String| (1..=OPEN_ID_CHARS_MAX).contains(&id.len()) && id.bytes().all(plain);
    let payer = match open_id {
        None => Payer::Scan,
        Some(id) if is_id(&id) => Payer::OpenId(id),
        Some(_) => return Err(of_id()),
    };
    let qr: Option<bool> = read(qr.as_ref(), || invalid("qr_invalid", "qr must be true or false."))?;
    let options = WechatOptions { payer, is_drawn: qr.unwrap_or_default() };
    Ok((OrderNumber::new(&number).map_err(|_| not_found())?, options))
}

fn wanted<'c>(body: &Body, catalog: &'c Catalog, provider: Provider) -> Result<Wanted<'c>, Failure> {
    let number = number(body.order_number.as_ref())?;
    let product: Option<String> =
        read(body.product.as_ref(), || invalid("product_invalid", "product must be a text."))?;
    let quantity: Option<u64> =
        read(body.quantity.as_ref(), || invalid("quantity_invalid", "quantity must be a whole number."))?;
    let phone: Option<String> =
        read(body.phone_number.as_ref(), || invalid("phone_invalid", "phoneNumber must be a text."))?;
    let wallet: Option<String> = read(body.wallet.as_ref(), || invalid("wallet_invalid", "wallet must be a text."))?;
    match (product, number) {
        (None, None) => Err(invalid("product_missing", "A product or an orderNumber is needed.")),
        (None, Some(number)) if quantity.is_none() && phone.is_none() && wallet.is_none() => {
            OrderNumber::new(&number).map(Wanted::Order).map_err(|_| not_found())
        }
        (_, Some(_)) => Err(invalid("fields_conflict", "A body names a product or an order, and not both.")),
        (Some(id), None) => {
            let product = catalog.product(&id).ok_or_else(|| invalid("unknown_product", "No such product."))?;
            let quantity = quantity.unwrap_or(1);
            Ok(Wanted::Product(WantedProduct { product, provider, quantity, phone, wallet }))
        }
    }
}

fn number(value: Option<&Value>) -> Result<Option<String>, Failure> {
    read(value, || invalid("order_number_invalid", "orderNumber must be a text."))
}

/// Also for an order of another owner.
pub(crate) fn not_found() -> Failure {
    Failure::new(404, "order_not_found", "No such order.")
}

fn invalid(code: &'static str, message: &str) -> Failure {
    Failure::new(400, code, message)
}
