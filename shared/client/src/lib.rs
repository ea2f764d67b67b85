//! A client of the credits API, which `docs/api.md` describes: accounts, statements by page, grants, debits, transfers,
//! holds, and all of one owner: exported by page, and erased. And of `docs/chat.md`: a message to a model, and its answer.
//!
//! Every change takes an idempotency key of the caller's. A call that gets no answer, a 429 or a 5xx is repeated under the
//! same key, so that a change happens once; what the API refuses is returned as its error.
//!
//! ```no_run
//! use client::{Client, HoldRequest, Settlement};
//!
//! # async fn example() -> Result<(), client::Error> {
//! let client = Client::new("https://credits.example", "hs_…")?;
//! let request = HoldRequest { owner: "alice", amount: "5", reason: "a call of a model", ..HoldRequest::default() };
//! let hold = client.open_hold(&request, "call-1").await?;
//! // … the metered call …
//! let settlement = Settlement { cost: "3.2", reason: "a call of a model" };
//! let hold = client.settle(&hold.id, &settlement, "call-1-cost").await?;
//! assert_eq!(hold.state, "settled");
//! # Ok(())
//! # }
//! ```

mod address;
mod answers;
mod calls;
mod chat;
mod error;
mod export;
mod http;
mod pages;
mod requests;
mod retry;

use std::fmt;

use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use zeroize::Zeroizing;

pub use answers::{Account, Erasure, Hold, KeptOrder, Line, Lot, Receipt, StatementPage};
pub use chat::{Chat, ChatSummary};
pub use error::{Error, Refusal};
pub use export::Export;
pub use pages::{Format, Pages, StatementQuery};
pub use requests::{Debit, Grant, HoldRequest, Settlement, Transfer};

use crate::address::Address;

/// One API and one key. Clones share the connections.
#[derive(Clone)]
pub struct Client {
    address: Address,
    /// The header `Authorization`, with the key.
    authorization: Zeroizing<String>,
    connector: SharedHttpConnector,
}

impl Client {
    /// A client of the API at this address, such as the stack's output `ApiUrl`. A key is sent over TLS alone, except to
    /// this machine.
    pub fn new(url: &str, key: &str) -> Result<Self, Error> {
        Self::over(http::network(), url, key)
    }

    /// A client over another connector; tests pass one without a network.
    pub fn over(connector: impl HttpConnector + 'static, url: &str, key: &str) -> Result<Self, Error> {
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::Key);
        }
        let authorization = Zeroizing::new(format!("Bearer {key}"));
        Ok(Self { address: Address::parse(url)?, authorization, connector: SharedHttpConnector::new(connector) })
    }
}

/// Without the key.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("address", &self.address).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
