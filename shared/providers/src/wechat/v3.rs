//! APIv3 of WeChat Pay: signs requests and verifies the signatures of responses.

use std::sync::Arc;

use ledger::{Amount, Currency, Deadline, Money, OrderNumber, RefundState, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use signing::wechat_v3::{self, Headers, Merchant};

use super::{QueriedRefund, QueriedTransaction, WechatConfig, WechatIds, WechatKeys, attach, word};
use crate::form::escaped;
use crate::http::{Answer, Http, Outgoing};
use crate::retry::send_with_retries;
use crate::{CallError, NewPayment, Payable, Payer, Queried, TradeState};

const SIGN_TYPE: &str = "RSA";

#[derive(Debug, Clone)]
pub struct V3 {
    http: Http,
    base: String,
    ids: WechatIds,
    merchant_serial: String,
    notify_url: String,
    keys: Arc<WechatKeys>,
}

impl V3 {
    pub(super) fn new(
        http: Http,
        config: &WechatConfig,
        merchant_serial: &str,
        notify_url: &str,
        keys: Arc<WechatKeys>,
    ) -> Self {
        Self {
            http,
            base: config.base.clone(),
            ids: config.ids.clone(),
            merchant_serial: merchant_serial.to_owned(),
            notify_url: notify_url.to_owned(),
            keys,
        }
    }

    pub(super) async fn create(
        &self,
        new: &NewPayment,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<Payable, CallError> {
        #[derive(Deserialize)]
        struct CreateResponse {
            prepay_id: Option<String>,
            code_url: Option<String>,
        }
        let kind = match new.payer {
            Payer::OpenId(_) => "jsapi",
            Payer::Scan => "native",
        };
        let body = self.new_payment(new).to_string();
        let answer = self.call("POST", &format!("{}/{kind}", self.transactions()), body, now, deadline).await?;
        let created: CreateResponse = read(&answer)?;
        match (&new.payer, created) {
            (Payer::OpenId(_), CreateResponse { prepay_id: Some(prepay_id), .. }) => self.in_app(&prepay_id, now),
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
        let path = format!("{}/out-trade-no/{order}?{}", self.transactions(), self.merchant_query());
        let answer = self.call("GET", &path, String::new(), now, deadline).await;
        found(answer)?.map(|answer| self.queried(order, read(&answer)?)).transpose()
    }

    pub(super) async fn close(&self, order: &OrderNumber, now: Timestamp, deadline: Deadline) -> Result<(), CallError> {
        let path = format!("{}/out-trade-no/{order}/close", self.transactions());
        let body = self.merchant_members(&[]).to_string();
        match self.call("POST", &path, body, now, deadline).await {
            Err(CallError::Refused { code, .. }) if code.as_deref().is_some_and(is_over) => Ok(()),
            answer => answer.map(drop),
        }
    }

    pub(super) async fn refund(
        &self,
        number: &str,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<Option<QueriedRefund>, CallError> {
        let mut path = format!("/v3/refund/domestic/refunds/{}", escaped(number));
        if let Some(sub_mch_id) = &self.ids.sub_mch_id {
            path = format!("{path}?sub_mchid={}", escaped(sub_mch_id));
        }
        let answer = self.call("GET", &path, String::new(), now, deadline).await;
        found(answer)?.map(|answer| refunded(number, read(&answer)?)).transpose()
    }

    pub(super) async fn transaction(
        &self,
        id: &str,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<Option<QueriedTransaction>, CallError> {
        let path = format!("{}/id/{}?{}", self.transactions(), escaped(id), self.merchant_query());
        let answer = self.call("GET", &path, String::new(), now, deadline).await;
        found(answer)?.map(|answer| self.named(id, read(&answer)?)).transpose()
    }

    async fn call(
        &self,
        method: &'static str,
        path: &str,
        body: String,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<Answer, CallError> {
        // A deployment without queries has neither key, and sends nothing.
        let (Some(key), Some(platform)) = (&self.keys.merchant, &self.keys.platform) else {
            return Err(CallError::Unreadable);
        };
        let merchant = Merchant { mch_id: &self.ids.mch_id, serial: &self.merchant_serial, key };
        let authorization = wechat_v3::authorization(merchant, method, path, &body, &self.http.nonce(), now.unix_s());
        let headers = vec![
            ("authorization", authorization.as_str()),
            ("accept", "application/json"),
            ("content-type", "application/json"),
            ("user-agent", "hookledger"),
        ];
        let outgoing = Outgoing { method, url: format!("{}{path}", self.base), headers, body };
        let answer = send_with_retries(&self.http, &outgoing, deadline).await?;
        match answer.status {
            200..300 => is_signed_by(platform, &answer, now).then_some(answer).ok_or(CallError::Unreadable),
            400..500 => Err(refused(&answer)),
            500.. => Err(CallError::Failed { status: answer.status }),
            _ => Err(CallError::Unreadable),
        }
    }

    fn transactions(&self) -> &'static str {
        if self.ids.sub_mch_id.is_some() { "/v3/pay/partner/transactions" } else { "/v3/pay/transactions" }
    }

    /// The merchant members of a request, for the merchants' and the service providers' interface.
    fn merchant_members(&self, apps: &[(&str, &str)]) -> Value {
        let merchants = match &self.ids.sub_mch_id {
            None => vec![("mchid", self.ids.mch_id.as_str())],
            Some(sub_mch_id) => vec![("sp_mchid", self.ids.mch_id.as_str()), ("sub_mchid", sub_mch_id)],
        };
        merchants.iter().chain(apps).map(|(name, id)| ((*name).to_owned(), Value::from(*id))).collect()
    }

    fn merchant_query(&self) -> String {
        let (mch_id, sub_mch_id) = (escaped(&self.ids.mch_id), self.ids.sub_mch_id.as_deref().map(escaped));
        match sub_mch_id {
            None => format!("mchid={mch_id}"),
            Some(sub_mch_id) => format!("sp_mchid={mch_id}&sub_mchid={sub_mch_id}"),
        }
    }

    fn new_payment(&self, new: &NewPayment) -> Value {
        let WechatIds { app_id, sub_mch_id, sub_app_id, .. } = &self.ids;
        let mut apps = vec![(if sub_mch_id.is_some() { "sp_appid" } else { "appid" }, app_id.as_str())];
        apps.extend(sub_app_id.as_deref().map(|app_id| ("sub_appid", app_id)));
        let mut body = self.merchant_members(&apps);
        let notify_url = format!("{}/{}", self.notify_url, new.order);
        // An amount is below 10^30 and WeChat's are integers: WeChat refuses an amount that does not fit.
        let total = u64::try_from(new.money.amount.units()).unwrap_or(u64::MAX);
        let mut members = vec![
            ("description", json!(new.description)),
            ("out_trade_no", json!(new.order.as_str())),
            ("notify_url", json!(notify_url)),
            ("attach", json!(attach(&new.order))),
            ("amount", json!({ "total": total, "currency": new.money.currency.as_str() })),
        ];
        if let Payer::OpenId(open_id) = &new.payer {
            let name = match (sub_mch_id, sub_app_id) {
                (None, _) => "openid",
                (Some(_), None) => "sp_openid",
                (Some(_), Some(_)) => "sub_openid",
            };
            members.push(("payer", json!({ name: open_id })));
        }
        if let Some(body) = body.as_object_mut() {
            body.extend(members.into_iter().map(|(name, value)| (name.to_owned(), value)));
        }
        body
    }

    fn in_app(&self, prepay_id: &str, now: Timestamp) -> Result<Payable, CallError> {
        let key = self.keys.merchant.as_ref().ok_or(CallError::Unreadable)?;
        let (app_id, time_stamp) = (self.ids.payee_app().to_owned(), now.unix_s().to_string());
        let (nonce, package) = (self.http.nonce(), format!("prepay_id={prepay_id}"));
        let pay_sign = wechat_v3::sign_pay(key, &app_id, &time_stamp, &nonce, &package);
        Ok(Payable::InApp { app_id, time_stamp, nonce, package, sign_type: SIGN_TYPE.to_owned(), pay_sign })
    }

    /// Rejects a response about another order or another merchant.
    fn queried(&self, order: &OrderNumber, response: TransactionResponse) -> Result<Queried, CallError> {
        let merchant = response.sub_mchid.or(response.mchid).unwrap_or_default();
        if response.out_trade_no != order.as_str() || merchant != self.ids.payee() {
            return Err(CallError::Unreadable);
        }
        let paid_at = response.success_time.map(|text| Timestamp::parse_rfc3339(&text)).transpose();
        let money = response.amount.map(|Amounts { total, currency }| money(total, currency.as_deref())).transpose()?;
        Ok(Queried {
            order: order.clone(),
            state: TradeState::named(&response.trade_state).ok_or(CallError::Unreadable)?,
            transaction: response.transaction_id.filter(|id| !id.is_empty()),
            money,
            merchant,
            app: response.sub_appid.or(response.appid).or(response.sp_appid).unwrap_or_default(),
            attach: response.attach.filter(|text| !text.is_empty()),
            paid_at: paid_at.map_err(|_| CallError::Unreadable)?,
        })
    }

    /// Its order may be another shop's of the same merchant.
    fn named(&self, id: &str, response: TransactionResponse) -> Result<QueriedTransaction, CallError> {
        let merchant = response.sub_mchid.or(response.mchid).unwrap_or_default();
        if response.transaction_id.as_deref() != Some(id) || merchant != self.ids.payee() {
            return Err(CallError::Unreadable);
        }
        let money = response.amount.map(|Amounts { total, currency }| money(total, currency.as_deref())).transpose()?;
        let state = TradeState::named(&response.trade_state).ok_or(CallError::Unreadable)?;
        Ok(QueriedTransaction { order: response.out_trade_no, state, money })
    }
}

/// The members of a transaction that we read, for a merchant or a service provider.
#[derive(Deserialize)]
struct TransactionResponse {
    mchid: Option<String>,
    appid: Option<String>,
    sp_appid: Option<String>,
    sub_mchid: Option<String>,
    sub_appid: Option<String>,
    out_trade_no: String,
    transaction_id: Option<String>,
    trade_state: String,
    attach: Option<String>,
    success_time: Option<String>,
    amount: Option<Amounts>,
}

#[derive(Deserialize)]
struct Amounts {
    total: u64,
    currency: Option<String>,
}

#[derive(Deserialize)]
struct RefundResponse {
    refund_id: String,
    out_refund_no: String,
    transaction_id: String,
    out_trade_no: String,
    status: String,
    amount: RefundAmounts,
}

#[derive(Deserialize)]
struct RefundAmounts {
    refund: u64,
    currency: Option<String>,
}

const REFUND_STATES: [(&str, RefundState); 4] = [
    ("PROCESSING", RefundState::Pending),
    ("SUCCESS", RefundState::Succeeded),
    ("CLOSED", RefundState::Failed),
    ("ABNORMAL", RefundState::Failed),
];

fn refunded(number: &str, response: RefundResponse) -> Result<QueriedRefund, CallError> {
    let state = REFUND_STATES.iter().find(|(word, _)| *word == response.status).map(|(_, state)| *state);
    if response.out_refund_no != number {
        return Err(CallError::Unreadable);
    }
    Ok(QueriedRefund {
        id: response.refund_id,
        transaction: response.transaction_id,
        order: response.out_trade_no,
        state: state.ok_or(CallError::Unreadable)?,
        money: money(response.amount.refund, response.amount.currency.as_deref())?,
    })
}

/// WeChat omits the currency if there is only one.
fn money(units: u64, currency: Option<&str>) -> Result<Money, CallError> {
    let currency = currency.map_or(Ok(Currency::CNY), Currency::parse).map_err(|_| CallError::Unreadable)?;
    Ok(Money { amount: Amount::from_units(units), currency })
}

fn read<'a, T: Deserialize<'a>>(answer: &'a Answer) -> Result<T, CallError> {
    serde_json::from_slice(&answer.body).map_err(|_| CallError::Unreadable)
}

/// Maps WeChat's codes for a missing object to `None`.
fn found(answer: Result<Answer, CallError>) -> Result<Option<Answer>, CallError> {
    const NOT_THERE: [&str; 3] = ["ORDER_NOT_EXIST", "ORDERNOTEXIST", "RESOURCE_NOT_EXISTS"];
    match answer {
        Err(CallError::Refused { status: 404, code: Some(code), .. }) if NOT_THERE.contains(&code.as_str()) => Ok(None),
        answer => answer.map(Some),
    }
}

fn is_over(code: &str) -> bool {
    ["ORDER_CLOSED", "ORDERCLOSED", "ORDER_NOT_EXIST", "ORDERNOTEXIST"].contains(&code)
}

fn is_signed_by(platform: &wechat_v3::PlatformKeys, answer: &Answer, now: Timestamp) -> bool {
    let header = |name| answer.header(name).unwrap_or_default();
    let headers = Headers {
        timestamp: header(wechat_v3::TIMESTAMP),
        nonce: header(wechat_v3::NONCE),
        signature: header(wechat_v3::SIGNATURE),
        serial: header(wechat_v3::SERIAL),
        signature_type: answer.header(wechat_v3::SIGNATURE_TYPE),
    };
    wechat_v3::verify_answer(platform, headers, &answer.body, now.unix_s()).is_ok()
}

/// Carries WeChat's error code if it is a plain word.
fn refused(answer: &Answer) -> CallError {
    #[derive(Deserialize)]
    struct ErrorResponse {
        code: Option<String>,
    }
    let code = serde_json::from_slice(&answer.body).ok().and_then(|error: ErrorResponse| word(error.code));
    CallError::Refused { status: answer.status, kind: None, code }
}
