//! Parses a notification of any form into a closed enum of reports. Amounts are read from their digits, and a parse
//! error names WeChat's field, never its value.

mod cloudrun;
mod fields;
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

const SOURCE: Source = Source::Wechat;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WechatEvent {
    pub form: Form,
    /// The id in log lines: the payment's, or the order's if nothing was paid.
    pub id: String,
    pub receipt: EventKey,
    pub fingerprint: Fingerprint,
    pub ids: Ids,
    /// `None` if the event is about no order.
    pub order: Option<OrderNumber>,
    /// The order number in the path. It is unsigned.
    pub in_path: Option<String>,
    pub in_attach: InAttach,
    /// The signed part names no order or no merchant. Only a query can confirm such an event.
    pub is_incomplete: bool,
    pub report: Report,
}

/// The merchant's ids, as far as the form carries them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ids {
    pub mch_id: Option<String>,
    pub app_id: Option<String>,
    pub sub_mch_id: Option<String>,
    pub sub_app_id: Option<String>,
}

/// The order number in the `attach` text that was set when the payment was created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InAttach {
    /// The text is absent or names no order.
    Nothing,
    Number(String),
    /// The text is meant to name an order, but is ambiguous or unreadable.
    Unreadable,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    Payment {
        by: Reference,
        money: Money,
        /// `None` if the form carries no time.
        at: Option<Timestamp>,
    },
    /// CloudRun named only the order or parts of the payment; a query supplies the rest.
    Hint(Hint),
    /// Failed or closed. None of them is final.
    Unpaid(PaymentState),
    /// No change of the order.
    Awaiting,
    Refund {
        of: Reference,
        id: String,
        /// Our own refund number, by which a query finds the refund.
        number: String,
        money: Money,
        state: RefundState,
        /// The buyer's bank rejected the refund; it waits until a person intervenes.
        is_stuck: bool,
    },
    /// An event without effect on the books.
    Other,
}

/// The parts of the payment that a hint carries. WeChat's answer must agree with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    pub by: Option<Reference>,
    pub money: Option<Money>,
}

/// The common content of all three forms.
struct Notification {
    ids: Ids,
    order: Option<String>,
    attach: Option<String>,
    /// WeChat's word for the state of the payment or the refund.
    state: String,
    report: Report,
}

pub(crate) fn parse(received: &Received<'_>) -> Result<WechatEvent, ParseError> {
    // The same rule as in `verify`, on the same header and first byte.
    let form = Form::of(received.header(wechat_v3::SIGNATURE).is_some(), received.bytes().starts_with(b"<"));
    let notification = match form {
        Form::V3 => v3::read(received.bytes()),
        Form::V2 => v2::read(received.bytes()),
        Form::CloudRun => cloudrun::read(received.bytes()),
    };
    match notification? {
        Some(notification) => event(form, notification, received.path().strip_prefix(CALLBACK)),
        None => Ok(other(form, received.bytes())),
    }
}

fn event(form: Form, notification: Notification, in_path: Option<&str>) -> Result<WechatEvent, ParseError> {
    let in_attach = InAttach::read(notification.attach.as_deref());
    let signed = notification.order.as_deref().or(in_attach.number());
    let is_incomplete =
        signed.is_none() || (notification.ids.mch_id.is_none() && notification.ids.sub_mch_id.is_none());
    let number = signed.or(in_path).ok_or_else(|| ParseError::new("out_trade_no", MISSING))?;
    let order = OrderNumber::new(number).map_err(|error| ParseError::new("out_trade_no", &error.to_string()))?;
    let fields = identity(&order, &notification);
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let fingerprint = Fingerprint::of(1, &fields);
    let (id, mut key) = match &notification.report {
        Report::Payment { by, .. } => (by.id().to_owned(), format!("{}.{}", form.as_str(), by.id())),
        Report::Refund { id, .. } => (id.clone(), format!("{}.refund.{id}.{}", form.as_str(), notification.state)),
        Report::Hint(_) | Report::Unpaid(_) | Report::Awaiting | Report::Other => {
            (order.to_string(), format!("{}.order.{order}.{}", form.as_str(), notification.state))
        }
    };
    // An attacker can report first: an unsigned event must not take the event key of a true one.
    if is_unsigned(form, &notification.report) {
        key = format!("{key}.{fingerprint}");
    }
    let receipt = EventKey::new(SOURCE, &key).map_err(|error| ParseError::new("transaction_id", &error.to_string()))?;
    Ok(WechatEvent {
        form,
        id,
        receipt,
        fingerprint,
        ids: notification.ids,
        order: Some(order),
        in_path: in_path.map(str::to_owned),
        in_attach,
        is_incomplete,
        report: notification.report,
    })
}

/// The fields that identify the event and its money; none that changes between deliveries.
fn identity(order: &OrderNumber, notification: &Notification) -> Vec<(&'static str, String)> {
    let mut fields = vec![("order", order.to_string()), ("state", notification.state.clone())];
    match &notification.report {
        Report::Payment { by, money, .. } => {
            fields.extend([("payment", by.id().to_owned()), ("money", money.to_string())]);
        }
        Report::Refund { of, id, money, .. } => {
            fields.extend([("payment", of.id().to_owned()), ("refund", id.clone()), ("money", money.to_string())]);
        }
        Report::Hint(Hint { by, money }) => {
            fields.extend(by.iter().map(|by| ("payment", by.id().to_owned())));
            fields.extend(money.iter().map(|money| ("money", money.to_string())));
        }
        Report::Unpaid(_) | Report::Awaiting | Report::Other => {}
    }
    fields
}

/// CloudRun signs nothing, and sealed APIv2 refunds can be spliced from the blocks of other refunds.
fn is_unsigned(form: Form, report: &Report) -> bool {
    match form {
        Form::V3 => false,
        Form::V2 => matches!(report, Report::Refund { .. }),
        Form::CloudRun => true,
    }
}

/// An event that moves none of our money: a contract, a coupon, a profit sharing.
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

    /// Free text is valid; only a JSON object must be a readable attach of ours.
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

/// The report of a state other than paid; `None` if it was paid.
fn unpaid(state: TradeState) -> Option<Report> {
    match state {
        TradeState::Success => None,
        TradeState::Closed | TradeState::Revoked => Some(Report::Unpaid(PaymentState::Canceled)),
        TradeState::Failed => Some(FAILED),
        // Refund notifications report the refunds of a payment.
        TradeState::Refunded | TradeState::NotPaid | TradeState::UserPaying => Some(Report::Awaiting),
    }
}

const FAILED: Report = Report::Unpaid(PaymentState::Failed);

fn reference(field: &str, id: &str) -> Result<Reference, ParseError> {
    Reference::new(Provider::Wechat, id).map_err(|error| ParseError::new(field, &error.to_string()))
}

const MISSING: &str = "is missing";
const UNKNOWN_VALUE: &str = "is not a known value";
