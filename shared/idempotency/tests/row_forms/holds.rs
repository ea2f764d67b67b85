//! What is read from the row of a hold.

use idempotency::DynamoLedger;
use ledger::{AtExpiry, CallContext, CommitError, HoldBudget, HoldId, HoldState, Holds as _, Member};
use serde_json::{Value, json};

pub(crate) async fn read(ledger: &DynamoLedger, id: &str, later: &CallContext<'_>) -> Result<Value, CommitError> {
    let id = HoldId::new(id).expect("an id");
    let hold = ledger.hold(&id, later).await?.expect("a row");
    let units = |amount: ledger::Amount| amount.units().to_string();
    let state = match hold.state {
        HoldState::Open | HoldState::Released { .. } => json!({}),
        HoldState::Settled { cost, is_charged_before, .. } => {
            json!({ "cost": units(cost), "before": is_charged_before })
        }
        HoldState::Expired { charged, .. } => json!({ "charged": charged.map(units) }),
    };
    Ok(json!({
        "account": hold.account.to_string(), "amount": units(hold.amount), "use": hold.usage.to_string(),
        "member": hold.member.map(|Member { owner, key }| format!("{owner} {key}")),
        "budget": hold.budget.map(|HoldBudget { key, windows, .. }| format!("{key} {} {}", windows.day, windows.month)),
        "opened_at": hold.opened_at.to_string(), "expires_at": hold.expires_at.to_string(),
        "charge": match hold.at_expiry { AtExpiry::Release => None, AtExpiry::Charge(charge) => Some(units(charge)) },
        "note": hold.note, "status": hold.state.as_str(), "state": state,
        "closed_at": hold.state.closed_at().map(|at| at.to_string()),
        "open": ledger.open_holds(&hold.account, later).await?.holds.iter().any(|open| open.id == hold.id),
    }))
}
