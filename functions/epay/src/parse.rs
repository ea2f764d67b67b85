//! Parses one payment from the signed text alone. A parse error names the gateway's field, never its value.

use ledger::{Currency, EventKey, Money, OrderNumber, Provider, Reference, ReferenceError, Source, Timestamp};
use signing::epay::{Params, Pid};
use webhook::{ParseError, Received};

const SOURCE: Source = Source::Epay;
/// The only status that gateways notify.
const PAID: &str = "TRADE_SUCCESS";
/// Twice the longest that we saw from a gateway.
const TRADE_CHARS_MAX: usize = 64;
const WAY_CHARS_MAX: usize = 32;
/// Names are informational: only the beginning is kept.
const NAME_CHARS_MAX: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpayEvent {
    /// `1001.2024010112000012345`: merchant and trade number, since trade numbers are unique only within a merchant.
    pub id: String,
    pub receipt: EventKey,
    pub by: Reference,
    pub pid: Pid,
    pub trade: String,
    pub order: OrderNumber,
    pub money: Money,
    /// The payment method: `alipay`, `wxpay`.
    pub way: String,
    pub name: Option<String>,
    /// Only V2 sends it.
    pub sent_at: Option<Timestamp>,
}

pub(crate) fn parse(received: &Received<'_>) -> Result<EpayEvent, ParseError> {
    let signed = std::str::from_utf8(received.bytes()).map_err(|_| ParseError::new("the form", "is not UTF-8"))?;
    let params = Params::of_signed(signed).map_err(|_| ParseError::new("the form", "cannot be decoded"))?;
    let pid =
        Pid::new(required(&params, "pid")?).ok_or_else(|| ParseError::new("pid", "is not the number of a merchant"))?;
    let trade = required(&params, "trade_no")?;
    if !is_word(trade, TRADE_CHARS_MAX) {
        return Err(ParseError::new("trade_no", "must be 1 to 64 letters, digits or - _"));
    }
    let by = reference(&pid, trade).map_err(|error| ParseError::new("trade_no", &error.to_string()))?;
    let id = by.id().to_owned();
    payment(&params, pid, trade, by).map_err(|error| ParseError { event_id: Some(id), ..error })
}

/// The reference of a payment: merchant and trade number.
pub fn reference(pid: &Pid, trade: &str) -> Result<Reference, ReferenceError> {
    Reference::new(Provider::Epay, &format!("{pid}.{trade}"))
}

fn payment(params: &Params, pid: Pid, trade: &str, by: Reference) -> Result<EpayEvent, ParseError> {
    let id = by.id().to_owned();
    let receipt = EventKey::new(SOURCE, &id).map_err(|error| ParseError::new("trade_no", &error.to_string()))?;
    if required(params, "trade_status")? != PAID {
        return Err(ParseError::new("trade_status", "must be TRADE_SUCCESS"));
    }
    let order = OrderNumber::new(required(params, "out_trade_no")?);
    let order = order.map_err(|_| ParseError::new("out_trade_no", "is not a valid order number"))?;
    let money = Money::parse_padded(required(params, "money")?, Currency::CNY);
    let money = money.map_err(|error| ParseError::new("money", &error.to_string()))?;
    let way = required(params, "type")?;
    if !is_word(way, WAY_CHARS_MAX) {
        return Err(ParseError::new("type", "must be 1 to 32 letters, digits or - _"));
    }
    let sent_at = params.value("timestamp").map(sent_at).transpose()?;
    let name = params.value("name").map(|name| name.chars().take(NAME_CHARS_MAX).collect());
    let (trade, way) = (trade.to_owned(), way.to_owned());
    Ok(EpayEvent { id, receipt, by, pid, trade, order, money, way, name, sent_at })
}

fn required<'p>(params: &'p Params, name: &str) -> Result<&'p str, ParseError> {
    params.value(name).ok_or_else(|| ParseError::new(name, "is missing"))
}

fn is_word(text: &str, chars_max: usize) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=chars_max).contains(&text.len()) && text.bytes().all(allowed)
}

fn sent_at(text: &str) -> Result<Timestamp, ParseError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let count = text.parse().ok().filter(|_| digits);
    count
        .and_then(|count| Timestamp::from_unix(count).ok())
        .ok_or_else(|| ParseError::new("timestamp", "is not a time"))
}
