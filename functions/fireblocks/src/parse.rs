//! Parses the status of a transfer from webhooks v1 or v2. Only texts and whole numbers are read, and a parse error
//! names Fireblocks' field, never its value.

use ledger::{Amount, EventKey, Line, MoneyKey, OrderNumber, Source, Timestamp, TransferDetails, TransferStatus};
use webhook::{JsonField, JsonObject, ParseError, Received};

use crate::Workspace;

const SOURCE: Source = Source::Fireblocks;
/// Fireblocks' ids are UUIDs; its assets and addresses are a little longer.
const WORD_CHARS_MAX: usize = 128;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FireblocksEvent {
    /// The event's own id in v2. A v1 event has none; its id consists of transfer, status and time.
    pub id: String,
    pub receipt: EventKey,
    pub report: Report,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    Transfer(Transfer),
    /// An event of another workspace of the installation, with the transfer if it has a key of ours.
    OtherWorkspace(Option<Transfer>),
    /// A deposit, or a transfer that this deployment did not request.
    NotOurs,
    /// An event without effect on the books.
    OtherKind,
}

/// A transfer that we requested under the key of a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Fireblocks' transaction id.
    pub id: String,
    pub key: MoneyKey,
    pub order: OrderNumber,
    pub status: TransferStatus,
    pub details: TransferDetails,
    pub at: Timestamp,
}

