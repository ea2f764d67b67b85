//! Each call, as the document describes it.

use api::openapi::{Access, Described, IdempotencyKey, Operation, Parameter};
use api::{CreatedOrderJson, OrderJson};

use crate::parse::{Body, Form, OlderBody};
use crate::reply::Health;
use crate::{Call, Orders};

const NUMBER: Parameter =
    Parameter::path("number", "^[A-Za-z0-9_-]{1,32}$", "The order's number.").example("HL7VX1FHR69WDBFEX0175E2T522E");
const SITE: Parameter =
    Parameter::header("X-Site-Code", "^[A-Za-z0-9_-]{1,64}$", "The shop's site, kept on the order.");

/// How a product of the catalog can be chosen wrongly.
const CHOICE: [&str; 13] = [
    "amount_too_large",
    "phone_invalid",
    "phone_missing",
    "phone_unwanted",
    "provider_not_offered",
    "quantity_invalid",
    "quantity_out_of_range",
    "unknown_product",
    "wallet_checksum",
    "wallet_invalid",
    "wallet_missing",
    "wallet_unwanted",
    "unknown_provider",
];

impl Described for Orders {
    const TAG: &'static str = "orders";
    const ABOUT: &'static str = "Orders at the catalog's price. An owner's key sees its owner's orders and no other.";

    fn operation(call: Call) -> Operation {
        match call {
            Call::Health => Operation::new("health", "Says that the function runs", Access::Public)
                .answer::<Health>(200, "It runs."),
            Call::Create(Form::Current) => {
                let top_up = [
                    "fields_conflict",
                    "operator_invalid",
                    "operator_missing",
                    "product_code_invalid",
                    "product_code_missing",
                    "recharge_type_invalid",
                    "recharge_type_missing",
                ];
                created(Operation::new("createOrder", "Makes an order", Access::Owner))
                    .body::<Body>()
                    .error(400, &top_up)
            }
            Call::Create(Form::Older) => {
                created(Operation::new("createOlderOrder", "Makes an order, in the older form", Access::Owner))
                    .parameter(SITE)
                    .body::<OlderBody>()
                    .error(400, &["site_code_invalid"])
            }
            Call::Show => Operation::new("showOrder", "Shows an order", Access::Owner)
                .parameter(NUMBER)
                .answer::<OrderJson<'_>>(200, "The order as it is now.")
                .error(404, &["order_not_found"]),
        }
    }
}

fn created(operation: Operation) -> Operation {
    operation
        .about("A repeat under its idempotency key gets the order as it was made.")
        .idempotent(IdempotencyKey::Optional)
        .answer::<CreatedOrderJson<'_>>(201, "The order as it was made.")
        .error(400, &CHOICE)
        .error(400, &["product_missing", "product_invalid"])
        .error(409, &["idempotency_key_reused", "too_many_open_orders"])
        .error(503, &["exchange_rate_missing"])
}
