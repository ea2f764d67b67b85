//! URL checks against SSRF and open redirects: which base addresses we call, and which pages a buyer opens.

use crate::CallError;

/// The stage of the local stack, the only one that may call without TLS.
pub(crate) const LOCAL: &str = "local";

/// Whether the URL is only a scheme, a host and perhaps a port and a path: no user info or query could redirect a key.
pub(crate) fn is_address(url: &str, stage: &str) -> bool {
    let secure = url.strip_prefix("https://");
    let rest = secure.or_else(|| url.strip_prefix("http://").filter(|_| stage == LOCAL));
    rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '['))
        && url.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'@' | b'{'))
}

/// Accepts only http and https, since the buyer's browser opens the URL.
pub(crate) fn page(url: String) -> Result<String, CallError> {
    let is_page = ["https://", "http://"].iter().any(|scheme| url.starts_with(scheme));
    if is_page && url.bytes().all(|byte| byte.is_ascii_graphic()) { Ok(url) } else { Err(CallError::Unreadable) }
}
