//! What people have paused: sources, fulfilment and sweeps. It is one row, which every function reads.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::{EventKey, Provider, Source, Sweep, Timestamp};

const FULFIL: &str = "fulfil";

/// What a person can pause. Each has a word of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pausable {
    /// Its deliveries are answered 503, so that the sender keeps them.
    Source(Source),
    /// Nothing is delivered for a paid order, by the stream or by the sweep.
    Fulfil,
    /// Its runs do nothing.
    Sweep(Sweep),
}

impl Pausable {
    pub fn all() -> impl Iterator<Item = Self> {
        let (sources, sweeps) = (Source::ALL.map(Self::Source), Sweep::ALL.map(Self::Sweep));
        sources.into_iter().chain([Self::Fulfil]).chain(sweeps)
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source(source) => source.as_str(),
            Self::Fulfil => FULFIL,
            Self::Sweep(sweep) => sweep.as_str(),
        }
    }

    pub fn named(word: &str) -> Option<Self> {
        Self::all().find(|known| known.as_str() == word)
    }

    /// What is lost while it is paused, if its sender does not keep what is turned away.
    pub const fn lost_by(self) -> Option<&'static str> {
        match self {
            Self::Source(Source::Litellm) => Some("LiteLLM retries `max_retries` times, and then drops the usage"),
            Self::Source(Source::Openrouter) => Some("OpenRouter promises no retry"),
            // These retry for a day or more; what is paused for longer is queried, or read from the gateway's log.
            Self::Source(Source::Usage | Source::Stripe | Source::Wechat | Source::Epay | Source::Fireblocks)
            | Self::Fulfil
            | Self::Sweep(_) => None,
        }
    }
}

/// Since when, by whom and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    pub since: Timestamp,
    pub author: String,
    pub reason: String,
    /// The journal row of the command.
    pub receipt: EventKey,
}

/// All pauses by their word. A later release may know words that this one does not: they are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pauses {
    pub by_word: BTreeMap<String, Pause>,
    /// The version of the stored row, 0 without one. A changed value has the version that it is to be written as.
    pub version: u64,
}

impl Pauses {
    pub fn has(&self, what: Pausable) -> bool {
        self.by_word.contains_key(what.as_str())
    }

    /// Whether a run of this sweep does nothing: it is paused, or all that it books is.
    pub fn stops(&self, sweep: Sweep) -> bool {
        let all_of = match sweep {
            Sweep::StripeBackfill => Some(Pausable::Source(Source::Stripe)),
            Sweep::GatewayLog => Some(Pausable::Source(Source::Usage)),
            Sweep::Unfulfilled => Some(Pausable::Fulfil),
            Sweep::Refused | Sweep::Unpaid | Sweep::PendingExternal | Sweep::Expiring | Sweep::Holds | Sweep::Audit => {
                None
            }
        };
        self.has(Pausable::Sweep(sweep)) || all_of.is_some_and(|what| self.has(what))
    }

    /// Refused usage waits in one queue, whichever gateway has reported it.
    pub fn stops_usage(&self) -> bool {
        [Source::Usage, Source::Litellm, Source::Openrouter]
            .into_iter()
            .any(|source| self.has(Pausable::Source(source)))
    }

    /// Whether no payment of this provider is to be booked.
    pub fn stops_payments_of(&self, provider: Provider) -> bool {
        let source = match provider {
            Provider::Stripe => Source::Stripe,
            Provider::Wechat => Source::Wechat,
            Provider::Epay => Source::Epay,
        };
        self.has(Pausable::Source(source))
    }

    pub fn pause(&self, what: Pausable, pause: Pause) -> Result<Self, PauseError> {
        if let Some(known) = self.by_word.get(what.as_str()) {
            return Err(PauseError::Paused { word: what.as_str(), since: known.since });
        }
        let mut after = self.next();
        after.by_word.insert(what.as_str().to_owned(), pause);
        Ok(after)
    }

    pub fn resume(&self, what: Pausable) -> Result<Self, PauseError> {
        let mut after = self.next();
        after.by_word.remove(what.as_str()).ok_or(PauseError::NotPaused { word: what.as_str() })?;
        Ok(after)
    }

    fn next(&self) -> Self {
        Self { version: self.version.saturating_add(1), ..self.clone() }
    }
}

/// Why nothing is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PauseError {
    #[error("{word} is paused already, since {since}: `pause --list` says by whom and why")]
    Paused { word: &'static str, since: Timestamp },
    #[error("{word} is not paused: `pause --list` lists what is")]
    NotPaused { word: &'static str },
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_has_a_word_of_its_own() {
        let words: BTreeSet<&str> = Pausable::all().map(Pausable::as_str).collect();
        assert_eq!(words.len(), Pausable::all().count());
        assert!(Pausable::all().all(|what| Pausable::named(what.as_str()) == Some(what)));
        assert_eq!(Pausable::named("everything"), None);
    }

    #[test]
    fn pause_of_what_a_sweep_books_stops_the_sweep() {
        let rows = [
            (Pausable::Sweep(Sweep::Unpaid), &[Sweep::Unpaid][..], false),
            (Pausable::Source(Source::Stripe), &[Sweep::StripeBackfill], false),
            (Pausable::Source(Source::Usage), &[Sweep::GatewayLog], true),
            (Pausable::Source(Source::Litellm), &[], true),
            (Pausable::Source(Source::Epay), &[], false),
            (Pausable::Fulfil, &[Sweep::Unfulfilled], false),
        ];
        for (what, stopped, stops_usage) in rows {
            let pauses = Pauses::default().pause(what, pause()).expect("not paused yet");
            let found: Vec<Sweep> = Sweep::ALL.into_iter().filter(|sweep| pauses.stops(*sweep)).collect();
            assert_eq!((found.as_slice(), pauses.stops_usage()), (stopped, stops_usage), "{}", what.as_str());
        }
    }

    #[test]
    fn second_pause_and_resume_change_nothing() {
        let (what, none) = (Pausable::Fulfil, Pauses::default());
        let paused = none.pause(what, pause()).expect("not paused yet");
        assert_eq!((paused.has(what), paused.version), (true, 1));
        let since = Timestamp::EPOCH;
        assert_eq!(paused.pause(what, pause()), Err(PauseError::Paused { word: "fulfil", since }));
        let resumed = paused.resume(what).expect("it is paused");
        assert_eq!((resumed.has(what), resumed.version), (false, 2));
        assert_eq!(resumed.resume(what), Err(PauseError::NotPaused { word: "fulfil" }));
    }

    #[test]
    fn word_of_a_later_release_stays() {
        let later = Pauses { by_word: [("later".to_owned(), pause())].into(), version: 3 };
        let after = later.pause(Pausable::Fulfil, pause()).and_then(|paused| paused.resume(Pausable::Fulfil));
        assert_eq!(after.map(|after| after.by_word), Ok(later.by_word));
    }

    fn pause() -> Pause {
        let (author, reason) = ("ann".to_owned(), "why".to_owned());
        Pause { since: Timestamp::EPOCH, author, reason, receipt: EventKey::of_row("manual#p1") }
    }
}
