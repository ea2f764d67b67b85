//! The unified order of CloudRun: JSON to an address that only WeChat's cloud can reach, and that therefore asks for no key. Our own
//! container there hands each call on: we sign what we send to it, and believe of its answers those alone that it has signed.

use std::sync::Arc;

use ledger::{Amount, Currency, Deadline, Money, OrderNumber, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use signing::forwarder;

use super::{CloudRunConfig, WechatConfig, WechatIds, WechatKeys, attach, beijing, word};
use crate::http::{Answer, Http, Outgoing};
use crate::retry::{ask_anew, attempt, passes};
use crate::{CallError, NewPayment, Payable, Payer, Queried, TradeState};

const SUCCESS: &str = "SUCCESS";
/// To a container, and not to a cloud function.
const TO_CONTAINER: u8 = 2;
/// The buyer's address is not known here, and WeChat wants one.
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
        let created: Created = self.call("unifiedorder", &body, now, deadline).await?;
        match (&new.payer, created) {
            (Payer::OpenId(_), Created { payment: Some(payment), .. }) => Ok(payment.in_app(self.ids.payee_app())),
            (Payer::Scan, Created { code_url: Some(code_url), .. }) => Ok(Payable::CodeUrl(code_url)),
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
            written => self.queried(order, written?).map(Some),
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
        // There is none in a deployment that asks nobody: then nothing is sent.
        let keys = self.keys.forwarder.as_ref().ok_or(CallError::Unreadable)?;
        let (path, body) = (format!("/_/pay/{what}"), body.to_string());
        // Each attempt is a call with a nonce of its own: the forwarder takes none twice, and no answer to one is an answer to another.
        let ask = || self.attempt(keys, &path, &body, now);
        let answer = ask_anew(&self.http, ask, deadline).await?;
        match answer.status {
            200..300 => answered(&answer.body),
            400..500 => Err(CallError::Refused { status: answer.status, kind: None, code: None }),
            500.. => Err(CallError::Failed { status: answer.status }),
            _ => Err(CallError::Unreadable),
        }
    }

    /// Whoever answers without a signature for this very call has not answered, whatever the status.
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
                    "an answer of the forwarder is not its own"
                );
                // What stands before a container that is down answers so, and it passes.
                Err(if passes(answer.status) { CallError::NoAnswer } else { CallError::Unsigned })
            }
        }
    }

    /// What is said of another order or of another merchant's is no answer.
    fn queried(&self, order: &OrderNumber, written: Written) -> Result<Queried, CallError> {
        let merchant = written.sub_mch_id.filter(|id| !id.is_empty()).or(written.mch_id).unwrap_or_default();
        if written.out_trade_no != order.as_str() || merchant != self.ids.payee() {
            return Err(CallError::Unreadable);
        }
        let currency = written.fee_type.as_deref().filter(|code| !code.is_empty());
        let currency = currency.map_or(Ok(Currency::CNY), Currency::parse).map_err(|_| CallError::Unreadable)?;
        let paid_at = written.time_end.filter(|text| !text.is_empty());
        Ok(Queried {
            order: order.clone(),
            state: TradeState::named(&written.trade_state).ok_or(CallError::Unreadable)?,
            transaction: written.transaction_id.filter(|id| !id.is_empty()),
            money: written.total_fee.map(|fen| Money { amount: Amount::from_units(fen), currency }),
            merchant,
            // Not `appid`: that is Tencent's own.
            app: written.sub_appid.unwrap_or_default(),
            attach: written.attach.filter(|text| !text.is_empty()),
            paid_at: paid_at.map(|text| beijing(&text).ok_or(CallError::Unreadable)).transpose()?,
        })
    }
}

/// Whether the cloud took the call, whether the interface did, and whether it worked: three answers in one.
fn answered<T: DeserializeOwned>(body: &[u8]) -> Result<T, CallError> {
    #[derive(Deserialize)]
    struct Cloud {
        errcode: i64,
        respdata: Option<Value>,
    }
    #[derive(Deserialize)]
    struct Told {
        #[serde(rename = "return_code")]
        returned: String,
        #[serde(rename = "result_code")]
        resulted: Option<String>,
        #[serde(rename = "err_code")]
        why: Option<String>,
    }
    let refused = |code: Option<String>| CallError::Refused { status: 200, kind: None, code: word(code) };
    let Cloud { errcode, respdata } = serde_json::from_slice(body).map_err(|_| CallError::Unreadable)?;
    if errcode != 0 {
        return Err(refused(Some(errcode.to_string())));
    }
    let data = respdata.ok_or(CallError::Unreadable)?;
    let told = Told::deserialize(&data).map_err(|_| CallError::Unreadable)?;
    if told.returned != SUCCESS || told.resulted.as_deref() != Some(SUCCESS) {
        return Err(refused(told.why));
    }
    serde_json::from_value(data).map_err(|_| CallError::Unreadable)
}

#[derive(Deserialize)]
struct Created {
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
struct Written {
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
