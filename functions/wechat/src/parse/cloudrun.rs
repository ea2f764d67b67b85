//! Parses CloudRun's flat JSON, which WeChat's cloud passes to our container and the container forwards. Tencent takes
//! the payment as a service provider for the merchant in `subMchId`. Containers may leave out fields; a query supplies
//! them.

use providers::wechat::beijing;
use webhook::{JsonObject, ParseError};

use super::fields::{money, required, text};
use super::{FAILED, Hint, Ids, Notification, Report, UNKNOWN_VALUE, reference};

const SUCCESS: &str = "SUCCESS";
const FAIL: &str = "FAIL";
const OF_REFUNDS: [&str; 4] = ["outRefundNo", "refundId", "refundFee", "refundStatus"];

/// `None` for a notification of a communication error only.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Notification>, ParseError> {
    let body = JsonObject::of_body(bytes)?;
    match required(&body, "returnCode")?.as_str() {
        SUCCESS => {}
        FAIL => return Ok(None),
        _ => return Err(body.problem("returnCode", UNKNOWN_VALUE)),
    }
    // CloudRun documents no form for refunds. A refund must not pass for a payment.
    if let Some(name) = OF_REFUNDS.into_iter().find(|name| body.has(name)) {
        return Err(body.problem(name, "belongs to a refund, which CloudRun does not document"));
    }
    let result = required(&body, "resultCode")?;
    let report = match result.as_str() {
        SUCCESS => {
            let no_time = || body.problem("timeEnd", "is not a time");
            let at = text(&body, "timeEnd")?.map(|text| beijing(&text).ok_or_else(no_time)).transpose()?;
            let by = text(&body, "transactionId")?.map(|id| reference("transactionId", &id)).transpose()?;
            match (by, money(&body, "totalFee", "feeType")?) {
                (Some(by), Some(money)) => Report::Payment { by, money, at },
                (by, money) => Report::Hint(Hint { by, money }),
            }
        }
        FAIL => FAILED,
        _ => return Err(body.problem("resultCode", UNKNOWN_VALUE)),
    };
    let ids =
        Ids { mch_id: None, app_id: None, sub_mch_id: text(&body, "subMchId")?, sub_app_id: text(&body, "subAppid")? };
    Ok(Some(Notification {
        ids,
        order: text(&body, "outTradeNo")?,
        attach: text(&body, "attach")?,
        state: result,
        report,
    }))
}
