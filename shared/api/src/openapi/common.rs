//! What all calls share: keys, the header of repeats, and the form of refusals.

use serde_json::{Value, json};
use utoipa::{PartialSchema as _, ToSchema as _};

use super::{Access, IdempotencyKey, NamedSchema};
use crate::failure::ErrorBody;

const ABOUT: &str = "\
Orders, payments, balances, changes and holds over HTTP.

- Bodies are JSON objects, and amounts are decimal texts, never numbers. A field or parameter that is unknown, or \
stands twice, is refused; `null` counts as absent. Ignore members of an answer that you do not know.
- A refusal has a code for programs, `error`, and a `message` for people.
- `HEAD` gives the answer of `GET` without its body. Another method at a path gets 405, `method_not_allowed`, with \
`Allow`.
- An address marked as deprecated stays as it is; the first address of the same call is the one to use.";

/// An extension: the values that `error` can have in this response.
const CODES: &str = "x-error-codes";
pub(super) const REPLAYED: &str = "Idempotent-Replayed";
const KEY_PATTERN: &str = "^[!-~]{1,255}$";

/// Answers to all calls that take a key: status, name, what it means and its code.
pub(super) const RESPONSES: [(u16, &str, &str, &str); 4] = [
    (401, "Unauthorized", "No key, or one that is unknown or revoked.", "unauthorized"),
    (413, "BodyTooLarge", "The body is larger than any request.", "body_too_large"),
    (429, "RateExceeded", "The key has made its calls of this minute.", "rate_exceeded"),
    (500, "Internal", "A defect of the server.", "internal"),
];

pub(super) fn info(version: &str) -> Value {
    json!({
        "title": "hookledger",
        "version": version,
        "description": ABOUT,
        "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
    })
}

pub(super) fn schemas() -> Vec<NamedSchema> {
    vec![(ErrorBody::name().into_owned(), serde_json::to_value(ErrorBody::schema()).unwrap_or_default())]
}

pub(super) fn responses() -> Value {
    RESPONSES
        .iter()
        .map(|(status, name, about, code)| ((*name).to_owned(), refusal_with(*status, about, &[code], &error())))
        .collect()
}

pub(super) fn response(name: &str) -> Value {
    json!({ "$ref": format!("#/components/responses/{name}") })
}

/// The form of all refusals but those of a call that has its own.
pub(super) fn error() -> Value {
    json!({ "$ref": "#/components/schemas/Error" })
}

/// The refusals of a call with one status.
pub(super) fn refusal(status: u16, codes: &[&'static str], form: &Value) -> Value {
    let about = codes.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", ");
    refusal_with(status, &about, codes, form)
}

fn refusal_with(status: u16, about: &str, codes: &[&str], form: &Value) -> Value {
    // A member of the schema would give each response a type of its own in a generated client.
    let mut refusal = json!({
        "description": about,
        "content": { "application/json": { "schema": form } },
        CODES: codes,
    });
    if [429, 503].contains(&status)
        && let Some(refusal) = refusal.as_object_mut()
    {
        refusal.insert("headers".to_owned(), json!({ "Retry-After": { "$ref": "#/components/headers/RetryAfter" } }));
    }
    refusal
}

pub(super) fn headers() -> Value {
    json!({
        "IdempotentReplayed": {
            "description": "On the answer to a repeat: the request took effect before.",
            "schema": { "type": "string", "enum": ["true"] },
        },
        "RetryAfter": {
            "description": "Seconds until a retry.",
            "schema": { "type": "string", "pattern": "^[0-9]+$" },
        },
    })
}

pub(super) fn replayed() -> Value {
    json!({ "$ref": "#/components/headers/IdempotentReplayed" })
}

pub(super) fn idempotency_key(key: IdempotencyKey) -> Option<Value> {
    let is_required = match key {
        IdempotencyKey::None => return None,
        IdempotencyKey::Optional => false,
        IdempotencyKey::Required => true,
    };
    Some(json!({
        "name": "Idempotency-Key",
        "in": "header",
        "required": is_required,
        "description": "Your own name for the request: it takes effect once, and a repeat gets the first answer.",
        "schema": { "type": "string", "pattern": KEY_PATTERN },
    }))
}

pub(super) fn security_schemes() -> Value {
    json!({
        "ownerKey": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "hk_…",
            "description": "An owner's own key. It sees its owner, and no other.",
        },
        "serviceKey": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "hs_…",
            "description": "The key of a shop's own server. It acts for any owner, within its scopes: `read`, `grant`, \
                            `spend`, `orders`, `keys`, and `admin`, which is all of them.",
        },
    })
}

pub(super) fn security(access: Access) -> Value {
    let owner = json!({ "ownerKey": [] });
    match access {
        Access::Public => json!([]),
        Access::Owner => json!([owner]),
        Access::OwnerOr(scope) => json!([owner, { "serviceKey": [scope.as_str()] }]),
        Access::Service(scope) => json!([{ "serviceKey": [scope.as_str()] }]),
        Access::Any => json!([owner, { "serviceKey": [] }]),
    }
}
