//! What an operator does: each action is a row of the journal under `console#…`, with who and why.

pub(crate) mod confirm;
pub(crate) mod credits;
pub(crate) mod order;
pub(crate) mod pause;
pub(crate) mod replay;
pub(crate) mod reverse;
pub(crate) mod revoke_codes;
pub(crate) mod revoke_key;
pub(crate) mod show_body;

use insight::note;
use ledger::{Committed, Decision, Effect, EventKey, Ledger, Writer};

use crate::page::Action;
use crate::refusal::Refusal;
use crate::visit::{Shown, Visit};
use crate::{Books, Console};

/// What an action would do, and its form.
pub(crate) async fn preview<L: Books>(
    console: &Console<L>,
    visit: &Visit<'_>,
    action: Action,
) -> Result<Shown, Refusal> {
    match action {
        Action::Accept => order::preview(console, visit, order::Which::Accept).await,
        Action::Clear => order::preview(console, visit, order::Which::Clear).await,
        Action::Resolve => order::preview(console, visit, order::Which::Resolve).await,
        Action::Grant => credits::preview(console, visit, credits::Which::Grant).await,
        Action::Debit => credits::preview(console, visit, credits::Which::Debit).await,
        Action::Reverse => reverse::preview(console, visit).await,
        Action::RevokeKey => revoke_key::preview(console, visit).await,
        Action::RevokeCodes => revoke_codes::preview(console, visit).await,
    }
}

pub(crate) async fn act<L: Books>(console: &Console<L>, visit: &Visit<'_>, action: Action) -> Result<Shown, Refusal> {
    match action {
        Action::Accept => order::change(console, visit, order::Which::Accept).await,
        Action::Clear => order::change(console, visit, order::Which::Clear).await,
        Action::Resolve => order::change(console, visit, order::Which::Resolve).await,
        Action::Grant => credits::change(console, visit, credits::Which::Grant).await,
        Action::Debit => credits::change(console, visit, credits::Which::Debit).await,
        Action::Reverse => reverse::reverse(console, visit).await,
        Action::RevokeKey => revoke_key::revoke(console, visit).await,
        Action::RevokeCodes => revoke_codes::revoke(console, visit).await,
    }
}

/// The longest id that our own forms have.
const ID_CHARS_MAX: usize = 64;

/// The row of an action, before it is done. The same form again finds the row that it has written.
pub(crate) async fn record<L: Ledger>(
    ledger: &L,
    visit: &Visit<'_>,
    id: &str,
    reason: &str,
    kind: &'static str,
    what: Vec<(&'static str, String)>,
) -> Result<Committed, Refusal> {
    record_with(ledger, visit, id, reason, kind, what, Vec::new()).await
}

/// The same, with what it changes: in one transaction.
pub(crate) async fn record_with<L: Ledger>(
    ledger: &L,
    visit: &Visit<'_>,
    id: &str,
    reason: &str,
    kind: &'static str,
    what: Vec<(&'static str, String)>,
    effects: Vec<Effect>,
) -> Result<Committed, Refusal> {
    let author = visit.signed.as_ref().map(|signed| signed.operator.name.to_string()).ok_or_else(Refusal::reader)?;
    let is_id = !id.is_empty() && id.len() <= ID_CHARS_MAX;
    let receipt = EventKey::new(Writer::Console, id).ok().filter(|_| is_id).ok_or_else(Refusal::malformed)?;
    let mut decision = note(receipt, Writer::Console, (&author, reason), kind, what);
    if let Decision::Record(entry) = &mut decision {
        entry.effects = effects;
    }
    match ledger.commit(&decision, &visit.context()).await {
        Ok(committed) => Ok(committed),
        Err(ledger::CommitError::Conflict) => Err(Refusal::repeated()),
        Err(error) => Err(error.into()),
    }
}
