//! The orders API: creates orders at the catalog's price, and shows them to their owners.
//!
//! An order's number derives from the request's idempotency key, so a retry under the same key finds the same order.
//! `parse` reads the request, `decide` builds the journal row, `reply` the response.
//!
//! ```
//! use std::time::Duration;
//!
//! use api::{Function, RandomBits, Places};
//! use catalog::{Catalog, SHIPPED};
//! use edge::{Invocation, Service as _};
//! use testkit::{MemoryLedger, Sent, Shape, api_key, deadline, instant, mark, now};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let api = orders::Orders::new(Catalog::parse(SHIPPED)?, RandomBits::of_system(), Places::read(|_| None)?);
//! let function = Function { api, ledger: MemoryLedger::default() };
//! api_key(&function.ledger, "alice", "key-of-alice").await;
//!
//! let order = Sent::post("/orders", br#"{"product":"credits-100"}"#).with("authorization", "Bearer key-of-alice");
//! let deadline = deadline(Duration::from_secs(4));
//! let invocation = Invocation { now: now(), started: instant(), deadline, attempt: mark(1) };
//! let reply = function.answer(&order.event(Shape::HttpApi), &invocation).await;
//! assert_eq!(reply.status, 201);
//! assert!(reply.body.contains(r#""amount":"9.99","currency":"USD""#), "the catalog's price");
//! # Ok(())
//! # }
//! ```

mod assemble;
mod decide;
mod openapi;
mod parse;
mod reply;

use std::time::Duration;

use api::{Api, ApiCall, ApiOutcome, Authenticated, Failure, Places, RandomBits, Serve};
use catalog::Catalog;
use edge::{Reply, Route};
use ledger::{CallContext, CommitError, Committed, Decision, Ledger, Order, OrderNumber, Owner, Rate};

use parse::{Form, Wanted};

pub use assemble::assemble;

#[derive(Debug)]
pub struct Orders {
    catalog: Catalog,
    /// The randomness of order numbers without an idempotency key.
    order_numbers: RandomBits,
    places: Places,
}

/// Each retry means that other requests of the same owner have taken the places that became free.
const ROUNDS_MAX: u32 = 4;

impl Orders {
    pub fn new(catalog: Catalog, order_numbers: RandomBits, places: Places) -> Self {
        Self { catalog, order_numbers, places }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Health,
    Create(Form),
    Show,
}

impl Api for Orders {
    const NAME: &'static str = "orders";
    const ROUTES: &'static [Route<Call>] = &[
        Route { method: "GET", path: "/health", endpoint: Call::Health },
        Route { method: "HEAD", path: "/health", endpoint: Call::Health },
        Route { method: "POST", path: "/orders", endpoint: Call::Create(Form::Current) },
        Route { method: "GET", path: "/orders/{number}", endpoint: Call::Show },
        Route { method: "HEAD", path: "/orders/{number}", endpoint: Call::Show },
        Route { method: "POST", path: "/api/v1/orders", endpoint: Call::Create(Form::Older) },
        Route { method: "POST", path: "/api/v1/orders/", endpoint: Call::Create(Form::Older) },
        Route { method: "GET", path: "/api/v1/orders/{number}", endpoint: Call::Show },
        Route { method: "HEAD", path: "/api/v1/orders/{number}", endpoint: Call::Show },
        Route { method: "GET", path: "/api/v1/orders/{number}/", endpoint: Call::Show },
        Route { method: "HEAD", path: "/api/v1/orders/{number}/", endpoint: Call::Show },
    ];
    /// Thirty times the size of an order.
    const BODY_BYTES_MAX: usize = 8 * 1024;
    const REPLY_WITHIN: Duration = Duration::from_secs(4);

    type Call = Call;

    fn public(&self, call: Call) -> Option<Reply> {
        match call {
            Call::Health => Some(reply::health()),
            Call::Create(_) | Call::Show => None,
        }
    }
}

impl<L: Ledger> Serve<L> for Orders {
    type Caller = Owner;

    async fn authenticate(
        &self,
        key: &str,
        ledger: &L,
        context: &CallContext<'_>,
    ) -> Result<Option<Authenticated<Owner>>, CommitError> {
        api::owner_of(key, ledger, context).await
    }

