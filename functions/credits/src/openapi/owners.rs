//! The calls about all of one owner, as the document describes them.

use api::openapi::{Access, IdempotencyKey, Operation};
use ledger::Scope;

use super::OWNER;
use crate::erase::{self, EraseBody};
use crate::erase_json::ErasedJson;
use crate::export;
use crate::export_json::ExportJson;

pub(super) fn exported() -> Operation {
    Operation::new("exportOwner", "Shows a page of all of one owner", Access::OwnerOr(Scope::Admin))
        .about("It changes nothing. Go on with `next` until there is none.")
        .parameter(OWNER)
        .query(&export::PARAMETERS)
        .answer::<ExportJson<'_>>(200, "A page of one part.")
        .error(400, &["cursor_invalid"])
        .error(404, &["account_not_found"])
}

pub(super) fn erased() -> Operation {
    Operation::new("erasePersonalData", "Removes what names a person", Access::Service(Scope::Admin))
        .about(
            "The phones and wallets of orders whose delivery has ended, and the names of keys. No line of the books \
             changes. Go on with `next` until there is none, each time under another idempotency key.",
        )
        .idempotent(IdempotencyKey::Required)
        .parameter(OWNER)
        .query(&erase::PARAMETERS)
        .body::<EraseBody>()
        .answer::<ErasedJson<'_>>(200, "The receipt, and what was done.")
        .error(400, &["cursor_invalid", "reason_missing", "reason_invalid"])
        .error(404, &["account_not_found"])
        .error(409, &["idempotency_key_reused"])
}
