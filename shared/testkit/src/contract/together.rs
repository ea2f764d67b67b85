//! The lines of the contract about events of one request.

use std::sync::atomic::AtomicBool;

use ledger::{BatchBody, CallContext, CallerKey, Decision, Effect, Lane, Ledger, RawBody, Reason, Refusal};

use super::event::{amount, header};
use super::{budgets, decision, word_of};

/// `together EVENT; EVENT; …`, with the result of each. `unknown EVENT KEY COST` waits in the lane of its key.
pub(super) async fn result_of<L: Ledger>(ledger: &L, line: &str, context: &CallContext<'_>) -> String {
    let (_, events) = line.split_once("together").unwrap();
    let mut decisions = Vec::new();
    for event in events.split(';') {
        let words: Vec<&str> = event.split_whitespace().collect();
        let decided = match budgets::decision(ledger, &words, context).await {
            None => unknown(&words),
            decided => decided,
        };
        decisions.push(decided.unwrap_or_else(|| decision(&words)));
    }
    let is_kept = AtomicBool::new(false);
    let batch = Some(BatchBody { id: "usage#batch#of-the-contract", is_kept: &is_kept });
    let context = CallContext { body: context.body.map(|body| RawBody { batch, ..body }), ..context.clone() };
    let results = ledger.commit_together(&decisions, &context).await;
    results.into_iter().map(word_of).collect::<Vec<_>>().join(" ")
}

fn unknown(words: &[&str]) -> Option<Decision> {
    let ["unknown", event, key, cost] = *words else { return None };
    let wait = Effect::Wait { lane: Lane::Key(CallerKey::remote(key).unwrap()), owed: amount(cost) };
    let refusal = Refusal { header: header(event, &[key, cost]), reason: Reason::UnknownKey, effects: vec![wait] };
    Some(Decision::Refuse(refusal))
}
