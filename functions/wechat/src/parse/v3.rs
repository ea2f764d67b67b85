//! Parses APIv3's decrypted resource: a transaction or a refund, of a direct merchant or a service provider's.

use ledger::{RefundState, Timestamp};
use providers::TradeState;
use webhook::ParseError;

use super::json::Object;
use super::{Ids, Notification, Report, UNKNOWN_VALUE, reference, unpaid};

const REFUND_STATES: [(&str, RefundState, bool); 4] = [
    ("PROCESSING", RefundState::Pending, false),
    ("SUCCESS", RefundState::Succeeded, false),
    ("CLOSED", RefundState::Failed, false),
    // The buyer's bank rejected it. It can still succeed after a person redirects it, so it has not failed.
    ("ABNORMAL", RefundState::Pending, true),
];

/// `None` for any other resource.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Notification>, ParseError> {
    let body = Object::of_body(bytes)?;
    if body.has("refund_id") || body.has("refund_status") {
        return refund(&body).map(Some);
    }
    // We create no combined payments, and one must not be ignored as another kind.
    if body.has("combine_out_trade_no") {
        return Err(body.problem("combine_out_trade_no", "is a combined payment, which is not supported"));
    }
    let is_transaction = ["trade_state", "transaction_id", "out_trade_no"].iter().any(|name| body.has(name));
    if is_transaction { transaction(&body).map(Some) } else { Ok(None) }
}

fn transaction(body: &Object<'_>) -> Result<Notification, ParseError> {
    let state = body.required("trade_state")?;
    let known = TradeState::named(&state).ok_or_else(|| body.problem("trade_state", UNKNOWN_VALUE))?;
    let report = if let Some(report) = unpaid(known) {
        report
    } else {
        let amount = body.object("amount")?.ok_or_else(|| body.problem("amount", super::MISSING))?;
        let at = body.text("success_time")?.map(|text| time(body, &text)).transpose()?;
        let by = reference("transaction_id", &body.required("transaction_id")?)?;
        Report::Payment { by, money: amount.money("total", "currency")?, at }
    };
    Ok(Notification {
        ids: ids(body)?,
        order: Some(body.required("out_trade_no")?),
        attach: body.text("attach")?,
        state,
        report,
    })
}

fn refund(body: &Object<'_>) -> Result<Notification, ParseError> {
    let status = body.required("refund_status")?;
    let known = REFUND_STATES.iter().find(|(word, ..)| *word == status);
    let (_, state, is_stuck) = known.ok_or_else(|| body.problem("refund_status", UNKNOWN_VALUE))?;
    let amount = body.object("amount")?.ok_or_else(|| body.problem("amount", super::MISSING))?;
    let report = Report::Refund {
        of: reference("transaction_id", &body.required("transaction_id")?)?,
        id: body.required("refund_id")?,
        number: body.required("out_refund_no")?,
        money: amount.money("refund", "currency")?,
        state: *state,
        is_stuck: *is_stuck,
    };
    Ok(Notification {
        ids: ids(body)?,
        order: Some(body.required("out_trade_no")?),
        attach: None,
        state: status,
        report,
    })
}

fn ids(body: &Object<'_>) -> Result<Ids, ParseError> {
    Ok(Ids {
        mch_id: body.text("mchid")?.or(body.text("sp_mchid")?),
        app_id: body.text("appid")?.or(body.text("sp_appid")?),
        sub_mch_id: body.text("sub_mchid")?,
        sub_app_id: body.text("sub_appid")?,
    })
}

fn time(body: &Object<'_>, text: &str) -> Result<Timestamp, ParseError> {
    Timestamp::parse_rfc3339(text).map_err(|error| body.problem("success_time", &error.to_string()))
}
