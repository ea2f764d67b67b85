//! Which addresses are called, and which a buyer is sent to.

use crate::CallError;

/// The stage of the local stack, the only one that may call without TLS.
pub(crate) const LOCAL: &str = "local";

/// Scheme, host and perhaps a port and a path: nothing that could lead a key elsewhere.
pub(crate) fn is_address(url: &str, stage: &str) -> bool {
    let secure = url.strip_prefix("https://");
    let rest = secure.or_else(|| url.strip_prefix("http://").filter(|_| stage == LOCAL));
    rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '['))
        && url.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'@' | b'{'))
}

/// A buyer is sent there, so it is a page or nothing.
pub(crate) fn page(url: String) -> Result<String, CallError> {
    let is_page = ["https://", "http://"].iter().any(|scheme| url.starts_with(scheme));
    if is_page && url.bytes().all(|byte| byte.is_ascii_graphic()) { Ok(url) } else { Err(CallError::Unreadable) }
}
