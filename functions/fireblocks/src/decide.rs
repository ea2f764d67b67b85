//! Decides a transfer event's effects on the order whose tokens it sends.

use ledger::{
    Amount, Decision, Effect, Entry, Fact, Fingerprint, JournalHeader, Order, Reason, Refusal, Source, TransferDetails,
    TransferStatus,
};

use crate::parse::{FireblocksEvent, Report, Transfer};

/// The metric's word for events of other workspaces.
const OTHER_WORKSPACE: &str = "other_workspace";

const WALLET: &str = "wallet";

/// The alarm of a failed transfer: the tokens are paid, and a person must find the cause.
const TRANSFER_FAILED: &str = "transfer_failed";

pub(crate) fn decide(event: &FireblocksEvent, header: JournalHeader, order: Option<&Order>) -> Decision {
    let transfer = match &event.report {
        Report::Transfer(transfer) => transfer,
        Report::OtherWorkspace(transfer) => return decide_other_workspace(header, transfer.as_ref(), order),
        Report::NotOurs => return Decision::Ignore { reason: "not_ours" },
        Report::OtherKind => return Decision::Ignore { reason: "other_kind" },
    };
    let Some(order) = order else {
        return refuse(header, Reason::OrderUnknown, Vec::new());
    };
    if let Err(anomaly) = order.compare_transfer(&transfer.id, &transfer.key, transfer.status, &transfer.details) {
        return refuse(header, anomaly.reason, order.flag(&anomaly));
    }
    // Only Fireblocks' answer to our own request or query sets the transfer's id; the webhook may arrive before that is
    // written.
    if order.transfer_id().is_none() {
        return refuse(header, Reason::TransferUnknown, Vec::new());
    }
    let effects = order.apply_transfer_status(&transfer.id, transfer.status, transfer.at);
    let alarm = has_failed(transfer, order).then_some(TRANSFER_FAILED);
    Decision::Record(Entry { header, keeps_body: !effects.is_empty() || alarm.is_some(), effects, alarm })
}

/// Ignored, or another workspace could fill our tables. The exception is an event with the id of our own transaction,
/// which no other workspace's event has: then `FIREBLOCKS_WORKSPACE` is wrong, and the event is kept and retried.
fn decide_other_workspace(header: JournalHeader, transfer: Option<&Transfer>, order: Option<&Order>) -> Decision {
    let known = order.and_then(Order::transfer_id);
    match transfer {
        Some(transfer) if known == Some(transfer.id.as_str()) => refuse(header, Reason::WorkspaceMismatch, Vec::new()),
        Some(_) | None => Decision::Ignore { reason: OTHER_WORKSPACE },
    }
}

fn refuse(header: JournalHeader, reason: Reason, effects: Vec<Effect>) -> Decision {
    Decision::Refuse(Refusal { header, reason, effects })
}

/// A late report of a failure does not undo a completed transfer.
fn has_failed(transfer: &Transfer, order: &Order) -> bool {
    let has_arrived = order.transfer.as_ref().is_some_and(|known| known.status == TransferStatus::Completed);
    transfer.status.has_failed() && !has_arrived
}

/// The fields that identify the transfer, its status and amount. Confirmations and times change between deliveries and
/// are left out.
pub(crate) fn header(event: &FireblocksEvent) -> JournalHeader {
    let mut fields: Vec<(&'static str, String)> = Vec::new();
    if let Some(Transfer { id, key, status, details, .. }) = event.report.of_transfer() {
        let TransferDetails { asset, wallet, amount } = details;
        fields.extend([
            ("transfer", id.clone()),
            ("grant", key.to_string()),
            ("status", status.as_str().to_owned()),
            ("asset", asset.clone()),
            (WALLET, wallet.clone().unwrap_or_default()),
            ("amount", amount.decimal(Amount::SCALE_MAX)),
        ]);
    }
    let identity: Vec<(&str, &str)> = fields.iter().map(|(name, text)| (*name, text.as_str())).collect();
    JournalHeader {
        receipt: event.receipt.clone(),
        writer: Source::Fireblocks.into(),
        kind: "transfer",
        fingerprints: Fingerprint::of(1, &identity).into(),
        order: event.report.of_transfer().map(|transfer| transfer.order.clone()),
        // The wallet may be a person's, and the journal is kept for ever: its hash alone stands there.
        facts: fields
            .into_iter()
            .filter(|(name, _)| *name != WALLET)
            .map(|(name, text)| (name, Fact::Text(text)))
            .collect(),
    }
}
