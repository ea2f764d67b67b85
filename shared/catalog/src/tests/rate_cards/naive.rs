//! The same calculation on decimal digits of any length, with no limit that could be exceeded.

use super::*;

/// A decimal number: its digits, the last first, and how many of them stand after the point.
#[derive(Clone)]
struct Decimal {
    digits: Vec<u8>,
    decimals: usize,
}

impl Decimal {
    fn of(text: &str) -> Self {
        let decimals = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let digits = text.bytes().rev().filter(u8::is_ascii_digit).map(|digit| digit - b'0').collect();
        Self { digits, decimals }
    }

    fn times(&self, other: &Self) -> Self {
        let mut digits = vec![0_u8; self.digits.len() + other.digits.len() + 1];
        for (at, digit) in self.digits.iter().enumerate() {
            let mut carry = 0;
            for (shift, times) in other.digits.iter().chain(&[0]).enumerate() {
                let sum = digits[at + shift] + digit * times + carry;
                (digits[at + shift], carry) = (sum % 10, sum / 10);
            }
        }
        Self { digits, decimals: self.decimals + other.decimals }
    }

    fn plus(&self, other: &Self) -> Self {
        let decimals = self.decimals.max(other.decimals);
        let aligned = |number: &Self| -> Vec<u8> {
            std::iter::repeat_n(0, decimals - number.decimals).chain(number.digits.iter().copied()).collect()
        };
        let (one, two) = (aligned(self), aligned(other));
        let (mut digits, mut carry) = (Vec::new(), 0);
        for at in 0..=one.len().max(two.len()) {
            let sum = one.get(at).unwrap_or(&0) + two.get(at).unwrap_or(&0) + carry;
            digits.push(sum % 10);
            carry = sum / 10;
        }
        Self { digits, decimals }
    }

    fn shifted(&self, decimals: usize) -> Self {
        Self { digits: self.digits.clone(), decimals: self.decimals + decimals }
    }

    /// Its smallest units with so many decimals, rounded up.
    fn units_up(&self, decimals: usize) -> String {
        let number =
            if self.decimals < decimals { self.plus(&Self { digits: vec![0], decimals }) } else { self.clone() };
        let (cut, kept) = number.digits.split_at(number.decimals - decimals);
        let one = u8::from(cut.iter().any(|digit| *digit > 0));
        let up = Self { digits: kept.to_vec(), decimals: 0 }.plus(&Self { digits: vec![one], decimals: 0 });
        let text: String = up.digits.iter().rev().map(|digit| char::from(digit + b'0')).collect();
        let text = text.trim_start_matches('0').to_owned();
        if text.is_empty() { "0".to_owned() } else { text }
    }
}

/// A row's prices as texts, and what it charges for nine kinds of use, each written out.
#[derive(Debug, Clone)]
struct Row {
    per_usd: String,
    markup: i64,
    input: String,
    cached_input: Option<String>,
    cache_write: Option<String>,
    output: String,
    reasoning: Option<String>,
    request: String,
    image: String,
    second: String,
}

