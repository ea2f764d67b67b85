//! What is to be paid for: a product, or an order that was made before.

use api::{Failure, object, read};
use catalog::{Catalog, Choice, ChoiceError};
use ledger::{OrderNumber, Provider, Terms};
use serde::Deserialize;
use serde_json::Value;

#[derive(Debug)]
pub(crate) enum Wanted {
    /// On the terms that the catalog has now.
    Product(Terms),
    Order(OrderNumber),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Body {
    product: Option<Value>,
    quantity: Option<Value>,
    order_number: Option<Value>,
}

pub(crate) fn wanted(body: &[u8], catalog: &Catalog) -> Result<Wanted, Failure> {
    let Body { product, quantity, order_number } = object(body)?;
    let number: Option<String> =
        read(order_number.as_ref(), || invalid("order_number_invalid", "orderNumber must be a text."))?;
    let product: Option<String> = read(product.as_ref(), || invalid("product_invalid", "product must be a text."))?;
    let quantity: Option<u64> =
        read(quantity.as_ref(), || invalid("quantity_invalid", "quantity must be a whole number."))?;
    match (product, number) {
        (None, None) => Err(invalid("product_missing", "A product or an orderNumber is needed.")),
        (None, Some(number)) if quantity.is_none() => {
            OrderNumber::new(&number).map(Wanted::Order).map_err(|_| not_found())
        }
        (_, Some(_)) => Err(invalid("fields_conflict", "A body names a product or an order, and not both.")),
        (Some(id), None) => {
            let product = catalog.product(&id).ok_or_else(|| invalid("unknown_product", "No such product."))?;
            let choice =
                Choice { quantity: quantity.unwrap_or(1), provider: Some(Provider::Stripe), ..Choice::default() };
            let refused = |error: ChoiceError| Failure::new(400, error.code(), format!("Not sold so: {error}."));
            product.terms(&choice).map(Wanted::Product).map_err(refused)
        }
    }
}

/// Also of an order of somebody else's.
pub(crate) fn not_found() -> Failure {
    Failure::new(404, "order_not_found", "No such order.")
}

fn invalid(code: &'static str, message: &str) -> Failure {
    Failure::new(400, code, message)
}
