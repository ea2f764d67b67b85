//! Replies in the sender's own form, one for each outcome. A refused event is acknowledged like a booked one: a
//! redelivery would change nothing, and we retry it ourselves if it is retryable. Failures and unparsed events are
//! redelivered: by APIv3 and APIv2 for a day, by CloudRun for two.

use edge::Reply;
use ledger::ReasonClass;
use serde::Serialize;
use webhook::Outcome;

use crate::Form;

/// The acknowledgement that an outcome gives.
enum Ack {
    Accepted,
    Refused(u16, &'static str),
}

pub(crate) fn reply(form: Form, outcome: &Outcome) -> Reply {
    let ack = ack(outcome);
    let reply = match form {
        Form::V3 => v3(&ack),
        Form::V2 => v2(&ack),
        Form::CloudRun => cloudrun(&ack),
    };
    match outcome {
        Outcome::MethodNotAllowed { allowed } => reply.with_header("allow", allowed),
        Outcome::Booked
        | Outcome::Repeat
        | Outcome::Ignored(_)
        | Outcome::NotFound
        | Outcome::Forbidden
        | Outcome::TooLarge
        | Outcome::Malformed
        | Outcome::Unverified(_)
        | Outcome::Unverifiable
        | Outcome::Unparsed(_)
        | Outcome::Refused(_)
        | Outcome::Conflict
        | Outcome::Paused
        | Outcome::Unavailable
        | Outcome::Panicked => reply,
    }
}

const NOT_UNDERSTOOD: Ack = Ack::Refused(400, "Not understood");
const UNAVAILABLE: Ack = Ack::Refused(503, "Temporarily unavailable");

fn ack(outcome: &Outcome) -> Ack {
    match outcome {
        Outcome::Unparsed(_) => NOT_UNDERSTOOD,
        Outcome::Malformed => Ack::Refused(400, "Malformed request"),
        Outcome::Unverified(_) => Ack::Refused(401, "Not verified"),
        Outcome::Forbidden => Ack::Refused(403, "Forbidden"),
        Outcome::NotFound => Ack::Refused(404, "Not found"),
        Outcome::MethodNotAllowed { .. } => Ack::Refused(405, "Method not allowed"),
        Outcome::TooLarge => Ack::Refused(413, "Payload too large"),
        Outcome::Panicked => Ack::Refused(500, "Internal error"),
        Outcome::Paused | Outcome::Unavailable | Outcome::Unverifiable => UNAVAILABLE,
        Outcome::Booked | Outcome::Repeat | Outcome::Ignored(_) | Outcome::Conflict => Ack::Accepted,
        Outcome::Refused(reason) => match reason.class() {
            ReasonClass::Unparsed => NOT_UNDERSTOOD,
            ReasonClass::Unanswered => UNAVAILABLE,
            ReasonClass::InsufficientCredits
            | ReasonClass::UnknownKey
            | ReasonClass::NoPrice
            | ReasonClass::OutsideClockWindow
            | ReasonClass::Kept => Ack::Accepted,
        },
    }
}

fn v3(ack: &Ack) -> Reply {
    #[derive(Serialize)]
    struct Body {
        code: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<&'static str>,
    }
    match ack {
        Ack::Accepted => Reply::json(200, &Body { code: "SUCCESS", message: None }),
        Ack::Refused(status, message) => Reply::json(*status, &Body { code: "FAIL", message: Some(message) }),
    }
}

/// WeChat reads the body only of a 200, so a refusal has that status, too, except for a request that no source handled.
fn v2(ack: &Ack) -> Reply {
    let (status, code, message) = match ack {
        Ack::Accepted => (200, "SUCCESS", "OK"),
        Ack::Refused(status @ (403 | 404 | 405 | 413), message) => (*status, "FAIL", *message),
        Ack::Refused(_, message) => (200, "FAIL", *message),
    };
    let body = format!(
        "<xml><return_code><![CDATA[{code}]]></return_code><return_msg><![CDATA[{message}]]></return_msg></xml>"
    );
    Reply { status, headers: vec![("content-type", "text/xml; charset=utf-8".to_owned())], body }
}

fn cloudrun(ack: &Ack) -> Reply {
    #[derive(Serialize)]
    struct Body {
        errcode: u16,
        errmsg: &'static str,
    }
    match ack {
        Ack::Accepted => Reply::json(200, &Body { errcode: 0, errmsg: "OK" }),
        Ack::Refused(status, message) => Reply::json(*status, &Body { errcode: *status, errmsg: message }),
    }
}
