//! The session of a visitor: the cookie that names it, and its rows.

use operators::{OperatorName, Operators, TokenHash};

use crate::cookies::cookie;
use crate::csrf;
use crate::refusal::Refusal;
use crate::visit::{Signed, Visit};

/// `__Host-`: only this host, only over HTTPS, for every path. No other host of the domain can set it.
const COOKIE: &str = "__Host-console";
/// Over plain HTTP, as on one machine, a browser refuses a `Secure` cookie, which the name above requires.
const COOKIE_LOCAL: &str = "console";
/// Of 256 bits in hexadecimal.
const TOKEN_CHARS: usize = 64;

/// The visitor's session, if it is open. Read at each request: who is revoked is out at once.
pub(crate) async fn of<L: Operators>(visit: &Visit<'_>, ledger: &L) -> Result<Option<Signed>, Refusal> {
    let Some((name, token)) = cookie(visit.request, cookie_name(visit)).and_then(parts) else { return Ok(None) };
    let (hash, now) = (TokenHash::of(token), visit.invocation.now);
    let found = ledger.session(&hash, &name, &visit.context()).await?;
    let Some((session, operator)) = found.filter(|(session, operator)| operator.admits(session, now)) else {
        return Ok(None);
    };
    if let Some(noted) = session.noted(now) {
        ledger.note_session(&noted, &visit.context()).await?;
    }
    Ok(Some(Signed { operator, session, csrf: csrf::token(token) }))
}

/// `<name>.<token>`: both rows are read at once.
fn parts(cookie: &str) -> Option<(OperatorName, &str)> {
    let (name, token) = cookie.rsplit_once('.')?;
    let is_token = token.len() == TOKEN_CHARS && token.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some((OperatorName::new(name).ok()?, token)).filter(|_| is_token)
}

/// The header that begins a session in the browser, until it is closed.
pub(crate) fn begun(visit: &Visit<'_>, name: &OperatorName, token: &str) -> String {
    format!("{}={name}.{token}; {}", cookie_name(visit), attributes(visit))
}

/// The header that removes it.
pub(crate) fn ended(visit: &Visit<'_>) -> String {
    format!("{}=; Max-Age=0; {}", cookie_name(visit), attributes(visit))
}

fn cookie_name(visit: &Visit<'_>) -> &'static str {
    if visit.parts.config.is_local() { COOKIE_LOCAL } else { COOKIE }
}

fn attributes(visit: &Visit<'_>) -> &'static str {
    if visit.parts.config.is_local() {
        "Path=/; HttpOnly; SameSite=Strict"
    } else {
        "Path=/; Secure; HttpOnly; SameSite=Strict"
    }
}
