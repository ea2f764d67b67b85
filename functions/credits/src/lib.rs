//! The credits API: what an owner has, the lines that made it so, and holds.
//!
//! An owner's key sees its owner; a service key sees any, with the scope `read`, and changes them with others. `account`,
//! `statement`, `changes`, `holds` and `keys` are the calls, `parse` and `fields` read their requests.
//!
//! ```
//! use std::time::Duration;
//!
//! use api::{Function, RandomBits};
//! use catalog::{Catalog, SHIPPED};
//! use edge::{Invocation, Service as _};
//! use testkit::{MemoryLedger, Sent, Shape, api_key, deadline, instant, mark, now};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let api = credits::Credits::new(Catalog::parse(SHIPPED)?, RandomBits::of_system(), testkit::code_pepper());
//! let function = Function { api, ledger: MemoryLedger::default() };
//! api_key(&function.ledger, "alice", "key-of-alice").await;
//!
//! let account = Sent::get("/v1/account", "").with("authorization", "Bearer key-of-alice");
//! let deadline = deadline(Duration::from_secs(4));
//! let invocation = Invocation { now: now(), started: instant(), deadline, attempt: mark(1) };
//! let reply = function.answer(&account.event(Shape::HttpApi), &invocation).await;
//! assert_eq!(reply.status, 200);
//! assert!(reply.body.contains(r#""account":"alice/credits","#), "{}", reply.body);
//! # Ok(())
//! # }
//! ```

mod account;
mod assemble;
mod budget_json;
mod changes;
mod code_json;
mod codes;
mod commit;
mod cursor;
mod erase;
mod erase_json;
mod export;
mod export_json;
mod fields;
mod held_key;
mod hold_json;
mod holds;
mod key_author;
mod key_body;
mod key_json;
mod key_list;
mod keys;
mod me;
mod openapi;
mod orders;
mod parse;
mod redeem;
mod reply;
mod reversals;
mod sold;
mod statement;
mod wish;

use std::sync::Arc;
use std::time::Duration;

use api::{Api, ApiCall, ApiOutcome, Authenticated, Caller, CodePepper, Failure, RandomBits, Serve};
use catalog::Catalog;
use edge::{Reply, Route};
use ledger::{Budgets, CallContext, CallCounts, Codes, CommitError, Holds, Keys, Statements};

pub use assemble::assemble;
pub use sold::PaidBy;

/// The ports that the calls need.
pub trait Books: Budgets + CallCounts + Codes + Holds + Keys + Statements {}

impl<L: Budgets + CallCounts + Codes + Holds + Keys + Statements> Books for L {}

#[derive(Debug)]
pub struct Credits {
    /// It has the decimals of tokens.
    catalog: Catalog,
    /// For the secrets of keys.
    secrets: RandomBits,
    /// It never changes, so it is read once.
    pepper: Arc<CodePepper>,
    paid_by: PaidBy,
}

impl Credits {
    pub fn new(catalog: Catalog, secrets: RandomBits, pepper: impl Into<Arc<CodePepper>>) -> Self {
        Self { catalog, secrets, pepper: pepper.into(), paid_by: PaidBy::NONE }
    }

