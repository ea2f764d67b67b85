//! What one use of a model consumed, each token counted once.

use thiserror::Error;

/// Far above the context of any model. With the other limits, no calculation overflows.
const TOKENS_MAX: u64 = 1_000_000_000_000;
const IMAGES_MAX: u64 = 1_000_000;
/// Eleven days.
const MILLISECONDS_MAX: u64 = 1_000_000_000;

/// What a price is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Tokens that were neither read from a cache nor written to it.
    Input,
    CachedInput,
    CacheWrite,
    /// Tokens of the answer itself.
    Output,
    Reasoning,
    Request,
    Image,
    Second,
}

impl Kind {
    /// The words for it in the catalog and on terminals.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::CachedInput => "cached_input",
            Self::CacheWrite => "cache_write",
            Self::Output => "output",
            Self::Reasoning => "reasoning",
            Self::Request => "per_request",
            Self::Image => "per_image",
            Self::Second => "per_second",
        }
    }
}

/// The counts of a sender, by whatever convention.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub input: u64,
    pub cached_input: u64,
    pub cache_write: u64,
    pub output: u64,
    pub reasoning: u64,
    pub images: u64,
    /// Of audio or video.
    pub milliseconds: u64,
}

/// Counts that make sense: within their limits, and with no part larger than its whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consumption {
    pub(super) input: u64,
    pub(super) cached_input: u64,
    pub(super) cache_write: u64,
    pub(super) output: u64,
    pub(super) reasoning: u64,
    pub(super) images: u64,
    pub(super) milliseconds: u64,
}

impl Consumption {
    /// As OpenAI counts: `input` includes the tokens of the cache, and `output` the reasoning.
    pub fn of_openai(counts: Counts) -> Result<Self, CountsError> {
        let too_many = |part, whole| CountsError::PartExceedsWhole { part, whole };
        let uncached = counts.input.checked_sub(counts.cached_input);
        let uncached = uncached.ok_or(too_many(Kind::CachedInput, Kind::Input))?;
        let input = uncached.checked_sub(counts.cache_write).ok_or(too_many(Kind::CacheWrite, Kind::Input))?;
        Self::within_limits(Counts { input, ..counts }, counts.input)
    }

    /// As Anthropic counts: `input`, `cached_input` and `cache_write` are counted apart. `output` includes the
    /// reasoning.
    pub fn of_anthropic(counts: Counts) -> Result<Self, CountsError> {
        let all = counts.input.saturating_add(counts.cached_input).saturating_add(counts.cache_write);
        Self::within_limits(counts, all)
    }

    fn within_limits(counts: Counts, input_in_all: u64) -> Result<Self, CountsError> {
        let Counts { input, cached_input, cache_write, output, reasoning, images, milliseconds } = counts;
        for (kind, count, max) in [
            (Kind::Input, input_in_all, TOKENS_MAX),
            (Kind::Output, output, TOKENS_MAX),
            (Kind::Image, images, IMAGES_MAX),
            (Kind::Second, milliseconds, MILLISECONDS_MAX),
        ] {
            if count > max {
                return Err(CountsError::TooLarge { kind });
            }
        }
        let answer = output.checked_sub(reasoning);
        let output = answer.ok_or(CountsError::PartExceedsWhole { part: Kind::Reasoning, whole: Kind::Output })?;
        Ok(Self { input, cached_input, cache_write, output, reasoning, images, milliseconds })
    }
}

/// Why counts make no sense. Elsewhere such counts have given a use a negative price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CountsError {
    #[error("{}: is more than one use can have", .kind.as_str())]
    TooLarge { kind: Kind },
    /// Of `cache_write`: together with `cached_input`.
    #[error("{}: is more than the {} that it is a part of", .part.as_str(), .whole.as_str())]
    PartExceedsWhole { part: Kind, whole: Kind },
}
