//! Tests of the catalog: the shipped products and their terms, the exact error for each mistake, and properties.

mod choices;
mod rate_cards;
mod refused;
mod shipped;
mod wallets;

use ledger::{
    Amount, Asset, Currency, CurrencyPair, Grant, GrantTerms, LotKind, Money, OnChain, Operator, PRIORITY_DEFAULT,
    Provider, Rate, Terms, TopUp, TopUpKind, Word,
};
use proptest::prelude::*;

use crate::{Catalog, Choice, ChoiceError, Every, Product, SHIPPED};

fn shipped() -> Catalog {
    Catalog::parse(SHIPPED).expect("valid")
}

fn money(text: &str, code: &str) -> Money {
    Money::parse(text, Currency::parse(code).expect("valid")).expect("valid")
}

fn word(text: &str) -> Word {
    Word::new(text).expect("valid")
}

fn credits(text: &str) -> Amount {
    Asset::CREDITS.parse(text).expect("valid")
}

/// A catalog with one product, `thing`, that has these fields besides its name; and a token.
fn catalog_with(fields: &str) -> String {
    format!(
        r#"{{
            "tokens": {{ "POSX": {{ "scale": 18 }} }},
            "products": {{ "thing": {{ "name": {{ "en": "A thing" }}, {fields} }} }}
        }}"#
    )
}

fn product_with(fields: &str) -> Product {
    let catalog = Catalog::parse(&catalog_with(fields)).expect("valid");
    catalog.product("thing").expect("listed").clone()
}

fn rate() -> Rate {
    Rate::parse("0.00204").expect("valid")
}
