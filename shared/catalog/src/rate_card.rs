//! The rate card: what the use of each model costs, so that usage which is reported without a cost has one.
//!
//! Prices are in dollars, as providers publish them; the card turns them into credits. The rows are dated: a use is
//! priced by the row that was in force at its time, whenever it is booked. All arithmetic is exact, and one use is
//! rounded once, up to the smallest unit of credits.

mod charge;
mod consumption;
mod read;
mod shown;

pub use charge::{Charge, Priced, Usd};
pub use consumption::{Consumption, Counts, CountsError, Kind};
pub use shown::ModelPriceJson;

pub(crate) use read::rate_card;

use std::fmt;

use charge::RATE_DECIMALS;
use ledger::{Amount, Timestamp};

use crate::json::Node;
use crate::{CatalogError, SHIPPED};

/// The whole, of a markup and of a tolerance.
const BASIS_POINTS: u32 = 10_000;

/// The prices of all models, and how they become credits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateCard {
    credits_per_usd: Amount,
    /// Of models without a row.
    factor: u32,
    /// The basis points by which a reported cost may differ from the card's before the alarm.
    tolerance: Option<u16>,
    prices: Vec<ModelPrice>,
}

/// A row of the card: what the models of a pattern cost from a time on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelPrice {
    pattern: Pattern,
    from: Option<Timestamp>,
    /// What a price is multiplied with, in basis points: 10,000 and the markup.
    factor: u32,
    prices: UnitPrices,
}

/// A name of a model, or what the names of several begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    Exact(String),
    Prefix(String),
}

/// Dollars for one of each kind, or for a million tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct UnitPrices {
    input: Option<Amount>,
    cached_input: Option<Amount>,
    cache_write: Option<Amount>,
    output: Option<Amount>,
    reasoning: Option<Amount>,
    request: Option<Amount>,
    image: Option<Amount>,
    second: Option<Amount>,
}

impl RateCard {
    /// The card of [`SHIPPED`](crate::SHIPPED), if it has one. A function that sells nothing starts with a tenth fewer
    /// instructions without the products, which every other one checks.
    pub fn shipped() -> Result<Option<Self>, CatalogError> {
        Node::root(SHIPPED)?.object()?.take("rate_card").as_ref().map(rate_card).transpose()
    }

    /// The row for a use of the model at that time: its own name comes before a pattern, and a longer pattern before a
    /// shorter one. Of the rows of one pattern the newest counts that was in force.
    pub fn row(&self, model: &str, at: Timestamp) -> Option<&ModelPrice> {
        let in_force = self.prices.iter().filter(|price| price.from.is_none_or(|from| from <= at));
        in_force.filter(|price| price.pattern.fits(model)).max_by_key(|price| (price.pattern.rank(), price.from))
    }

    /// What a use costs. `None` if no row was in force, or if the row has no price for something that was used: that is
    /// not known to be free.
    pub fn price(&self, model: &str, consumption: &Consumption, at: Timestamp) -> Option<Priced<'_>> {
        self.row(model, at)?.priced(consumption, self.credits_per_usd)
    }

    /// The credits of a cost in dollars that a sender reports, with the markup of the model's row at that time, or else of
    /// the card. `None` if it is more than any account holds.
    pub fn of_usd(&self, model: &str, usd: Usd, at: Timestamp) -> Option<Amount> {
        let factor = self.row(model, at).map_or(self.factor, |row| row.factor);
        usd.in_credits(self.credits_per_usd, factor)
    }

    /// Whether reported costs are compared with the card's.
    pub fn checks(&self) -> bool {
        self.tolerance.is_some()
    }

    /// Whether a reported cost differs from the card's by more than the card tolerates. One unit is rounding.
    pub fn differs(&self, reported: Amount, priced: Amount) -> bool {
        let (reported, priced) = (reported.units(), priced.units());
        let difference = reported.abs_diff(priced);
        self.tolerance.is_some_and(|tolerance| {
            let tolerated = priced.checked_mul(u128::from(tolerance));
            difference > 1 && difference.checked_mul(BASIS_POINTS.into()) > tolerated
        })
    }

    pub fn credits_per_usd(&self) -> String {
        self.credits_per_usd.decimal(RATE_DECIMALS)
    }

    /// In the order of the catalog.
    pub fn rows(&self) -> impl Iterator<Item = &ModelPrice> {
        self.prices.iter()
    }
}

impl ModelPrice {
    pub fn from(&self) -> Option<Timestamp> {
        self.from
    }

    /// Whether tokens are all that it prices: an image or a second of speech is no chat.
    pub fn is_by_tokens(&self) -> bool {
        self.prices.image.is_none() && self.prices.second.is_none()
    }

    /// The markup in basis points; negative for a discount.
    pub fn markup(&self) -> i64 {
        i64::from(self.factor).saturating_sub(BASIS_POINTS.into())
    }

    /// Its name, with only the start of a long pattern: the model and the time of a use lead to it.
    pub fn short_name(&self) -> String {
        let model = self.model();
        let end = (0..=SHORT_BYTES_MAX).rev().find(|end| model.is_char_boundary(*end)).unwrap_or_default();
        let start = match model.get(..end) {
            Some(start) if start.len() < model.len() => format!("{start}…"),
            _ => model,
        };
        self.from.map_or(start.clone(), |from| format!("{start} from {from}"))
    }

    /// As the catalog writes it: `gpt-4o*`.
    pub fn model(&self) -> String {
        match &self.pattern {
            Pattern::Exact(name) => name.clone(),
            Pattern::Prefix(start) => format!("{start}*"),
        }
    }
}

/// With longer patterns, journal rows of priced events would no longer fit a write unit.
const SHORT_BYTES_MAX: usize = 24;

/// What tells this row from all others: `gpt-4o* from 2026-01-01T00:00:00.000Z`.
impl fmt::Display for ModelPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.model())?;
        self.from.map_or(Ok(()), |from| write!(f, " from {from}"))
    }
}

impl Pattern {
    fn fits(&self, model: &str) -> bool {
        match self {
            Self::Exact(name) => name == model,
            Self::Prefix(start) => model.starts_with(start.as_str()),
        }
    }

    /// The higher, the closer to a model that it fits.
    fn rank(&self) -> (bool, usize) {
        match self {
            Self::Exact(name) => (true, name.len()),
            Self::Prefix(start) => (false, start.len()),
        }
    }
}
