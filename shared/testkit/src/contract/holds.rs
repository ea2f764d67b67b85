//! The lines of the contract about holds.

use ledger::{AtExpiry, Hold, HoldClosing, HoldError, HoldId, HoldRefusal, HoldState, HoldTerms, Holds, ReportedUse};

use super::event::amount;
use super::lots::later;
use super::{account, budgets, credits, usage};
use crate::{context, now};

/// `hold ID OWNER AMOUNT for SECONDS [of USE] [by KEY] [among CALLS] [charge AMOUNT]`, `withdraw` likewise, `settle ID COST [as USE of KEY]`, `release ID`, `lapse ID`,
/// `state ID`,
/// `holds-due SECONDS [MAX]`, `open-holds OWNER`. Each may happen later.
pub(super) async fn result_of<L: Holds>(ledger: &L, words: &[&str], number: u64, seconds: &str) -> Option<String> {
    let context = later(&context(number), seconds);
    let (id, closing) = match *words {
        [verb @ ("hold" | "withdraw"), id, owner, sum, "for", ttl, ref rest @ ..] => {
            let (usage_of, rest) =
                if let ["of", event, rest @ ..] = rest { (Some(*event), rest) } else { (None, rest) };
            let (used, rest) = if let ["by", key, rest @ ..] = rest {
                (Some(budgets::of_key(ledger, key, &context).await), rest)
            } else {
                (None, rest)
            };
            let (calls_max, rest) =
                if let ["among", most, rest @ ..] = rest { (most.parse().ok(), rest) } else { (None, rest) };
            let at_expiry = match *rest {
                ["charge", sum] => AtExpiry::Charge(amount(sum)),
                _ => AtExpiry::Release,
            };
            let terms = HoldTerms {
                account: account(owner),
                amount: amount(sum),
                usage: usage_of.map(|event| ledger::EventKey::of_row(usage(event).as_str())),
                ttl_seconds: ttl.parse().unwrap(),
                at_expiry,
                note: None,
            };
            let hold = Hold::new(HoldId::new(id).unwrap(), terms, context.received_at).unwrap();
            let hold = used.into_iter().try_fold(hold, |hold, (key, bound)| hold.for_key(&key, bound)).unwrap();
            let hold = hold.among_calls(calls_max);
            return Some(written(match verb {
                "withdraw" => ledger.withdraw_hold(&hold, &context).await,
                _ => ledger.open_hold(&hold, &context).await,
            }));
        }
        ["settle", id, cost] => (id, HoldClosing::Settle { cost: amount(cost), facts: Vec::new(), reported: None }),
        ["settle", id, cost, "as", event, "of", key] => {
            let usage = ledger::EventKey::of_row(usage(event).as_str());
            let reported = Some(ReportedUse { usage, key: budgets::key(key) });
            (id, HoldClosing::Settle { cost: amount(cost), facts: Vec::new(), reported })
        }
        ["release", id] => (id, HoldClosing::Release),
        ["release", id, "by", note] => (id, HoldClosing::ReleaseByHand { note: note.to_owned() }),
        ["note-of", id] => {
            let hold = ledger.hold(&HoldId::new(id).unwrap(), &context).await.unwrap().unwrap();
            return Some(hold.note.unwrap_or_else(|| "none".to_owned()));
        }
        ["lapse", id] => (id, HoldClosing::Expire),
        ["state", id] => {
            let hold = ledger.hold(&HoldId::new(id).unwrap(), &context).await.unwrap();
            return Some(hold.map_or("none".to_owned(), |hold| state(hold.state)));
        }
        ["holds-due", at] => return Some(due(ledger, at, "100", number).await),
        ["holds-due", at, "up-to", most] => return Some(due(ledger, at, most, number).await),
        ["open-holds", owner] => {
            let open = ledger.open_holds(&account(owner), &context).await.unwrap().holds;
            return Some(listed(&open));
        }
        _ => return None,
    };
    // As the caller keeps it from its opening: open, whatever became of it.
    let hold = ledger.hold(&HoldId::new(id).unwrap(), &context).await.unwrap().unwrap();
    let opened = Hold { state: HoldState::Open, ..hold };
    Some(written(ledger.close_hold(&opened, &closing, &context).await))
}

async fn due<L: Holds>(ledger: &L, at: &str, most: &str, number: u64) -> String {
    let until = now().plus_seconds(at.parse().unwrap());
    let due = ledger.holds_due(until, most.parse().unwrap(), &context(number)).await.unwrap();
    assert!(due.unreadable.is_empty(), "{:?}", due.unreadable);
    listed(&due.holds)
}

fn listed(holds: &[Hold]) -> String {
    let ids: Vec<&str> = holds.iter().map(|hold| hold.id.as_str()).collect();
    if ids.is_empty() { "nothing".to_owned() } else { ids.join(" ") }
}

fn written(result: Result<Hold, HoldError>) -> String {
    match result {
        Ok(hold) => state(hold.state),
        Err(HoldError::Refused(refusal)) => match refusal {
            HoldRefusal::InsufficientCredits => "insufficient_credits".to_owned(),
            HoldRefusal::BudgetExceeded(window) => format!("budget_exceeded: {}", window.as_str()),
            HoldRefusal::BudgetUnreadable => "budget_unreadable".to_owned(),
            HoldRefusal::TooManyCalls => "too_many_calls".to_owned(),
            HoldRefusal::Taken => "taken".to_owned(),
            HoldRefusal::Closed(closed) => format!("closed, {}", state(closed)),
            HoldRefusal::SettledOtherwise { first } => format!("settled with {}", credits(first)),
            HoldRefusal::UsedElsewhere => "used elsewhere".to_owned(),
            HoldRefusal::NotDue => "not due".to_owned(),
        },
        Err(HoldError::Store(error)) => format!("{error}: {error:?}"),
    }
}

fn state(state: HoldState) -> String {
    match state {
        HoldState::Open | HoldState::Released { .. } | HoldState::Expired { charged: None, .. } => {
            state.as_str().to_owned()
        }
        HoldState::Settled { cost, is_charged_before: false, .. } => format!("settled {}", credits(cost)),
        HoldState::Settled { cost, is_charged_before: true, .. } => {
            format!("settled {}, charged before", credits(cost))
        }
        HoldState::Expired { charged: Some(charged), .. } => format!("expired, charged {}", credits(charged)),
    }
}
