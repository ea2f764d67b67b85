//! The calls, one each.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::address::encoded;
use crate::export::Export;
use crate::http::Request;
use crate::pages::{Format, Pages, StatementQuery};
use crate::{Account, Client, Debit, Erasure, Error, Grant, Hold, HoldRequest, Receipt, Settlement, Transfer};

impl Client {
    /// The credits of an owner.
    pub async fn account(&self, owner: &str) -> Result<Account, Error> {
        self.read(&format!("/v1/accounts/{}", encoded(owner))).await
    }

    /// The pages of an owner's statement, the newest line first.
    pub fn statement(&self, owner: &str, query: &StatementQuery<'_>, format: Format) -> Pages<'_> {
        Pages::of(self, owner, query, format)
    }

    pub async fn grant(&self, owner: &str, grant: &Grant<'_>, idempotency_key: &str) -> Result<Receipt, Error> {
        self.change(&format!("/v1/accounts/{}/grants", encoded(owner)), grant, idempotency_key).await
    }

    pub async fn debit(&self, owner: &str, debit: &Debit<'_>, idempotency_key: &str) -> Result<Receipt, Error> {
        self.change(&format!("/v1/accounts/{}/debits", encoded(owner)), debit, idempotency_key).await
    }

    pub async fn transfer(&self, transfer: &Transfer<'_>, idempotency_key: &str) -> Result<Receipt, Error> {
        self.change("/v1/transfers", transfer, idempotency_key).await
    }

    pub async fn open_hold(&self, hold: &HoldRequest<'_>, idempotency_key: &str) -> Result<Hold, Error> {
        self.change("/v1/holds", hold, idempotency_key).await
    }

    pub async fn hold(&self, id: &str) -> Result<Hold, Error> {
        self.read(&format!("/v1/holds/{}", encoded(id))).await
    }

    pub async fn settle(&self, id: &str, settlement: &Settlement<'_>, idempotency_key: &str) -> Result<Hold, Error> {
        self.change(&format!("/v1/holds/{}/settle", encoded(id)), settlement, idempotency_key).await
    }

    pub async fn release(&self, id: &str, reason: &str, idempotency_key: &str) -> Result<Hold, Error> {
        self.change(&format!("/v1/holds/{}/release", encoded(id)), &Reason { reason }, idempotency_key).await
    }

    /// The pages of all of one owner, as JSON.
    pub fn export(&self, owner: &str) -> Export<'_> {
        Export::of(self, owner)
    }

    /// Removes what names a person from a page of orders and keys: the first one, or the one at `next` of the page before.
    /// Each page takes an idempotency key of its own.
    pub async fn erase(
        &self,
        owner: &str,
        cursor: Option<&str>,
        reason: &str,
        idempotency_key: &str,
    ) -> Result<Erasure, Error> {
        let cursor = cursor.map(|cursor| format!("?cursor={}", encoded(cursor))).unwrap_or_default();
        let path = format!("/v1/owners/{}/personal-data{cursor}", encoded(owner));
        self.sent("DELETE", &path, &Reason { reason }, idempotency_key).await
    }

    async fn read<A: DeserializeOwned>(&self, path: &str) -> Result<A, Error> {
        let request = Request { method: "GET", path, accept: "application/json", change: None };
        self.answer(&request).await?.parsed()
    }

    async fn change<A: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        idempotency_key: &str,
    ) -> Result<A, Error> {
        self.sent("POST", path, body, idempotency_key).await
    }

    async fn sent<A: DeserializeOwned>(
        &self,
        method: &'static str,
        path: &str,
        body: &impl Serialize,
        idempotency_key: &str,
    ) -> Result<A, Error> {
        // Texts and numbers are always written.
        let mut body = serde_json::to_value(body).map_err(|error| Error::Unreadable(error.to_string()))?;
        if let Some(members) = body.as_object_mut() {
            members.retain(|_, value| !value.is_null());
        }
        let body = body.to_string();
        let change = Some((idempotency_key, body.as_str()));
        self.answer(&Request { method, path, accept: "application/json", change }).await?.parsed()
    }
}

/// The body of a change that has nothing else.
#[derive(Serialize)]
struct Reason<'r> {
    reason: &'r str,
}
