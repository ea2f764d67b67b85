//! CloudRun: flat JSON as WeChat's cloud hands it to our container, which forwards it. Tencent takes the payment there, as a service
//! provider, for the merchant whom `subMchId` names. Containers forward more or less of it: what is left out is asked for.

use providers::wechat::beijing;
use webhook::ParseError;

use super::json::Object;
use super::{FAILED, Ids, Report, Told, UNKNOWN_WORD, reference};

const SUCCESS: &str = "SUCCESS";
const FAIL: &str = "FAIL";

/// `None` of what only says that something went wrong on the way.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Told>, ParseError> {
    let body = Object::of_body(bytes)?;
    match body.required("returnCode")?.as_str() {
        SUCCESS => {}
        FAIL => return Ok(None),
        _ => return Err(body.problem("returnCode", UNKNOWN_WORD)),
    }
    let result = body.required("resultCode")?;
    let report = match result.as_str() {
        SUCCESS => {
            let no_time = || body.problem("timeEnd", "is no time");
            let at = body.text("timeEnd")?.map(|text| beijing(&text).ok_or_else(no_time)).transpose()?;
            let by = reference("transactionId", &body.required("transactionId")?)?;
            Report::Payment { by, money: body.money("totalFee", "feeType")?, at }
        }
        FAIL => FAILED,
        _ => return Err(body.problem("resultCode", UNKNOWN_WORD)),
    };
    let ids =
        Ids { mch_id: None, app_id: None, sub_mch_id: body.text("subMchId")?, sub_app_id: body.text("subAppid")? };
    Ok(Some(Told { ids, order: body.text("outTradeNo")?, attach: body.text("attach")?, state: result, report }))
}
