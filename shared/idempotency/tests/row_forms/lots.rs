//! The values that the port reads from an account's lots.

use idempotency::DynamoLedger;
use ledger::{AccountId, CallContext, CommitError, Expiring as _};
use serde_json::{Value, json};

pub(super) async fn read(ledger: &DynamoLedger, id: &str, later: &CallContext<'_>) -> Result<Value, CommitError> {
    let account = AccountId::read(id.trim_start_matches("lots#")).expect("an account");
    let read = ledger.lots(&account, later).await?;
    let settled = read.settled();
    let lots = settled.lots.iter().map(|lot| {
        json!({
            "grants": lot.grants.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "units": lot.units.to_string(), "priority": lot.terms.priority, "kind": lot.terms.kind.as_str(),
            "expires_at": lot.terms.expires_at.map(|at| at.to_string()),
        })
    });
    Ok(json!({
        "version": read.row.version, "lots": lots.collect::<Vec<_>>(), "changes": read.row.changes.len(),
        "expired": read.row.expired.iter().map(|expired| expired.share.units.to_string()).collect::<Vec<_>>(),
        "taken": settled.taken.iter().map(|taken| json!({
            "key": taken.key.as_str(), "grant": taken.grant.as_str(), "units": taken.units.to_string(),
            "shares": taken.shares.iter().map(|share| share.units.to_string()).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "next_expiry": read.account.next_expiry.map(|at| at.to_string()),
    }))
}
