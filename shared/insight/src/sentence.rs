//! What each state and each reason means, in one sentence, in English and Chinese. Each match is exhaustive: a new reason
//! does not compile without its sentence.

mod finding;
mod hold;
mod order;
mod reason;

pub use finding::{finding, suspect};
pub use hold::{hold_state, subscription_status};
pub use order::{dispute_stage, fulfilment, payment_state, resolution, top_up_state, transfer_status};
pub(crate) use reason::reason_of_change;
pub use reason::{reason, reason_by};

/// The languages of a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Lang {
    #[default]
    En,
    Zh,
}

impl Lang {
    pub const ALL: [Self; 2] = [Self::En, Self::Zh];

    /// The word for it in options.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh",
        }
    }

    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }
}

/// One sentence in each language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sentence {
    pub en: &'static str,
    pub zh: &'static str,
}

impl Sentence {
    pub const fn in_lang(self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => self.en,
            Lang::Zh => self.zh,
        }
    }
}

pub(crate) const fn say(en: &'static str, zh: &'static str) -> Sentence {
    Sentence { en, zh }
}
