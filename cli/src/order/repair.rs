//! `order repair`: makes an order agree with its lines again, puts a lost row back, or leads its payment to it.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use ledger::{OrderNumber, Provider, Reference};
use reconcile::{OrderRepair, RepairedRows};

use crate::books::Books;
use crate::by::{Named, Signed};
use crate::error::Error;
use crate::given;
use crate::repaired::{Repaired, invocation, repairs, signature, written};

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("how").required(true).args(["to_lines", "row", "pointer", "payment"])))]
pub(super) struct Repair {
    #[arg(value_name = "ORDER_NUMBER")]
    number: String,
    /// Set what it says of its payment and of what stands to what its lines say
    #[arg(long)]
    to_lines: bool,
    /// The payment, where no line names it: stripe#pi_…
    #[arg(long, value_name = "PAYMENT", requires = "to_lines")]
    paid_by: Option<String>,
    /// Write a row that is lost or cannot be read as this file has it, in DynamoDB's JSON
    #[arg(long, value_name = "FILE")]
    row: Option<PathBuf>,
    /// Lead its payment to it
    #[arg(long)]
    pointer: bool,
    /// Write the row of its payment, which you have looked up at its provider
    #[arg(long)]
    payment: bool,
    #[command(flatten)]
    pub(super) by: Named,
}

impl Repair {
    pub(super) fn read(&self) -> Result<(OrderNumber, OrderRepair), Error> {
        let number = given::order_number(&self.number)?;
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
    by: &Signed,
) -> Result<Repaired, Error> {
    by.print_id("repair");
    let invocation = invocation();
    let decision = repairs(books, &invocation).order(number, what, &signature(by)).await;
    written(books, decision, RepairedRows::of_order(number), by).await
}

fn payment(text: &str) -> Result<Reference, Error> {
    let reference = text.split_once('#').and_then(|(provider, id)| Reference::new(Provider::named(provider)?, id).ok());
    reference.ok_or_else(|| Error::NotAPayment(text.to_owned()))
}