    /// For buyers who pay by these.
    #[must_use]
    pub fn paid_by(self, paid_by: PaidBy) -> Self {
        Self { paid_by, ..self }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// The account of the caller's own.
    OwnAccount,
    Account,
    Statement,
    Grant,
    Debit,
    Transfer,
    Reverse,
    Redeem,
    MakeCodes,
    Campaigns,
    Codes,
    RevokeCodes,
    Catalog,
    OpenHold,
    Hold,
    SettleHold,
    ReleaseHold,
    MakeKey,
    Keys,
    Key,
    SetKey,
    RevokeKey,
    RotateKey,
    Orders,
    /// All of one owner, by page.
    Export,
    /// Removes what names a person.
    Erase,
    /// The description of this API, and of orders and checkout.
    Document,
    /// The buyer's page, its stylesheet and its script.
    BuyersPage,
    BuyersStyle,
    BuyersScript,
}

/// What needs no key: it is the same for everyone.
const PUBLIC: [(Call, fn() -> Reply); 4] = [
    (Call::Document, openapi::document),
    (Call::BuyersPage, me::page),
    (Call::BuyersStyle, me::style),
    (Call::BuyersScript, me::script),
];

impl Api for Credits {
    const NAME: &'static str = "credits";
    const ROUTES: &'static [Route<Call>] = &[
        Route { method: "GET", path: "/v1/account", endpoint: Call::OwnAccount },
        Route { method: "HEAD", path: "/v1/account", endpoint: Call::OwnAccount },
        Route { method: "GET", path: "/v1/accounts/{owner}", endpoint: Call::Account },
        Route { method: "HEAD", path: "/v1/accounts/{owner}", endpoint: Call::Account },
        Route { method: "GET", path: "/v1/accounts/{owner}/statement", endpoint: Call::Statement },
        Route { method: "HEAD", path: "/v1/accounts/{owner}/statement", endpoint: Call::Statement },
        Route { method: "POST", path: "/v1/accounts/{owner}/grants", endpoint: Call::Grant },
        Route { method: "POST", path: "/v1/accounts/{owner}/debits", endpoint: Call::Debit },
        Route { method: "POST", path: "/v1/transfers", endpoint: Call::Transfer },
        Route { method: "POST", path: "/v1/reversals", endpoint: Call::Reverse },
        Route { method: "POST", path: "/v1/redeem", endpoint: Call::Redeem },
        Route { method: "POST", path: "/v1/codes", endpoint: Call::MakeCodes },
        Route { method: "GET", path: "/v1/codes", endpoint: Call::Campaigns },
        Route { method: "HEAD", path: "/v1/codes", endpoint: Call::Campaigns },
        Route { method: "GET", path: "/v1/codes/{campaign}", endpoint: Call::Codes },
        Route { method: "HEAD", path: "/v1/codes/{campaign}", endpoint: Call::Codes },
        Route { method: "DELETE", path: "/v1/codes/{campaign}", endpoint: Call::RevokeCodes },
        Route { method: "GET", path: "/v1/catalog", endpoint: Call::Catalog },
        Route { method: "HEAD", path: "/v1/catalog", endpoint: Call::Catalog },
        Route { method: "POST", path: "/v1/holds", endpoint: Call::OpenHold },
        Route { method: "GET", path: "/v1/holds/{id}", endpoint: Call::Hold },
        Route { method: "HEAD", path: "/v1/holds/{id}", endpoint: Call::Hold },
        Route { method: "POST", path: "/v1/holds/{id}/settle", endpoint: Call::SettleHold },
        Route { method: "POST", path: "/v1/holds/{id}/release", endpoint: Call::ReleaseHold },
        Route { method: "POST", path: "/v1/keys", endpoint: Call::MakeKey },
        Route { method: "GET", path: "/v1/keys", endpoint: Call::Keys },
        Route { method: "HEAD", path: "/v1/keys", endpoint: Call::Keys },
        Route { method: "GET", path: "/v1/keys/{id}", endpoint: Call::Key },
        Route { method: "HEAD", path: "/v1/keys/{id}", endpoint: Call::Key },
        Route { method: "PATCH", path: "/v1/keys/{id}", endpoint: Call::SetKey },
        Route { method: "DELETE", path: "/v1/keys/{id}", endpoint: Call::RevokeKey },
        Route { method: "POST", path: "/v1/keys/{id}/rotate", endpoint: Call::RotateKey },
        Route { method: "GET", path: "/v1/orders", endpoint: Call::Orders },
        Route { method: "HEAD", path: "/v1/orders", endpoint: Call::Orders },
        Route { method: "POST", path: "/v1/owners/{owner}/export", endpoint: Call::Export },
        Route { method: "DELETE", path: "/v1/owners/{owner}/personal-data", endpoint: Call::Erase },
        Route { method: "GET", path: "/v1/openapi.json", endpoint: Call::Document },
        Route { method: "HEAD", path: "/v1/openapi.json", endpoint: Call::Document },
        Route { method: "GET", path: "/me", endpoint: Call::BuyersPage },
        Route { method: "HEAD", path: "/me", endpoint: Call::BuyersPage },
        Route { method: "GET", path: "/me/page.css", endpoint: Call::BuyersStyle },
        Route { method: "HEAD", path: "/me/page.css", endpoint: Call::BuyersStyle },
        Route { method: "GET", path: "/me/page.js", endpoint: Call::BuyersScript },
        Route { method: "HEAD", path: "/me/page.js", endpoint: Call::BuyersScript },
    ];
    /// Ten times the size of the largest request.
    const BODY_BYTES_MAX: usize = 4 * 1024;
    const REPLY_WITHIN: Duration = Duration::from_secs(4);

