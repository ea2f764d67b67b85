//! The contract of every ledger, as a table. Each block starts with empty tables; each line is one event and its
//! result; the expected tables follow `==`.

mod audit;
mod backlog;
mod breakers;
mod budgets;
mod codes;
mod event;
mod events;
mod holds;
mod listing;
mod lots;
mod members;
mod operators;
mod orders;
mod owner_keys;
mod pauses;
mod rates;
mod service_keys;
mod statements;
mod together;

use insight::Events;
use ledger::{
    AccountId, Amount, Asset, Audit, Backlog, Breakers, CallContext, CallCounts, CallerKey, Codes, CommitError,
    Committed, Decision, Effect, Entry, EventKey, Fingerprint, Fingerprints, Guard, House, Keys, Lane, Listing,
    MoneyKey, Movement, Owner, Policy, Posting, RawBody, Reason, Refusal, Source, SpendingTerms, Statements, Writer,
};

use ::operators::Operators;

use crate::{Account, Books, context};

use event::{amount, header, record};
use orders::Snapshots;

const TABLE: &str = include_str!("contract.txt");

/// Runs every block of the table against ledgers made by `new`, which also returns a reader of their tables.
pub async fn contract<
    L: Backlog + Audit + Breakers + CallCounts + Codes + Events + Keys + Listing + Operators + Statements,
    B: AsyncFn() -> Books,
>(
    new: impl AsyncFn() -> (L, B),
) {
    let mut blocks = 0_u32;
    for block in TABLE.split("\n# ").skip(1) {
        let (name, lines) = block.split_once('\n').unwrap();
        let (ledger, books) = new().await;
        let mut snapshots = Snapshots::default();
        let (events, expected) = lines.split_once("==").unwrap_or_else(|| panic!("{name}: no expected tables"));
        for (number, line) in (1_u64..).zip(events.lines().filter(|line| !line.trim().is_empty())) {
            let (event, answer) = line.split_once("->").unwrap_or_else(|| panic!("{name}: {line}"));
            assert_eq!(result_of(&ledger, &mut snapshots, event, number).await, answer.trim(), "{name}: {line}");
            books().await.check();
        }
        let expected: Vec<String> = expected.lines().map(folded).filter(|line| !line.is_empty()).collect();
        assert_eq!(written(&books().await), expected, "{name}");
        blocks = blocks.checked_add(1).unwrap();
    }
    assert!(blocks >= 27, "the table was cut to {blocks} blocks");
}

async fn result_of<
    L: Backlog + Audit + Breakers + CallCounts + Codes + Events + Keys + Listing + Operators + Statements,
