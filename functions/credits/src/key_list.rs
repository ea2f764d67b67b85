//! Keys as they are shown: one by its id, and those of an owner or all service keys by page.

use api::openapi::{Kind, Parameter};
use api::{ApiCall, ApiOutcome, Caller, Failure, Query, percent_decoded, percent_encoded};
use edge::{Reply, RouteMatch};
use ledger::{CallCounts, KeyId, KeyQuery, Keys, LinePosition, Owner, Scope, StoredKey};

use crate::key_json::{KeyJson, KeyPageJson};
use crate::parse::account_not_found;
use crate::{Call, cursor, shown};

/// What one batch read takes, so that a page is one query and two reads.
const KEYS_MAX: u16 = 100;
pub(crate) const PARAMETERS: [Parameter; 3] = [
    Parameter::query(
        "owner",
        Kind::Text("^[A-Za-z0-9._@-]{1,64}$"),
        "Whose keys. Without it, those of an owner's key are its own, and those of a service key are all service keys.",
    ),
    Parameter::query("cursor", Kind::Text(cursor::PATTERN), "`next` of the page before."),
    Parameter::query(
        "limit",
        Kind::Whole { min: 1, max: KEYS_MAX, default: KEYS_MAX },
        "How many keys a page has at most.",
    ),
];
const PATH: &str = "/v1/keys";

/// The answer to a key that is not there, or not the caller's.
pub(crate) fn key_not_found() -> Failure {
    Failure::new(404, "key_not_found", "No such key.")
}

/// The key that the path names. `None`: no key has such an id.
pub(crate) fn id<E>(found: &RouteMatch<E>) -> Option<KeyId> {
    KeyId::parse(&percent_decoded(found.parameter("id")?)?)
}

/// What a service key needs for this key: who could change a service key could give itself every scope.
pub(crate) const fn scope(id: Option<&KeyId>) -> Scope {
    match id {
        Some(KeyId::Service(_)) => Scope::Admin,
        Some(KeyId::Owner(_)) | None => Scope::Keys,
    }
}

pub(crate) async fn show<L: CallCounts + Keys>(
    call: &ApiCall<'_, Call, Caller>,
    ledger: &L,
) -> Result<ApiOutcome, Failure> {
    let id = id(call.found);
    if let Caller::Service(_) = &call.caller {
        call.caller.service(scope(id.as_ref()))?;
    }
    let id = id.ok_or_else(key_not_found)?;
    let stored = ledger.key_as_stored(&id, &call.context()).await?.ok_or_else(key_not_found)?;
    match (&stored, &call.caller) {
        (_, Caller::Service(_)) => {}
        (StoredKey::Owner(key), Caller::Owner(own)) if key.owner == *own => {}
        (StoredKey::Owner(_) | StoredKey::Service(_), Caller::Owner(_)) => return Err(key_not_found()),
    }
    let used = ledger.last_used(std::slice::from_ref(&id), &call.context()).await?;
    Ok(shown(Reply::json(200, &KeyJson::of(&stored, used.get(&id), call.invocation.now))))
}

/// Those of the key's own owner, of a named one, or all service keys.
pub(crate) async fn list<L: CallCounts + Keys>(
    call: &ApiCall<'_, Call, Caller>,
    ledger: &L,
) -> Result<ApiOutcome, Failure> {
    let parameters = Query::parse(&call.request.query, &PARAMETERS)?;
    let owner = owner(&parameters, &call.caller)?;
    let query = KeyQuery { owner, after: after(&parameters)?, keys_max: limit(&parameters)? };
    let page = ledger.key_page(&query, &call.context()).await?;
    let ids: Vec<KeyId> = page.keys.iter().map(StoredKey::id).collect();
    let used = ledger.last_used(&ids, &call.context()).await?;
    let keys = page.keys.iter().map(|key| KeyJson::of(key, used.get(&key.id()), call.invocation.now)).collect();
    let next = page.next.as_ref().map(cursor::written);
    let reply = Reply::json(200, &KeyPageJson { keys, next: next.clone() });
    Ok(shown(match next {
        Some(next) => reply.with_header("link", format!("<{}>; rel=\"next\"", address(&query, &next))),
        None => reply,
    }))
}

fn owner(parameters: &Query, caller: &Caller) -> Result<Option<Owner>, Failure> {
    let named = parameters.parameter("owner");
    if let Caller::Service(_) = caller {
        caller.service(if named.is_some() { Scope::Keys } else { Scope::Admin })?;
    }
    let named = named.map(|name| Owner::new(name).map_err(|_| account_not_found())).transpose()?;
    match (caller, named) {
        (Caller::Service(_), named) => Ok(named),
        (Caller::Owner(own), Some(named)) if named != *own => Err(account_not_found()),
        (Caller::Owner(own), _) => Ok(Some(own.clone())),
    }
}

fn limit(parameters: &Query) -> Result<u16, Failure> {
    let Some(text) = parameters.parameter("limit") else { return Ok(KEYS_MAX) };
    let limit = text.parse().ok().filter(|limit| (1..=KEYS_MAX).contains(limit) && !text.starts_with('+'));
    limit.ok_or_else(|| Failure::new(400, "limit_invalid", format!("limit must be a number from 1 to {KEYS_MAX}.")))
}

fn after(parameters: &Query) -> Result<Option<LinePosition>, Failure> {
    let Some(text) = parameters.parameter("cursor") else { return Ok(None) };
    let read = cursor::read(text).filter(|(place, _)| KeyId::of_row(&place.key).is_some());
    let wrong = || Failure::new(400, "cursor_invalid", "cursor must be that of the page before.");
    read.map(|(place, _)| Some(place)).ok_or_else(wrong)
}

/// The address of the next page.
fn address(query: &KeyQuery, next: &str) -> String {
    let owner = query.owner.as_ref().map(|owner| format!("owner={}&", percent_encoded(owner.as_str())));
    format!("{PATH}?{}limit={}&cursor={next}", owner.unwrap_or_default(), query.keys_max)
}
