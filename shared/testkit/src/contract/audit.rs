//! Contract lines about the audit: accounts, their lines, the audit's progress and findings, and repairs.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{
    Amount, Asset, Audit, AuditProgress, Balance, CallContext, Decision, Difference, Effect, Guard, House, JournalLine,
    LinePosition, LineTotals, MoneyKey, Movement, Observation, OrderNumber, Owner, Posting, Repair, StatementLine,
    StoredAccount, StoredLots, Subject, Timestamp, TrialBalance, UsageReversal,
};

use super::event::record;
use crate::context;

/// Smaller than any list in the table, so that every list has pages.
const PAGE_MAX: u16 = 2;

/// The result of a line about the audit.
pub(crate) async fn result_of<L: Audit>(ledger: &L, words: &[&str], number: u64) -> Option<String> {
    let context = &context(number);
    match *words {
        ["accounts"] => {
            let (mut listed, mut after) = (Vec::new(), None);
            loop {
                let page = ledger.accounts(after.as_deref(), PAGE_MAX, context).await.unwrap();
                listed.extend(page.accounts.into_iter().map(|held| held.account));
                let Some(next) = page.next else { break };
                after = Some(next);
            }
            listed.sort();
            Some(listed.join(" "))
        }
        ["account", account] => {
            let held = ledger.stored_account(account, context).await.unwrap();
            let units = |balance: Balance| balance.units() / 1_000_000_000;
            Some(held.map_or("nothing".to_owned(), |held| {
                let [balance, available, overdraft] = [held.balance, held.available, held.overdraft].map(units);
                format!("{balance} {available} {overdraft} v{}", held.version)
            }))
        }
        ["lines", account] => {
            let (mut listed, mut last): (Vec<String>, Option<LinePosition>) = (Vec::new(), None);
            loop {
                let page = ledger.lines(account, last.as_ref(), PAGE_MAX, context).await.unwrap();
                assert!(page.lines.len() <= usize::from(PAGE_MAX));
                listed.extend(
                    page.lines.iter().map(|line| format!("{} {}", line.key, line.change.units() / 1_000_000_000)),
                );
                last = page.last.or(last);
                if !page.has_more {
                    break;
                }
            }
            let after = ledger.lines(account, last.as_ref(), PAGE_MAX, context).await.unwrap();
            assert_eq!((after.lines, after.last, after.has_more), (vec![], None, false), "no line follows the last");
            // Lines of the same time come in the store's own order.
            listed.sort();
            Some(if listed.is_empty() { "nothing".to_owned() } else { listed.join(", ") })
        }
        ["journal", ref keys @ ..] => {
            let mut listed: Vec<String> = Vec::new();
            for line in ledger.journal_lines(keys, context).await.unwrap() {
                let order = line.order.map_or("-".to_owned(), |order| order.to_string());
                let (key, change) = (line.key, line.change.units() / 1_000_000_000);
                listed.push(format!(
                    "{key} {} {change} {order} {}",
                    line.account,
                    line.reverses.unwrap_or("-".to_owned())
                ));
            }
            listed.sort();
            Some(if listed.is_empty() { "nothing".to_owned() } else { listed.join(", ") })
        }
        ["row", order] => {
            let kept = ledger.kept(&OrderNumber::new(order).unwrap(), context).await.unwrap();
            Some(match kept {
                ledger::StoredOrder::Order(order) => format!("{} v{}", order.number, order.version),
                ledger::StoredOrder::Unreadable { .. } => "unreadable".to_owned(),
                ledger::StoredOrder::LaterForm => "of a later form".to_owned(),
                ledger::StoredOrder::Missing => "missing".to_owned(),
            })
        }
        ["progress"] => {
            let check = ledger.check(context).await.unwrap();
            Some(format!("{} v{}", check.after.unwrap_or("-".to_owned()), check.version))
        }
        ["save-progress", after, version] => {
            let check = AuditProgress {
                after: Some(after.to_owned()),
                version: version.parse().unwrap(),
                ..AuditProgress::default()
            };
            Some(
                if ledger.save_audit_progress(&check, context).await.unwrap() { "kept" } else { "overtaken" }
                    .to_owned(),
            )
        }
        ["find", owner, version] => {
            let mut check = ledger.check(context).await.unwrap();
            check.record_check(&account_of(owner), vec![found(owner)], Observation::default(), context.received_at);
            Some(save_at(ledger, check, version, context).await)
        }
        ["end-findings", owner, version] => {
            let mut check = ledger.check(context).await.unwrap();
            check.end_findings(&BTreeSet::from([account_of(owner)]), &[]);
            Some(save_at(ledger, check, version, context).await)
        }
        ["findings"] => {
            let check = ledger.check(context).await.unwrap();
            let open = check.open.into_iter().map(|open| open.difference.account).collect::<Vec<_>>().join(" ");
            Some(format!("{} v{}", if open.is_empty() { "-" } else { &open }, check.version))
        }
        _ => of_day(ledger, words, context).await,
    }
}

