//! What it says, in whichever form: one closed enum of what WeChat reports of a payment. Every amount is read from its own digits, and
//! a refusal names the field as WeChat writes it, never what stood in it.

mod cloudrun;
mod json;
mod v2;
mod v3;

use ledger::{
    EventKey, Fingerprint, Money, OrderNumber, PaymentState, Provider, Reference, RefundState, Source, Timestamp,
};
use providers::TradeState;
use serde::Deserialize;
use signing::wechat_v3;
use webhook::{ParseError, Received};

use crate::{CALLBACK, Form};

const SOURCE: &str = Source::Wechat.as_str();

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WechatEvent {
    pub form: Form,
    /// As a log line names it: the payment, or the order where nothing was paid.
    pub id: String,
    pub receipt: EventKey,
    pub fingerprint: Fingerprint,
    pub ids: Ids,
    /// None where it is about no order at all.
    pub order: Option<OrderNumber>,
    /// What stands in the path where an order's number belongs. Nothing has signed it.
    pub in_path: Option<String>,
    pub in_attach: InAttach,
    /// What was signed names no order, or nobody whom it was paid to: only WeChat's own word makes up for that.
    pub is_incomplete: bool,
    pub report: Report,
}

/// Whose it is, as far as the form says so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ids {
    pub mch_id: Option<String>,
    pub app_id: Option<String>,
    pub sub_mch_id: Option<String>,
    pub sub_app_id: Option<String>,
}

/// The order's number in what was written on the payment when it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InAttach {
    /// It says nothing of an order, or there is none.
    Nothing,
    Number(String),
    /// Meant to say it, and says it twice or in no way that can be read.
    Unreadable,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    Payment {
        by: Reference,
        money: Money,
        /// None where the form does not say when.
        at: Option<Timestamp>,
    },
    /// CloudRun names the order alone: what was paid for it, WeChat has to say.
    Hint(Hint),
    /// Failed or closed: none of them is final.
    Unpaid(PaymentState),
    /// Nothing that changes an order.
    Awaiting,
    Refund {
        of: Reference,
        id: String,
        /// Ours, by which WeChat can be asked about it.
        number: String,
        money: Money,
        state: RefundState,
        /// The money is on its way nowhere until somebody sees to it.
        is_stuck: bool,
    },
    /// Of no interest.
    Other,
}

/// What a hint says of the payment all the same. It must be true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    pub by: Option<Reference>,
    pub money: Option<Money>,
}

/// What each form comes down to.
struct Told {
    ids: Ids,
    order: Option<String>,
    attach: Option<String>,
    /// WeChat's word for how the payment or the refund stands.
    state: String,
    report: Report,
}

pub(crate) fn parse(received: &Received<'_>) -> Result<WechatEvent, ParseError> {
    // As `verify` concluded, from the same header and the same first byte.
    let form = Form::of(received.header(wechat_v3::SIGNATURE).is_some(), received.bytes().starts_with(b"<"));
    let told = match form {
        Form::V3 => v3::read(received.bytes()),
        Form::V2 => v2::read(received.bytes()),
        Form::CloudRun => cloudrun::read(received.bytes()),
    };
    match told? {
        Some(told) => event(form, told, received.path().strip_prefix(CALLBACK)),
        None => Ok(other(form, received.bytes())),
    }
}

fn event(form: Form, told: Told, in_path: Option<&str>) -> Result<WechatEvent, ParseError> {
    let in_attach = InAttach::read(told.attach.as_deref());
    let signed = told.order.as_deref().or(in_attach.number());
    let is_incomplete = signed.is_none() || (told.ids.mch_id.is_none() && told.ids.sub_mch_id.is_none());
    let number = signed.or(in_path).ok_or_else(|| problem("out_trade_no", MISSING))?;
    let order = OrderNumber::new(number).map_err(|error| problem("out_trade_no", &error.to_string()))?;
    let said = identity(&order, &told);
    let said: Vec<(&str, &str)> = said.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let fingerprint = Fingerprint::of(1, &said);
    let (id, mut key) = match &told.report {
        Report::Payment { by, .. } => (by.id().to_owned(), format!("{}.{}", form.as_str(), by.id())),
        Report::Refund { id, .. } => (id.clone(), format!("{}.refund.{id}.{}", form.as_str(), told.state)),
        Report::Hint(_) | Report::Unpaid(_) | Report::Awaiting | Report::Other => {
            (order.to_string(), format!("{}.order.{order}.{}", form.as_str(), told.state))
        }
    };
    // What anybody could have told first must not stand in the place of what is true.
    if is_unsigned(form, &told.report) {
        key = format!("{key}.{fingerprint}");
    }
    let receipt = EventKey::new(SOURCE, &key).map_err(|error| problem("transaction_id", &error.to_string()))?;
    Ok(WechatEvent {
        form,
        id,
        receipt,
        fingerprint,
        ids: told.ids,
        order: Some(order),
        in_path: in_path.map(str::to_owned),
        in_attach,
        is_incomplete,
        report: told.report,
    })
}