>(
    ledger: &L,
    snapshots: &mut Snapshots,
    event: &str,
    number: u64,
) -> String {
    let mut words: Vec<&str> = event.split_whitespace().collect();
    let mut seconds = "0";
    if let ["at", later, ..] = *words {
        seconds = later;
        words.drain(..2);
    }
    if let Some(result) = snapshots.read(ledger, &words, &context(number)).await {
        return result;
    }
    if let ["owner", key] = words.as_slice() {
        let bound = ledger.key(&CallerKey::remote(key).unwrap(), &context(number)).await.unwrap();
        return bound.map_or("none".to_owned(), |bound| bound.owner.to_string());
    }
    if let ["referrer", owner] = words.as_slice() {
        let referrer = ledger.referrer(&Owner::new(owner).unwrap(), &context(number)).await.unwrap();
        return referrer.map_or("none".to_owned(), |referrer| referrer.to_string());
    }
    if let Some(result) = backlog::result_of(ledger, &words, number).await {
        return result;
    }
    if let Some(result) = audit::result_of(ledger, &words, number).await {
        return result;
    }
    if let Some(result) = codes::result_of(ledger, &words, number).await {
        return result;
    }
    if let Some(result) = service_keys::result_of(ledger, &words, number).await {
        return result;
    }
    if let Some(result) = owner_keys::result_of(ledger, &words, number, seconds).await {
        return result;
    }
    if let Some(result) = without_money(ledger, &words, number, seconds).await {
        return result;
    }
    if let Some(result) = statements::result_of(ledger, &words, number).await {
        return result;
    }
    if let Some(result) = events::result_of(ledger, &words, number).await {
        return result;
    }
    if let Some(result) = rates::result_of(ledger, &words, number).await {
        return result;
    }
    if let Some(result) = pauses::result_of(ledger, &words, number).await {
        return result;
    }
    if let Some(result) = holds::result_of(ledger, &words, number, seconds).await {
        return result;
    }
    if let Some(result) = members::result_of(ledger, &words, number).await {
        return result;
    }
    if let Some(result) = lots::result_of(ledger, &words, number).await {
        return result;
    }
    let headers = [("x-kept", "as it was".to_owned())];
    // A manual booking has no body, so that no replay repeats it.
    let context = lots::later(&context(number), seconds);
    let body = RawBody {
        method: "POST",
        path: "/events",
        query: "of=the+contract",
        headers: &headers,
        bytes: event.as_bytes(),
        bytes_at: context.received_at,
        batch: None,
    };
    let by_hand = words.first() == Some(&"debit");
    let context = CallContext { body: (!by_hand).then_some(body), ..context };
    if let ["together", ..] = *words {
        return together::result_of(ledger, event, &context).await;
    }
    let decided = snapshots.decision(&words).or_else(|| audit::repair(&words)).or_else(|| lots::decision(&words));
    let decided = decided.or_else(|| service_keys::decision(&words));
    let decided = decided.or_else(|| owner_keys::decision(&words, &context));
    let decided = match decided {
        None => rates::decision(ledger, &words, number).await,
        decided => decided,
    };
    let decided = match decided {
        None => pauses::decision(ledger, &words, number).await,
        decided => decided,
    };
    let decided = match decided {
        None => codes::decision(ledger, &words, &context).await,
        decided => decided,
    };
    let decided = match decided {
        None => budgets::decision(ledger, &words, &context).await,
        decided => decided,
    };
    let decided = match decided {
        None => members::decision(ledger, &words, &context).await,
        decided => decided,
    };
    let decision = decided.unwrap_or_else(|| if by_hand { decided_by_hand(&words) } else { decision(&words) });
    word_of(ledger.commit(&decision, &context).await)
}

/// The lines about the tables that have no money.
async fn without_money<L: Breakers + Operators>(
    ledger: &L,
    words: &[&str],
    number: u64,
    seconds: &str,
) -> Option<String> {
    match breakers::result_of(ledger, words, number, seconds).await {
        None => operators::result_of(ledger, words, number, seconds).await,
        result => result,
    }
}

fn decided_by_hand(words: &[&str]) -> Decision {
    let mut decision = decision(words);
    if let Decision::Record(entry) = &mut decision {
        entry.header.writer = Writer::Manual;
    }
    decision
}

fn word_of(result: Result<Committed, CommitError>) -> String {
    match result {
        Ok(Committed::Now(_)) => "now".to_owned(),
        Ok(Committed::Earlier(_)) => "earlier".to_owned(),
        Ok(Committed::Ignored { reason }) => format!("ignored {reason}"),
        Err(CommitError::Conflict) => "conflict".to_owned(),
        Err(CommitError::Stale) => "stale".to_owned(),
        Err(CommitError::Rejected(reason)) => reason.as_str().to_owned(),
        Err(error @ (CommitError::Unavailable(_) | CommitError::Refused(_))) => format!("{error}: {error:?}"),
    }
}

