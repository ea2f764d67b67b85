//! A key of an owner, as `account keys` and `account show` print it.

use ledger::{CallRate, KeyUse, OwnerKey, StoredKey, Timestamp};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeyFacts {
    pub(super) key: String,
    pub(super) name: Option<String>,
    /// Calls a minute.
    pub(super) rate: Option<u32>,
    /// The last day on which it called an API.
    pub(super) last_used: Option<String>,
    pub(super) since: String,
    pub(super) state: &'static str,
    pub(super) revoked_at: Option<String>,
}

impl KeyFacts {
    /// Its name, and the last day on which it called an API. `None` if it never has.
    pub(super) fn use_of(&self) -> Option<[String; 2]> {
        Some([self.key.clone(), self.last_used.clone()?])
    }

    pub(super) fn of(stored: &StoredKey, used: Option<&KeyUse>, now: Timestamp) -> Option<Self> {
        let StoredKey::Owner(OwnerKey { key, settings, since, revoked_at, .. }) = stored else { return None };
        Some(Self {
            key: key.short_id(),
            name: settings.name.map(|name| name.to_string()),
            rate: settings.rate.map(CallRate::calls_a_minute),
            last_used: used.map(|used| used.day.clone()),
            since: since.to_string(),
            state: state_of(*revoked_at, now),
            revoked_at: revoked_at.map(|at| at.to_string()),
        })
    }
}

/// A key that was rotated over HTTP works until its end.
pub(crate) fn state_of(revoked_at: Option<Timestamp>, now: Timestamp) -> &'static str {
    match revoked_at {
        None => "live",
        Some(at) if now < at => "ending",
        Some(_) => "revoked",
    }
}

/// The state, and since or until when.
pub(crate) fn dated(state: &str, at: Option<&String>) -> String {
    match at {
        None => state.to_owned(),
        Some(at) if state == "ending" => format!("works until {at}"),
        Some(at) => format!("{state} at {at}"),
    }
}
