//! The chain of one event: its arrival, and what was done with it.

use ledger::{AccountId, Amount, Balance, EventKey, Lane, OrderNumber, Owner, Reason};

use super::{Cause, Chain, Halt, Happened, Stage};
use crate::{EventRow, EventState, Fix, Retry, Why};

/// The fact of a movement under a key of its own: the event that has caused it.
const OF_EVENT: &str = "event";

/// An event or an entry without an order, beside what the owner for whom it waits can spend.
pub(crate) fn of_event(row: &EventRow, available: Balance) -> Chain {
    let mut chain = Chain::default();
    add_row(&mut chain, row);
    if let Some(halt) = refused(row, available) {
        chain.stop(halt);
    }
    chain.sort();
    chain
}

/// The links of a row of the journal.
pub(crate) fn add_row(chain: &mut Chain, row: &EventRow) {
    if row.fact(OF_EVENT).is_some() && row.fact("author").is_none() {
        add_posting(chain, row);
        return;
    }
    let key = row.key.to_string();
    match (row.fact("author"), row.fact("reason")) {
        (Some(author), Some(reason)) => {
            let by_hand = Happened::ByHand { author: author.to_owned(), reason: reason.to_owned() };
            chain.add(row.received_at, Stage::Received, by_hand);
        }
        _ if row.is_of_sender() => {
            chain.add(
                row.received_at,
                Stage::Received,
                Happened::Delivered { key: key.clone(), kind: row.kind.clone() },
            );
            chain.add(row.received_at, Stage::Verified, Happened::Signed);
        }
        _ if key.starts_with("query#") => chain.add(row.received_at, Stage::Verified, Happened::Queried),
        _ => {}
    }
    match &row.state {
        EventState::Booked { at } => {
            chain.add(*at, Stage::Recorded, Happened::Booked { key });
            add_posting(chain, row);
        }
        EventState::Refused { why, .. } => {
            let refused = Happened::Refused { why: why.as_str().to_owned(), is_change: row.is_change() };
            chain.add(row.received_at, Stage::Refused, refused);
        }
    }
}

/// What the row moves.
fn add_posting(chain: &mut Chain, row: &EventRow) {
    if let Some(posting) = &row.posting {
        let (key, account, change) = (row.key.to_string(), posting.account.clone(), posting.change);
        let asset = AccountId::read(&account).map(|account| account.asset());
        chain.add(row.booked_at(), Stage::Granted, Happened::Posted { key, account, change, asset });
    }
}

/// What lets usage be booked that waits for an owner's credits: as many as are missing, or its retry, if there are enough.
pub(crate) fn cover(owner: Owner, waits: Option<Amount>, available: Balance, event: EventKey) -> Fix {
    let Some(waits) = waits else { return Fix::Credit { owner, amount: None } };
    let left = Balance::from_units(available.units().saturating_sub(Balance::from(waits).units()));
    match Amount::owed(left) {
        Some(missing) => Fix::Credit { owner, amount: Some(missing) },
        None => Fix::Replay(event),
    }
}

/// Why the event is not booked, and what helps.
pub(crate) fn refused(row: &EventRow, available: Balance) -> Option<Halt> {
    let EventState::Refused { why, retry } = &row.state else { return None };
    let event = &row.key;
    let cause = match why {
        Why::Reason(reason) if row.is_change() => Cause::ChangeRefused(*reason),
        Why::Reason(reason) => Cause::Refused(*reason),
        Why::Conflict => Cause::Conflict,
        Why::Unknown(word) => Cause::UnknownWord(word.clone()),
    };
    let fixes = match why {
        Why::Reason(reason) => fixes(*reason, row, retry.as_ref(), available),
        // What no sender has sent has no body, and cannot be verified again.
        Why::Unknown(_) | Why::Conflict if !row.is_of_sender() => Vec::new(),
        Why::Conflict => original(event).into_iter().map(Fix::Explain).chain([Fix::ShowBody(event.clone())]).collect(),
        Why::Unknown(_) => vec![Fix::Replay(event.clone())],
    };
    let next = retry.as_ref().filter(|retry| retry.lane().is_none()).map(|retry| retry.at);
    Some(Halt { next, details: said(row), ..Halt::new(Stage::Recorded, cause).with(fixes) })
}

/// The key of the event that a conflict contradicts.
fn original(conflict: &EventKey) -> Option<String> {
    conflict.as_str().split_once("#conflict#").map(|(key, _)| key.to_owned())
}

/// The facts by which a person recognizes the event.
fn said(row: &EventRow) -> Option<String> {
    let names = ["payment", "reference", "money", "cost", "key", "model", "status", "state"];
    let mut said: Vec<(&str, &str)> = names.iter().filter_map(|name| Some((*name, row.fact(name)?))).collect();
    // A payment is often what the event refers to.
    said.dedup_by_key(|(_, fact)| *fact);
    let said = said.into_iter().map(|(name, fact)| format!("{name} {fact}"));
    let order = row.order.iter().map(|order: &OrderNumber| format!("order {order}"));
    let all: Vec<String> = order.chain(said).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

fn fixes(reason: Reason, row: &EventRow, retry: Option<&Retry>, available: Balance) -> Vec<Fix> {
    if row.is_change() {
        return Vec::new();
    }
    let replay = || Fix::Replay(row.key.clone());
    let lane = retry.and_then(Retry::lane);
    match (reason, lane) {
        (Reason::InsufficientCredits, Some(Lane::Owner(owner))) => {
            let waits = retry.map(|retry| retry.owed).filter(|owed| !owed.is_zero());
            vec![cover(owner, waits, available, row.key.clone())]
        }
        (Reason::UnknownKey, Some(Lane::Key(key))) => vec![Fix::Bind(key)],
        (Reason::NoPrice, Some(Lane::Model(model))) => vec![Fix::Price(model)],
        (Reason::Unparsed, _) => vec![Fix::ShowBody(row.key.clone()), replay()],
        (Reason::OrderUnknown, _) => row.order.iter().cloned().map(Fix::RestoreOrder).chain([replay()]).collect(),
        (Reason::PaymentUnproven, _) => row.order.iter().cloned().map(Fix::RepairPayment).collect(),
        (
            Reason::InsufficientCredits
            | Reason::UnknownKey
            | Reason::NoPrice
            | Reason::BudgetExceeded
            | Reason::KeyTaken
            | Reason::Overtaken
            | Reason::OutsideClockWindow
            | Reason::WrongMode
            | Reason::WrongAccount
            | Reason::PaymentUnknown
            | Reason::DisputeUnknown
            | Reason::Unconfirmed
            | Reason::Unanswered
            | Reason::OrderNotPayable
            | Reason::ProviderMismatch
            | Reason::MerchantMismatch
            | Reason::OrderMismatch
            | Reason::AttachMismatch
            | Reason::AmountMismatch
            | Reason::CurrencyMismatch
            | Reason::DuplicatePayment
            | Reason::RefundedTooMuch
            | Reason::TopUpUnknown
            | Reason::TopUpFailed
            | Reason::TransferFailed
            | Reason::TransferUnknown
            | Reason::WorkspaceMismatch
            | Reason::AssetMismatch
            | Reason::DestinationMismatch,
            _,
        ) => match &row.order {
            Some(order) if !row.is_of_sender() => vec![Fix::Explain(order.to_string())],
            Some(_) | None => vec![replay()],
        },
    }
}
