//! What it says: how a transfer of ours stands, in the words of either version. Only texts and whole numbers are read, and a refusal names
//! the field as Fireblocks writes it, never what stood in it.

mod json;

use ledger::{Amount, EventKey, Line, MoneyKey, OrderNumber, Source, Timestamp, TransferDetails, TransferStatus};
use webhook::{ParseError, Received};

use crate::Workspace;
use json::Object;

const SOURCE: &str = Source::Fireblocks.as_str();
/// Fireblocks' ids are UUIDs, its assets and addresses a little longer.
const WORD_CHARS_MAX: usize = 128;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FireblocksEvent {
    /// The second version's own; of the first, which has none, what it says of whom and when.
    pub id: String,
    pub receipt: EventKey,
    pub report: Report,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    Transfer(Transfer),
    /// Of another workspace of the same installation, with the transfer if it names a key of ours.
    OtherWorkspace(Option<Transfer>),
    /// A deposit, or a transfer that somebody else has asked for.
    NotOurs,
    /// Of no interest.
    OtherKind,
}

/// A transfer that was asked for under the key of a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Fireblocks' id of it.
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
    /// The field that names the workspace.
    const fn workspace(self) -> &'static str {
        match self {
            Self::V1 => "tenantId",
            Self::V2 => "workspaceId",
        }
    }
}

/// The kinds that say how a transaction stands.
const KINDS: [(Version, &str); 4] = [
    (Version::V2, "transaction.created"),
    (Version::V2, "transaction.status.updated"),
    (Version::V1, "TRANSACTION_CREATED"),
    (Version::V1, "TRANSACTION_STATUS_UPDATED"),
];

pub(crate) fn parse(received: &Received<'_>, workspace: &Workspace) -> Result<FireblocksEvent, ParseError> {
    let body = Object::of_body(received.bytes())?;
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

fn of_workspace(body: &Object<'_>, version: Version, kind: &str) -> Result<FireblocksEvent, ParseError> {
    match version {
        Version::V1 => first(body, kind),
        Version::V2 => second(body, kind),
    }
}

/// Never an error: an event that is not understood is kept, and another workspace could make us keep as many as it likes.
fn of_other_workspace(body: &Object<'_>, version: Version, kind: &str) -> Result<FireblocksEvent, ParseError> {
    let id = "other-workspace";
    let receipt = EventKey::new(SOURCE, id).map_err(|error| body.problem("id", &error.to_string()))?;
    let unread = FireblocksEvent { id: id.to_owned(), receipt, report: Report::OtherWorkspace(None) };
    Ok(of_workspace(body, version, kind).map_or(unread, |event| {
        let transfer = event.report.of_transfer().cloned();
        FireblocksEvent { report: Report::OtherWorkspace(transfer), ..event }
    }))
}

fn second(body: &Object<'_>, kind: &str) -> Result<FireblocksEvent, ParseError> {
    let id = body.required("id")?;
    let receipt = EventKey::new(SOURCE, &id).map_err(|error| body.problem("id", &error.to_string()))?;
    let report = report(body, Version::V2, kind, "createdAt");
    let report = report.map_err(|error| ParseError { event_id: Some(id.clone()), ..error })?;
    Ok(FireblocksEvent { id, receipt, report })
}

/// Without an id of its own: what it says of a transaction at one time is one event.
fn first(body: &Object<'_>, kind: &str) -> Result<FireblocksEvent, ParseError> {
    let report = report(body, Version::V1, kind, "timestamp")?;
    let id = match report.of_transfer() {
        Some(Transfer { id, status, at, .. }) => format!("v1.{id}.{}.{}", status.as_str(), at.unix_ms()),
        // Nothing is kept of it.
        None => "v1".to_owned(),
    };
    let receipt = EventKey::new(SOURCE, &id).map_err(|error| body.problem("data.id", &error.to_string()))?;
    Ok(FireblocksEvent { id, receipt, report })
}

fn report(body: &Object<'_>, version: Version, kind: &str, sent_at: &str) -> Result<Report, ParseError> {
    if !KINDS.contains(&(version, kind)) {
        return Ok(Report::OtherKind);
    }
    let data = body.object("data")?.ok_or_else(|| body.problem("data", "is missing"))?;
    // Under a key of ours there is only what we have asked for; what else is there in the workspace is none of our business.
    let Some(key) = data.text("externalTxId")? else { return Ok(Report::NotOurs) };
    let Some((order, line @ Line::Grant(_))) = MoneyKey::read_line(&key) else { return Ok(Report::NotOurs) };
    let key = MoneyKey::of_line(&order, line);
    let status = TransferStatus::of_custodian(&data.required("status")?);
    let status = status.ok_or_else(|| data.problem("status", "is not a word that is known here"))?;
    let at = match data.time("lastUpdated")? {
        Some(at) => at,
        None => body.time(sent_at)?.ok_or_else(|| data.problem("lastUpdated", "is missing"))?,
    };
    let (id, asset) = (data.word("id")?, data.word("assetId")?);
    // Before it is on the chain Fireblocks leaves the address out, or empty.
    let is_named = status.has_left() || data.text("destinationAddress")?.is_some_and(|address| !address.is_empty());
    let wallet = is_named.then(|| data.word("destinationAddress")).transpose()?;
    let details = TransferDetails { asset, wallet, amount: amount(&data)? };
    Ok(Report::Transfer(Transfer { id, key, order, status, details, at }))
}

/// From the texts alone: the numbers beside them are floats.
fn amount(data: &Object<'_>) -> Result<Amount, ParseError> {
    let info = data.object("amountInfo")?.ok_or_else(|| data.problem("amountInfo", "is missing"))?;
    for name in ["requestedAmount", "amount"] {
        if let Some(text) = info.text(name)? {
            return Amount::parse(&text, Amount::SCALE_MAX).map_err(|error| info.problem(name, &error.to_string()));
        }
    }
    Err(info.problem("requestedAmount", "is missing"))
}

fn is_word(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    (1..=WORD_CHARS_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

fn problem(field: &str, problem: &str) -> ParseError {
    ParseError { field: field.to_owned(), problem: problem.to_owned(), event_id: None }
}
