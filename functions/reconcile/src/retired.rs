//! Rotated-out keys, which verify deliveries from before the key rotation for the retention period of refused bodies.

use std::fmt;

use edge::Settings;
use ledger::Timestamp;
use signing::{SecretError, Strength};

/// The retention of a refused body. It is measured by the current time, since a row's own times can be forged.
const COUNTS_FOR_SECONDS: i64 = 90 * 24 * 60 * 60;
const DAY_SECONDS: i64 = 24 * 60 * 60;

/// The name in errors, since an operator chooses the names of the entries.
const ENTRY: &str = "an entry of the secret of retired keys";

/// The content of the secret of retired keys. The name of an entry is its setting and the day of its rotation:
/// `STRIPE_WEBHOOK_SECRET@2026-11-27`.
pub struct RetiredKeys {
    entries: Vec<Entry>,
    texts: Settings,
}

struct Entry {
    name: String,
    setting: String,
    retired_at: Timestamp,
}

impl RetiredKeys {
    pub fn read(settings: &Settings, _: Strength) -> Result<Self, (&'static str, SecretError)> {
        const EXPECTED: SecretError =
            SecretError::OtherKind { expected: "the name of its setting, an @ and the day of its retirement" };
        let entry = |name: &str| {
            let (setting, day) = name.split_once('@')?;
            let retired_at = Timestamp::parse_rfc3339(&format!("{day}T00:00:00Z")).ok()?;
            Some(Entry { name: name.to_owned(), setting: setting.to_owned(), retired_at })
        };
        let entries = settings.names().map(|name| entry(name).ok_or((ENTRY, EXPECTED)));
        Ok(Self { entries: entries.collect::<Result<_, _>>()?, texts: settings.clone() })
    }

    /// The live settings with the valid retired keys appended; `None` if there are none.
    pub(crate) fn behind(&self, live: &Settings, now: Timestamp) -> Option<Settings> {
        let counting = self.entries.iter().filter(|entry| entry.counts(now));
        let mut texts =
            counting.filter_map(|entry| Some((&entry.setting, self.texts.setting(&entry.name)?))).peekable();
        texts.peek()?;
        let mut settings = live.clone();
        texts.for_each(|(setting, text)| settings.append(setting, text));
        Some(settings)
    }
}

impl Entry {
    /// A day in the future is a typing error, which must not extend the key's validity.
    fn counts(&self, now: Timestamp) -> bool {
        let ends_at = self.retired_at.plus_seconds(COUNTS_FOR_SECONDS.saturating_add(DAY_SECONDS));
        self.retired_at <= now.plus_seconds(DAY_SECONDS) && now < ends_at
    }
}

impl fmt::Debug for RetiredKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RetiredKeys({} entries)", self.entries.len())
    }
}