/// Identity and money; nothing that changes between deliveries.
fn identity(order: &OrderNumber, told: &Told) -> Vec<(&'static str, String)> {
    let mut said = vec![("order", order.to_string()), ("state", told.state.clone())];
    match &told.report {
        Report::Payment { by, money, .. } => {
            said.extend([("payment", by.id().to_owned()), ("money", money.to_string())]);
        }
        Report::Refund { of, id, money, .. } => {
            said.extend([("payment", of.id().to_owned()), ("refund", id.clone()), ("money", money.to_string())]);
        }
        Report::Hint(Hint { by, money }) => {
            said.extend(by.iter().map(|by| ("payment", by.id().to_owned())));
            said.extend(money.iter().map(|money| ("money", money.to_string())));
        }
        Report::Unpaid(_) | Report::Awaiting | Report::Other => {}
    }
    said
}

/// CloudRun signs nothing, and what APIv2 seals of a refund can be put together from other refunds.
fn is_unsigned(form: Form, report: &Report) -> bool {
    match form {
        Form::V3 => false,
        Form::V2 => matches!(report, Report::Refund { .. }),
        Form::CloudRun => true,
    }
}

/// Of what moves no money of ours: a contract, a coupon, a profit that is shared.
fn other(form: Form, body: &[u8]) -> WechatEvent {
    let receipt = EventKey::unparsed(SOURCE, body);
    WechatEvent {
        form,
        id: String::new(),
        fingerprint: Fingerprint::of(1, &[("body", receipt.as_str())]),
        receipt,
        ids: Ids::default(),
        order: None,
        in_path: None,
        in_attach: InAttach::Nothing,
        is_incomplete: false,
        report: Report::Other,
    }
}

impl InAttach {
    fn number(&self) -> Option<&str> {
        match self {
            Self::Number(number) => Some(number),
            Self::Nothing | Self::Unreadable => None,
        }
    }

    /// Any text may stand there. Only one that is meant to name an order has to.
    pub(crate) fn read(attach: Option<&str>) -> Self {
        #[derive(Deserialize)]
        struct Attach {
            #[serde(rename = "orderNumber")]
            order_number: Option<String>,
        }
        let Some(attach) = attach.filter(|text| text.trim_start().starts_with('{')) else {
            return Self::Nothing;
        };
        match serde_json::from_str(attach) {
            Ok(Attach { order_number: Some(number) }) => Self::Number(number),
            Ok(Attach { order_number: None }) => Self::Nothing,
            Err(_) => Self::Unreadable,
        }
    }
}

/// What each state of a payment means; `None`: it was paid.
fn unpaid(state: TradeState) -> Option<Report> {
    match state {
        TradeState::Success => None,
        TradeState::Closed | TradeState::Revoked => Some(Report::Unpaid(PaymentState::Canceled)),
        TradeState::Failed => Some(FAILED),
        // Of a payment that was given back its refunds tell.
        TradeState::Refunded | TradeState::NotPaid | TradeState::UserPaying => Some(Report::Awaiting),
    }
}

const FAILED: Report = Report::Unpaid(PaymentState::Failed);

fn reference(field: &str, id: &str) -> Result<Reference, ParseError> {
    Reference::new(Provider::Wechat, id).map_err(|error| problem(field, &error.to_string()))
}

fn problem(field: &str, problem: &str) -> ParseError {
    ParseError { field: field.to_owned(), problem: problem.to_owned(), event_id: None }
}

const MISSING: &str = "is missing";
const UNKNOWN_WORD: &str = "is not a word that is known here";
