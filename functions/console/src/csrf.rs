//! Whether a form was sent by one of our own pages: by its origin, and by a token that only a page of the session has.

use operators::TokenHash;
use subtle::ConstantTimeEq as _;

use crate::form;
use crate::refusal::Refusal;
use crate::visit::{Signed, Visit};

pub(crate) const FIELD: &str = "csrf";

/// The token of a session's forms. It follows from the session's own token, which no page and no row has.
pub(crate) fn token(session_token: &str) -> String {
    TokenHash::of(&format!("csrf {session_token}")).as_str().to_owned()
}

/// A browser names the origin of every form. What names none is no browser, and has the API.
pub(crate) fn require_own_origin(visit: &Visit<'_>) -> Result<(), Refusal> {
    let header = |name: &str| visit.request.header(name).ok().flatten();
    let scheme = if visit.parts.config.is_local() { "http://" } else { "https://" };
    let origin = header("origin").and_then(|origin| origin.strip_prefix(scheme));
    let is_own = origin.is_some() && origin == header("host");
    let is_same_site = header("sec-fetch-site").is_none_or(|site| site == "same-origin");
    if is_own && is_same_site { Ok(()) } else { Err(Refusal::foreign()) }
}

/// Every form has fields of its own; this reads the token alone, whatever else is there.
pub(crate) fn require_token(visit: &Visit<'_>, signed: &Signed) -> Result<(), Refusal> {
    let given = form::field(visit, FIELD).unwrap_or_default();
    if bool::from(given.as_bytes().ct_eq(signed.csrf.as_bytes())) { Ok(()) } else { Err(Refusal::foreign()) }
}