fn decision(words: &[&str]) -> Decision {
    match *words {
        ["ignore"] => Decision::Ignore { reason: "not_ours" },
        ["spend", event, owner, amount] => {
            record(event, &[owner, amount], vec![moved(&usage(event), owner, amount, Spend::Within)])
        }
        ["debit", event, owner, amount] => decision(&["spend", event, owner, amount]),
        ["take", event, owner, amount] => {
            record(event, &[owner, amount], vec![moved(&usage(event), owner, amount, Spend::Always)])
        }
        ["credit", event, owner, amount] => {
            record(event, &[owner, amount], vec![moved(&usage(event), owner, amount, Spend::No)])
        }
        // Two movements of one account in one event; the first has the event's money key.
        ["twice", event, owner, first, second] => {
            let other = MoneyKey::new("second", &[event]).unwrap();
            let effects =
                vec![moved(&usage(event), owner, first, Spend::Within), moved(&other, owner, second, Spend::Within)];
            record(event, &[owner, first, second], effects)
        }
        // Money with a key of its own, which several events can report.
        ["invoice", event, invoice, owner, amount] => {
            let key = MoneyKey::new("invoice", &[invoice]).unwrap();
            record(event, &[invoice, owner, amount], vec![moved(&key, owner, amount, Spend::No)])
        }
        ["bind", event, key, owner] => {
            let bind = Effect::Bind { key: CallerKey::remote(key).unwrap(), owner: Owner::new(owner).unwrap() };
            record(event, &[key, owner], vec![bind])
        }
        ["refer", event, owner, from, to] => {
            let referrer = |name: &str| (name != "-").then(|| Owner::new(name).unwrap());
            record(
                event,
                &[owner, from, to],
                vec![Effect::Refer { owner: Owner::new(owner).unwrap(), from: referrer(from), to: referrer(to) }],
            )
        }
        ["overdraft", event, owner, from, to] => {
            let [before, after] = [from, to].map(|line| SpendingTerms::prepaid(amount(line)));
            let effect = Effect::Overdraft { account: account(owner), from: before, to: after };
            record(event, &[owner, from, to], vec![effect])
        }
        ["policy", event, owner, from, from_line, to, to_line] => {
            let terms =
                |policy, line| SpendingTerms { policy: Policy::named(policy).unwrap(), overdraft: amount(line) };
            let (before, after) = (terms(from, from_line), terms(to, to_line));
            let effect = Effect::Overdraft { account: account(owner), from: before, to: after };
            record(event, &[owner, to_line], vec![effect])
        }
        ["note", event] => record(event, &[], vec![]),
        ["refuse", event, reason, ref lanes @ ..] => {
            let reason = Reason::ALL.into_iter().find(|known| known.as_str() == reason).unwrap();
            let wait = |lane: &&str| Effect::Wait { lane: Lane::read(lane).unwrap(), owed: Amount::ZERO };
            let effects = lanes.iter().map(wait).collect();
            Decision::Refuse(Refusal { header: header(event, &["refused"]), reason, effects })
        }
        // A use that a gateway reports for a key that is no owner's.
        ["report", event, key] => {
            let mut header = header(event, &["report", key]);
            header.facts.push(("key", key.into()));
            let wait = Effect::Wait { lane: Lane::Key(CallerKey::remote(key).unwrap()), owed: Amount::ZERO };
            Decision::Refuse(Refusal { header, reason: Reason::UnknownKey, effects: vec![wait] })
        }
        // The same event, parsed by a release whose fingerprint has one more field.
        ["spend-v2", event, owner, amount] => {
            let old = header(event, &[owner, amount]).fingerprints.current().clone();
            let mut entry = Entry {
                header: header(event, &[owner, amount]),
                effects: vec![moved(&usage(event), owner, amount, Spend::Within)],
                keeps_body: false,
                alarm: None,
            };
            entry.header.fingerprints =
                Fingerprints::new(Fingerprint::of(2, &[("facts", owner), ("more", amount)]), vec![old]);
            Decision::Record(entry)
        }
        _ => panic!("the contract has no event {words:?}"),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Spend {
    Within,
    Always,
    No,
}

fn moved(key: &MoneyKey, owner: &str, text: &str, spend: Spend) -> Effect {
    let guard = if spend == Spend::Within { Guard::SufficientFunds } else { Guard::Always };
    let posting = match spend {
        Spend::No => Posting::to_customer(account(owner), House::Manual, amount(text)),
        Spend::Within | Spend::Always => Posting::from_customer(account(owner), House::Usage, amount(text)),
    };
    Effect::Move(Movement { key: key.clone(), posting, guard, reverses: None, lots: Vec::new() })
}

fn usage(event: &str) -> MoneyKey {
    MoneyKey::of_event(&EventKey::new(Source::Usage, event).unwrap())
}

fn account(owner: &str) -> AccountId {
    Owner::new(owner).unwrap().account(Asset::CREDITS)
}

/// The tables in the notation of the contract.
fn written(books: &Books) -> Vec<String> {
    let credits = |units: i128| Asset::CREDITS.format_balance(ledger::Balance::from_units(units));
    let accounts = books.accounts.iter().map(|(id, account)| {
        let Account { balance, available, version, .. } = account;
        let held = if account.held == 0 { String::new() } else { format!(" held {}", credits(account.held)) };
        format!("{id} {} {} v{version}{held}", credits(*balance), credits(*available))
    });
    let orders = books.orders.iter().map(|(number, order)| {
        let flag = order.anomaly.as_ref().map_or(String::new(), |reason| format!(" {reason}"));
        format!("order {number} {} {}{flag} v{}", order.payment, credits(order.posted), order.version)
    });
    let pointers = books.pointers.iter().map(|(pointer, order)| format!("{pointer} {order}"));
    let subscriptions = books.subscriptions.iter().map(|(id, subscription)| {
        format!("subscription {id} {} v{}", subscription.status.as_deref().unwrap_or("-"), subscription.version)
    });
    let keys = books.keys.iter().map(|(key, owner)| format!("{key} {owner}"));
    let limits = books.limits.iter().map(|(key, limits)| format!("limits {} {limits}", short(key)));
    let spent = books.spent.iter().map(|(key, spent)| {
        let windows = spent.iter().map(|(window, units)| format!(" {window} {}", credits(*units)));
        format!("spent {}{}", short(key), windows.collect::<String>())
    });
    let holds = books.holds.iter().map(|(id, hold)| {
        let charged = hold.charged.map_or(String::new(), |charged| format!(" {}", credits(charged)));
        format!("hold {id} {}{charged}", hold.state)
    });
    let journal = books.journal.iter().map(|(id, row)| {
        let status = row.reason.as_deref().unwrap_or(&row.status);
        let over = row.over_budget.as_ref().map_or(String::new(), |windows| format!(" over {windows}"));
        let status = if row.needs_attention { format!("{status}!") } else { status.to_owned() };
        let moved = row.account.as_ref().map_or(String::new(), |_| format!(" {}", credits(row.change)));
        // A conflict's key ends in a hash, which the notation omits.
        let id = id.split_once("#conflict#").map_or(id.clone(), |(id, _)| format!("{id}#conflict"));
        format!("{id} {status}{moved} x{}{over}", row.attempts)
    });
    let draws = books.draws.iter().map(|(key, draws)| format!("draws {} {draws}", short(key)));
    let members =
        books.members.iter().map(|(owner, lists)| format!("members {owner} {}", lists.replace("key#remote#", "")));
    let accounts = accounts.chain(keys).chain(limits).chain(spent).chain(draws).chain(members);
    accounts.chain(orders).chain(pointers).chain(subscriptions).chain(holds).chain(journal).collect()
}

fn credits(amount: Amount) -> String {
    Asset::CREDITS.format(amount)
}

fn short(key: &str) -> &str {
    key.trim_start_matches("key#remote#")
}

fn folded(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}
