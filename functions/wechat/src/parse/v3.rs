//! Parses APIv3's decrypted resource: a transaction or a refund, of a direct merchant or a service provider's.

use ledger::{RefundState, Timestamp};
use providers::TradeState;
use webhook::{JsonObject, ParseError};

use super::fields::{required, required_money, text};
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
    let body = JsonObject::of_body(bytes)?;
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

fn transaction(body: &JsonObject<'_>) -> Result<Notification, ParseError> {
    let state = required(body, "trade_state")?;
    let known = TradeState::named(&state).ok_or_else(|| body.problem("trade_state", UNKNOWN_VALUE))?;
    let report = if let Some(report) = unpaid(known) {
        report
    } else {
        let amount = body.required("amount")?.object()?;
        let at = text(body, "success_time")?.map(|text| time(body, &text)).transpose()?;
        let by = reference("transaction_id", &required(body, "transaction_id")?)?;
        Report::Payment { by, money: required_money(&amount, "total", "currency")?, at }
    };
    Ok(Notification {
        ids: ids(body)?,
        order: Some(required(body, "out_trade_no")?),
        attach: text(body, "attach")?,
        state,
        report,
    })
}

fn refund(body: &JsonObject<'_>) -> Result<Notification, ParseError> {
    let status = required(body, "refund_status")?;
    let known = REFUND_STATES.iter().find(|(word, ..)| *word == status);
    let (_, state, is_stuck) = known.ok_or_else(|| body.problem("refund_status", UNKNOWN_VALUE))?;
    let amount = body.required("amount")?.object()?;
    let report = Report::Refund {
        of: reference("transaction_id", &required(body, "transaction_id")?)?,
        id: required(body, "refund_id")?,
        number: required(body, "out_refund_no")?,
        money: required_money(&amount, "refund", "currency")?,
        state: *state,
        is_stuck: *is_stuck,
    };
    Ok(Notification {
        ids: ids(body)?,
        order: Some(required(body, "out_trade_no")?),
        attach: None,
        state: status,
        report,
    })
}

fn ids(body: &JsonObject<'_>) -> Result<Ids, ParseError> {
    Ok(Ids {
        mch_id: text(body, "mchid")?.or(text(body, "sp_mchid")?),
        app_id: text(body, "appid")?.or(text(body, "sp_appid")?),
        sub_mch_id: text(body, "sub_mchid")?,
        sub_app_id: text(body, "sub_appid")?,
    })
}

fn time(body: &JsonObject<'_>, text: &str) -> Result<Timestamp, ParseError> {
    Timestamp::parse_rfc3339(text).map_err(|error| body.problem("success_time", &error.to_string()))
}
