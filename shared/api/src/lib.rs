//! The pipeline of every HTTP API, as `webhook` is that of webhooks: route the request, authenticate the caller by API
//! key, call, reply.
//!
//! An API implements [`Api`], and [`Serve`] for each store that has what its calls need; [`Function`] is the rest.
//!
//! ```
//! use std::time::Duration;
//!
//! use api::{Api, ApiCall, ApiOutcome, Authenticated, Failure, Serve};
//! use edge::{Reply, Route};
//! use ledger::{CallContext, CommitError, Ledger, Owner};
//!
//! #[derive(Clone, Copy)]
//! enum Call {
//!     Health,
//!     Whoami,
//! }
//!
//! struct Names;
//!
//! impl Api for Names {
//!     const NAME: &'static str = "names";
//!     const ROUTES: &'static [Route<Call>] = &[
//!         Route { method: "GET", path: "/health", endpoint: Call::Health },
//!         Route { method: "GET", path: "/whoami", endpoint: Call::Whoami },
//!     ];
//!     const BODY_BYTES_MAX: usize = 1_024;
//!     const REPLY_WITHIN: Duration = Duration::from_secs(4);
//!
//!     type Call = Call;
//!
//!     fn public(&self, call: Call) -> Option<Reply> {
//!         matches!(call, Call::Health).then(|| Reply::json(200, &"ok"))
//!     }
//! }
//!
//! impl<L: Ledger> Serve<L> for Names {
//!     type Caller = Owner;
//!
//!     async fn authenticate(
//!         &self,
//!         key: &str,
//!         ledger: &L,
//!         context: &CallContext<'_>,
//!     ) -> Result<Option<Authenticated<Owner>>, CommitError> {
//!         api::owner_of(key, ledger, context).await
//!     }
//!
//!     async fn call(&self, call: &ApiCall<'_, Call>, _: &L) -> Result<ApiOutcome, Failure> {
//!         let reply = Reply::json(200, &call.caller.as_str());
//!         Ok(ApiOutcome { reply, outcome: "shown", subject: None })
//!     }
//! }
//! ```

mod body;
mod caller;
mod commissions;
mod erase;
mod exchange;
mod failure;
mod handle;
mod idempotency_key;
pub mod openapi;
mod order_json;
mod places;
mod query;
mod random_bits;
mod redeem;

pub use body::{object, read};
pub use caller::Caller;
pub use commissions::{commissions, referral};
pub use erase::{ERASED_ORDERS_MAX, ErasedOrders, KeptOrder, Signed, UNREADABLE, erase_orders, unnamed};
pub use exchange::rate_in_force;
pub use failure::Failure;
pub use handle::{Api, ApiCall, ApiOutcome, Authenticated, Function, Serve, api_key, count_call, owner_of};
pub use idempotency_key::{idempotency_key, required_idempotency_key};
pub use order_json::{CreatedOrderJson, OrderJson};
pub use places::{Places, PlacesError};
pub use query::{Query, percent_decoded, percent_encoded};
pub use random_bits::RandomBits;
pub use redeem::{
    CODE_PEPPER, RecordCommit, RedeemError, Redeemed, code_hash, code_of_request, code_pepper, redeem, redeem_recorded,
};
pub use signing::CodePepper;

#[cfg(test)]
mod tests;
