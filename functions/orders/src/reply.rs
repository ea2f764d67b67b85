//! The replies of the orders API.

use api::{CreatedOrderJson, OrderJson};
use edge::Reply;
use ledger::Order;
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) fn created(order: &Order) -> Reply {
    Reply::json(201, &CreatedOrderJson::of(order))
}

pub(crate) fn shown(order: &Order) -> Reply {
    Reply::json(200, &OrderJson::of(order))
}

/// The function runs. It says nothing about the store.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    #[schema(examples("ok"))]
    status: &'static str,
    #[schema(examples("orders"))]
    service: &'static str,
}

pub(crate) fn health() -> Reply {
    Reply::json(200, &Health { status: "ok", service: "orders" })
}
