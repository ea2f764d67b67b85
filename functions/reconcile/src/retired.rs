//! Keys that their owner has replaced. They verify what was kept while they were live, for as long as that is kept.

use std::fmt;

use edge::Settings;
use ledger::Timestamp;
use signing::{SecretError, Strength};

/// As long as a refused body is kept; by today's clock, since whoever writes rows chooses every other.
const COUNTS_FOR_SECONDS: i64 = 90 * 24 * 60 * 60;
const DAY_SECONDS: i64 = 24 * 60 * 60;

/// What an error names: an operator chooses the names of the entries.
const ENTRY: &str = "an entry of the secret of retired keys";

/// What the secret of retired keys holds: each entry under its setting and the day on which it was replaced,
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

    /// The live settings with the retired keys that still count behind them; `None` where there are none.
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
    /// A day in the future is a slip of the pen, which must not keep a key for longer.
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