impl Report {
    pub fn of_transfer(&self) -> Option<&Transfer> {
        match self {
            Self::Transfer(transfer) => Some(transfer),
            Self::OtherWorkspace(transfer) => transfer.as_ref(),
            Self::NotOurs | Self::OtherKind => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    V1,
    V2,
}

impl Version {
    /// The field with the workspace's id.
    const fn workspace(self) -> &'static str {
        match self {
            Self::V1 => "tenantId",
            Self::V2 => "workspaceId",
        }
    }
}

/// The kinds that report a transaction's status.
const KINDS: [(Version, &str); 4] = [
    (Version::V2, "transaction.created"),
    (Version::V2, "transaction.status.updated"),
    (Version::V1, "TRANSACTION_CREATED"),
    (Version::V1, "TRANSACTION_STATUS_UPDATED"),
];

pub(crate) fn parse(received: &Received<'_>, workspace: &Workspace) -> Result<FireblocksEvent, ParseError> {
    let body = JsonObject::of_body(received.bytes())?;
    let (version, kind) = match (body.text("eventType")?, body.text("type")?) {
        (Some(kind), None) => (Version::V2, kind),
        (None, Some(kind)) => (Version::V1, kind),
        (None, None) => return Err(body.problem("eventType", "is missing")),
        (Some(_), Some(_)) => return Err(body.problem("type", "stands beside eventType")),
    };
    match body.text(version.workspace())? {
        Some(id) if !workspace.is(&id) => of_other_workspace(&body, version, &kind),
        None if KINDS.contains(&(version, &kind)) => Err(body.problem(version.workspace(), "is missing")),
        Some(_) | None => of_workspace(&body, version, &kind),
    }
}

fn of_workspace(body: &JsonObject<'_>, version: Version, kind: &str) -> Result<FireblocksEvent, ParseError> {
    match version {
        Version::V1 => read_v1(body, kind),
        Version::V2 => read_v2(body, kind),
    }
}

/// Never fails: unparsed events are kept, and another workspace could fill our tables with them.
fn of_other_workspace(body: &JsonObject<'_>, version: Version, kind: &str) -> Result<FireblocksEvent, ParseError> {
    let id = "other-workspace";
    let receipt = EventKey::new(SOURCE, id).map_err(|error| body.problem("id", &error.to_string()))?;
    let unread = FireblocksEvent { id: id.to_owned(), receipt, report: Report::OtherWorkspace(None) };
    Ok(of_workspace(body, version, kind).map_or(unread, |event| {
        let transfer = event.report.of_transfer().cloned();
        FireblocksEvent { report: Report::OtherWorkspace(transfer), ..event }
    }))
}

fn read_v2(body: &JsonObject<'_>, kind: &str) -> Result<FireblocksEvent, ParseError> {
    let id = body.required("id")?.text()?;
    let receipt = EventKey::new(SOURCE, &id).map_err(|error| body.problem("id", &error.to_string()))?;
    let report = report(body, Version::V2, kind, "createdAt");
    let report = report.map_err(|error| ParseError { event_id: Some(id.clone()), ..error })?;
    Ok(FireblocksEvent { id, receipt, report })
}

/// A v1 event has no id: the report of one status at one time is one event.
fn read_v1(body: &JsonObject<'_>, kind: &str) -> Result<FireblocksEvent, ParseError> {
    let report = report(body, Version::V1, kind, "timestamp")?;
    let id = match report.of_transfer() {
        Some(Transfer { id, status, at, .. }) => format!("v1.{id}.{}.{}", status.as_str(), at.unix_ms()),
        // Nothing of it is kept.
        None => "v1".to_owned(),
    };
    let receipt = EventKey::new(SOURCE, &id).map_err(|error| body.problem("data.id", &error.to_string()))?;
    Ok(FireblocksEvent { id, receipt, report })
}

fn report(body: &JsonObject<'_>, version: Version, kind: &str, sent_at: &str) -> Result<Report, ParseError> {
    if !KINDS.contains(&(version, kind)) {
        return Ok(Report::OtherKind);
    }
    let data = body.required("data")?.object()?;
    // Only our own requests use our grants' keys; the workspace's other transactions are ignored.
    let Some(key) = data.text("externalTxId")? else { return Ok(Report::NotOurs) };
    let Some((order, line @ Line::Grant(_))) = MoneyKey::read_line(&key) else { return Ok(Report::NotOurs) };
    let key = MoneyKey::of_line(&order, line);
    let status = TransferStatus::of_custodian(&data.required("status")?.text()?);
    let status = status.ok_or_else(|| data.problem("status", "is not a known value"))?;
    let at = data.field("lastUpdated")?.map_or_else(|| body.field(sent_at), |at| Ok(Some(at)))?;
    let at = time(&at.ok_or_else(|| data.problem("lastUpdated", "is missing"))?)?;
    let (id, asset) = (word(&data.required("id")?)?, word(&data.required("assetId")?)?);
    // Fireblocks leaves out the address, or leaves it empty, until the transfer is on chain.
    let is_named = status.has_left() || data.text("destinationAddress")?.is_some_and(|address| !address.is_empty());
    let wallet = is_named.then(|| word(&data.required("destinationAddress")?)).transpose()?;
    let details = TransferDetails { asset, wallet, amount: amount(&data)? };
    Ok(Report::Transfer(Transfer { id, key, order, status, details, at }))
}

/// The amount from a text field: the numbers beside it are floats.
fn amount(data: &JsonObject<'_>) -> Result<Amount, ParseError> {
    let info = data.required("amountInfo")?.object()?;
    for name in ["requestedAmount", "amount"] {
        if let Some(amount) = info.field(name)? {
            return amount.parsed(|text| Amount::parse(text, Amount::SCALE_MAX));
        }
    }
    Err(info.problem("requestedAmount", "is missing"))
}

/// Documented as seconds, sent as milliseconds.
fn time(field: &JsonField<'_>) -> Result<Timestamp, ParseError> {
    let count = field.read("must be a whole number")?;
    Timestamp::from_unix(count).map_err(|error| field.problem(&error.to_string()))
}

/// An id, asset or address.
fn word(field: &JsonField<'_>) -> Result<String, ParseError> {
    let word = field.text()?;
    let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    let is_word = (1..=WORD_CHARS_MAX).contains(&word.len()) && word.bytes().all(allowed);
    if is_word { Ok(word) } else { Err(field.problem("must be 1 to 128 visible ASCII characters")) }
}
