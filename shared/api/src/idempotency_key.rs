//! The header `Idempotency-Key`: a caller's own name for a request, under which it takes effect once.

use edge::Request;

use crate::Failure;

const CHARS_MAX: usize = 255;

/// The key of a request, if it has one.
pub fn idempotency_key(request: &Request) -> Result<Option<String>, Failure> {
    let is_key =
        |text: &str| !text.is_empty() && text.len() <= CHARS_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
    match request.header("idempotency-key")? {
        None => Ok(None),
        Some(text) if is_key(text) => Ok(Some(text.to_owned())),
        Some(_) => {
            let message = format!("Idempotency-Key must be 1 to {CHARS_MAX} visible ASCII characters.");
            Err(Failure::new(400, "idempotency_key_invalid", message))
        }
    }
}

/// The key of a request that may not be without one: a change that a retry must not make twice.
pub fn required_idempotency_key(request: &Request) -> Result<String, Failure> {
    let missing = || {
        let message = "A change takes the header Idempotency-Key, so that a retry makes it once.";
        Failure::new(400, "idempotency_key_missing", message)
    };
    idempotency_key(request)?.ok_or_else(missing)
}