impl Row {
    fn card(&self) -> RateCard {
        let Self { per_usd, markup, input, output, request, image, second, .. } = self;
        let kinds =
            [("cached_input", &self.cached_input), ("cache_write", &self.cache_write), ("reasoning", &self.reasoning)];
        let kinds: String = kinds
            .iter()
            .filter_map(|(name, price)| price.as_ref().map(|price| format!(r#", "{name}": "{price}""#)))
            .collect();
        let row = format!(
            r#"{{ "model": "m", "markup": {markup}, "per_million": {{ "input": "{input}", "output": "{output}"{kinds} }},
                "per_request": "{request}", "per_image": "{image}", "per_second": "{second}" }}"#
        );
        let json = card_json(&format!(r#""prices": [{row}]"#)).replacen(r#""100""#, &format!(r#""{per_usd}""#), 1);
        Catalog::parse(&json).expect("valid").rate_card().expect("a card").clone()
    }

    fn cost(&self, counts: Counts) -> String {
        let usd = |price: &str, quantity: u64, decimals: usize| {
            Decimal::of(price).times(&Decimal::of(&quantity.to_string())).shifted(decimals)
        };
        let Counts { input, cached_input, cache_write, output, reasoning, images, milliseconds } = counts;
        let part = |price: &Option<String>, whole: &str| price.clone().unwrap_or_else(|| whole.to_owned());
        let sum = [
            usd(&self.input, input - cached_input - cache_write, 6),
            usd(&part(&self.cached_input, &self.input), cached_input, 6),
            usd(&part(&self.cache_write, &self.input), cache_write, 6),
            usd(&self.output, output - reasoning, 6),
            usd(&part(&self.reasoning, &self.output), reasoning, 6),
            usd(&self.request, 1, 0),
            usd(&self.image, images, 0),
            usd(&self.second, milliseconds, 3),
        ];
        let sum = sum.iter().fold(Decimal::of("0"), |sum, usd| sum.plus(usd));
        let factor = Decimal::of(&(10_000 + self.markup).to_string()).shifted(4);
        sum.times(&Decimal::of(&self.per_usd)).times(&factor).units_up(9)
    }
}

fn price() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("0".to_owned()),
        Just("1000000".to_owned()),
        Just("999999.999999999".to_owned()),
        "[1-9][0-9]{0,2}(\\.[0-9]{1,9})?",
        "0\\.[0-9]{1,9}",
    ]
}

fn row() -> impl Strategy<Value = Row> {
    let part = || prop::option::of(price());
    let rate = prop_oneof![Just("1000000".to_owned()), "[1-9][0-9]{0,5}(\\.[0-9]{1,6})?", "0\\.[0-9]{0,5}[1-9]"];
    let markup = prop_oneof![Just(0), Just(-9_999), Just(100_000), -9_999_i64..100_000];
    ((rate, markup), (price(), part(), part()), (price(), part()), (price(), price(), price())).prop_map(
        |((per_usd, markup), (input, cached_input, cache_write), (output, reasoning), (request, image, second))| Row {
            per_usd,
            markup,
            input,
            cached_input,
            cache_write,
            output,
            reasoning,
            request,
            image,
            second,
        },
    )
}

fn count(max: u64) -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(max), 0..=max, 0..=max.min(10_000)]
}

fn counts() -> impl Strategy<Value = Counts> {
    let tokens = 1_000_000_000_000;
    (count(tokens), count(tokens), count(tokens), count(tokens), count(tokens), count(1_000_000), count(1_000_000_000))
        .prop_map(|(input, cached_input, cache_write, output, reasoning, images, milliseconds)| {
            let (cached_input, reasoning) = (cached_input.min(input), reasoning.min(output));
            let cache_write = cache_write.min(input - cached_input);
            Counts { input, cached_input, cache_write, output, reasoning, images, milliseconds }
        })
}

proptest! {
    /// At every limit too: no use that makes sense is without a price, and none is a unit off.
    #[test]
    fn cost_is_that_of_the_naive_calculation(row in row(), counts in counts()) {
        let (card, used) = (row.card(), Consumption::of_openai(counts).expect("sense"));
        let priced = card.price("m", &used, Timestamp::EPOCH).expect("a price");
        prop_assert_eq!(priced.cost.units().to_string(), row.cost(counts));
    }

    /// The same use costs the same by either convention.
    #[test]
    fn conventions_agree(row in row(), counts in counts()) {
        let apart = Counts { input: counts.input - counts.cached_input - counts.cache_write, ..counts };
        prop_assert_eq!(Consumption::of_openai(counts), Consumption::of_anthropic(apart));
        let card = row.card();
        let used = Consumption::of_openai(counts).expect("sense");
        prop_assert_eq!(card.price("m", &used, Timestamp::EPOCH).map(|priced| priced.row.to_string()), Some("m".to_owned()));
    }
}
