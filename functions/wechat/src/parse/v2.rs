//! Parses APIv2's flat XML: a payment, or the opened content of a refund. Verification uses the same XML reader.

use ledger::{Amount, Currency, Money, RefundState};
use providers::wechat::beijing;
use signing::wechat_v2::Fields;
use webhook::ParseError;

use super::{FAILED, Ids, MISSING, Notification, Report, UNKNOWN_VALUE, reference};

const SUCCESS: &str = "SUCCESS";
const FAIL: &str = "FAIL";
/// More digits than any payment has, and few enough for a `u64`.
const DIGITS_MAX: usize = 18;

const REFUND_STATES: [(&str, RefundState, bool); 3] = [
    ("SUCCESS", RefundState::Succeeded, false),
    ("REFUNDCLOSE", RefundState::Failed, false),
    // The buyer's bank rejected it. It can still succeed after a person redirects it, so it has not failed.
    ("CHANGE", RefundState::Pending, true),
];

pub(super) fn read(bytes: &[u8]) -> Result<Option<Notification>, ParseError> {
    let fields = Fields::read(bytes).ok_or_else(|| ParseError::new("body", "must be flat XML"))?;
    if fields.root() == "root" { refund(&fields).map(Some) } else { payment(&fields).map(Some) }
}

fn payment(fields: &Fields<'_>) -> Result<Notification, ParseError> {
    let result = required(fields, "result_code")?;
    let report = match (required(fields, "return_code")?, result) {
        (SUCCESS, SUCCESS) => {
            let at = fields
                .value("time_end")
                .map(|text| beijing(text).ok_or_else(|| ParseError::new("time_end", "is not a time")));
            Report::Payment {
                by: reference("transaction_id", required(fields, "transaction_id")?)?,
                money: Money { amount: fen(fields, "total_fee")?, currency: currency(fields)? },
                at: at.transpose()?,
            }
        }
        (SUCCESS, FAIL) => FAILED,
        (SUCCESS, _) => return Err(ParseError::new("result_code", UNKNOWN_VALUE)),
        (_, _) => return Err(ParseError::new("return_code", UNKNOWN_VALUE)),
    };
    let id = |name: &str| fields.value(name).map(str::to_owned);
    let ids =
        Ids { mch_id: id("mch_id"), app_id: id("appid"), sub_mch_id: id("sub_mch_id"), sub_app_id: id("sub_appid") };
    let order = Some(required(fields, "out_trade_no")?.to_owned());
    Ok(Notification { ids, order, attach: id("attach"), state: result.to_owned(), report })
}

/// A refund names no merchant: that our key opened it identifies the merchant.
fn refund(fields: &Fields<'_>) -> Result<Notification, ParseError> {
    let status = required(fields, "refund_status")?;
    let known = REFUND_STATES.iter().find(|(word, ..)| *word == status);
    let (_, state, is_stuck) = known.ok_or_else(|| ParseError::new("refund_status", UNKNOWN_VALUE))?;
    let report = Report::Refund {
        of: reference("transaction_id", required(fields, "transaction_id")?)?,
        id: required(fields, "refund_id")?.to_owned(),
        number: required(fields, "out_refund_no")?.to_owned(),
        money: Money { amount: fen(fields, "refund_fee")?, currency: Currency::CNY },
        state: *state,
        is_stuck: *is_stuck,
    };
    let order = Some(required(fields, "out_trade_no")?.to_owned());
    Ok(Notification { ids: Ids::default(), order, attach: None, state: status.to_owned(), report })
}

fn required<'b>(fields: &Fields<'b>, name: &str) -> Result<&'b str, ParseError> {
    fields.value(name).ok_or_else(|| ParseError::new(name, MISSING))
}

/// Only digits, without leading zeros.
fn fen(fields: &Fields<'_>, name: &str) -> Result<Amount, ParseError> {
    let text = required(fields, name)?;
    let is_plain = text.len() <= DIGITS_MAX && text.bytes().all(|byte| byte.is_ascii_digit());
    let fen = text.parse().ok().filter(|_| is_plain && (text == "0" || !text.starts_with('0')));
    fen.map(Amount::from_units).ok_or_else(|| ParseError::new(name, "must be a whole number that is not negative"))
}

fn currency(fields: &Fields<'_>) -> Result<Currency, ParseError> {
    let named = fields.value("fee_type").map_or(Ok(Currency::CNY), Currency::parse);
    named.map_err(|error| ParseError::new("fee_type", &error.to_string()))
}
