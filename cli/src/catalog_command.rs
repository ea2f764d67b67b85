//! `catalog`: validates a catalog, and shows how its rate card prices a use. It reads no books.

use std::fs;
use std::path::PathBuf;

use catalog::{Catalog, Charge, Consumption, Counts, Kind, RateCard, SHIPPED};
use clap::{Args, Subcommand};
use ledger::{Amount, Asset};
use local::now;
use serde::Serialize;

use crate::error::Error;
use crate::error::of_catalog::CatalogRefused;
use crate::parse;
use crate::print::{self, Facts, Form};

/// Of seconds.
const MILLISECONDS_DECIMALS: u8 = 3;

#[derive(Debug, Args)]
pub(crate) struct CatalogCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Validate a catalog; the error names the place
    Check {
        /// As infra/catalog.json [default: the one that this program was built with]
        file: Option<PathBuf>,
    },
    /// Show what a use of a model costs by the rate card, line by line
    Price(PriceArgs),
}

#[derive(Debug, Args)]
struct PriceArgs {
    /// As a usage event names it: gpt-4o
    model: String,
    /// Input tokens, with those of the cache
    #[arg(long, default_value_t = 0, value_parser = parse::number(0..=u64::MAX))]
    input: u64,
    /// Of them, tokens that were read from the cache
    #[arg(long, default_value_t = 0, value_parser = parse::number(0..=u64::MAX))]
    cached: u64,
    /// Of them, tokens that were written to the cache
    #[arg(long, default_value_t = 0, value_parser = parse::number(0..=u64::MAX))]
    cache_write: u64,
    /// Output tokens, with the reasoning
    #[arg(long, default_value_t = 0, value_parser = parse::number(0..=u64::MAX))]
    output: u64,
    /// Of them, tokens of the reasoning
    #[arg(long, default_value_t = 0, value_parser = parse::number(0..=u64::MAX))]
    reasoning: u64,
    #[arg(long, default_value_t = 0, value_parser = parse::number(0..=u64::MAX))]
    images: u64,
    /// Of audio or video, as 12.5
    #[arg(long, default_value = "0", allow_negative_numbers = true)]
    seconds: String,
    /// The time of the use, as 2026-01-01T00:00:00+08:00; a date is its start in UTC [default: now]
    #[arg(long)]
    at: Option<String>,
    /// Another catalog than the one that this program was built with
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CheckFacts {
    products: usize,
    /// Rows of the rate card.
    prices: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PriceFacts {
    model: String,
    at: String,
    /// The row of the rate card.
    price: String,
    charges: Vec<ChargeFacts>,
    usd: String,
    markup: i64,
    credits_per_usd: String,
    cost: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ChargeFacts {
    kind: &'static str,
    /// Tokens, images, seconds, or one request.
    quantity: String,
    /// Dollars for a million tokens, or for one.
    price: String,
    usd: String,
}

pub(crate) fn run(args: CatalogCommand, form: Form) -> Result<(), Error> {
    match args.action {
        Action::Check { file } => {
            let catalog = read(file)?;
            let prices = catalog.rate_card().map_or(0, |card| card.rows().count());
            form.show(&CheckFacts { products: catalog.products().count(), prices });
        }
        Action::Price(args) => form.show(&price(args)?),
    }
    Ok(())
}

fn read(file: Option<PathBuf>) -> Result<Catalog, Error> {
    let json = match file {
        None => SHIPPED.to_owned(),
        Some(file) => fs::read_to_string(&file).map_err(|error| Error::Input(file, error))?,
    };
    Ok(Catalog::parse(&json).map_err(CatalogRefused::Invalid)?)
}

fn price(args: PriceArgs) -> Result<PriceFacts, Error> {
    let at = args.at.as_deref().map_or_else(|| Ok(now()), parse::time)?;
    let seconds = Amount::parse(&args.seconds, MILLISECONDS_DECIMALS);
    let seconds = seconds.map_err(|cause| CatalogRefused::Seconds { text: args.seconds.clone(), cause })?;
    let counts = Counts {
        input: args.input,
        cached_input: args.cached,
        cache_write: args.cache_write,
        output: args.output,
        reasoning: args.reasoning,
        images: args.images,
        milliseconds: u64::try_from(seconds.units()).unwrap_or(u64::MAX),
    };
    let consumption = Consumption::of_openai(counts).map_err(CatalogRefused::Counts)?;
    let catalog = read(args.catalog)?;
    let no_price = || CatalogRefused::NoPrice { model: args.model.clone(), at };
    let card: &RateCard = catalog.rate_card().ok_or_else(no_price)?;
    let priced = card.price(&args.model, &consumption, at).ok_or_else(no_price)?;
    Ok(PriceFacts {
        price: priced.row.to_string(),
        at: at.to_string(),
        charges: priced.charges.iter().map(ChargeFacts::of).collect(),
        usd: priced.usd(),
        markup: priced.row.markup(),
        credits_per_usd: card.credits_per_usd(),
        cost: Asset::CREDITS.format(priced.cost),
        model: args.model,
    })
}

impl ChargeFacts {
    fn of(charge: &Charge) -> Self {
        let quantity = match charge.kind {
            Kind::Second => Amount::from_units(charge.quantity).decimal(MILLISECONDS_DECIMALS),
            Kind::Input
            | Kind::CachedInput
            | Kind::CacheWrite
            | Kind::Output
            | Kind::Reasoning
            | Kind::Request
            | Kind::Image => charge.quantity.to_string(),
        };
        Self { kind: charge.kind.as_str(), quantity, price: charge.price(), usd: charge.usd() }
    }

    /// What its price is for.
    fn per(&self) -> &'static str {
        if self.kind.starts_with("per_") { "each" } else { "a million" }
    }
}

impl Facts for CheckFacts {
    fn print(&self) {
        let Self { products, prices } = self;
        print::line(format_args!("the catalog is valid: {products} products, {prices} prices of models"));
    }
}

impl Facts for PriceFacts {
    fn print(&self) {
        let Self { model, at, price, charges, usd, markup, credits_per_usd, cost } = self;
        print::line(format_args!("{model} at {at}, by the row {price}"));
        let row = |charge: &ChargeFacts| {
            let ChargeFacts { kind, quantity, price, usd } = charge;
            [format!("  {kind}"), quantity.clone(), format!("at {price} USD {}", charge.per()), format!("{usd} USD")]
        };
        print::columns(&charges.iter().map(row).collect::<Vec<_>>());
        print::line(format_args!("  sum {usd} USD, with a markup of {markup} basis points"));
        print::line(format_args!("  at {credits_per_usd} credits for a dollar, rounded up: {cost} credits"));
    }
}
