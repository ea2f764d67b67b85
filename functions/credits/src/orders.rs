//! The orders of an owner by page, the newest first.

use api::openapi::{Kind, OwnerName, Parameter};
use api::{ApiCall, ApiOutcome, Caller, Failure, OrderJson, Query, percent_encoded};
use edge::Reply;
use ledger::{LinePosition, Order, Owner, Scope, Statements, UnreadableRow};
use serde::Serialize;
use utoipa::ToSchema;

use crate::parse::account_not_found;
use crate::{Call, cursor, shown};

const ORDERS: u16 = 20;
/// What one batch read can return.
const ORDERS_MAX: u16 = 100;
pub(crate) const PARAMETERS: [Parameter; 3] = [
    Parameter::query(
        "owner",
        Kind::Text("^[A-Za-z0-9._@-]{1,64}$"),
        "Whose orders. A service key names an owner; of an owner's key it is its own.",
    ),
    Parameter::query("cursor", Kind::Text(cursor::PATTERN), "`next` of the page before."),
    Parameter::query(
        "limit",
        Kind::Whole { min: 1, max: ORDERS_MAX, default: ORDERS },
        "How many orders a page has at most.",
    ),
];

/// A page of an owner's orders.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Orders)]
pub(crate) struct OrdersJson<'b> {
    #[schema(value_type = OwnerName)]
    owner: &'b str,
    /// The newest first.
    orders: Vec<OrderJson<'b>>,
    /// Orders whose rows a person must repair.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreadable: Vec<&'b str>,
    /// The cursor of the next page; `null` on the last one.
    #[schema(required)]
    next: Option<String>,
}

pub(crate) async fn list<L: Statements>(call: &ApiCall<'_, Call, Caller>, ledger: &L) -> Result<ApiOutcome, Failure> {
    let parameters = Query::parse(&call.request.query, &PARAMETERS)?;
    let owner = owner(&parameters, &call.caller)?;
    let orders_max = cursor::limit(&parameters, ORDERS, ORDERS_MAX)?;
    let after = cursor::parameter(&parameters)?;
    let page = ledger.orders_of(&owner, after.as_ref(), orders_max, &call.context()).await?;
    let readable = page.orders.iter().filter_map(|order: &Result<Order, UnreadableRow>| order.as_ref().ok());
    let unreadable = page.orders.iter().filter_map(|order| order.as_ref().err()).map(|row| row.id.as_str()).collect();
    let json = OrdersJson {
        owner: owner.as_str(),
        orders: readable.map(OrderJson::of).collect(),
        unreadable,
        next: page.next.as_ref().map(cursor::written),
    };
    let reply = Reply::json(200, &json);
    Ok(shown(match &page.next {
        Some(next) => reply.with_header("link", format!("<{}>; rel=\"next\"", address(&owner, orders_max, next))),
        None => reply,
    }))
}

/// The caller's own orders, or those of the owner that a service key names.
fn owner(parameters: &Query, caller: &Caller) -> Result<Owner, Failure> {
    match (parameters.parameter("owner"), caller) {
        (None, Caller::Owner(owner)) => Ok(owner.clone()),
        (None, Caller::Service(_)) => Err(Failure::new(400, "owner_missing", "A service key names an owner: ?owner=.")),
        (Some(name), caller) => {
            let owner = Owner::new(name).map_err(|_| account_not_found())?;
            caller.may_see(&owner, Scope::Read, account_not_found)?;
            Ok(owner)
        }
    }
}

/// The address of the next page, relative to this one.
fn address(owner: &Owner, orders_max: u16, next: &LinePosition) -> String {
    let (owner, cursor) = (percent_encoded(owner.as_str()), percent_encoded(&cursor::written(next)));
    format!("/v1/orders?owner={owner}&limit={orders_max}&cursor={cursor}")
}
