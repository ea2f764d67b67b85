//! The output of `owner erase`.

use api::{ErasedOrders, KeptOrder};
use ledger::{CallerKey, Owner};
use serde::Serialize;

use crate::change_result::ChangeResult;
use crate::print::{self, Facts};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Erasure {
    #[serde(flatten)]
    changed: ChangeResult,
    owner: String,
    /// The orders that name no person any more.
    erased: Vec<String>,
    kept: Vec<Kept>,
    /// The keys whose names are removed.
    keys: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    order_number: String,
    because: &'static str,
}

impl Erasure {
    pub(super) fn of(changed: ChangeResult, owner: &Owner, orders: &ErasedOrders, keys: &[CallerKey]) -> Self {
        let kept = |KeptOrder { number, because }: &KeptOrder| Kept { order_number: number.clone(), because };
        Self {
            changed,
            owner: owner.to_string(),
            erased: orders.erased.iter().map(ToString::to_string).collect(),
            kept: orders.kept.iter().map(kept).collect(),
            keys: keys.iter().map(CallerKey::short_id).collect(),
        }
    }
}

impl Facts for Erasure {
    fn print(&self) {
        self.changed.print();
        let (erased, keys) = (self.erased.len(), self.keys.len());
        print::line(format_args!(
            "  {} orders of {} name no person, and {} keys lost their names",
            erased, self.owner, keys
        ));
        for kept in &self.kept {
            print::line(format_args!("  {} is kept: {}", kept.order_number, why(kept.because)));
        }
        print::line("  Deliveries that are stored whole are removed within 90 days.");
    }
}

/// What a person does about it.
fn why(because: &str) -> &'static str {
    match because {
        "unpaid" => "it may still be paid",
        "under_way" => "its delivery has not ended",
        "refunded" => "its refund may still fail, until 90 days after the payment",
        "disputed" => "its dispute is not decided",
        "flagged" => "close its anomalies first, `order show` lists them",
        _ => "its row cannot be read, `audit` says how to repair it",
    }
}
