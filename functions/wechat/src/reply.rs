//! What the sender is told, in its own form: one row for every outcome. Whatever is kept is acknowledged, a refusal too: sending it
//! again would change nothing, and what can be cured is tried again from the books. What is not kept, and what we did not understand,
//! is sent again: by APIv3 and APIv2 for a day, by CloudRun for two.

use edge::Reply;
use ledger::ReasonClass;
use serde::Serialize;
use webhook::Outcome;

use crate::Form;

/// What an outcome comes down to.
enum Told {
    Accepted,
    Refused(u16, &'static str),
}

pub(crate) fn reply(form: Form, outcome: &Outcome) -> Reply {
    let told = told(outcome);
    let reply = match form {
        Form::V3 => v3(&told),
        Form::V2 => v2(&told),
        Form::CloudRun => cloudrun(&told),
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
        | Outcome::Unavailable
        | Outcome::Panicked => reply,
    }
}

const NOT_UNDERSTOOD: Told = Told::Refused(400, "Not understood");
const UNAVAILABLE: Told = Told::Refused(503, "Temporarily unavailable");

fn told(outcome: &Outcome) -> Told {
    match outcome {
        Outcome::Unparsed(_) => NOT_UNDERSTOOD,
        Outcome::Malformed => Told::Refused(400, "Malformed request"),
        Outcome::Unverified(_) => Told::Refused(401, "Not verified"),
        Outcome::Forbidden => Told::Refused(403, "Forbidden"),
        Outcome::NotFound => Told::Refused(404, "Not found"),
        Outcome::MethodNotAllowed { .. } => Told::Refused(405, "Method not allowed"),
        Outcome::TooLarge => Told::Refused(413, "Payload too large"),
        Outcome::Panicked => Told::Refused(500, "Internal error"),
        Outcome::Unavailable | Outcome::Unverifiable => UNAVAILABLE,
        Outcome::Booked | Outcome::Repeat | Outcome::Ignored(_) | Outcome::Conflict => Told::Accepted,
        Outcome::Refused(reason) => match reason.class() {
            ReasonClass::Unparsed => NOT_UNDERSTOOD,
            ReasonClass::Unanswered => UNAVAILABLE,
            ReasonClass::InsufficientCredits
            | ReasonClass::UnknownKey
            | ReasonClass::OutsideClockWindow
            | ReasonClass::Kept => Told::Accepted,
        },
    }
}

fn v3(told: &Told) -> Reply {
    #[derive(Serialize)]
    struct Body {
        code: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<&'static str>,
    }
    match told {
        Told::Accepted => Reply::json(200, &Body { code: "SUCCESS", message: None }),
        Told::Refused(status, message) => Reply::json(*status, &Body { code: "FAIL", message: Some(message) }),
    }
}

/// WeChat reads the body of a 200 and of nothing else, so that a refusal is one too. What no function has looked at is none.
fn v2(told: &Told) -> Reply {
    let (status, code, message) = match told {
        Told::Accepted => (200, "SUCCESS", "OK"),
        Told::Refused(status @ (403 | 404 | 405 | 413), message) => (*status, "FAIL", *message),
        Told::Refused(_, message) => (200, "FAIL", *message),
    };
    let body = format!(
        "<xml><return_code><![CDATA[{code}]]></return_code><return_msg><![CDATA[{message}]]></return_msg></xml>"
    );
    Reply { status, headers: vec![("content-type", "text/xml; charset=utf-8".to_owned())], body }
}

fn cloudrun(told: &Told) -> Reply {
    #[derive(Serialize)]
    struct Body {
        errcode: u16,
        errmsg: &'static str,
    }
    match told {
        Told::Accepted => Reply::json(200, &Body { errcode: 0, errmsg: "OK" }),
        Told::Refused(status, message) => Reply::json(*status, &Body { errcode: *status, errmsg: message }),
    }
}
