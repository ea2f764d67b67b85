//! The lines of the contract about members.

use ledger::{BoundKey, CallContext, CallerKey, Decision, Effect, Ledger, Member, MemberChange, Owner, UsedKey};

use super::budgets::{budget, key};
use super::event::record;
use super::lots::later;
use crate::context;

/// `payer KEY SENT RECEIVED`: who pays for a use of the key, and for whom.
pub(super) async fn result_of<L: Ledger>(ledger: &L, words: &[&str], number: u64) -> Option<String> {
    let ["payer", name, sent, received] = *words else { return None };
    let at = |seconds| later(&context(number), seconds).received_at;
    let bound = ledger.key(&key(name), &context(number)).await.unwrap();
    Some(bound.map_or("none".to_owned(), |bound| {
        let UsedKey { payer, member, .. } = bound.used(&key(name), at(sent), at(received));
        let member = member.map(|Member { owner, .. }| format!(" for {owner}"));
        format!("{payer}{}", member.unwrap_or_default())
    }))
}

/// `join EVENT KEY OWNER TEAM [BUDGET]` and `leave EVENT KEY OWNER TEAM` over the row as it is, or with `over none` at the
/// end over one without a period and without a budget. `revoke EVENT KEY OWNER` is over none, or over the row `as read`.
pub(super) async fn decision<L: Ledger>(ledger: &L, words: &[&str], context: &CallContext<'_>) -> Option<Decision> {
    let (words, is_over_none) = match words {
        [words @ .., "over", "none"] => (words, true),
        [words @ .., "as", "read"] => (words, false),
        words => (words, words.first() == Some(&"revoke")),
    };
    let [verb @ ("join" | "leave" | "revoke"), event, name, owner, ref rest @ ..] = *words else { return None };
    let owner = Owner::new(owner).unwrap();
    let bound = of_key(ledger, &key(name), &owner, is_over_none, context).await;
    let effect = match (verb, rest) {
        ("revoke", []) => Effect::Revoke { key: key(name), owner, draws: bound.draws },
        ("join", [team, limits @ ..]) => {
            let to = limits.first().and_then(|limits| budget(limits));
            let (team, now) = (Owner::new(team).unwrap(), context.received_at);
            Effect::Member(Box::new(MemberChange::join(&key(name), &bound, &team, to, now).unwrap()))
        }
        ("leave", [team]) => {
            let (team, now) = (Owner::new(team).unwrap(), context.received_at);
            Effect::Member(Box::new(MemberChange::leave(&key(name), &bound, &team, now).unwrap()))
        }
        _ => panic!("the contract has no event {words:?}"),
    };
    Some(record(event, words.get(2..).unwrap(), vec![effect]))
}

async fn of_key<L: Ledger>(
    ledger: &L,
    key: &CallerKey,
    owner: &Owner,
    is_over_none: bool,
    context: &CallContext<'_>,
) -> BoundKey {
    let nothing = || BoundKey::of(owner.clone());
    if is_over_none {
        return nothing();
    }
    let bound = ledger.key(key, context).await.unwrap();
    bound.map_or_else(nothing, |bound| BoundKey { owner: owner.clone(), ..bound })
}
