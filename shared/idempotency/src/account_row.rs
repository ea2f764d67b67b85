//! The row of an account: its balance, its spending terms, and what it says about its lots.

use ledger::{AccountLots, Amount, Balance, LotMove, LotsSnapshot, Movement, Net, Policy, SpendingTerms, Timestamp};

use crate::open_calls::OpenCall;
use crate::role::{AccountGuards, LotsGuard, PlanError};
use crate::rows::{Row, number, text};
use crate::{lots_row, names};

/// What a transaction does to an account, beside its net effect.
#[derive(Debug, Default)]
pub(crate) struct AccountPlan<'p> {
    pub(crate) movements: Vec<&'p Movement>,
    pub(crate) change: Option<LotsChange>,
    /// The call of a hold that is opened, or of one that is closed.
    pub(crate) begins: Option<OpenCall>,
    pub(crate) ends: Option<OpenCall>,
}

/// A change of lots: the version that was read, what comes back from breakage, and the next expiry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LotsChange {
    pub(crate) version: u64,
    pub(crate) returned: Amount,
    pub(crate) next_expiry: Option<Timestamp>,
    /// The account as it was read and the balance after it, if the mark depends on them.
    pub(crate) mark: Option<(AccountLots, Balance)>,
}

impl<'p> AccountPlan<'p> {
    pub(crate) fn moves(&self) -> impl Iterator<Item = LotMove<'p>> {
        self.movements.iter().map(|movement| LotMove::of(movement))
    }

    /// Whether the movements change these lots, or make the account's first ones.
    pub(crate) fn is_change_of(&self, read: &LotsSnapshot) -> bool {
        if read.account.version == 0 { self.moves().any(LotMove::is_dated) } else { self.changes_lots() }
    }

    /// Whether the movements may be booked only by a change of lots, if the account has any.
    fn changes_lots(&self) -> bool {
        self.moves().any(|lot_move| lot_move != LotMove::Spend)
    }

    /// A debit of nothing moves nothing.
    fn is_debit(&self) -> bool {
        self.movements.iter().any(|movement| movement.posting.change().units() < 0)
    }

    pub(crate) fn guards(&self, net: &Net, now: Timestamp) -> AccountGuards {
        let lots = match self.change {
            Some(LotsChange { mark: Some((read, _)), .. }) => LotsGuard::AsRead(read),
            Some(change) => LotsGuard::Version(change.version),
            None if self.changes_lots() => LotsGuard::Absent,
            None => LotsGuard::Any,
        };
        let is_fenced = self.is_debit() || net.held.units() > 0;
        let freed = Amount::owed(net.held).unwrap_or_default();
        let (terms, debit_at) = (net.overdraft.map(|(from, _)| from), is_fenced.then_some(now));
        AccountGuards { terms, lots, debit_at, freed, call: self.begins.clone().map(Box::new) }
    }
}

/// The update of the account under these guards.
pub(crate) fn update(
    account: &str,
    plan: &AccountPlan<'_>,
    net: &Net,
    guards: &AccountGuards,
) -> Result<Row, PlanError> {
    let mut row = Row::with_form();
    let returned = plan.change.map_or(Amount::ZERO, |change| change.returned);
    let change = net.change.checked_add(Balance::from(returned)).ok_or(PlanError::Overflow)?;
    let unheld = net.held.checked_neg().ok_or(PlanError::Overflow)?;
    let mut available = change.checked_add(unheld).ok_or(PlanError::Overflow)?;
    if let Some((from, to)) = net.overdraft {
        let [before, after] = [from, to].map(|terms| Balance::from(terms.overdraft).units());
        available =
            available.checked_add(Balance::from_units(after.saturating_sub(before))).ok_or(PlanError::Overflow)?;
        spending_terms(&mut row, from, to);
    }
    if let Some(required) = net.required {
        let (available, required) = (row.name(names::AVAILABLE_UNITS), row.value(number(&required.units())));
        row.conditions.push(format!("{available} >= {required}"));
    }
    guard(&mut row, guards);
    row.require_known_form();
    if let Some(change) = plan.change {
        match change.mark {
            // Operands are read before the update: this is the balance before the change.
            None => row.set_copy(names::MARK_UNITS, names::BALANCE_UNITS, number(&0)),
            Some((_, mark)) => row.set(names::MARK_UNITS, number(&mark.units())),
        }
        lots(&mut row, account, change.next_expiry);
    }
    row.add(names::BALANCE_UNITS, number(&change.units()));
    row.add(names::AVAILABLE_UNITS, number(&available.units()));
    if net.held.units() != 0 {
        row.add(names::HELD_UNITS, number(&net.held.units()));
    }
    if let Some(call) = &plan.begins {
        call.begin(&mut row);
    }
    if let Some(call) = &plan.ends {
        call.end(&mut row);
    }
    let lines = net.movements.checked_add(u64::from(!returned.is_zero())).ok_or(PlanError::Overflow)?;
    row.add(names::VERSION, number(&lines));
    Ok(row)
}

