//! What an operator does: each action is a row of the journal under `console#…`, with who and why.

pub(crate) mod pause;
pub(crate) mod replay;
pub(crate) mod show_body;

use insight::note;
use ledger::{Committed, Decision, Effect, EventKey, Ledger, Writer};

use crate::refusal::Refusal;
use crate::visit::Visit;
use crate::words::say;

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
        // The form was sent before with another reason or for another thing.
        Err(ledger::CommitError::Conflict) => {
            let why = say("This form was sent before. Open the page again.", "这个表单已提交过。请重新打开页面。");
            Err(Refusal::new(409, "repeated", why))
        }
        Err(error) => Err(error.into()),
    }
}
