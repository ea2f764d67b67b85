//! Prices: the most that a request can cost, what is charged if no one learns what it has cost, and what it has cost.

use catalog::{Consumption, Counts, RateCard};
use ledger::{Amount, Timestamp};
use providers::Tokens;

use crate::parse::{RequestSize, reasons};

/// The most tokens of an image in a prompt, in high detail, of models whose name begins so: the first that fits.
const IMAGE_TOKENS: [(&str, u64); 12] = [
    ("gpt-4o-mini", 48_200),
    ("gpt-4.1-mini", 2_500),
    ("gpt-4.1-nano", 3_800),
    ("gpt-5-mini", 2_500),
    ("gpt-5-nano", 3_800),
    ("o4-mini", 2_700),
    ("gpt-4", USUAL_IMAGE_TOKENS),
    ("gpt-5", USUAL_IMAGE_TOKENS),
    ("o1", USUAL_IMAGE_TOKENS),
    ("o3", USUAL_IMAGE_TOKENS),
    ("claude", USUAL_IMAGE_TOKENS),
    // As Qwen's models have it, the most that is known.
    ("", 16_384),
];
/// Of most models, and of those that are not known if they report nothing.
const USUAL_IMAGE_TOKENS: u64 = 1_600;
/// Of English text. That of most other languages has fewer bytes to a token, which estimates it too low.
const BYTES_PER_TOKEN: u64 = 4;
/// An answer has about half of the tokens that it may have.
const ANSWER_PART: u64 = 2;

/// What a request costs before it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quote {
    /// A token of the prompt is a byte, and the answer is as long as it may be.
    pub(crate) most: Amount,
    /// What the expiry of its hold charges.
    pub(crate) at_expiry: Amount,
}

/// What a request has cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) amount: Amount,
    pub(crate) tokens: Tokens,
    /// Whether the tokens are an estimate, and not those of the upstream.
    pub(crate) is_estimate: bool,
    /// The row of the rate card.
    pub(crate) price: String,
    /// Whether the upstream reports more than is possible. Then it costs what is held.
    pub(crate) is_above_hold: bool,
}

/// `None` if the card has no price for the model now.
pub(crate) fn quote(card: &RateCard, model: &str, size: RequestSize, now: Timestamp) -> Option<Quote> {
    if !card.row(model, now)?.is_by_tokens() {
        return None;
    }
    let of_images = size.images.saturating_mul(image_tokens(model));
    let (input, output) = (size.prompt_bytes.saturating_add(of_images), size.max_tokens);
    // A token costs more if it is written to a cache, or is one of reasoning, as the card has it.
    let mut most = Amount::ZERO;
    for cache_write in [0, input] {
        for reasoning in [0, output] {
            let counts = Counts { input, cache_write, output, reasoning, ..Counts::default() };
            let consumption = Consumption::of_openai(counts).ok()?;
            most = most.max(card.price(model, &consumption, now)?.cost);
        }
    }
    let estimate = price(card, model, estimate(model, size, half(size)), now)?.0;
    Some(Quote { most, at_expiry: estimate.min(most) })
}

/// What was used, as the upstream reports it, or else by how much it has generated. At most what is held. A report of no
/// prompt, or of no answer where there was one, is none.
pub(crate) fn cost(
    card: &RateCard,
    model: &str,
    size: RequestSize,
    reported: Option<Tokens>,
    text_bytes: u64,
    now: Timestamp,
    held: Amount,
) -> Option<Cost> {
    let is_plausible = |tokens: &Tokens| tokens.prompt > 0 && (tokens.completion > 0 || text_bytes == 0);
    let reported = reported.filter(is_plausible).and_then(|tokens| Some((tokens, price(card, model, tokens, now)?)));
    let is_estimate = reported.is_none();
    let (tokens, (amount, price)) = if let Some(reported) = reported {
        reported
    } else {
        // Reasoning that no one sees is in no text.
        let least = if reasons(model) { half(size) } else { 0 };
        let tokens = estimate(model, size, tokens_of(text_bytes).max(least).min(size.max_tokens));
        (tokens, price(card, model, tokens, now)?)
    };
    let is_above_hold = amount > held;
    Some(Cost { amount: amount.min(held), tokens, is_estimate, price, is_above_hold })
}

/// Of so much text that was generated.
pub(crate) const fn tokens_of(text_bytes: u64) -> u64 {
    text_bytes.div_ceil(BYTES_PER_TOKEN)
}

const fn half(size: RequestSize) -> u64 {
    size.max_tokens.div_ceil(ANSWER_PART)
}

/// A gateway may put the provider before the name.
fn image_tokens(model: &str) -> u64 {
    let name = model.rsplit('/').next().unwrap_or(model);
    IMAGE_TOKENS.iter().find(|(start, _)| name.starts_with(start)).map_or(0, |(_, tokens)| *tokens)
}

fn estimate(model: &str, size: RequestSize, completion: u64) -> Tokens {
    let of_text = size.prompt_bytes.div_ceil(BYTES_PER_TOKEN);
    let (_, unknown) = IMAGE_TOKENS.last().copied().unwrap_or_default();
    let of_image = Some(image_tokens(model)).filter(|tokens| *tokens != unknown).unwrap_or(USUAL_IMAGE_TOKENS);
    let prompt = of_text.saturating_add(size.images.saturating_mul(of_image));
    Tokens { prompt, completion, ..Tokens::default() }
}

/// `None` if the counts make no sense, or have no price.
fn price(card: &RateCard, model: &str, tokens: Tokens, now: Timestamp) -> Option<(Amount, String)> {
    let Tokens { prompt, completion, cached, cache_write, reasoning } = tokens;
    let counts =
        Counts { input: prompt, cached_input: cached, cache_write, output: completion, reasoning, ..Counts::default() };
    let consumption = Consumption::of_openai(counts).ok()?;
    let priced = card.price(model, &consumption, now)?;
    Some((priced.cost, priced.row.short_name()))
}