    type Call = Call;

    fn public(&self, call: Call) -> Option<Reply> {
        PUBLIC.iter().find(|(public, _)| *public == call).map(|(_, reply)| reply())
    }
}

impl<L: Books> Serve<L> for Credits {
    type Caller = Caller;

    async fn authenticate(
        &self,
        key: &str,
        ledger: &L,
        context: &CallContext<'_>,
    ) -> Result<Option<Authenticated<Caller>>, CommitError> {
        Caller::of(key, ledger, context).await
    }

    async fn call(&self, call: &ApiCall<'_, Call, Caller>, ledger: &L) -> Result<ApiOutcome, Failure> {
        // Boxed: the future of a call would else hold those of all others.
        match call.found.endpoint {
            Call::OwnAccount => Box::pin(account::show_own(&self.catalog, call, ledger)).await,
            Call::Account => Box::pin(account::show(&self.catalog, call, ledger)).await,
            Call::Statement => Box::pin(statement::show(&self.catalog, call, ledger)).await,
            Call::Grant => Box::pin(self.grant(call, ledger)).await,
            Call::Debit => Box::pin(self.debit(call, ledger)).await,
            Call::Transfer => Box::pin(self.transfer(call, ledger)).await,
            Call::Reverse => Box::pin(reversals::reverse(call, ledger)).await,
            Call::Redeem => Box::pin(redeem::redeem(&self.pepper, call, ledger)).await,
            Call::MakeCodes => Box::pin(codes::make(&self.pepper, call, ledger)).await,
            Call::Campaigns => Box::pin(codes::list(call, ledger)).await,
            Call::Codes => Box::pin(codes::show(call, ledger)).await,
            Call::Catalog => sold::show(&self.catalog, &self.paid_by, call),
            Call::RevokeCodes => Box::pin(codes::revoke(call, ledger)).await,
            Call::OpenHold => Box::pin(holds::open(call, ledger)).await,
            Call::Hold => Box::pin(holds::show(call, ledger)).await,
            Call::SettleHold => Box::pin(holds::settle(call, ledger)).await,
            Call::ReleaseHold => Box::pin(holds::release(call, ledger)).await,
            Call::MakeKey => Box::pin(self.make_key(call, ledger)).await,
            Call::Keys => Box::pin(key_list::list(call, ledger)).await,
            Call::Key => Box::pin(key_list::show(call, ledger)).await,
            Call::SetKey => Box::pin(keys::set(call, ledger)).await,
            Call::RevokeKey => Box::pin(keys::revoke(call, ledger)).await,
            Call::RotateKey => Box::pin(self.rotate_key(call, ledger)).await,
            Call::Orders => Box::pin(orders::list(call, ledger)).await,
            Call::Export => Box::pin(export::export(&self.catalog, call, ledger)).await,
            Call::Erase => Box::pin(erase::erase(call, ledger)).await,
            Call::Document | Call::BuyersPage | Call::BuyersStyle | Call::BuyersScript => {
                self.public(call.found.endpoint).map(shown).ok_or_else(Failure::unavailable)
            }
        }
    }
}

fn shown(reply: Reply) -> ApiOutcome {
    ApiOutcome { reply, outcome: "shown", subject: None }
}

#[cfg(test)]
mod tests;
