//! What the answers to all changes have.

use edge::Reply;
use ledger::ServiceKey;

/// Marks the answer to a repeat.
pub(crate) fn replayed(reply: Reply, is_replay: bool) -> Reply {
    if is_replay { reply.with_header("idempotent-replayed", "true") } else { reply }
}

/// The author, as the books keep it: the key's name for people, and its id.
pub(crate) fn author(key: &ServiceKey) -> String {
    format!("{} ({})", key.name, key.hash.short_id())
}
