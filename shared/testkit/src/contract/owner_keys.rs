//! The lines of the contract about keys as they are stored.

use std::time::Duration;

use ledger::{
    Budget, CallContext, CallCounts, CallRate, Decision, Effect, EventKey, KeyChange, KeyId, KeyQuery, KeySettings,
    Keys, Limits, Owner, ServiceKeyChange, ServiceKeyHash, ServiceKeySettings, Source, StoredKey, Timestamp, Window,
    Word,
};

use super::budgets::{budget, key};
use super::event::record;
use super::lots::later;

const NOTED: Duration = Duration::from_millis(20);

/// `stored KEY`: whose key it is, its settings and its state. `works KEY`: its rate, or whether it has an owner.
/// `keys OWNER MAX` lists keys by page, and `#` the service keys. `facts EVENT` has the facts of a change. `call KEY RATE`
/// counts a call, `note-use KEY` a day, and `last-used KEY` has that.
pub(super) async fn result_of<L: CallCounts + Keys>(
    ledger: &L,
    words: &[&str],
    number: u64,
    seconds: &str,
) -> Option<String> {
    let context = later(&crate::context(number), seconds);
    Some(match *words {
        ["stored", name] => {
            let stored = ledger.key_as_stored(&id(name), &context).await.unwrap();
            stored.map_or("none".to_owned(), |stored| text(&stored, context.received_at))
        }
        ["works", name] => works(ledger, name, &context).await,
        ["keys", of, max] => {
            let (owner, mut pages, mut after) = (Owner::new(of).ok(), Vec::new(), None);
            loop {
                let query = KeyQuery { owner: owner.clone(), after, keys_max: max.parse().unwrap() };
                let page = ledger.key_page(&query, &context).await.unwrap();
                let ids = page.keys.iter().map(|key| short(&key.id()));
                pages.push(ids.collect::<Vec<_>>().join(" "));
                after = page.next;
                if after.is_none() {
                    return Some(pages.join(" | "));
                }
            }
        }
        ["call", name, calls] => {
            let rate = CallRate::a_minute(calls.parse().unwrap()).unwrap();
            let is_within = ledger.count_call(&id(name), rate, &context).await.unwrap();
            if is_within { "within" } else { "above" }.to_owned()
        }
        ["note-use", name] => {
            ledger.note_use(&id(name), &context);
            // It is written beside the call.
            tokio::time::sleep(NOTED).await;
            "noted".to_owned()
        }
        ["last-used", name] => {
            let used = ledger.last_used(&[id(name)], &context).await.unwrap();
            used.get(&id(name)).map_or("never".to_owned(), |used| format!("{} of {}", used.day, used.days))
        }
        ["facts", event] => {
            let receipt = EventKey::new(Source::Usage, event).unwrap();
            let facts = ledger.facts_of(&receipt, &context).await.unwrap();
            facts.into_iter().map(|(name, fact)| format!("{name}: {fact}")).collect::<Vec<_>>().join(", ")
        }
        _ => return None,
    })
}