/// The update that takes these units from the account as it was read.
pub(crate) fn expire(account: &str, read: &AccountLots, amount: Amount, next_expiry: Option<Timestamp>) -> Row {
    let mut row = Row::default();
    let guards = AccountGuards { lots: LotsGuard::AsRead(*read), ..AccountGuards::default() };
    guard(&mut row, &guards);
    row.require_known_form();
    let change = Balance::from(amount).units().saturating_neg();
    row.set(names::MARK_UNITS, number(&read.balance.units().saturating_add(change)));
    lots(&mut row, account, next_expiry);
    row.add(names::BALANCE_UNITS, number(&change));
    row.add(names::AVAILABLE_UNITS, number(&change));
    row.add(names::VERSION, number(&u8::from(!amount.is_zero())));
    row
}

fn lots(row: &mut Row, account: &str, due: Option<Timestamp>) {
    next_expiry(row, account, due);
    row.add(names::LOTS_VERSION, number(&1));
}

/// The date, and the account's place in the index of those that have one.
pub(crate) fn next_expiry(row: &mut Row, account: &str, due: Option<Timestamp>) {
    row.set_or_remove(names::NEXT_EXPIRY, due.as_ref().map(text));
    row.set_or_remove(names::EXPIRING, due.map(|_| text(&lots_row::shard(account))));
}

fn guard(row: &mut Row, guards: &AccountGuards) {
    match guards.lots {
        LotsGuard::Any => {}
        LotsGuard::Absent => lots_version(row, 0),
        LotsGuard::Version(read) => lots_version(row, read),
        LotsGuard::AsRead(read) => {
            let balance = row.name(names::BALANCE_UNITS);
            let as_read = row.value(number(&read.balance.units()));
            row.conditions.push(format!("{balance} = {as_read}"));
            let (held, as_read) = (row.name(names::HELD_UNITS), row.value(number(&read.held)));
            row.conditions.push(if read.held == 0 {
                format!("(attribute_not_exists({held}) OR {held} = {as_read})")
            } else {
                format!("{held} = {as_read}")
            });
            lots_version(row, read.version);
        }
    }
    if !guards.freed.is_zero() {
        let (held, freed) = (row.name(names::HELD_UNITS), row.value(number(&guards.freed.units())));
        row.conditions.push(format!("{held} >= {freed}"));
    }
    if let Some(now) = guards.debit_at {
        let (next_expiry, now) = (row.name(names::NEXT_EXPIRY), row.value(text(&now)));
        row.conditions.push(format!("(attribute_not_exists({next_expiry}) OR {next_expiry} > {now})"));
    }
}

fn lots_version(row: &mut Row, read: u64) {
    let version = row.name(names::LOTS_VERSION);
    let condition = if read == 0 {
        format!("attribute_not_exists({version})")
    } else {
        format!("{version} = {}", row.value(number(&read)))
    };
    row.conditions.push(condition);
}

/// Written over the terms that were read. A row without one of these attributes has its default.
fn spending_terms(row: &mut Row, from: SpendingTerms, to: SpendingTerms) {
    let (line, before) = (row.name(names::OVERDRAFT_UNITS), row.value(number(&from.overdraft.units())));
    row.conditions.push(if from.overdraft.is_zero() {
        format!("(attribute_not_exists({line}) OR {line} = {before})")
    } else {
        format!("{line} = {before}")
    });
    row.set(names::OVERDRAFT_UNITS, number(&to.overdraft.units()));
    let policy = row.name(names::POLICY);
    let condition = match from.policy {
        Policy::Prepaid => format!("attribute_not_exists({policy})"),
        Policy::Postpaid => format!("{policy} = {}", row.value(text(from.policy.as_str()))),
    };
    row.conditions.push(condition);
    match to.policy {
        Policy::Prepaid => row.remove(names::POLICY),
        Policy::Postpaid => row.set(names::POLICY, text(to.policy.as_str())),
    }
}
