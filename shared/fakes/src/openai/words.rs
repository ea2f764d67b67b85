//! The words of a message, and what each makes the fake do.

use super::failure::Failure;
use super::{End, Wait};

#[derive(Debug, Clone, Copy)]
pub struct Word {
    pub word: &'static str,
    /// In words, for a person who picks one.
    pub does: &'static str,
    want: Want,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Want {
    Fails(Failure),
    FailsOnce(Failure),
    Waits(Wait),
    Ends(End),
    Errs,
    Usage(Usage),
    NoDone,
    Cached,
    Trickles,
    Content(Content),
}

/// What it answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// The message again, a call of a tool, or JSON.
    Usual,
    Long,
    Echo,
    Garbage,
}

/// The usage that it reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Usage {
    True,
    Omitted,
    Huge,
}

const fn word(word: &'static str, does: &'static str, want: Want) -> Word {
    Word { word, does, want }
}

/// Long enough to notice, and shorter than a client's timeout.
const SLOW_SECONDS: u64 = 3;
/// A rate at which a person sees an answer grow.
const TRICKLE_MS: u64 = 50;
pub(super) const TOKENS_OF_LONG: usize = 400;
/// The parts that arrive before a stream stalls, breaks or errs: the role and three tokens.
pub(super) const PARTS_BEFORE_END: usize = 4;

/// A word that ends in `@name` holds at the upstream of that name alone. Several words combine.
pub const WORDS: [Word; 23] = [
    word("fail-400", "is refused as a bad request", Want::Fails(Failure::BAD_REQUEST)),
    word("fail-401", "is refused for its key", Want::Fails(Failure::KEY)),
    word("fail-403", "is forbidden", Want::Fails(Failure::FORBIDDEN)),
    word("fail-404", "has an unknown model", Want::Fails(Failure::MODEL)),
    word("fail-429", "is rate limited, with Retry-After", Want::Fails(Failure::RATE_LIMITED)),
    word("fail-quota", "is refused with 429: the upstream's account is empty", Want::Fails(Failure::NO_QUOTA)),
    word("fail-500", "fails", Want::Fails(Failure::BROKEN)),
    word("fail-503", "fails, since the upstream is overloaded", Want::Fails(Failure::OVERLOADED)),
    word("fail-429-once", "is rate limited once", Want::FailsOnce(Failure::RATE_LIMITED)),
    word("fail-500-once", "fails once", Want::FailsOnce(Failure::BROKEN)),
    word("slow", "begins after three seconds", Want::Waits(Wait::Seconds(SLOW_SECONDS))),
    word("hangs", "is never answered", Want::Waits(Wait::ForEver)),
    word("stalls", "stops after three tokens, and the connection stays open", Want::Ends(End::Stalls)),
    word("breaks", "loses its connection after three tokens", Want::Ends(End::Breaks)),
    word("errs-midway", "has an error in place of the fourth token", Want::Errs),
    word("no-usage", "reports no usage", Want::Usage(Usage::Omitted)),
    word("huge-usage", "reports a million tokens", Want::Usage(Usage::Huge)),
    word("no-done", "ends without usage and [DONE]", Want::NoDone),
    word("cached", "has half of its prompt in the upstream's cache", Want::Cached),
    word("long", "has 400 tokens", Want::Content(Content::Long)),
    word("trickle", "pauses 50 ms before each token", Want::Trickles),
    word("echo", "is answered with the request's own body", Want::Content(Content::Echo)),
    word("garbage", "is answered unreadably", Want::Content(Content::Garbage)),
];

/// What all words of a message make it do.
#[derive(Debug)]
pub(super) struct Wants {
    pub(super) fails: Option<Failure>,
    pub(super) fails_once: Option<Failure>,
    pub(super) wait: Wait,
    pub(super) end: End,
    pub(super) errs: bool,
    pub(super) usage: Usage,
    pub(super) has_done: bool,
    pub(super) is_cached: bool,
    pub(super) pace_ms: u64,
    pub(super) content: Content,
}

impl Wants {
    pub(super) fn of<'w>(words: impl Iterator<Item = &'w str>, upstream: &str) -> Self {
        let mut wants = Self {
            fails: None,
            fails_once: None,
            wait: Wait::None,
            end: End::Whole,
            errs: false,
            usage: Usage::True,
            has_done: true,
            is_cached: false,
            pace_ms: 0,
            content: Content::Usual,
        };
        for given in words {
            let (word, at) = given.split_once('@').unwrap_or((given, upstream));
            if let Some(found) = WORDS.iter().find(|known| known.word == word && at == upstream) {
                wants.add(found.want);
            }
        }
        wants
    }

    fn add(&mut self, of_word: Want) {
        match of_word {
            Want::Fails(failure) => self.fails = Some(failure),
            Want::FailsOnce(failure) => self.fails_once = Some(failure),
            Want::Waits(wait) => self.wait = wait,
            Want::Ends(end) => self.end = end,
            Want::Errs => self.errs = true,
            Want::Usage(usage) => self.usage = usage,
            Want::NoDone => self.has_done = false,
            Want::Cached => self.is_cached = true,
            Want::Trickles => self.pace_ms = TRICKLE_MS,
            Want::Content(content) => self.content = content,
        }
    }
}
