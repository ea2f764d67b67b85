//! The chains of holds, keys, codes, owners and lanes.

use ledger::{
    AccountRow, Amount, Balance, CallerKey, Code, FoundHolds, Hold, HoldState, KeyBudget, Lane, Order, Owed, Owner,
    StoredKey, Timestamp, UnreadableRow, Window,
};

use super::event::{add_row, cover, refused};
use super::order::open_causes;
use super::{Audited, Cause, Chain, Halt, Happened, Stage};
use crate::{EventRow, Fix};

pub(crate) fn of_hold(hold: &Hold, charge: Option<&EventRow>, available: Balance, now: Timestamp) -> Chain {
    let mut chain = Chain::default();
    let opened = Happened::HoldOpened { amount: hold.amount, expires_at: hold.expires_at };
    chain.add(Some(hold.opened_at), Stage::Received, opened);
    if let Some(at) = hold.state.closed_at() {
        chain.add(Some(at), Stage::Recorded, Happened::HoldClosed(hold.state));
    }
    if let Some(row) = charge {
        add_row(&mut chain, row);
        chain.halts.extend(refused(row, available));
    }
    let is_charged = charge.is_some_and(EventRow::is_booked);
    let id = hold.id.to_string();
    match hold.state {
        HoldState::Open if hold.expires_at > now => {}
        HoldState::Expired { charged: None, .. } if is_charged => {}
        HoldState::Open | HoldState::Expired { charged: None, .. } => {
            chain.stop(Halt::new(Stage::Recorded, Cause::Hold(hold.state)).with([Fix::Settle(id)]));
        }
        HoldState::Settled { .. } | HoldState::Released { .. } | HoldState::Expired { charged: Some(_), .. } => {}
    }
    chain.sort();
    chain
}

pub(crate) fn of_key(key: &StoredKey, waiting: &[Owed], budget: Option<&KeyBudget>, now: Timestamp) -> Chain {
    let mut chain = Chain::default();
    let (owner, caller) = match key {
        StoredKey::Owner(key) => (Some(key.owner.clone()), Some(key.key.clone())),
        StoredKey::Service(_) => (None, None),
    };
    let of = owner.as_ref().map_or_else(String::new, ToString::to_string);
    chain.add(Some(key.since()), Stage::Recorded, Happened::KeyMade { owner: of });
    if let Some(at) = key.revoked_at() {
        chain.add(Some(at), Stage::Refused, Happened::KeyRevoked);
    }
    add_waiting(&mut chain, waiting);
    let is_revoked = key.revoked_at().is_some_and(|at| at <= now);
    if let (Some(owner), Some(budget), false) = (&owner, budget, is_revoked) {
        add_budget(&mut chain, owner, budget, now);
    }
    if is_revoked {
        let is_api_key = matches!(caller, Some(CallerKey::ApiHash(_)));
        let make = owner.map(|owner| if is_api_key { Fix::MakeKey(owner) } else { Fix::BindAnother(owner) });
        chain.stop(Halt::new(Stage::Recorded, Cause::KeyRevoked).with(make));
    } else if !waiting.is_empty() {
        chain.stop(Halt::new(Stage::Recorded, Cause::UsageWaits));
    }
    chain.sort();
    chain
}

/// What is spent of each limit in the windows that run. What cannot be read the audit reports.
fn add_budget(chain: &mut Chain, owner: &Owner, KeyBudget { key, budget, spent }: &KeyBudget, now: Timestamp) {
    let (Ok(budget), Some(spent)) = (budget, spent) else { return };
    let windows = budget.zone.windows_at(now);
    for window in Window::ALL {
        let Some(limit) = budget.limits.of(window) else { continue };
        let spent = spent.in_window(window, &windows);
        chain.add(None, Stage::Recorded, Happened::Spent { window, spent, limit });
        if spent >= Balance::from(limit) {
            let cause = Cause::BudgetUsedUp { window, ends_at: budget.zone.ends_at(window, now) };
            let raise = Fix::Budget { owner: owner.clone(), key: key.clone(), window };
            chain.stop(Halt::new(Stage::Recorded, cause).with([raise]));
        }
    }
}

/// With what its owner can spend, if it waits for that.
pub(crate) fn of_lane(lane: &Lane, waiting: &[Owed], available: Balance) -> Chain {
    let mut chain = Chain::default();
    add_waiting(&mut chain, waiting);
    let (cause, fix) = match lane {
        Lane::Key(key) => (Cause::KeyWithoutOwner, Some(Fix::Bind(key.clone()))),
        Lane::Owner(owner) => (Cause::UsageWaits, cover_all(owner, waiting, available)),
        Lane::Model(model) => (Cause::Refused(ledger::Reason::NoPrice), Some(Fix::Price(model.clone()))),
    };
    chain.stop(Halt::new(Stage::Recorded, cause).with(fix));
    chain
}

