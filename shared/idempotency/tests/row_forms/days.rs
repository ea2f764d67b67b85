//! The values that the port reads from the trial balance of a day.

use std::collections::BTreeMap;

use idempotency::DynamoLedger;
use ledger::{AssetBalance, Audit as _, CallContext, CommitError, Timestamp};
use serde_json::{Value, json};

use super::DAY_S;

pub(super) async fn read(ledger: &DynamoLedger, id: &str, later: &CallContext<'_>) -> Result<Value, CommitError> {
    let day = id.trim_start_matches("check#day.");
    let until = Timestamp::parse_rfc3339(&format!("{day}T00:00:00Z")).expect("a day").plus_seconds(DAY_S);
    let day = ledger.closed_day(until, later).await?.expect("a day");
    let asset = |(name, totals): (&String, &AssetBalance)| {
        let houses = totals.houses.iter().map(|(house, side)| (house.as_str(), side.units().to_string()));
        json!({
            "asset": name, "customers": totals.customers.units().to_string(), "accounts": totals.accounts,
            "houses": houses.collect::<BTreeMap<_, _>>(), "unsettled": totals.unsettled,
        })
    };
    Ok(json!({ "until": day.until.to_string(), "assets": day.assets.iter().map(asset).collect::<Vec<_>>() }))
}
