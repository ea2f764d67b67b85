//! What a provider publishes for everybody: no key is sent for it, and it proves nothing but that it came from there.

use ledger::Deadline;

use crate::CallError;
use crate::http::{Http, Outgoing};
use crate::retry::until_answered;

/// The text at an address that was configured.
pub async fn published(http: &Http, url: &str, deadline: Deadline) -> Result<String, CallError> {
    let headers = vec![("accept", "application/json"), ("user-agent", "hookledger")];
    let outgoing = Outgoing { method: "GET", url: url.to_owned(), headers, body: String::new() };
    let answer = until_answered(http, &outgoing, deadline).await?;
    match answer.status {
        200 => String::from_utf8(answer.body).map_err(|_| CallError::Unreadable),
        status @ 400..500 => Err(CallError::Refused { status, kind: None, code: None }),
        status @ 500.. => Err(CallError::Failed { status }),
        _ => Err(CallError::Unreadable),
    }
}
