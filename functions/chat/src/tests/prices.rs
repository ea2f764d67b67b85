//! Prices: what is held is never less than what can be charged, by the upstream's tokens or by the estimate.

use catalog::{Catalog, RateCard, SHIPPED};
use ledger::{Amount, Asset, Timestamp};
use providers::Tokens;

use crate::parse::RequestSize;
use crate::price::{cost, quote};

const NOW: Timestamp = Timestamp::EPOCH;

fn card() -> RateCard {
    RateCard::shipped().expect("a catalog").expect("a card")
}

fn size(prompt_bytes: u64, images: u64, max_tokens: u64) -> RequestSize {
    RequestSize { prompt_bytes, images, max_tokens }
}

#[test]
fn quote_has_the_longest_answer() {
    // 100 credits a dollar and 20 % more: a million tokens of gpt-4o cost 300 credits in, and 1,200 out.
    let rows = [
        ("gpt-4o", size(1_000_000, 0, 1_000_000), Some(("1500", "675"))),
        ("gpt-4o", size(100, 0, 10), Some(("0.042", "0.0135"))),
        ("gpt-4o", size(100, 1, 10), Some(("0.522", "0.4935"))),
        // The same image is many more tokens of some models.
        ("gpt-4o-mini", size(100, 1, 10), Some(("0.87012", "0.86841"))),
        // What is written to its cache costs more than its input.
        ("anthropic/claude-sonnet-4.5", size(1_000_000, 0, 1_000_000), Some(("2250", "990"))),
        // An image of one that is not known may be the largest; what it costs at its expiry is the usual.
        ("gpt-4o", size(0, 2, 1), Some(("0.9612", "0.9612"))),
        ("qwen-2.5-0.5b:free", size(1_000, 0, 1_000), Some(("0", "0"))),
        ("gpt-3", size(1, 0, 1), None),
        // It has a price for images.
        ("dall-e-3", size(1, 0, 1), None),
    ];
    for (model, size, expected) in rows {
        let quote = quote(&card(), model, size, NOW);
        let text = |amount: Amount| Asset::CREDITS.format(amount);
        let shown = quote.map(|quote| (text(quote.most), text(quote.at_expiry)));
        let expected = expected.map(|(most, at_expiry)| (most.to_owned(), at_expiry.to_owned()));
        assert_eq!(shown, expected, "{model} {size:?}");
    }
}

#[test]
fn cost_is_that_of_the_reported_tokens_or_of_an_estimate() {
    let held = Asset::CREDITS.parse("1").expect("an amount");
    let tokens =
        |prompt, completion, cached, reasoning| Some(Tokens { prompt, completion, cached, cache_write: 0, reasoning });
    // A thousand tokens cost 0.3 in, 0.15 from the cache, and 1.2 out.
    let rows = [
        (tokens(1_000, 100, 0, 0), 0, "0.42", false, false),
        (tokens(1_000, 100, 500, 50), 0, "0.345", false, false),
        // A report of nothing, for a text.
        (tokens(0, 0, 0, 0), 400, "0.42", true, false),
        (tokens(1_000, 0, 0, 0), 400, "0.42", true, false),
        (tokens(0, 100, 0, 0), 400, "0.42", true, false),
        (tokens(1_000, 0, 0, 0), 0, "0.3", false, false),
        (tokens(1_000, 1_000, 0, 0), 0, "1", false, true),
        (tokens(u64::MAX, u64::MAX, 0, 0), 400, "0.42", true, false),
        // More from the cache than there was.
        (tokens(1_000, 100, 1_001, 0), 400, "0.42", true, false),
        (None, 400, "0.42", true, false),
        (None, 401, "0.4212", true, false),
        (None, 0, "0.3", true, false),
        // No answer is longer than it may be.
        (None, 1_000_000, "0.54", true, false),
    ];
    for (reported, text_bytes, expected, is_estimate, is_above_hold) in rows {
        let cost = cost(&card(), "gpt-4o", size(4_000, 0, 200), reported, text_bytes, NOW, held).expect("a price");
        let shown = (Asset::CREDITS.format(cost.amount), cost.is_estimate, cost.is_above_hold);
        assert_eq!(shown, (expected.to_owned(), is_estimate, is_above_hold), "{reported:?} {text_bytes}");
    }
}

/// What such a model has thought is in no text, and often most of its answer.
#[test]
fn estimate_of_a_model_that_reasons_has_its_reasoning() {
    let catalog = Catalog::parse(&SHIPPED.replace("gpt-4o*", "openai/gpt-5*")).expect("a catalog");
    let (card, held) = (catalog.rate_card().expect("a card"), Asset::CREDITS.parse("9").expect("an amount"));
    // A prompt of a thousand tokens, and no less than half of the longest answer.
    for (text_bytes, expected) in [(0, "0.42"), (400, "0.42"), (600, "0.48"), (4_000, "0.54")] {
        let cost = cost(card, "openai/gpt-5", size(4_000, 0, 200), None, text_bytes, NOW, held).expect("a price");
        assert_eq!((Asset::CREDITS.format(cost.amount).as_str(), cost.is_estimate), (expected, true), "{text_bytes}");
    }
}

#[test]
fn no_estimate_is_above_what_is_held() {
    for model in ["gpt-4o", "gpt-4o-mini", "anthropic/claude-sonnet-4.5"] {
        for prompt_bytes in [1, 3, 4, 5, 1_000_003] {
            for max_tokens in [1, 2, 3, 16_384] {
                let size = size(prompt_bytes, 2, max_tokens);
                let quote = quote(&card(), model, size, NOW).expect("a price");
                assert!(quote.at_expiry <= quote.most);
                let longest = cost(&card(), model, size, None, u64::MAX, NOW, Amount::from_units(u64::MAX));
                assert!(longest.expect("a price").amount <= quote.most, "{model} {size:?}");
            }
        }
    }
}
