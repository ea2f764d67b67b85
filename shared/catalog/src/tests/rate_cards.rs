//! The rate card: its rows, what a use costs, and what makes no sense; against a calculation on digits in `naive`.

#![expect(clippy::arithmetic_side_effects, reason = "small numbers of our own")]

mod naive;

use ledger::Timestamp;

use super::*;
use crate::{Consumption, Counts, CountsError, Kind, RateCard, Usd};

/// A card with these fields beside the rate of a hundred credits for a dollar.
fn card_json(fields: &str) -> String {
    format!(r#"{{ "products": {{}}, "rate_card": {{ "credits_per_usd": "100", {fields} }} }}"#)
}

fn card(prices: &str) -> RateCard {
    let catalog = Catalog::parse(&card_json(&format!(r#""prices": [{prices}]"#))).expect("valid");
    catalog.rate_card().expect("a card").clone()
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).expect("a time")
}

fn tokens(input: u64, cached_input: u64, cache_write: u64, output: u64, reasoning: u64) -> Consumption {
    let counts = Counts { input, cached_input, cache_write, output, reasoning, ..Counts::default() };
    Consumption::of_openai(counts).expect("counts that make sense")
}

#[test]
fn closest_row_in_force_counts() {
    let row = |model: &str, from: &str| format!(r#"{{ "model": "{model}"{from}, "per_request": "1" }}"#);
    let rows = [
        row("*", ""),
        row("gpt-4o*", r#", "from": "2026-06-01T00:00:00Z""#),
        row("gpt-4o*", ""),
        row("gpt-4o-mini*", r#", "from": "2026-03-01T00:00:00+08:00""#),
        row("gpt-4o", ""),
        row("gpt-4o", r#", "from": "2026-05-01T00:00:00Z""#),
        row("gpt-4o", r#", "from": "2026-04-01T00:00:00Z""#),
    ];
    let card = card(&rows.join(","));
    for (model, time, expected) in [
        ("gpt-4o", "2026-03-31T23:59:59.999Z", "gpt-4o"),
        ("gpt-4o", "2026-04-01T00:00:00Z", "gpt-4o from 2026-04-01T00:00:00.000Z"),
        ("gpt-4o", "2026-04-30T23:59:59.999Z", "gpt-4o from 2026-04-01T00:00:00.000Z"),
        ("gpt-4o", "2027-01-01T00:00:00Z", "gpt-4o from 2026-05-01T00:00:00.000Z"),
        ("gpt-4o-2024-11-20", "2026-05-31T23:59:59.999Z", "gpt-4o*"),
        ("gpt-4o-2024-11-20", "2026-06-01T00:00:00Z", "gpt-4o* from 2026-06-01T00:00:00.000Z"),
        // The longer pattern, as soon as it is in force.
        ("gpt-4o-mini", "2026-02-28T15:59:59.999Z", "gpt-4o*"),
        ("gpt-4o-mini", "2026-02-28T16:00:00Z", "gpt-4o-mini* from 2026-02-28T16:00:00.000Z"),
        ("gpt-4o-mini", "2027-01-01T00:00:00Z", "gpt-4o-mini* from 2026-02-28T16:00:00.000Z"),
        ("GPT-4o", "2027-01-01T00:00:00Z", "*"),
        ("gpt-4", "2027-01-01T00:00:00Z", "*"),
        ("", "2027-01-01T00:00:00Z", "*"),
    ] {
        assert_eq!(card.row(model, at(time)).map(ToString::to_string).as_deref(), Some(expected), "{model} at {time}");
    }
}

/// What the journal has of it. A letter is never cut.
#[test]
fn long_pattern_has_a_short_name() {
    for (model, expected) in [
        ("gpt-4o*", "gpt-4o*"),
        ("24-bytes-of-one-model-no", "24-bytes-of-one-model-no"),
        ("25-bytes-of-one-model-now", "25-bytes-of-one-model-no…"),
        ("23-bytes-and-a-letter-é", "23-bytes-and-a-letter-é"),
        ("23-bytes-and-a-letter-éé", "23-bytes-and-a-letter-é…"),
        ("23-bytes-then-a-letter:é", "23-bytes-then-a-letter:…"),
        ("模型模型模型模型模", "模型模型模型模型…"),
    ] {
        let row = |from: &str| {
            let card = card(&format!(r#"{{ "model": "{model}"{from}, "per_request": "1" }}"#));
            card.rows().next().expect("a row").short_name()
        };
        assert_eq!(row(""), expected);
        let dated = row(r#", "from": "2026-01-01T00:00:00Z""#);
        assert_eq!(dated, format!("{expected} from 2026-01-01T00:00:00.000Z"));
    }
}

#[test]
fn model_without_a_row_in_force_has_no_price() {
    let card = card(r#"{ "model": "gpt-4o", "from": "2026-04-01T00:00:00Z", "per_request": "1" }"#);
    for (model, time) in [
        ("gpt-4o", "2026-03-31T23:59:59.999Z"),
        ("gpt-4o-mini", "2027-01-01T00:00:00Z"),
        ("gpt-4", "2027-01-01T00:00:00Z"),
        ("openai/gpt-4o", "2027-01-01T00:00:00Z"),
    ] {
        assert_eq!(card.price(model, &tokens(1, 0, 0, 0, 0), at(time)), None, "{model} at {time}");
    }
}

#[test]
fn use_costs_the_sum_of_its_kinds() {
    let all = r#""per_million": { "input": "3", "cached_input": "0.30", "cache_write": "3.75", "output": "15",
        "reasoning": "20" }, "per_request": "0.01""#;
    let plain = r#""per_million": { "input": "2.50", "output": "10" }"#;
    let media = r#""per_million": { "input": "0" }, "per_image": "0.04", "per_second": "0.0001""#;
    let tiny = r#""per_million": { "input": "0.000000001", "output": "0" }"#;
    let used = tokens;
    let media_of = |images, milliseconds| {
        Consumption::of_openai(Counts { input: 7, images, milliseconds, ..Counts::default() }).expect("sense")
    };
    let rows = [
        (plain, used(120, 0, 0, 30, 0), Some("0.06")),
        (plain, used(0, 0, 0, 0, 0), Some("0")),
        // A kind without a price costs what its whole costs.
        (plain, used(120, 100, 20, 30, 30), Some("0.06")),
        (plain, used(1_000_000, 0, 0, 0, 0), Some("250")),
        (plain, used(1, 0, 0, 0, 0), Some("0.00025")),
        (all, used(0, 0, 0, 0, 0), Some("1")),
        (all, used(1_000_000, 0, 0, 0, 0), Some("301")),
        (all, used(1_000_000, 1_000_000, 0, 0, 0), Some("31")),
        (all, used(1_000_000, 0, 1_000_000, 0, 0), Some("376")),
        (all, used(1_000_000, 400_000, 100_000, 0, 0), Some("200.5")),
        (all, used(0, 0, 0, 1_000_000, 0), Some("1501")),
        (all, used(0, 0, 0, 1_000_000, 250_000), Some("1626")),
        // Rounded up, once: a part of a unit is a unit, and three parts of one kind are one.
        (tiny, used(1, 0, 0, 0, 0), Some("0.000000001")),
        (tiny, used(10_000, 0, 0, 0, 0), Some("0.000000001")),
        (tiny, used(10_001, 0, 0, 0, 0), Some("0.000000002")),
        (tiny, used(9, 3, 3, 0, 0), Some("0.000000001")),
        (media, media_of(0, 0), Some("0")),
        (media, media_of(3, 0), Some("12")),
        (media, media_of(0, 1), Some("0.00001")),
        (media, media_of(1, 12_345), Some("4.12345")),
        // Nothing that was used is free for want of a price.
        (media, used(7, 0, 0, 1, 0), None),
        (plain, media_of(1, 0), None),
        (plain, media_of(0, 1), None),
        (r#""per_million": { "cached_input": "1" }"#, used(7, 7, 0, 0, 0), Some("0.0007")),
        (r#""per_million": { "cached_input": "1" }"#, used(7, 6, 0, 0, 0), None),
        (r#""per_million": { "cached_input": "1" }"#, used(7, 6, 1, 0, 0), None),
        (r#""per_million": { "reasoning": "1" }"#, used(0, 0, 0, 7, 6), None),
        (r#""per_million": { "reasoning": "1" }"#, used(0, 0, 0, 7, 7), Some("0.0007")),
        // The markup of the row.
        (r#""markup": 2000, "per_million": { "input": "2.50" }"#, used(1_000_000, 0, 0, 0, 0), Some("300")),
        (r#""markup": -2500, "per_million": { "input": "2.50" }"#, used(1_000_000, 0, 0, 0, 0), Some("187.5")),
        (r#""markup": 1, "per_million": { "input": "2.50" }"#, used(1, 0, 0, 0, 0), Some("0.000250025")),
    ];
    for (prices, used, expected) in rows {
        let card = card(&format!(r#"{{ "model": "m", {prices} }}"#));
        let cost = card.price("m", &used, at("2026-01-01T00:00:00Z")).map(|priced| Asset::CREDITS.format(priced.cost));
        assert_eq!(cost.as_deref(), expected, "{used:?} at {prices}");
    }
}

#[test]
fn markup_of_the_card_counts_for_rows_without_one() {
    let rows = r#"{ "model": "a", "per_request": "1" }, { "model": "b", "markup": 0, "per_request": "1" }"#;
    let catalog = Catalog::parse(&card_json(&format!(r#""markup": 500, "prices": [{rows}]"#))).expect("valid");
    let card = catalog.rate_card().expect("a card");
    for (model, expected) in [("a", "105"), ("b", "100")] {
        let priced = card.price(model, &tokens(0, 0, 0, 0, 0), Timestamp::EPOCH).expect("a price");
        assert_eq!(Asset::CREDITS.format(priced.cost), expected, "{model}");
    }
}

#[test]
fn counts_that_make_no_sense_are_refused() {
    let counts = |input, cached_input, cache_write, output, reasoning| Counts {
        input,
        cached_input,
        cache_write,
        output,
        reasoning,
        ..Counts::default()
    };
    let part = |part, whole| Err(CountsError::PartExceedsWhole { part, whole });
    let limit = 1_000_000_000_000;
    for (counts, openai, anthropic) in [
        (counts(7, 7, 0, 0, 0), Ok(()), Ok(())),
        (counts(7, 8, 0, 0, 0), part(Kind::CachedInput, Kind::Input), Ok(())),
        (counts(7, 3, 4, 0, 0), Ok(()), Ok(())),
        (counts(7, 3, 5, 0, 0), part(Kind::CacheWrite, Kind::Input), Ok(())),
        (counts(7, u64::MAX, u64::MAX, 0, 0), part(Kind::CachedInput, Kind::Input), too_large(Kind::Input)),
        (counts(0, 0, 0, 7, 7), Ok(()), Ok(())),
        (counts(0, 0, 0, 7, 8), part(Kind::Reasoning, Kind::Output), part(Kind::Reasoning, Kind::Output)),
        (counts(limit, limit, 0, limit, 0), Ok(()), too_large(Kind::Input)),
        (counts(limit + 1, 0, 0, 0, 0), too_large(Kind::Input), too_large(Kind::Input)),
        (counts(limit, 0, 1, 0, 0), Ok(()), too_large(Kind::Input)),
        (counts(0, 0, 0, limit + 1, 0), too_large(Kind::Output), too_large(Kind::Output)),
        (counts(u64::MAX, u64::MAX, 0, 0, 0), too_large(Kind::Input), too_large(Kind::Input)),
        (Counts { images: 1_000_001, ..Counts::default() }, too_large(Kind::Image), too_large(Kind::Image)),
        (Counts { milliseconds: u64::MAX, ..Counts::default() }, too_large(Kind::Second), too_large(Kind::Second)),
    ] {
        assert_eq!(Consumption::of_openai(counts).map(|_| ()), openai, "{counts:?} as OpenAI counts");
        assert_eq!(Consumption::of_anthropic(counts).map(|_| ()), anthropic, "{counts:?} as Anthropic counts");
    }
}

const fn too_large(kind: Kind) -> Result<(), CountsError> {
    Err(CountsError::TooLarge { kind })
}

#[test]
fn reported_cost_may_differ_by_the_tolerance() {
    let check = |check: &str| {
        let json = card_json(&format!(r#"{check} "prices": []"#));
        Catalog::parse(&json).expect("valid").rate_card().expect("a card").clone()
    };
    let rows = [
        ("", "5", "1", false),
        (r#""check": 0,"#, "1", "1", false),
        (r#""check": 0,"#, "1.000000001", "1", false),
        (r#""check": 0,"#, "1.000000002", "1", true),
        (r#""check": 100,"#, "1.01", "1", false),
        (r#""check": 100,"#, "0.99", "1", false),
        (r#""check": 100,"#, "1.010000001", "1", true),
        (r#""check": 100,"#, "0.989999999", "1", true),
        (r#""check": 100,"#, "0", "0", false),
        (r#""check": 100,"#, "0.1", "0", true),
        (r#""check": 100,"#, "0", "0.1", true),
        (r#""check": 10000,"#, "0", "5", false),
        (r#""check": 10000,"#, "999999999999", "999999999999.999999999", false),
    ];
    for (tolerance, reported, priced, expected) in rows {
        let differs = check(tolerance).differs(credits(reported), credits(priced));
        assert_eq!(differs, expected, "{reported} for {priced} with {tolerance}");
    }
}

#[test]
fn invalid_card_is_refused() {
    let row = |fields: &str| format!(r#""prices": [{{ {fields} }}]"#);
    let rows = [
        (String::new(), "rate_card: has no prices"),
        (r#""prices": {}"#.to_owned(), "rate_card.prices: must be a list"),
        (r#""prices": [], "rows": []"#.to_owned(), "rate_card.rows: is unknown"),
        (r#""prices": [], "markup": -10000"#.to_owned(), "rate_card.markup: must be -9999 to 100000 basis points"),
        (r#""prices": [], "markup": 100001"#.to_owned(), "rate_card.markup: must be -9999 to 100000 basis points"),
        (r#""prices": [], "markup": 0.5"#.to_owned(), "rate_card.markup: must be a whole number"),
        (r#""prices": [], "check": 10001"#.to_owned(), "rate_card.check: must be 0 to 10000 basis points"),
        (r#""prices": [], "check": -1"#.to_owned(), "rate_card.check: must be a whole number"),
        (row(""), "rate_card.prices[0]: has no model"),
        (row(r#""model": "m""#), "rate_card.prices[0]: has no price"),
        (row(r#""model": "m", "per_million": {}"#), "rate_card.prices[0]: has no price"),
        (row(r#""model": "", "per_request": "1""#), "rate_card.prices[0].model: must be a name of at most 128 bytes"),
        (row(r#""model": "g*t", "per_request": "1""#), "rate_card.prices[0].model: may have one *, at its end"),
        (row(r#""model": "gpt**", "per_request": "1""#), "rate_card.prices[0].model: may have one *, at its end"),
        (
            row(r#""model": "m", "from": "2026-01-01", "per_request": "1""#),
            "rate_card.prices[0].from: is not a time between 1970 and 9999",
        ),
        (row(r#""model": "m", "per_request": 1"#), "rate_card.prices[0].per_request: must be a text"),
        (row(r#""model": "m", "per_request": "-1""#), "rate_card.prices[0].per_request: must not be negative"),
        (
            row(r#""model": "m", "per_request": "1e-6""#),
            "rate_card.prices[0].per_request: must be a plain decimal number",
        ),
        (
            row(r#""model": "m", "per_million": { "input": "0.0000000001" }"#),
            "rate_card.prices[0].per_million.input: must have at most 9 decimals",
        ),
        (
            row(r#""model": "m", "per_million": { "output": "1000000.1" }"#),
            "rate_card.prices[0].per_million.output: must be at most 1000000",
        ),
        (
            row(r#""model": "m", "per_million": { "cached": "1" }"#),
            "rate_card.prices[0].per_million.cached: is unknown",
        ),
        (row(r#""model": "m", "per_image": "1", "per_word": "1""#), "rate_card.prices[0].per_word: is unknown"),
        (
            r#""prices": [{ "model": "m*", "from": "2026-01-01T08:00:00+08:00", "per_request": "1" },
                { "model": "m", "from": "2026-01-01T00:00:00Z", "per_request": "1" },
                { "model": "m*", "from": "2026-01-01T00:00:00Z", "per_request": "2" }]"#
                .to_owned(),
            "rate_card.prices[2]: has the model and the time of prices[0]",
        ),
    ];
    for (fields, expected) in rows {
        let json = card_json(&fields).replace(r#""100",  }"#, r#""100" }"#);
        assert_eq!(Catalog::parse(&json).expect_err(&fields).to_string(), expected, "{fields}");
    }
    for (rate, expected) in [
        (r#""0""#, "must not be 0"),
        (r#""0.0000001""#, "must have at most 6 decimals"),
        (r#""1000000.1""#, "must be at most 1000000"),
        ("100", "must be a text"),
    ] {
        let json = card_json(r#""prices": []"#).replace(r#""100""#, rate);
        let error = Catalog::parse(&json).expect_err(rate).to_string();
        assert_eq!(error, format!("rate_card.credits_per_usd: {expected}"));
    }
}

#[test]
fn shipped_card_prices_the_models_of_the_samples() {
    let catalog = shipped();
    let card = catalog.rate_card().expect("a card");
    for (model, expected) in [
        ("gpt-4o", "gpt-4o*"),
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini*"),
        ("anthropic/claude-sonnet-4:thinking", "anthropic/claude-sonnet-4*"),
        ("qwen-2.5-0.5b:free", "qwen-2.5-0.5b:free"),
    ] {
        let row = card.row(model, at("2026-01-01T00:00:00Z")).map(ToString::to_string);
        assert_eq!(row.as_deref(), Some(expected), "{model}");
    }
}

/// Its digits count, to the fifteenth decimal, with the markup of the model's row or of the card, rounded up once.
#[test]
fn reported_dollars_become_credits() {
    let json = card_json(
        r#""markup": 2000, "prices": [
            { "model": "dear*", "markup": 10000, "per_request": "1" },
            { "model": "dear*", "from": "2026-06-01T00:00:00Z", "markup": -5000, "per_request": "1" }
        ]"#,
    );
    let card = Catalog::parse(&json).expect("valid").rate_card().expect("a card").clone();
    let rows = [
        ("any", "1", "120"),
        ("any", "0", "0"),
        ("any", "0.0", "0"),
        ("any", "2.6e-06", "0.000312"),
        ("any", "0.00022500000000000002", "0.027"),
        ("any", "0.0015999999999999999", "0.192"),
        ("any", "1e-15", "0.000000001"),
        ("any", "1e-17", "0"),
        ("any", "1e3", "120000"),
        ("dear-1", "1", "200"),
    ];
    for (model, usd, credits) in rows {
        let cost = card.of_usd(model, Usd::parse_metered(usd).expect("a cost"), at("2026-05-31T00:00:00Z"));
        assert_eq!(cost.map(|cost| Asset::CREDITS.format(cost)).as_deref(), Some(credits), "{model} {usd}");
    }
    let usd = Usd::parse_metered("1").expect("a cost");
    assert_eq!(card.of_usd("dear-1", usd, at("2026-06-01T00:00:00Z")), Some(credits("50")), "a later row");
    assert_eq!(Usd::parse_metered("1e-03"), Usd::parse_metered("0.001"));
    for refused in ["-1", "NaN", "1e12", ""] {
        assert!(Usd::parse_metered(refused).is_err(), "{refused}");
    }
}