fn add_waiting(chain: &mut Chain, waiting: &[Owed]) {
    for owed in waiting {
        chain.add(owed.since(), Stage::Refused, Happened::Waiting { key: owed.row.id.clone(), owed: owed.amount });
    }
}

/// What lets all of it be booked: the retry of one is that of its lane.
fn cover_all(owner: &Owner, waiting: &[Owed], available: Balance) -> Option<Fix> {
    let first = waiting.first()?;
    Some(cover(owner.clone(), sum(waiting), available, first.receipt()))
}

/// `None` for nothing, or for more than an amount can hold.
fn sum(waiting: &[Owed]) -> Option<Amount> {
    let sum = waiting.iter().try_fold(Amount::ZERO, |sum, owed| sum.checked_add(owed.amount));
    sum.filter(|sum| !sum.is_zero())
}

pub(crate) fn of_code(code: &Code, made: Option<&EventRow>, now: Timestamp) -> Chain {
    let mut chain = Chain::default();
    if let Some(row) = made {
        add_row(&mut chain, row);
    }
    let left = Happened::CodeLeft { left: code.uses_left, uses: code.uses, credits: code.credits };
    chain.add(None, Stage::Granted, left);
    let another = Fix::MakeCode(code.campaign.to_string());
    let cause = if code.revoked_at.is_some() {
        Some(Cause::CodeRevoked)
    } else if code.until.is_some_and(|until| until <= now) {
        Some(Cause::CodeOver)
    } else {
        (code.uses_left == 0).then_some(Cause::CodeUsedUp)
    };
    if let Some(cause) = cause {
        chain.stop(Halt::new(Stage::Granted, cause).with([another]));
    }
    chain.sort();
    chain
}

/// What an owner has, the newest orders and what waits.
#[derive(Debug)]
pub(crate) struct OfOwner {
    pub(crate) owner: Owner,
    pub(crate) account: Option<AccountRow>,
    pub(crate) orders: Vec<Result<Order, UnreadableRow>>,
    pub(crate) holds: FoundHolds,
    pub(crate) waiting: Vec<Owed>,
    pub(crate) audited: Audited,
}

pub(crate) fn of_owner(of: &OfOwner, now: Timestamp) -> Chain {
    let mut chain = Chain::default();
    let mut stuck = Vec::new();
    for order in &of.orders {
        match order {
            Ok(order) => {
                let (number, payment, fulfilment) = (order.number.to_string(), order.payment, order.fulfilment);
                let what = Happened::OrderOf { number: number.clone(), payment, fulfilment };
                chain.add(Some(order.created_at), Stage::Received, what);
                let is_stuck = order.flagged_for().is_some() || order.is_disputed() || order.work(now).is_some();
                if is_stuck {
                    stuck.push(order);
                }
            }
            Err(row) => chain.stop(unreadable(row)),
        }
    }
    // A basket that was left behind comes last.
    stuck.sort_by_key(|order| order.flagged_for().is_none() && order.payment.is_payable());
    for order in stuck {
        stop_order(&mut chain, order);
    }
    for hold in &of.holds.holds {
        let opened = Happened::HoldOpened { amount: hold.amount, expires_at: hold.expires_at };
        chain.add(Some(hold.opened_at), Stage::Received, opened);
    }
    add_waiting(&mut chain, &of.waiting);
    if !of.waiting.is_empty() {
        let available = of.account.as_ref().map_or(Balance::ZERO, |account| account.available);
        let fix = cover_all(&of.owner, &of.waiting, available);
        chain.stop(Halt::new(Stage::Recorded, Cause::UsageWaits).with(fix));
    }
    of.audited.stop(&mut chain);
    if let Some(account) = &of.account {
        let what = Happened::Balance { balance: account.balance, available: account.available };
        chain.add(None, Stage::Granted, what);
    }
    chain.sort();
    chain
}

/// Everything that keeps an order of the owner from being done.
fn stop_order(chain: &mut Chain, order: &Order) {
    let mut causes: Vec<_> =
        open_causes(order).into_iter().map(|(before, why)| (before, Some(Box::new(why)))).collect();
    if causes.is_empty() {
        causes.push((Stage::Granted, None));
    }
    let details = format!("{}, {}, {}", order.terms.price, order.terms.provider.as_str(), order.created_at);
    for (before, why) in causes {
        let halt = Halt::new(before, Cause::OrderOpen { number: order.number.to_string(), why });
        let halt = halt.with([Fix::Explain(order.number.to_string())]);
        chain.stop(Halt { details: Some(details.clone()), ..halt });
    }
}

/// A row that this release cannot read.
pub(crate) fn unreadable(row: &UnreadableRow) -> Halt {
    let cause = Cause::Unreadable { id: row.id.clone(), attribute: row.attribute };
    Halt::new(Stage::Reconciled, cause).with([Fix::Audit])
}
