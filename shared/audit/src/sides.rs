//! What a repair changes, as its entry says it: each row before and after.

use ledger::{Asset, Balance, CodeChange, CodeUses, Counted, Effect, Order, OrderNumber, Repair, Spent, StoredAccount};

/// The rows before and after the repair, in the order of the effects.
pub(crate) fn before_and_after(effects: &[Effect]) -> impl Iterator<Item = (&'static str, String)> {
    let sides: Vec<(String, String)> = effects.iter().filter_map(sides).collect();
    let (before, after): (Vec<String>, Vec<String>) = sides.into_iter().unzip();
    [("before", before.join("; ")), ("after", after.join("; "))].into_iter()
}

fn sides(effect: &Effect) -> Option<(String, String)> {
    let none = || "nothing".to_owned();
    Some(match effect {
        Effect::Repair(Repair::Account { account, from, to }) => {
            let row = |held: &StoredAccount| {
                let [balance, available] =
                    [held.balance, held.available].map(|sum| account.asset().format_balance(sum));
                let units = i128::try_from(held.held).unwrap_or(i128::MAX);
                let sum = account.asset().format_balance(Balance::from_units(units));
                let set_aside = if held.held > 0 { format!(", held {sum}") } else { String::new() };
                let lots = held.lots.version;
                let lots = if lots > 0 { format!(", lots {lots}") } else { String::new() };
                format!("balance {balance}, available {available}{set_aside}, version {}{lots}", held.version)
            };
            (from.as_ref().map_or_else(none, row), row(to))
        }
        Effect::Repair(Repair::Line { from, to, order }) => {
            let line = |account: &str, change: Balance, order: &Option<OrderNumber>| {
                let order = order.as_ref().map_or("no order", OrderNumber::as_str);
                format!("{}: {} units on {account}, {order}", to.key, change.units())
            };
            let before = from.as_ref().map_or_else(none, |from| line(&from.account, from.change, &from.order));
            (before, line(&to.posting.account().to_string(), to.posting.change(), order))
        }
        Effect::Repair(Repair::Budget(budget)) => {
            let before = budget.from.as_ref().map_or_else(none, |from| match &from.spent {
                None => "a row that cannot be read".to_owned(),
                Some(spent) => of_budget(spent),
            });
            (before, of_budget(&budget.to))
        }
        // Its account, beside it, has the versions.
        Effect::Repair(Repair::Lots { .. }) => return None,
        Effect::Repair(Repair::Reversed { line, by }) => {
            (format!("{} not reversed", line.key), format!("{} reversed by {by}", line.key))
        }
        Effect::Repair(Repair::Payment { proof, over: _ }) => {
            (none(), format!("{} proves {} for {}", proof.key, proof.money, proof.order))
        }
        Effect::Repair(Repair::Order { order, over: _ }) => (none(), of_order(order)),
        Effect::Order { order, .. } => (format!("version {}", order.version.saturating_sub(1)), of_order(order)),
        Effect::Code(CodeChange::Repair { hash: _, from, to }) => {
            let row = |CodeUses { uses, left }: &CodeUses| format!("{left} of {uses} uses left");
            (row(from), row(to))
        }
        Effect::Point { pointer, from, to } => {
            let leads = |to: &OrderNumber| format!("{pointer} leads to {to}");
            (from.as_ref().map_or_else(none, leads), leads(to))
        }
        Effect::Move(_)
        | Effect::Bind { .. }
        | Effect::Refer { .. }
        | Effect::Overdraft { .. }
        | Effect::Subscription(_)
        | Effect::Revoke { .. }
        | Effect::TakePlace { .. }
        | Effect::Rates(_)
        | Effect::Pauses(_)
        | Effect::Received(_)
        | Effect::Code(_)
        | Effect::SetBudget(_)
        | Effect::Key(_)
        | Effect::Member(_)
        | Effect::CountInBudget(_)
        | Effect::ServiceKey(_)
        | Effect::Wait { .. } => {
            return None;
        }
    })
}

fn of_budget(spent: &Spent) -> String {
    let of = |counted: &Option<Counted>| {
        counted
            .as_ref()
            .map(|counted| format!("{} in {}, ", Asset::CREDITS.format_balance(counted.units), counted.window))
    };
    let windows = [&spent.days.current, &spent.months.current].map(|counted| of(counted).unwrap_or_default());
    format!("{}{} in all", windows.concat(), Asset::CREDITS.format_balance(spent.total))
}

fn of_order(order: &Order) -> String {
    let paid = order.paid.as_ref().map_or_else(|| "no payment".to_owned(), |paid| paid.by.to_string());
    let (payment, posted) = (order.payment.as_str(), order.posted.units());
    format!("version {}, {payment}, paid by {paid}, {posted} units posted in {}", order.version, order.postings)
}
