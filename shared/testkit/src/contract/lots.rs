//! Contract lines about lots: grants with a date, clawbacks, what is given again, and the expiry.

use ledger::{
    AccountTransfer, Asset, Balance, CallContext, Decision, Effect, Expiring, Guard, House, LotKind, LotShare,
    LotTerms, MoneyKey, Movement, PRIORITY_DEFAULT, Posting, Timestamp,
};

use super::account;
use super::event::{amount, record};
use crate::{context, now};

/// The result of a line about lots.
pub(crate) async fn result_of<L: Expiring>(ledger: &L, words: &[&str], number: u64) -> Option<String> {
    match *words {
        ["lots", owner] => {
            let settled = ledger.lots(&account(owner), &context(number)).await.unwrap().settled();
            let lots = settled.lots.iter().map(|lot| {
                let until = lot.terms.expires_at.map_or(String::new(), |at| format!(" until {}", second(at)));
                let free = if lot.terms.kind == LotKind::Free { " free" } else { "" };
                format!("{}{until}{free}", credits(i128::try_from(lot.units).unwrap()))
            });
            let lots: Vec<String> = lots.collect();
            Some(if lots.is_empty() { "nothing".to_owned() } else { lots.join(", ") })
        }
        // The balance at the last change of lots, their number, and when a debit waits for an expiry.
        ["mark", owner] => {
            let read = ledger.lots(&account(owner), &context(number)).await.unwrap().account;
            let until = read.next_expiry.map_or("never".to_owned(), |at| second(at).to_string());
            Some(format!("{} v{} until {until}", credits(read.mark.units()), read.version))
        }
        ["expiring", at] => {
            let until = now().plus_seconds(at.parse().unwrap());
            let found = ledger.accounts_expiring(until, 10, &context(number)).await.unwrap();
            let mut found: Vec<String> = found.iter().map(ToString::to_string).collect();
            found.sort();
            Some(if found.is_empty() { "nothing".to_owned() } else { found.join(" ") })
        }
        ["expire", at, owner] => {
            let expired = ledger.expire(&account(owner), &later(&context(number), at)).await.unwrap();
            Some(Asset::CREDITS.format(expired))
        }
        _ => None,
    }
}

/// The decision of a line about lots.
pub(crate) fn decision(words: &[&str]) -> Option<Decision> {
    let (event, owner, sum, movement) = match *words {
        ["grant", event, owner, sum, "until", at] => (event, owner, sum, grant(event, owner, sum, at, LotKind::Paid)),
        ["gift", event, owner, sum, "until", at] => (event, owner, sum, grant(event, owner, sum, at, LotKind::Free)),
        ["claw", event, owner, sum, "of", grant, "until", at] => {
            let posting = Posting::from_customer(account(owner), House::Revenue, amount(sum));
            (event, owner, sum, correction(event, posting, grant, vec![share(sum, at, LotKind::Paid)]))
        }
        ["claw", event, owner, sum, "of", grant] => {
            let posting = Posting::from_customer(account(owner), House::Revenue, amount(sum));
            (event, owner, sum, correction(event, posting, grant, Vec::new()))
        }
        ["again", event, owner, sum, "of", grant] => {
            let posting = Posting::to_customer(account(owner), House::Revenue, amount(sum));
            (event, owner, sum, correction(event, posting, grant, Vec::new()))
        }
        ["transfer", event, from, to, sum] => {
            let decision = record(event, &[from, to, sum], Vec::new());
            let Decision::Record(mut entry) = decision else { return None };
            let transfer = AccountTransfer::new(account(from), account(to), amount(sum)).unwrap();
            entry.effects = transfer.effects(&entry.header.receipt);
            return Some(Decision::Record(entry));
        }
        _ => return None,
    };
    Some(record(event, &[owner, sum], vec![Effect::Move(movement)]))
}

/// The same call so many seconds later.
pub(crate) fn later<'r>(context: &CallContext<'r>, seconds: &str) -> CallContext<'r> {
    let at = |time: Timestamp| time.plus_seconds(seconds.parse().unwrap());
    CallContext {
        received_at: at(context.received_at),
        first_received_at: at(context.first_received_at),
        ..context.clone()
    }
}

fn grant(event: &str, owner: &str, sum: &str, at: &str, kind: LotKind) -> Movement {
    let posting = Posting::to_customer(account(owner), House::Revenue, amount(sum));
    Movement { key: bought(event), posting, guard: Guard::Always, reverses: None, lots: vec![share(sum, at, kind)] }
}

fn correction(event: &str, posting: Posting, grant: &str, lots: Vec<LotShare>) -> Movement {
    let key = MoneyKey::new("reversal", &[event]).unwrap();
    Movement { key, posting, guard: Guard::Always, reverses: Some(bought(grant)), lots }
}

fn bought(event: &str) -> MoneyKey {
    MoneyKey::new("payment", &["stripe", event]).unwrap()
}

fn share(sum: &str, at: &str, kind: LotKind) -> LotShare {
    let expires_at = Some(now().plus_seconds(at.parse().unwrap()));
    LotShare { terms: LotTerms { priority: PRIORITY_DEFAULT, kind, expires_at }, units: amount(sum).units() }
}

fn second(at: Timestamp) -> i64 {
    at.unix_s().checked_sub(now().unix_s()).unwrap()
}

fn credits(units: i128) -> String {
    Asset::CREDITS.format_balance(Balance::from_units(units))
}
