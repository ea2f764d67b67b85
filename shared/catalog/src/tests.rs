//! Tables: what the shipped catalog sells and on which terms, and the exact error of everything that is wrong. Then properties.

mod choices;
mod exchanges;
mod refused;
mod shipped;
mod wallets;

use ledger::{Amount, Asset, Currency, Grant, Money, OnChain, Operator, Provider, Terms, TopUp, TopUpKind, Word};
use proptest::prelude::*;

use crate::{Catalog, Choice, ChoiceError, Every, Product, SHIPPED};

fn shipped() -> Catalog {
    Catalog::parse(SHIPPED).expect("it is valid")
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

/// A catalog of one product, `thing`, with these fields besides its name; and a rate and a token.
fn of_one(fields: &str) -> String {
    format!(
        r#"{{
            "rates": {{ "MNT": {{ "CNY": "0.00204" }} }},
            "tokens": {{ "POSX": {{ "scale": 18 }} }},
            "products": {{ "thing": {{ "name": {{ "en": "A thing" }}, {fields} }} }}
        }}"#
    )
}

fn one(fields: &str) -> Product {
    let catalog = Catalog::parse(&of_one(fields)).expect("it is valid");
    catalog.product("thing").expect("it is there").clone()
}