/// The result of a line about the trial balance of the day before.
async fn of_day<L: Audit>(ledger: &L, words: &[&str], context: &CallContext<'_>) -> Option<String> {
    match *words {
        // A day in which customers got so much that was sold, closed with this version of the progress.
        ["close-day", sum, version] => {
            let mut day = TrialBalance::before(context.received_at);
            let mut sides = day.sides();
            let line = StatementLine {
                key: "payment#stripe#pi_1".to_owned(),
                change: Balance::from_units(units(sum)),
                at: Timestamp::EPOCH,
            };
            sides.add(&[line], &BTreeMap::new());
            day.add("alice/credits", &sides, Some(Balance::from_units(units(sum))));
            let mut check = AuditProgress { version: version.parse().unwrap(), ..AuditProgress::default() };
            check.begin(context.received_at);
            Some(if ledger.close_day(&day, &check, context).await.unwrap() { "closed" } else { "overtaken" }.to_owned())
        }
        ["day"] => {
            let until = TrialBalance::before(context.received_at).until;
            let day = ledger.closed_day(until, context).await.unwrap();
            Some(day.map_or("nothing".to_owned(), |day| {
                let of_asset = day.assets.iter().map(|(asset, totals)| {
                    let houses =
                        totals.houses.iter().map(|(house, side)| format!("{} {}", house.as_str(), whole(*side)));
                    let houses: Vec<String> = houses.collect();
                    format!("{asset} {} {}", whole(totals.customers), houses.join(" "))
                });
                format!("{}: {}", day.day(), of_asset.collect::<Vec<_>>().join(", "))
            }))
        }
        _ => None,
    }
}

async fn save_at<L: Audit>(ledger: &L, check: AuditProgress, version: &str, context: &CallContext<'_>) -> String {
    let check = AuditProgress { version: version.parse().unwrap(), ..check };
    if ledger.save_audit_progress(&check, context).await.unwrap() { "kept" } else { "overtaken" }.to_owned()
}

fn whole(balance: Balance) -> i128 {
    balance.units() / 1_000_000_000
}

fn account_of(owner: &str) -> Subject {
    Subject::Account(format!("{owner}/credits"))
}

fn found(owner: &str) -> Difference {
    stored_account(owner, units("1"), 0).differences(&LineTotals::default()).remove(0)
}

/// The decision of a line about a repair.
pub(crate) fn repair(words: &[&str]) -> Option<Decision> {
    match *words {
        // A lost line, and the account as read: its balance and number of lines.
        ["repair", event, key, owner, change, balance, version] => {
            let line = Repair::Line { from: None, to: movement(key, owner, change), order: None };
            let from = (balance != "-").then(|| stored_account(owner, units(balance), version.parse().unwrap()));
            let row = from.clone().unwrap_or_else(|| stored_account(owner, 0, 0));
            let to =
                stored_account(owner, sum(row.balance.units(), units(change)), row.version.checked_add(1).unwrap());
            let account = Owner::new(owner).unwrap().account(Asset::CREDITS);
            let effects = [line, Repair::Account { account, from, to }].map(Effect::Repair);
            Some(record(event, words.get(2..).unwrap(), effects.into()))
        }
        // An altered line, and its account.
        ["restore", event, key, owner, from, to, balance, version] => {
            let found = JournalLine {
                key: key.to_owned(),
                account: format!("{owner}/credits"),
                change: Balance::from_units(units(from)),
                house: None,
                order: None,
                reverses: None,
                reversed_by: None,
                at: Some(context(1).received_at),
                is_failed: false,
            };
            let line = Repair::Line { from: Some(found), to: movement(key, owner, to), order: None };
            let row = stored_account(owner, units(balance), version.parse().unwrap());
            let after = stored_account(
                owner,
                sum(row.balance.units(), units(to).checked_sub(units(from)).unwrap()),
                row.version,
            );
            let account = Owner::new(owner).unwrap().account(Asset::CREDITS);
            let effects = [line, Repair::Account { account, from: Some(row), to: after }].map(Effect::Repair);
            Some(record(event, words.get(2..).unwrap(), effects.into()))
        }
        // Gives a part of a charge back, which must be as it was read.
        ["reverse", event, usage, owner, charged, amount] => {
            let found = JournalLine {
                key: format!("usage#{usage}"),
                account: format!("{owner}/credits"),
                change: Balance::from_units(units(charged).checked_neg().unwrap()),
                house: None,
                order: None,
                reverses: None,
                reversed_by: None,
                at: Some(context(1).received_at),
                is_failed: false,
            };
            let amount = Amount::from_wide(units(amount).unsigned_abs()).unwrap();
            let reversal = UsageReversal::of(&found, Some(amount)).unwrap();
            Some(record(event, words.get(2..).unwrap(), reversal.effects()))
        }
        _ => None,
    }
}

fn units(text: &str) -> i128 {
    let amount = Balance::from(Asset::CREDITS.parse(text.trim_start_matches('-')).unwrap()).units();
    if text.starts_with('-') { amount.checked_neg().unwrap() } else { amount }
}

fn sum(one: i128, other: i128) -> i128 {
    one.checked_add(other).unwrap()
}

fn stored_account(owner: &str, balance: i128, version: u64) -> StoredAccount {
    let balance = Balance::from_units(balance);
    StoredAccount {
        account: format!("{owner}/credits"),
        balance,
        available: balance,
        overdraft: Balance::ZERO,
        held: 0,
        version,
        lots: StoredLots::default(),
    }
}

fn movement(key: &str, owner: &str, change: &str) -> Movement {
    let account = Owner::new(owner).unwrap().account(Asset::CREDITS);
    let amount = Asset::CREDITS.parse(change.trim_start_matches('-')).unwrap();
    let to_or_from = if change.starts_with('-') { Posting::from_customer } else { Posting::to_customer };
    let posting = to_or_from(account, House::Manual, amount);
    Movement { key: MoneyKey::of_row(key), posting, guard: Guard::Always, reverses: None, lots: Vec::new() }
}
