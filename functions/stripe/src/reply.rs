//! Replies to Stripe, one for each outcome. A booked, ignored or refused event gets 200, since another delivery would
//! change nothing. Stripe redelivers for three days after any other status, which also covers events that this release
//! cannot parse.

use edge::Reply;
use ledger::ReasonClass;
use serde::Serialize;
use signing::VerifyError;
use webhook::Outcome;

#[derive(Serialize)]
struct Body<'b> {
    error: &'b str,
}

pub(crate) fn reply(outcome: &Outcome) -> Reply {
    let refused = |status: u16, error: &str| Reply::json(status, &Body { error });
    match outcome {
        Outcome::Booked | Outcome::Repeat | Outcome::Ignored(_) | Outcome::Conflict => Reply::empty(200),
        Outcome::Unparsed(_) | Outcome::Malformed | Outcome::Unverified(VerifyError::Missing) => {
            refused(400, "Invalid payload")
        }
        Outcome::Unverified(
            VerifyError::Malformed
            | VerifyError::Stale
            | VerifyError::BadSignature
            | VerifyError::UnknownKey
            | VerifyError::BodyOnly,
        ) => refused(400, "Invalid signature"),
        Outcome::Forbidden => refused(403, "Forbidden"),
        Outcome::NotFound => refused(404, "Not found"),
        Outcome::MethodNotAllowed { allowed } => refused(405, "Method not allowed").with_header("allow", allowed),
        Outcome::TooLarge => refused(413, "Payload too large"),
        Outcome::Panicked => refused(500, "Internal error"),
        Outcome::Paused | Outcome::Unavailable | Outcome::Unverifiable => refused(503, "Temporarily unavailable"),
        Outcome::Refused(reason) => match reason.class() {
            ReasonClass::Unparsed => refused(400, "Invalid payload"),
            ReasonClass::Unanswered
            | ReasonClass::InsufficientCredits
            | ReasonClass::UnknownKey
            | ReasonClass::NoPrice
            | ReasonClass::OutsideClockWindow
            | ReasonClass::Kept => Reply::empty(200),
        },
    }
}
