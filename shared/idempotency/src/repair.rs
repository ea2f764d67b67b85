//! Serialization of manual repairs: each row is written only if it is still as it was read.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use ledger::{
    AccountId, Balance, CallContext, JournalHeader, JournalLine, Movement, OrderNumber, Repair, StoredAccount,
    Timestamp,
};

use crate::role::{PlanError, Role};
use crate::rows::{Row, fingerprint_of, number, text};
use crate::{Tables, account_row, budget_row, lots_row, names, order_row, proof};

pub(crate) fn item(
    tables: &Tables,
    repair: &Repair,
    header: &JournalHeader,
    context: &CallContext<'_>,
    now: Timestamp,
) -> Result<(Role, TransactWriteItem), PlanError> {
    let item = match repair {
        Repair::Account { account, from, to } => {
            account_row(from.as_ref(), to).update(&tables.accounts, &id(account))?
        }
        Repair::Lots { account, to } => lots_row::write(tables, &id(account), to, context)?,
        Repair::Line { from: None, to, order } => {
            let mut row = Row::money(header, &fingerprint_of(to), context, now);
            row.posting(to);
            set_order(&mut row, order.as_ref());
            row.update(&tables.journal, to.key.as_str())?
        }
        Repair::Line { from: Some(from), to, order } => {
            rewrite_line(from, to, order.as_ref(), header).update(&tables.journal, to.key.as_str())?
        }
        Repair::Reversed { line, by } => {
            let mut row = Row::default();
            row.set(names::REVERSED_BY, text(by));
            let reversed_by = row.name(names::REVERSED_BY);
            row.conditions.push(format!("attribute_not_exists({reversed_by})"));
            require_unchanged(&mut row, line);
            row.update(&tables.journal, &line.key)?
        }
        Repair::Order { order, over } => {
            order_row::restore(order, *over, context).update(&tables.orders, order.number.as_str())?
        }
        Repair::Payment { proof, over: Some(line) } => {
            let mut row = Row::default();
            proof::money(&mut row, proof.money);
            row.set(names::STATUS, text(names::PROCESSED));
            row.set(names::REPAIRED_BY, text(&header.receipt));
            require_unchanged(&mut row, line);
            row.update(&tables.journal, proof.key.as_str())?
        }
        Repair::Budget(budget) => {
            let row = budget_row::repaired(budget.from.as_ref(), &budget.to, context);
            row.update(&tables.accounts, &budget.key.budget_id())?
        }
        Repair::Payment { proof, over: None } => {
            let header = JournalHeader { order: Some(proof.order.clone()), ..header.clone() };
            let mut row = Row::money_over(&header, &proof::fingerprint(proof, None), context, now);
            proof::money(&mut row, proof.money);
            row.set(names::REPAIRED_BY, text(&header.receipt));
            let account = row.name(names::ACCOUNT);
            row.conditions.push(format!("attribute_not_exists({account})"));
            row.require_known_form();
            row.update(&tables.journal, proof.key.as_str())?
        }
    };
    Ok((Role::Repaired, item))
}

/// The entry that a repair books under its own key: it is the receipt's row.
pub(crate) fn is_receipt(repair: &Repair, header: &JournalHeader) -> Option<Movement> {
    match repair {
        Repair::Line { from: None, to, .. } if to.key.as_str() == header.receipt.as_str() => Some(to.clone()),
        Repair::Line { .. }
        | Repair::Account { .. }
        | Repair::Lots { .. }
        | Repair::Reversed { .. }
        | Repair::Order { .. }
        | Repair::Payment { .. }
        | Repair::Budget(_) => None,
    }
}

fn account_row(from: Option<&StoredAccount>, to: &StoredAccount) -> Row {
    let mut row = Row::with_form();
    row.set(names::BALANCE_UNITS, number(&to.balance.units()));
    row.set(names::AVAILABLE_UNITS, number(&to.available.units()));
    row.set(names::VERSION, number(&to.version));
    match from {
        None => {
            let absent = row.absent();
            row.conditions.push(absent);
        }
        Some(from) => {
            let exists = row.name(names::ID);
            row.conditions.push(format!("attribute_exists({exists})"));
            row.require_known_form();
            for (name, read) in [
                (names::BALANCE_UNITS, from.balance),
                (names::AVAILABLE_UNITS, from.available),
                (names::OVERDRAFT_UNITS, from.overdraft),
            ] {
                require_equal(&mut row, name, number(&read.units()), read == Balance::ZERO);
            }
            require_equal(&mut row, names::HELD_UNITS, number(&from.held), from.held == 0);
            if to.held != from.held {
                row.set(names::HELD_UNITS, number(&to.held));
            }
            require_equal(&mut row, names::VERSION, number(&from.version), from.version == 0);
            let lots = from.lots.version;
            require_equal(&mut row, names::LOTS_VERSION, number(&lots), lots == 0);
            if to.lots != from.lots {
                row.set(names::LOTS_VERSION, number(&to.lots.version));
                row.set(names::MARK_UNITS, number(&to.lots.mark.units()));
                account_row::next_expiry(&mut row, &to.account, to.lots.next_expiry);
            }
        }
    }
    row
}

fn rewrite_line(from: &JournalLine, to: &Movement, order: Option<&OrderNumber>, header: &JournalHeader) -> Row {
    let mut row = Row::default();
    row.posting(to);
    set_order(&mut row, order);
    row.set(names::STATUS, text(names::PROCESSED));
    row.set(names::REPAIRED_BY, text(&header.receipt));
    for attribute in [names::REASON, names::ATTENTION, names::DUE_AT] {
        row.remove(attribute);
    }
    require_unchanged(&mut row, from);
    row
}

fn set_order(row: &mut Row, order: Option<&OrderNumber>) {
    row.set_or_remove(names::ORDER, order.map(text));
}

fn require_unchanged(row: &mut Row, line: &JournalLine) {
    row.require_known_form();
    require_equal(row, names::ACCOUNT, text(&line.account), false);
    require_equal(row, names::AMOUNT_UNITS, number(&line.change.units()), line.change == Balance::ZERO);
}

/// A missing attribute reads as zero.
fn require_equal(row: &mut Row, name: &'static str, read: AttributeValue, is_zero: bool) {
    let (name, read) = (row.name(name), row.value(read));
    let is_equal = format!("{name} = {read}");
    row.conditions.push(if is_zero { format!("(attribute_not_exists({name}) OR {is_equal})") } else { is_equal });
}

fn id(account: &AccountId) -> String {
    account.to_string()
}
