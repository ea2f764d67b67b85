//! The lines of the contract about budgets.

use ledger::{
    BoundKey, Budget, BudgetChange, BudgetCheck, BudgetCount, CallContext, CallerKey, Decision, Effect, Ledger, Limits,
    Owner, UsedKey, Zone,
};

use super::event::{amount, record};
use super::{Spend, moved, usage};

/// `budget EVENT KEY OWNER FROM TO`, `used EVENT KEY COST [sent SECONDS]` and `charge EVENT KEY COST`, which is refused
/// above a limit. A budget is `day:5,total:9,zone:+08:00`, or `-`.
pub(super) async fn decision<L: Ledger>(ledger: &L, words: &[&str], context: &CallContext<'_>) -> Option<Decision> {
    let (event, name, cost, seconds) = match *words {
        ["budget", event, name, owner, from, to] => {
            let owner = Owner::new(owner).unwrap();
            let change = BudgetChange { key: key(name), owner, from: Ok(budget(from)), to: budget(to) };
            return Some(record(event, words.get(2..).unwrap(), vec![Effect::SetBudget(change)]));
        }
        ["used" | "charge", event, name, cost] => (event, name, cost, 0),
        ["used", event, name, cost, "sent", seconds] => (event, name, cost, seconds.parse().unwrap()),
        _ => return None,
    };
    let bound: BoundKey = ledger.key(&key(name), context).await.unwrap().unwrap();
    let sent_at = context.received_at.plus_seconds(seconds);
    let UsedKey { payer, budget, .. } = bound.used(&key(name), sent_at, context.received_at);
    let count = budget.unwrap().filter(|_| !amount(cost).is_zero()).map(|budget| {
        let count = BudgetCount::of_usage(&key(name), &budget, amount(cost), sent_at);
        let is_refused = words.first() == Some(&"charge");
        let check = if is_refused { BudgetCheck::Refuse(budget.limits) } else { count.check };
        Effect::CountInBudget(BudgetCount { check, ..count })
    });
    let spend = moved(&usage(event), payer.as_str(), cost, Spend::Within);
    Some(record(event, &[name, cost], std::iter::once(spend).chain(count).collect()))
}

/// What a hold is opened with.
pub(super) async fn of_key<L: Ledger>(ledger: &L, name: &str, context: &CallContext<'_>) -> (CallerKey, BoundKey) {
    (key(name), ledger.key(&key(name), context).await.unwrap().unwrap())
}

pub(super) fn key(name: &str) -> CallerKey {
    CallerKey::remote(name).unwrap()
}

pub(super) fn budget(text: &str) -> Option<Budget> {
    let (mut zone, mut limits) = (Zone::default(), Limits::default());
    for (name, value) in text.split(',').filter_map(|part| part.split_once(':')) {
        match name {
            "day" => limits.day = Some(amount(value)),
            "month" => limits.month = Some(amount(value)),
            "total" => limits.total = Some(amount(value)),
            "zone" => zone = Zone::parse(value).unwrap(),
            _ => panic!("no part of a budget: {name}"),
        }
    }
    Budget::new(zone, limits)
}
