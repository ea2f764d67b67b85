//! `order repair`: makes an order agree with its lines, restores a lost row, or writes its pointer or payment row.

use std::path::PathBuf;

use audit::{OrderRepair, RepairedRows};
use clap::{ArgGroup, Args};
use ledger::{OrderNumber, Provider, Reference};

use crate::authorship::{Authorship, ChangeArgs};
use crate::books::Books;
use crate::error::Error;
use crate::parse;
use crate::repair_result::{RepairResult, invocation, repairs, signature, written};

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("how").required(true).args(["to_lines", "row", "pointer", "payment"])))]
pub(super) struct Repair {
    #[arg(value_name = "ORDER_NUMBER")]
    number: String,
    /// Set its payment and its booked amounts to those of its lines
    #[arg(long)]
    to_lines: bool,
    /// The payment, if no line names it: stripe#pi_…
    #[arg(long, value_name = "PAYMENT", requires = "to_lines")]
    paid_by: Option<String>,
    /// Restore a lost or unreadable row from this file, in DynamoDB's JSON
    #[arg(long, value_name = "FILE")]
    row: Option<PathBuf>,
    /// Write the pointer from its payment to the order
    #[arg(long)]
    pointer: bool,
    /// Write the row of its payment, after you have looked it up at its provider
    #[arg(long)]
    payment: bool,
    #[command(flatten)]
    pub(super) by: ChangeArgs,
}

impl Repair {
    pub(super) fn read(&self) -> Result<(OrderNumber, OrderRepair), Error> {
        let number = parse::order_number(&self.number)?;
        let what = if let Some(file) = &self.row {
            let text = std::fs::read_to_string(file).map_err(|error| Error::Input(file.clone(), error))?;
            let order = idempotency::order_of_json(&text).ok().filter(|order| order.number == number);
            OrderRepair::Row(Box::new(
                order.ok_or_else(|| Error::NotTheOrder { file: file.clone(), number: number.clone() })?,
            ))
        } else if self.pointer {
            OrderRepair::Pointer
        } else if self.payment {
            OrderRepair::Payment
        } else {
            OrderRepair::ToLines { paid_by: self.paid_by.as_deref().map(payment).transpose()? }
        };
        Ok((number, what))
    }
}

pub(super) async fn write(
    books: &Books,
    number: &OrderNumber,
    what: &OrderRepair,
    by: &Authorship,
) -> Result<RepairResult, Error> {
    by.print_id("repair");
    let invocation = invocation();
    let decision = repairs(books, &invocation).order(number, what, &signature(by)).await;
    written(books, decision, Some(RepairedRows::of_order(number)), by).await
}

fn payment(text: &str) -> Result<Reference, Error> {
    let reference = text.split_once('#').and_then(|(provider, id)| Reference::new(Provider::named(provider)?, id).ok());
    reference.ok_or_else(|| Error::NotAPayment(text.to_owned()))
}