    async fn call(&self, call: &ApiCall<'_, Call>, ledger: &L) -> Result<ApiOutcome, Failure> {
        match call.found.endpoint {
            Call::Health => Ok(ApiOutcome { reply: reply::health(), outcome: "public", subject: None }),
            Call::Create(form) => self.create(form, call, ledger).await,
            Call::Show => show(call, ledger).await,
        }
    }
}

impl Orders {
    async fn create<L: Ledger>(&self, form: Form, call: &ApiCall<'_, Call>, ledger: &L) -> Result<ApiOutcome, Failure> {
        let wanted = parse::wanted(form, call.request, &self.catalog)?;
        let number = match &wanted.key {
            Some(key) => OrderNumber::from_key(&call.caller, key),
            None => OrderNumber::from_random(self.order_numbers.bits()?),
        };
        let rate = rate(&wanted, &number, call, ledger).await?;
        let mut terms = wanted.terms(rate.as_ref())?;
        let rates = wanted.product.commissions();
        terms.commissions = api::commissions(rates, &call.caller, ledger, &call.context()).await?;
        terms.referral = api::referral(wanted.product.referral(), &call.caller, ledger, &call.context()).await?;
        let order = Order::new(number, call.caller.clone(), terms, call.invocation.now);
        let place = self.places.take(&order, None);
        let entry = decide::entry(&wanted, &order, place);
        let decision = Decision::Record(entry);
        let mut committed = ledger.commit(&decision, &call.context()).await;
        for _ in 1..ROUNDS_MAX {
            if !matches!(committed, Err(CommitError::Stale)) {
                break;
            }
            self.places.free(&call.caller, ledger, &call.context()).await?;
            committed = ledger.commit(&decision, &call.context()).await;
        }
        edge::record_commit(Self::NAME, &decision, &committed);
        match committed {
            Ok(Committed::Earlier(_)) => {
                let earlier = ledger.order(&order.number, &call.context()).await?;
                let earlier = earlier.ok_or_else(|| Failure::unavailable().about(&order.number))?;
                Ok(outcome_of("repeat", reply::created(&earlier).with_header("idempotent-replayed", "true"), &earlier))
            }
            Ok(Committed::Now(_) | Committed::Ignored { .. }) => {
                Ok(outcome_of("created", reply::created(&order), &order))
            }
            Err(CommitError::Conflict) => {
                let message = "This Idempotency-Key was used for another order.";
                Err(Failure::new(409, "idempotency_key_reused", message).about(&order.number))
            }
            Err(error) => Err(Failure::from(error).about(&order.number)),
        }
    }
}

/// The exchange rate in force. Without one, a retry under an idempotency key still gets the order that it has made, at the
/// rate of that order.
async fn rate<L: Ledger>(
    wanted: &Wanted<'_>,
    number: &OrderNumber,
    call: &ApiCall<'_, Call>,
    ledger: &L,
) -> Result<Option<Rate>, Failure> {
    let (pair, context) = (wanted.product.exchange(), call.context());
    let rate = api::rate_in_force(pair, ledger, call.invocation.now, &context).await?;
    if rate.is_some() || pair.is_none() || wanted.key.is_none() {
        return Ok(rate);
    }
    let earlier = ledger.order(number, &context).await?;
    Ok(earlier.and_then(|order| Rate::parse(&order.terms.exchange?.rate).ok()))
}

/// An order of another owner gets the same reply as an unknown one.
async fn show<L: Ledger>(call: &ApiCall<'_, Call>, ledger: &L) -> Result<ApiOutcome, Failure> {
    let unknown = || Failure::new(404, "order_not_found", "No such order.");
    let number = call.found.parameter("number").and_then(|number| OrderNumber::new(number).ok()).ok_or_else(unknown)?;
    let order = ledger.order(&number, &call.context()).await?;
    let order = order.filter(|order| order.owner == call.caller).ok_or_else(unknown)?;
    Ok(outcome_of("shown", reply::shown(&order), &order))
}

fn outcome_of(outcome: &'static str, reply: Reply, order: &Order) -> ApiOutcome {
    ApiOutcome { reply, outcome, subject: Some(order.number.to_string()) }
}

#[cfg(test)]
mod tests;
