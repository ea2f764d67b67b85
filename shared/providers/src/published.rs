//! Fetches public documents of a provider, such as a JWKS. The request carries no key, and the only proof of origin is
//! TLS.

use ledger::Deadline;

use crate::CallError;
use crate::http::{Http, Outgoing};
use crate::retry::send_with_retries;

/// Returns the text at a configured address.
pub async fn published(http: &Http, url: &str, deadline: Deadline) -> Result<String, CallError> {
    let headers = vec![("accept", "application/json"), ("user-agent", "hookledger")];
    let outgoing = Outgoing { method: "GET", url: url.to_owned(), headers, body: String::new() };
    let answer = send_with_retries(http, &outgoing, deadline).await?;
    match answer.status {
        200 => String::from_utf8(answer.body).map_err(|_| CallError::Unreadable),
        status @ 400..500 => Err(CallError::Refused { status, kind: None, code: None }),
        status @ 500.. => Err(CallError::Failed { status }),
        _ => Err(CallError::Unreadable),
    }
}
