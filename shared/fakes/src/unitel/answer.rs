//! Response bodies of the Unitel fake, and the validation of requests.

use serde_json::{Value, json};

use super::{Answered, Wait};

const PHONE_DIGITS: usize = 8;

pub(super) fn json(status: u16, body: &Value) -> Answered {
    Answered { status, body: body.to_string(), wait: Wait::None }
}

pub(super) fn unauthorized(status: u16) -> Answered {
    json(status, &json!({ "result": "401", "msg": "Unauthorized" }))
}

pub(super) fn failed(code: &str) -> Answered {
    json(200, &json!({ "result": "failed", "code": code, "msg": "Transaction failed" }))
}

pub(super) fn pending(seq: &str) -> Answered {
    json(200, &json!({ "result": "pending", "code": "001", "msg": "In progress", "seq": seq }))
}

pub(super) fn done(seq: &str) -> Answered {
    let bill = json!({
        "billId": "000000000000000000000000000000001",
        "amount": "5000.00",
        "vat": "454.55",
        "lottery": "AA 00000000",
        "qrData": "0000000000000000",
        "stocks": [{ "code": "84130", "name": "Airtime", "qty": "1.00", "totalAmount": "5000.00" }],
        "success": true,
    });
    let body = json!({
        "result": "success",
        "code": "000",
        "msg": "Success",
        "sv_id": null,
        "seq": seq,
        "method": "cash",
        "vat": bill,
    });
    json(200, &body)
}

/// Parses a complete request into the phone and the caller's order number.
pub(super) fn parse_request<'v>(path: &str, request: &'v Value) -> Option<(&'v str, &'v str)> {
    let specific = match path {
        "/service/recharge" => "card",
        "/service/datapackage" => "package",
        _ => "remark",
    };
    let transaction = request.pointer("/transactions/0")?;
    let amount = text(transaction, "amount")?;
    if specific == "remark" && text(request, "amount") != Some(amount) {
        return None;
    }
    let is_amount = amount.split_once('.').is_some_and(|(whole, fraction)| {
        !whole.is_empty() && fraction.len() == 2 && [whole, fraction].iter().all(|part| is_digits(part))
    });
    let flag = text(request, "vatflag")?;
    let is_billed = match flag {
        "0" => request.get("vat_register_no").and_then(Value::as_str) == Some(""),
        "1" => text(request, "vat_register_no").is_some(),
        _ => false,
    };
    text(request, specific)?;
    text(transaction, "description")?;
    let phone = text(request, "msisdn").filter(|phone| phone.len() == PHONE_DIGITS && is_digits(phone))?;
    let order = text(transaction, "journal_id")?;
    (is_amount && is_billed).then_some((phone, order))
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}
