//! The unified order of CloudRun: unauthenticated JSON calls that only WeChat's cloud can reach. Our forwarder, a
//! container in that cloud, passes each call on. We sign each request to it and accept only the responses that it
//! signed.

use std::sync::Arc;

use ledger::{Amount, Currency, Deadline, Money, OrderNumber, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use signing::forwarder;

use super::{CloudRunConfig, WechatConfig, WechatIds, WechatKeys, attach, beijing, word};
use crate::http::{Answer, Http, Outgoing};
use crate::retry::{attempt, is_retryable, retry};
use crate::{CallError, NewPayment, Payable, Payer, Queried, TradeState};

const SUCCESS: &str = "SUCCESS";
/// Callbacks go to a container rather than a cloud function.
const TO_CONTAINER: u8 = 2;
/// WeChat requires the buyer's address, which is unknown here.
const NO_ADDRESS: &str = "127.0.0.1";

#[derive(Debug, Clone)]
pub struct CloudRun {
    http: Http,
    base: String,
    ids: WechatIds,
    cloud: CloudRunConfig,
    keys: Arc<WechatKeys>,
}

impl CloudRun {
    pub(super) fn new(http: Http, config: &WechatConfig, cloud: &CloudRunConfig, keys: Arc<WechatKeys>) -> Self {
        Self { http, base: config.base.clone(), ids: config.ids.clone(), cloud: cloud.clone(), keys }
    }

    pub(super) async fn create(
        &self,
        new: &NewPayment,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<Payable, CallError> {
        if new.money.currency != Currency::CNY {
            return Err(CallError::Unreadable);
        }
        let CloudRunConfig { env, service, path } = &self.cloud;
        let mut body = json!({
            "body": new.description,
            "out_trade_no": new.order.as_str(),
            "spbill_create_ip": NO_ADDRESS,
            "env_id": env,
            "sub_mch_id": self.ids.payee(),
            "total_fee": u64::try_from(new.money.amount.units()).unwrap_or(u64::MAX),
            "callback_type": TO_CONTAINER,
            "container": { "service": service, "path": format!("{path}/{}", new.order) },
            "attach": attach(&new.order),
        });
        let (name, value) = match &new.payer {
            Payer::OpenId(open_id) => ("openid", json!(open_id)),
            Payer::Scan => ("trade_type", json!("NATIVE")),
        };
        if let Some(body) = body.as_object_mut() {
            body.insert(name.to_owned(), value);
        }
        let created: CreateResponse = self.call("unifiedorder", &body, now, deadline).await?;
        match (&new.payer, created) {
            (Payer::OpenId(_), CreateResponse { payment: Some(payment), .. }) => {
                Ok(payment.in_app(self.ids.payee_app()))
            }
            (Payer::Scan, CreateResponse { code_url: Some(code_url), .. }) => Ok(Payable::CodeUrl(code_url)),
            (Payer::OpenId(_) | Payer::Scan, _) => Err(CallError::Unreadable),
        }
    }

    pub(super) async fn query(
        &self,
        order: &OrderNumber,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<Option<Queried>, CallError> {
        match self.call("queryorder", &self.of(order), now, deadline).await {
            Err(CallError::Refused { code: Some(code), .. }) if code == "ORDERNOTEXIST" => Ok(None),
            response => self.queried(order, response?).map(Some),
        }
    }

    pub(super) async fn close(&self, order: &OrderNumber, now: Timestamp, deadline: Deadline) -> Result<(), CallError> {
        match self.call("closeorder", &self.of(order), now, deadline).await {
            Err(CallError::Refused { code: Some(code), .. })
                if ["ORDERCLOSED", "ORDERNOTEXIST"].contains(&code.as_str()) =>
            {
                Ok(())
            }
            answer => answer.map(|_: Value| ()),
        }
    }

    fn of(&self, order: &OrderNumber) -> Value {
        json!({ "out_trade_no": order.as_str(), "sub_mch_id": self.ids.payee() })
    }

    async fn call<T: DeserializeOwned>(
        &self,
        what: &str,
        body: &Value,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<T, CallError> {
        // A deployment without queries has no keys, and sends nothing.
        let keys = self.keys.forwarder.as_ref().ok_or(CallError::Unreadable)?;
        let (path, body) = (format!("/_/pay/{what}"), body.to_string());
        // Each attempt has its own nonce: the forwarder rejects a repeated nonce, and a response to one attempt cannot
        // replay as the response to another.
        let send = || self.attempt(keys, &path, &body, now);
        let answer = retry(&self.http, send, deadline).await?;
        match answer.status {
            200..300 => parse_response(&answer.body),
            400..500 => Err(CallError::Refused { status: answer.status, kind: None, code: None }),
            500.. => Err(CallError::Failed { status: answer.status }),
            _ => Err(CallError::Unreadable),
        }
    }

    /// A response without a signature for this attempt counts as no answer, whatever its status.
    async fn attempt(
        &self,
        keys: &forwarder::Keys,
        path: &str,
        body: &str,
        now: Timestamp,
    ) -> Result<Answer, CallError> {
        let (method, nonce) = ("POST", self.http.nonce());
        let call = forwarder::Call { method, path, body: body.as_bytes() };
        let authorization = forwarder::sign_call(keys, call, &nonce, now.unix_s());
        let outgoing = Outgoing {
            method,
            url: format!("{}{path}", self.base),
            headers: vec![("content-type", "application/json"), (forwarder::AUTHORIZATION, &authorization)],
            body: body.to_owned(),
        };
        let answer = attempt(&self.http, &outgoing).await?;
        let signature = answer.header(forwarder::SIGNATURE).unwrap_or_default();
        match forwarder::verify_answer(keys, &nonce, answer.status, &answer.body, signature, now.unix_s()) {
            Ok(_) => Ok(answer),
            Err(error) => {
                tracing::warn!(
                    status = answer.status,
                    reason = error.label(),
                    "a response has no valid signature of the forwarder"
                );
                // A proxy before a stopped container sends such a status without a signature, and a retry can succeed.
                Err(if is_retryable(answer.status) { CallError::NoAnswer } else { CallError::Unsigned })
            }
        }
    }

    /// Rejects a response about another order or another merchant.
    fn queried(&self, order: &OrderNumber, response: OrderResponse) -> Result<Queried, CallError> {
        let merchant = response.sub_mch_id.filter(|id| !id.is_empty()).or(response.mch_id).unwrap_or_default();
        if response.out_trade_no != order.as_str() || merchant != self.ids.payee() {
            return Err(CallError::Unreadable);
        }
        let currency = response.fee_type.as_deref().filter(|code| !code.is_empty());
        let currency = currency.map_or(Ok(Currency::CNY), Currency::parse).map_err(|_| CallError::Unreadable)?;
        let paid_at = response.time_end.filter(|text| !text.is_empty());
        Ok(Queried {
            order: order.clone(),
            state: TradeState::named(&response.trade_state).ok_or(CallError::Unreadable)?,
            transaction: response.transaction_id.filter(|id| !id.is_empty()),
            money: response.total_fee.map(|fen| Money { amount: Amount::from_units(fen), currency }),
            merchant,
            // Not `appid`, which is Tencent's own.
            app: response.sub_appid.unwrap_or_default(),
            attach: response.attach.filter(|text| !text.is_empty()),
            paid_at: paid_at.map(|text| beijing(&text).ok_or(CallError::Unreadable)).transpose()?,
        })
    }
}

/// Checks the three status layers of a response: the cloud's, the interface's and the operation's.
fn parse_response<T: DeserializeOwned>(body: &[u8]) -> Result<T, CallError> {
    #[derive(Deserialize)]
    struct CloudResponse {
        errcode: i64,
        respdata: Option<Value>,
    }
    #[derive(Deserialize)]
    struct ResultCodes {
        #[serde(rename = "return_code")]
        returned: String,
        #[serde(rename = "result_code")]
        resulted: Option<String>,
        #[serde(rename = "err_code")]
        why: Option<String>,
    }
    let refused = |code: Option<String>| CallError::Refused { status: 200, kind: None, code: word(code) };
    let CloudResponse { errcode, respdata } = serde_json::from_slice(body).map_err(|_| CallError::Unreadable)?;
    if errcode != 0 {
        return Err(refused(Some(errcode.to_string())));
    }
    let data = respdata.ok_or(CallError::Unreadable)?;
    let codes = ResultCodes::deserialize(&data).map_err(|_| CallError::Unreadable)?;
    if codes.returned != SUCCESS || codes.resulted.as_deref() != Some(SUCCESS) {
        return Err(refused(codes.why));
    }
    serde_json::from_value(data).map_err(|_| CallError::Unreadable)
}

#[derive(Deserialize)]
struct CreateResponse {
    payment: Option<Payment>,
    code_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payment {
    app_id: Option<String>,
    time_stamp: String,
    nonce_str: String,
    package: String,
    sign_type: String,
    pay_sign: String,
}

impl Payment {
    fn in_app(self, app_id: &str) -> Payable {
        Payable::InApp {
            app_id: self.app_id.unwrap_or_else(|| app_id.to_owned()),
            time_stamp: self.time_stamp,
            nonce: self.nonce_str,
            package: self.package,
            sign_type: self.sign_type,
            pay_sign: self.pay_sign,
        }
    }
}

#[derive(Deserialize)]
struct OrderResponse {
    mch_id: Option<String>,
    sub_appid: Option<String>,
    sub_mch_id: Option<String>,
    out_trade_no: String,
    transaction_id: Option<String>,
    trade_state: String,
    total_fee: Option<u64>,
    fee_type: Option<String>,
    attach: Option<String>,
    time_end: Option<String>,
}
