//! The replies of the orders API.

use api::OrderJson;
use edge::Reply;
use ledger::Order;
use serde::Serialize;

pub(crate) fn created(order: &Order) -> Reply {
    Reply::json(201, &OrderJson::created(order))
}

pub(crate) fn shown(order: &Order) -> Reply {
    Reply::json(200, &OrderJson::of(order))
}

pub(crate) fn health() -> Reply {
    #[derive(Serialize)]
    struct Health {
        status: &'static str,
        service: &'static str,
    }
    Reply::json(200, &Health { status: "ok", service: "orders" })
}
