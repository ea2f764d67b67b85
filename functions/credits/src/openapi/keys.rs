//! The calls of keys, as the document describes them.

use api::openapi::{Access, IdempotencyKey, Operation, Parameter};
use ledger::Scope;

use super::NEXT;
use crate::key_body::{MakeBody, RevokeBody, RotateBody, SetBody};
use crate::key_json::{KeyJson, KeyPageJson, KeyReceiptJson};
use crate::key_list;

const KEY: Parameter =
    Parameter::path("id", "^[!-~]{1,200}$", "The id of the key, never the key itself.").example("api-3f9c0a12be45");
/// What a service key takes for another service key.
const ADMIN: &str = "For a service key the scope is `admin`.";
/// What an owner's key takes for a change.
const CHANGE: &str = "For a service key the scope is `admin`. An owner's key changes the keys of its owner that are not a \
                      gateway's, but no rate, and only if it has no budget and no rate itself.";
const OF_OWNER: [&str; 2] = ["key_limited", "service_key_needed"];

pub(super) fn made() -> Operation {
    Operation::new(
        "makeKey",
        "Makes a key of an owner, of a gateway or of a shop's own server",
        Access::OwnerOr(Scope::Keys),
    )
    .about(
        "For a service key the scope is `admin`. An owner's key makes keys of its owner alone, and only if it has no \
         budget and no rate. The secret is shown once: a repeat names the same key without it.",
    )
    .idempotent(IdempotencyKey::Required)
    .body::<MakeBody>()
    .answer::<KeyReceiptJson>(201, "The receipt, with the secret.")
    .error(400, &["kind_missing", "kind_invalid", "owner_missing", "owner_invalid", "fields_conflict"])
    .error(400, &["remote_key_missing", "remote_key_invalid", "name_missing", "name_invalid"])
    .error(400, &["scopes_missing", "scopes_invalid", "ttl_invalid", "reason_missing", "reason_invalid"])
    .error(403, &OF_OWNER)
    .error(404, &["account_not_found"])
    .error(409, &["idempotency_key_reused", "key_taken"])
}

pub(super) fn listed() -> Operation {
    Operation::new("listKeys", "Shows a page of keys, the oldest first", Access::OwnerOr(Scope::Keys))
        .about("All service keys take the scope `admin`.")
        .query(&key_list::PARAMETERS)
        .answer::<KeyPageJson>(200, "The page.")
        .header("Link", NEXT)
        .error(400, &["cursor_invalid", "limit_invalid"])
        .error(404, &["account_not_found"])
}

pub(super) fn shown() -> Operation {
    Operation::new("showKey", "Shows a key", Access::OwnerOr(Scope::Keys))
        .about(ADMIN)
        .parameter(KEY)
        .answer::<KeyJson>(200, "The key, without its secret.")
        .error(404, &["key_not_found"])
}

pub(super) fn set() -> Operation {
    changed("setKey", "Changes the name, the budget or the rate of a key")
        .answer::<KeyReceiptJson>(200, "The receipt.")
        .body::<SetBody>()
        .error(400, &["name_invalid", "budget_invalid", "rate_invalid", "nothing_to_set", "fields_conflict"])
}

pub(super) fn revoked() -> Operation {
    changed("revokeKey", "Revokes a key").answer::<KeyReceiptJson>(200, "The receipt.").body::<RevokeBody>()
}

pub(super) fn rotated() -> Operation {
    changed("rotateKey", "Makes a key that takes the place of this one")
        .answer::<KeyReceiptJson>(201, "The receipt, with the secret.")
        .body::<RotateBody>()
        .error(400, &["grace_invalid"])
        .error(409, &["key_of_gateway"])
}

fn changed(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(id, summary, Access::OwnerOr(Scope::Keys))
        .about(CHANGE)
        .idempotent(IdempotencyKey::Required)
        .parameter(KEY)
        .error(400, &["reason_missing", "reason_invalid"])
        .error(403, &OF_OWNER)
        .error(404, &["key_not_found"])
        .error(409, &["idempotency_key_reused", "key_revoked"])
}
