//! A product as a shop shows it to buyers: without the names of settings, aliases and commissions.

use std::collections::BTreeMap;

use ledger::{Asset, LotKind, Money};
use serde::Serialize;
use utoipa::ToSchema;

use crate::product::{Product, UnitGrant};

/// A product of the catalog.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Product)]
pub struct ProductJson<'c> {
    id: &'c str,
    /// By language.
    names: &'c BTreeMap<String, String>,
    /// Of one.
    price: PriceJson,
    /// The currency of the payment, if it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    charged_in: Option<String>,
    /// The length of a subscription's period.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    every: Option<&'static str>,
    quantity_max: u64,
    /// The first is the default.
    providers: Vec<&'static str>,
    grants: Vec<GrantJson<'c>>,
}

/// A price.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Price)]
struct PriceJson {
    amount: String,
    currency: String,
}

/// What one of a product gives.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ProductGrant)]
struct GrantJson<'c> {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    credits: Option<String>,
    /// In each period of a subscription.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    each_period: bool,
    /// After so many days, as `90d`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    expires: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = TokenJson<'_>)]
    token: Option<TokenJson<'c>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    report: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = TopUpJson<'_>)]
    top_up: Option<TopUpJson<'c>>,
}

/// Tokens of a product.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TokenGrant)]
struct TokenJson<'c> {
    code: &'c str,
    amount: String,
    /// Whether it is sent to the buyer's wallet, which the order then names.
    to_wallet: bool,
}

/// The top-up of a phone.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TopUpGrant)]
struct TopUpJson<'c> {
    operator: &'static str,
    kind: &'static str,
    code: &'c str,
}

impl Product {
    pub fn shown(&self) -> ProductJson<'_> {
        ProductJson {
            id: &self.id,
            names: &self.names,
            price: PriceJson::of(self.price),
            charged_in: self.exchange.map(|pair| pair.to().to_string()),
            every: self.every.map(crate::Every::as_str),
            quantity_max: self.quantity_max,
            providers: self.providers.iter().map(|provider| provider.as_str()).collect(),
            grants: self.grants.iter().map(GrantJson::of).collect(),
        }
    }
}

impl PriceJson {
    fn of(price: Money) -> Self {
        Self { amount: price.priced(), currency: price.currency.to_string() }
    }
}

impl<'c> GrantJson<'c> {
    fn of(grant: &'c UnitGrant) -> Self {
        match grant {
            UnitGrant::Credits(amount) => Self { credits: Some(Asset::CREDITS.format(*amount)), ..Self::default() },
            UnitGrant::CreditsEachPeriod(amount) => {
                Self { credits: Some(Asset::CREDITS.format(*amount)), each_period: true, ..Self::default() }
            }
            UnitGrant::Expiring { amount, terms, each_period } => Self {
                credits: Some(Asset::CREDITS.format(*amount)),
                each_period: *each_period,
                expires: Some(format!("{}d", terms.days)),
                kind: Some(LotKind::as_str(terms.kind)),
                ..Self::default()
            },
            UnitGrant::Token { code, scale, amount, on_chain } => {
                let amount = Asset::token(*code, *scale).map(|asset| asset.format(*amount)).unwrap_or_default();
                let token = TokenJson { code: code.as_str(), amount, to_wallet: on_chain.is_some() };
                Self { token: Some(token), ..Self::default() }
            }
            UnitGrant::Report(name) => Self { report: Some(name.as_str()), ..Self::default() },
            UnitGrant::TopUp { operator, kind, code } => {
                let top_up = TopUpJson { operator: operator.as_str(), kind: kind.as_str(), code };
                Self { top_up: Some(top_up), ..Self::default() }
            }
        }
    }
}
