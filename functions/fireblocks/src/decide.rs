//! What it means for the order whose tokens are sent.

use ledger::{
    Amount, Anomaly, Decision, Effect, Entry, Fact, Fingerprint, Heading, Order, Reason, Refusal, TransferStatus,
    is_same_wallet,
};

use crate::parse::{FireblocksEvent, Report, Transfer};

/// Somebody must look why it was not sent: it is paid for.
const TRANSFER_FAILED: &str = "transfer_failed";

pub(crate) fn decide(event: &FireblocksEvent, order: Option<&Order>) -> Decision {
    let transfer = match &event.report {
        Report::Transfer(transfer) => transfer,
        Report::NotOurs => return Decision::Ignore { reason: "not_ours" },
        Report::OtherKind => return Decision::Ignore { reason: "other_kind" },
    };
    let heading = heading(event);
    let Some(order) = order else {
        return refuse(heading, Reason::OrderUnknown, Vec::new());
    };
    if let Err(anomaly) = agrees(transfer, order) {
        return refuse(heading, anomaly.reason, order.flag(&anomaly));
    }
    let effects = order.learn_transfer(&transfer.id, transfer.status, transfer.at);
    let alarm = has_failed(transfer, order).then_some(TRANSFER_FAILED);
    Decision::Record(Entry { heading, effects, keeps_body: true, alarm })
}

fn refuse(heading: Heading, reason: Reason, effects: Vec<Effect>) -> Decision {
    Decision::Refuse(Refusal { heading, reason, effects })
}

/// It must be what was asked for, to the last unit and the last letter.
fn agrees(transfer: &Transfer, order: &Order) -> Result<(), Anomaly> {
    let anomaly = |reason, details| Err(Anomaly { reason, details, payment: None });
    let Transfer { id, key, asset, wallet, amount, .. } = transfer;
    let Some(asked) = order.allocation().filter(|asked| asked.key == *key) else {
        return anomaly(Reason::OrderMismatch, format!("transfer {id} is for {key}, which sends nothing"));
    };
    let known = order.transfer.as_ref().and_then(|transfer| transfer.id.as_ref());
    if let Some(known) = known.filter(|known| *known != id) {
        return anomaly(Reason::OrderMismatch, format!("transfer {id} is for {key}, as transfer {known} is already"));
    }
    if *asset != asked.asset {
        return anomaly(Reason::AssetMismatch, format!("transfer {id} is of {asset}; asked for was {}", asked.asset));
    }
    if !is_same_wallet(wallet, &asked.wallet) {
        return anomaly(Reason::DestinationMismatch, format!("transfer {id} goes to {wallet}"));
    }
    let (due, sent) = (asked.amount.decimal(asked.scale), amount.decimal(Amount::SCALE_MAX));
    if due != sent {
        return anomaly(Reason::AmountMismatch, format!("transfer {id} is of {sent}; asked for was {due}"));
    }
    Ok(())
}

/// What has arrived stays so, whatever is said later of how it went before.
fn has_failed(transfer: &Transfer, order: &Order) -> bool {
    let has_arrived = order.transfer.as_ref().is_some_and(|known| known.status == TransferStatus::Completed);
    transfer.status.has_failed() && !has_arrived
}

/// What identifies it and what it moves; how often it was confirmed, and when, may be said otherwise the next time.
pub(crate) fn heading(event: &FireblocksEvent) -> Heading {
    let mut said: Vec<(&'static str, String)> = Vec::new();
    if let Some(Transfer { id, key, status, asset, wallet, amount, .. }) = event.report.of_transfer() {
        said.extend([
            ("transfer", id.clone()),
            ("grant", key.to_string()),
            ("status", status.as_str().to_owned()),
            ("asset", asset.clone()),
            ("wallet", wallet.clone()),
            ("amount", amount.decimal(Amount::SCALE_MAX)),
        ]);
    }
    let identity: Vec<(&str, &str)> = said.iter().map(|(name, text)| (*name, text.as_str())).collect();
    Heading {
        receipt: event.receipt.clone(),
        source: "fireblocks",
        kind: "transfer",
        fingerprints: Fingerprint::of(1, &identity).into(),
        order: event.report.of_transfer().map(|transfer| transfer.order.clone()),
        facts: said.into_iter().map(|(name, text)| (name, Fact::Text(text))).collect(),
    }
}
