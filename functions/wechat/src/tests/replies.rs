//! The reply to each outcome, in each form.

use ledger::Reason;

use super::*;

#[test]
fn outcome_gives_the_reply_of_its_form() {
    let accepted = [
        Outcome::Booked,
        Outcome::Repeat,
        Outcome::Ignored("other_kind"),
        Outcome::Conflict,
        Outcome::Refused(Reason::OrderUnknown),
        Outcome::Refused(Reason::Unconfirmed),
        Outcome::Refused(Reason::AmountMismatch),
        Outcome::Refused(Reason::AttachMismatch),
        Outcome::Refused(Reason::MerchantMismatch),
        Outcome::Refused(Reason::OrderMismatch),
        Outcome::Refused(Reason::ProviderMismatch),
        Outcome::Refused(Reason::DuplicatePayment),
    ];
    for outcome in accepted {
        check(&outcome, 200, r#"{"code":"SUCCESS"}"#, (200, "SUCCESS", "OK"), r#"{"errcode":0,"errmsg":"OK"}"#);
    }
    let error = ParseError { field: "amount".to_owned(), problem: "is missing".to_owned(), event_id: None };
    let refused = [
        (Outcome::Unparsed(error), 400, "Not understood"),
        (Outcome::Refused(Reason::Unparsed), 400, "Not understood"),
        (Outcome::Malformed, 400, "Malformed request"),
        (Outcome::Unverified(VerifyError::Missing), 401, "Not verified"),
        (Outcome::Unverified(VerifyError::Malformed), 401, "Not verified"),
        (Outcome::Unverified(VerifyError::Stale), 401, "Not verified"),
        (Outcome::Unverified(VerifyError::BadSignature), 401, "Not verified"),
        (Outcome::Forbidden, 403, "Forbidden"),
        (Outcome::NotFound, 404, "Not found"),
        (Outcome::MethodNotAllowed { allowed: "POST".to_owned() }, 405, "Method not allowed"),
        (Outcome::TooLarge, 413, "Payload too large"),
        (Outcome::Panicked, 500, "Internal error"),
        (Outcome::Unavailable, 503, "Temporarily unavailable"),
        (Outcome::Refused(Reason::Unanswered), 503, "Temporarily unavailable"),
    ];
    for (outcome, status, message) in refused {
        // WeChat reads the body only of a 200 over APIv2.
        let of_v2 = if matches!(status, 403 | 404 | 405 | 413) { status } else { 200 };
        let v3 = format!(r#"{{"code":"FAIL","message":"{message}"}}"#);
        let cloudrun = format!(r#"{{"errcode":{status},"errmsg":"{message}"}}"#);
        check(&outcome, status, &v3, (of_v2, "FAIL", message), &cloudrun);
    }
}

fn check(outcome: &Outcome, status: u16, v3: &str, (of_v2, code, message): (u16, &str, &str), cloudrun: &str) {
    let v2 = format!(
        "<xml><return_code><![CDATA[{code}]]></return_code><return_msg><![CDATA[{message}]]></return_msg></xml>"
    );
    let rows = [(Form::V3, status, v3), (Form::V2, of_v2, &v2), (Form::CloudRun, status, cloudrun)];
    for (form, status, body) in rows {
        let reply = reply::reply(form, outcome);
        assert_eq!((reply.status, reply.body.as_str()), (status, body), "{form:?} {outcome:?}");
        let allow = reply.headers.iter().any(|(name, _)| *name == "allow");
        assert_eq!(allow, matches!(outcome, Outcome::MethodNotAllowed { .. }), "{form:?} {outcome:?}");
    }
}
