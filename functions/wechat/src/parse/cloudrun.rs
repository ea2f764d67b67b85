//! CloudRun: flat JSON as WeChat's cloud hands it to our container, which forwards it. Tencent takes the payment there, as a service
//! provider, for the merchant whom `subMchId` names. Containers forward more or less of it: what is left out is asked for.

use providers::wechat::beijing;
use webhook::ParseError;

use super::json::Object;
use super::{FAILED, Hint, Ids, Report, Told, UNKNOWN_WORD, reference};

const SUCCESS: &str = "SUCCESS";
const FAIL: &str = "FAIL";
const OF_REFUNDS: [&str; 4] = ["outRefundNo", "refundId", "refundFee", "refundStatus"];

/// `None` of what only says that something went wrong on the way.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Told>, ParseError> {
    let body = Object::of_body(bytes)?;
    match body.required("returnCode")?.as_str() {
        SUCCESS => {}
        FAIL => return Ok(None),
        _ => return Err(body.problem("returnCode", UNKNOWN_WORD)),
    }
    // What CloudRun says of a refund has no published form. It must not pass for a payment.
    if let Some(name) = OF_REFUNDS.into_iter().find(|name| body.has(name)) {
        return Err(body.problem(name, "is of a refund, whose form is not known"));
    }
    let result = body.required("resultCode")?;
    let report = match result.as_str() {
        SUCCESS => {
            let no_time = || body.problem("timeEnd", "is no time");
            let at = body.text("timeEnd")?.map(|text| beijing(&text).ok_or_else(no_time)).transpose()?;
            let by = body.text("transactionId")?.map(|id| reference("transactionId", &id)).transpose()?;
            match (by, body.money_if_named("totalFee", "feeType")?) {
                (Some(by), Some(money)) => Report::Payment { by, money, at },
                (by, money) => Report::Hint(Hint { by, money }),
            }
        }
        FAIL => FAILED,
        _ => return Err(body.problem("resultCode", UNKNOWN_WORD)),
    };
    let ids =
        Ids { mch_id: None, app_id: None, sub_mch_id: body.text("subMchId")?, sub_app_id: body.text("subAppid")? };
    Ok(Some(Told { ids, order: body.text("outTradeNo")?, attach: body.text("attach")?, state: result, report }))
}
