//! What is read from the rows of operators.

use std::net::IpAddr;

use idempotency::DynamoLedger;
use ledger::{CallContext, CommitError};
use operators::{Counted, OperatorName, Operators as _, TokenHash};
use serde_json::{Value, json};

use super::RowKind;

const AMY: &str = "amy";

pub(crate) async fn read(
    ledger: &DynamoLedger,
    kind: RowKind,
    row: &Value,
    later: &CallContext<'_>,
) -> Result<Value, CommitError> {
    let name = OperatorName::new(AMY).expect("a name");
    let (id, operator) = (super::id(row), ledger.operator(&name, later).await?.expect("amy"));
    if kind == RowKind::Session {
        let hash = TokenHash::read(id.trim_start_matches("session#")).expect("a hash");
        let (session, by) = ledger.session(&hash, &name, later).await?.expect("a session");
        return Ok(json!({
            "operator": by.name.as_str(), "began_at": session.began_at.to_string(), "seen_at": session.seen_at.to_string(),
            "ended_at": session.ended_at.map(|at| at.to_string()), "address": session.address,
        }));
    }
    if kind == RowKind::SignIn {
        let sign_ins = ledger.sign_ins(&operator, later).await?;
        return Ok(sign_ins.iter().map(|one| json!([one.number, one.at.to_string(), one.address])).collect());
    }
    if kind == RowKind::Attempts {
        let counted = [Counted::name(AMY), Counted::address("203.0.113.7".parse::<IpAddr>().ok())];
        let [name, _] = ledger.attempts(&counted, later).await?;
        return Ok(json!({ "count": name.count, "last_at": name.last_at.map(|at| at.to_string()) }));
    }
    Ok(json!({
        "role": operator.role.as_str(), "sign_ins": operator.sign_ins, "since": operator.since.to_string(),
        "version": operator.version, "revoked_at": operator.revoked_at.map(|at| at.to_string()),
        "link": operator.link.map(|link| link.until.to_string()),
        "credentials": operator.credentials.map(|known| json!([known.password, known.totp, known.last_step, known.since.to_string()])),
    }))
}