/// `own EVENT KEY OWNER SETTINGS [SECONDS]`, `set-key EVENT KEY OWNER FROM TO` and `end-key EVENT KEY OWNER SECONDS`, `unname EVENT KEY OWNER`; `set-service
/// EVENT NAME FROM TO` and `end-service EVENT NAME SECONDS`. Settings are `name:job,rate:60,day:5`, or `-`.
pub(super) fn decision(words: &[&str], context: &CallContext<'_>) -> Option<Decision> {
    let end = |seconds: &str| context.received_at.plus_seconds(seconds.parse().unwrap());
    let effect = match *words {
        ["own", _, name, owner, of, ref until @ ..] => {
            let (key, owner) = (key(name), Owner::new(owner).unwrap());
            let until = until.first().map(|seconds| end(seconds));
            Effect::Key(Box::new(KeyChange::Make { key, owner, settings: settings(of), until }))
        }
        ["set-key", _, name, owner, from, to] => {
            let (key, owner) = (key(name), Owner::new(owner).unwrap());
            Effect::Key(Box::new(KeyChange::Set { key, owner, from: settings(from), to: settings(to) }))
        }
        ["end-key", _, name, owner, seconds] => {
            let (key, owner) = (key(name), Owner::new(owner).unwrap());
            Effect::Key(Box::new(KeyChange::End { key, owner, at: end(seconds) }))
        }
        ["unname", _, name, owner] => {
            let (key, owner) = (key(name), Owner::new(owner).unwrap());
            Effect::Key(Box::new(KeyChange::Unname { key, owner }))
        }
        ["set-service", _, name, from, to] => {
            let (hash, [from, to]) = (ServiceKeyHash::of(name), [from, to].map(service_settings));
            Effect::ServiceKey(ServiceKeyChange::Set { hash, from, to })
        }
        ["end-service", _, name, seconds] => {
            Effect::ServiceKey(ServiceKeyChange::End { hash: ServiceKeyHash::of(name), at: end(seconds) })
        }
        _ => return None,
    };
    Some(record(words.get(1).unwrap(), words.get(2..).unwrap(), vec![effect]))
}

async fn works<L: Keys>(ledger: &L, name: &str, context: &CallContext<'_>) -> String {
    let rate = match id(name) {
        KeyId::Owner(key) => ledger.key(&key, context).await.unwrap().map(|bound| bound.rate),
        KeyId::Service(hash) => ledger.service_key(&hash, context).await.unwrap().map(|key| key.rate),
    };
    match rate {
        None => "no".to_owned(),
        Some(None) => "yes".to_owned(),
        Some(Some(rate)) => rate.to_string(),
    }
}

/// A service key is named `#shop`.
fn id(name: &str) -> KeyId {
    name.strip_prefix('#').map_or_else(|| KeyId::Owner(key(name)), |name| KeyId::Service(ServiceKeyHash::of(name)))
}

fn short(id: &KeyId) -> String {
    match id {
        KeyId::Owner(key) => key.as_str().to_owned(),
        KeyId::Service(hash) => hash.short_id(),
    }
}

fn text(stored: &StoredKey, at: Timestamp) -> String {
    let (of, name, rate, budget) = match stored {
        StoredKey::Owner(key) => {
            let KeySettings { name, budget, rate } = key.settings;
            (key.owner.to_string(), name, rate, budget)
        }
        StoredKey::Service(key) => (key.scopes.to_string(), Some(key.name), key.rate, None),
    };
    let Limits { day, month, total } = budget.map(|budget: Budget| budget.limits).unwrap_or_default();
    let limits = Window::ALL.into_iter().zip([day, month, total]);
    let limits = limits.filter_map(|(window, limit)| Some(format!("{} {}", window.as_str(), units(limit?))));
    let name = name.map(|name| format!("name {name}"));
    let rate = rate.map(|rate| format!("rate {rate}"));
    let state = stored.revoked_at().map(|end| if at < end { "ending" } else { "revoked" });
    let parts = std::iter::once(of).chain(name).chain(rate).chain(limits).chain(state.map(str::to_owned));
    parts.collect::<Vec<_>>().join(", ")
}

fn units(limit: ledger::Amount) -> String {
    ledger::Asset::CREDITS.format(limit)
}

fn part<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.split(',').filter_map(|part| part.split_once(':')).find(|(known, _)| *known == name).map(|(_, value)| value)
}

fn settings(text: &str) -> KeySettings {
    let others = text.split(',').filter(|part| !part.starts_with("name:") && !part.starts_with("rate:"));
    KeySettings {
        name: part(text, "name").map(|name| Word::new(name).unwrap()),
        budget: budget(&others.collect::<Vec<_>>().join(",")),
        rate: rate(text),
    }
}

fn service_settings(text: &str) -> ServiceKeySettings {
    ServiceKeySettings { name: Word::new(part(text, "name").unwrap()).unwrap(), rate: rate(text) }
}

fn rate(text: &str) -> Option<CallRate> {
    part(text, "rate").map(|calls| CallRate::a_minute(calls.parse().unwrap()).unwrap())
}
