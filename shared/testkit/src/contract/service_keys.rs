//! The lines of the contract about service keys.

use ledger::{
    Decision, Effect, EventKey, Scopes, ServiceKey, ServiceKeyChange, ServiceKeyHash, ServiceKeys, Source, Word,
};

use super::event::record;
use crate::now;

/// `service-key NAME`: its scopes, if it is live. `service-keys` lists all.
pub(super) async fn result_of<L: ServiceKeys>(ledger: &L, words: &[&str], number: u64) -> Option<String> {
    let context = crate::context(number);
    Some(match words {
        ["service-key", name] => {
            let key = ledger.service_key(&ServiceKeyHash::of(name), &context).await.unwrap();
            key.map_or("none".to_owned(), |key| key.scopes.to_string())
        }
        ["service-keys"] => {
            let state = |key: &ServiceKey| if key.is_live(context.received_at) { "live" } else { "revoked" };
            let mut keys = ledger.service_keys(&context).await.unwrap();
            keys.sort_by_key(|key| key.name);
            let facts = keys.iter().map(|key| format!("{} {} {}", key.name, key.scopes, state(key)));
            facts.collect::<Vec<_>>().join(", ")
        }
        _ => return None,
    })
}

/// `make-key EVENT NAME SCOPES` and `revoke-key EVENT NAME`.
pub(super) fn decision(words: &[&str]) -> Option<Decision> {
    Some(match *words {
        ["make-key", event, name, scopes] => {
            let key = ServiceKey {
                hash: ServiceKeyHash::of(name),
                name: Word::new(name).unwrap(),
                scopes: Scopes::parse(scopes).unwrap(),
                made_by: EventKey::new(Source::Usage, event).unwrap(),
                since: now(),
                revoked_at: None,
                rate: None,
            };
            record(event, &[name, scopes], vec![Effect::ServiceKey(ServiceKeyChange::Make(Box::new(key)))])
        }
        ["revoke-key", event, name] => {
            let change = ServiceKeyChange::Revoke(ServiceKeyHash::of(name));
            record(event, &[name], vec![Effect::ServiceKey(change)])
        }
        _ => return None,
    })
}
