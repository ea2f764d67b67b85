//! Parses transfer requests and renders transactions and webhooks, with the members that matter here.

use serde_json::{Value, json};

use super::{FIREBLOCKS_WORKSPACE, FireblocksTransfer};

/// Accepts only a transfer from a vault to a one-time address; unknown members are refused.
pub(super) fn parse_request(request: &Value) -> Option<FireblocksTransfer> {
    const MEMBERS: [&str; 6] = ["amount", "assetId", "destination", "externalTxId", "operation", "source"];
    let is_known = request.as_object()?.keys().all(|name| MEMBERS.contains(&name.as_str()));
    let text = |pointer: &str| request.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let is_transfer = text("/operation")? == "TRANSFER"
        && text("/source/type")? == "VAULT_ACCOUNT"
        && text("/destination/type")? == "ONE_TIME_ADDRESS";
    (is_known && is_transfer).then_some(())?;
    Some(FireblocksTransfer {
        id: String::new(),
        external_id: text("/externalTxId")?.to_owned(),
        asset: text("/assetId")?.to_owned(),
        amount: text("/amount").filter(|amount| is_decimal(amount))?.to_owned(),
        wallet: text("/destination/oneTimeAddress/address")?.to_owned(),
        vault: text("/source/id")?.to_owned(),
        steps: 0,
        created_s: 0,
    })
}

fn is_decimal(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once('.') {
        None => digits(text),
        Some((integer, fraction)) => digits(integer) && digits(fraction),
    }
}

pub(super) fn transaction(transfer: &FireblocksTransfer, updated_s: i64) -> Value {
    let FireblocksTransfer { id, external_id, asset, amount, wallet, vault, steps, created_s } = transfer;
    let ms = |seconds: i64| seconds.saturating_mul(1_000);
    // Fireblocks also sends floats beside the strings; a client must not calculate with them.
    let number: Value = serde_json::from_str(amount).unwrap_or_default();
    json!({
        "id": id,
        "externalTxId": external_id,
        "status": transfer.status(),
        "subStatus": "",
        "txHash": if *steps > 1 { format!("0x{}", id.replace('-', "")) } else { String::new() },
        "operation": "TRANSFER",
        "assetId": asset,
        "source": { "type": "VAULT_ACCOUNT", "id": vault, "name": "Treasury", "subType": "" },
        "destination": { "type": "ONE_TIME_ADDRESS", "id": "", "name": "N/A", "subType": "" },
        "destinationAddress": wallet,
        "destinationTag": "",
        "amount": number,
        "netAmount": number,
        "amountInfo": { "amount": amount, "requestedAmount": amount, "netAmount": amount, "amountUSD": null },
        "feeInfo": { "networkFee": "0.000315" },
        "createdAt": ms(*created_s),
        "lastUpdated": ms(updated_s),
        "numOfConfirmations": u8::from(transfer.status() == "COMPLETED"),
        "networkRecords": [],
        "customerRefId": null,
        "note": "",
    })
}

/// A webhook of version 2.
pub(super) fn webhook(id: &str, kind: &str, transfer: &FireblocksTransfer, now_s: i64) -> Value {
    json!({
        "id": id,
        "eventType": kind,
        "eventVersion": "1.0",
        "resourceId": transfer.id,
        "workspaceId": FIREBLOCKS_WORKSPACE,
        "webhookId": "5e2c6a30-0000-4000-8000-000000000002",
        "createdAt": now_s.saturating_mul(1_000),
        "data": transaction(transfer, now_s),
    })
}
