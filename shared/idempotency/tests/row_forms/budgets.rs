//! What is read from the row of a key, from that of what it has spent, and from that of an owner's members.

use std::collections::BTreeSet;

use idempotency::DynamoLedger;
use ledger::{CallContext, CallerKey, CommitError, Ledger as _, Members, Owner, Series, Window};
use serde_json::{Value, json};

pub(crate) async fn of_key(
    ledger: &DynamoLedger,
    key: &CallerKey,
    later: &CallContext<'_>,
) -> Result<Value, CommitError> {
    let bound = ledger.key(key, later).await?;
    let budget = bound.as_ref().and_then(|bound| bound.budget.expect("limits")).map(|budget| {
        let limits = Window::ALL.map(|window| budget.limits.of(window).map(|limit| limit.units().to_string()));
        json!({ "zone": budget.zone.to_string(), "limits": limits })
    });
    let draws = bound.iter().flat_map(|bound| bound.draws.all());
    let draws = draws.map(|draw| {
        let until = draw.until.map_or(String::new(), |until| until.to_string());
        format!("{} {}..{until}", draw.payer, draw.since)
    });
    let draws: Vec<String> = draws.collect();
    Ok(json!({ "owner": bound.map(|bound| bound.owner.to_string()), "budget": budget, "draws": draws }))
}

pub(crate) async fn spent(ledger: &DynamoLedger, id: &str, later: &CallContext<'_>) -> Result<Value, CommitError> {
    let key = CallerKey::of_row(id.trim_start_matches("budget#")).expect("a key");
    let spent = ledger.spent(&key, later).await?.expect("a row");
    let windows = |series: &Series| {
        let counted = [series.current.clone(), series.previous.clone()].into_iter().flatten();
        counted.map(|counted| format!("{} {}", counted.window, counted.units.units())).collect::<Vec<_>>()
    };
    let total = spent.total.units().to_string();
    Ok(json!({ "days": windows(&spent.days), "months": windows(&spent.months), "total": total }))
}

pub(crate) async fn members(ledger: &DynamoLedger, id: &str, later: &CallContext<'_>) -> Result<Value, CommitError> {
    let owner = Owner::new(id.trim_start_matches("members#")).expect("an owner");
    let Members { drawing, drawn_by } = ledger.members(&owner, later).await?;
    let ids = |keys: BTreeSet<CallerKey>| keys.iter().map(ToString::to_string).collect::<Vec<_>>();
    Ok(json!({ "drawing": ids(drawing), "drawn_by": ids(drawn_by) }))
}
