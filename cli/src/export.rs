//! `export`: the payments, renewals and refunds of a time as comma-separated values, page by page.

use std::io::{self, IsTerminal as _};
use std::path::Path;

use clap::Args;
use insight::{Paying, PaymentLine, PaymentPages};
use ledger::{Asset, Money};
use local::{context, now};

use crate::account::PATIENCE;
use crate::books::BooksArgs;
use crate::error::Error;
use crate::parse;
use crate::print::{self, Form};
use crate::progress::Progress;

/// These columns stay; a later one comes after them.
const HEAD: &str = "paid_at,order,owner,product,quantity,provider,payment,amount,currency,refunded,payment_state,\
                    fulfilment,disputed,credits,kind,refund\r\n";

/// In the place of a refund's id: what the provider has reported in a sum alone.
const SUM: &str = "sum";

#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    which: BooksArgs,
    /// Payments, renewals and refunds since: 24h, 30d, or a date or time as 2026-01-01T00:00:00Z
    #[arg(long, value_name = "30d|TIME")]
    since: String,
}

pub(crate) async fn run(args: &Export, dir: &Path, form: Form) -> Result<(), Error> {
    if form == Form::Json {
        return Err(Error::TwoForms);
    }
    let until = now();
    let mut pages = PaymentPages::new(parse::since(&args.since, until)?, until);
    let books = args.which.open_to_read(dir).await?;
    // Where the lines themselves are on the terminal, they show how far it is.
    let form = if io::stdout().is_terminal() { Form::Json } else { form };
    let progress = Progress::counting("payments, renewals and refunds", form);
    let mut is_open = print::text(HEAD);
    while is_open {
        let Some(page) = pages.next(&books.ledger, &context(PATIENCE)).await? else { break };
        for row in page.unreadable {
            print::error(format_args!(
                "{} is left out, since it cannot be read: `explain {}` says why",
                row.id, row.id
            ));
        }
        progress.add(page.payments.len());
        let text: String = page.payments.iter().map(line).collect();
        // After `head` has what it wants, no page is read any more.
        is_open = print::text(&text);
    }
    Ok(())
}

fn line(PaymentLine { order, what, by, money, paid_at }: &PaymentLine) -> String {
    let claims = order.claims.get(by.id());
    let is_paying = order.paid.as_ref().is_some_and(|paid| paid.by == *by);
    let accepted = || order.accepted(by).map(|accepted| accepted.posted).unwrap_or_default();
    let refunded = claims.map(|claims| claims.refunds.total()).unwrap_or_default();
    let refunded = Money { amount: refunded, ..*money }.priced();
    let (refunded, credits, refund) = match what {
        Paying::Payment => {
            let credits = if is_paying { order.posted } else { accepted() };
            (refunded, Asset::CREDITS.format(credits), "")
        }
        Paying::Renewal { credits } => (String::new(), Asset::CREDITS.format_balance(*credits), ""),
        // Its payment has a line of its own, with all that was refunded of it.
        Paying::Refund { id } => (String::new(), String::new(), id.as_str()),
        Paying::RefundedSum => (String::new(), String::new(), SUM),
    };
    let fields = [
        paid_at.map(|at| at.to_string()).unwrap_or_default(),
        order.number.to_string(),
        order.owner.to_string(),
        order.terms.product.clone(),
        order.terms.quantity.to_string(),
        by.provider().as_str().to_owned(),
        by.id().to_owned(),
        money.priced(),
        money.currency.as_str().to_owned(),
        refunded,
        order.payment.as_str().to_owned(),
        order.fulfilment.as_str().to_owned(),
        order.is_disputed().to_string(),
        credits,
        what.as_str().to_owned(),
        refund.to_owned(),
    ];
    fields.map(|field| quoted(&field)).join(",") + "\r\n"
}

/// A field of RFC 4180. An owner or an id of a provider may begin like a formula: an apostrophe before it makes it text for
/// every spreadsheet.
fn quoted(field: &str) -> String {
    let is_formula = field.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let field = if is_formula { format!("'{field}") } else { field.to_owned() };
    if field.contains([',', '"', '\r', '\n']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn field_is_quoted_and_never_a_formula() {
        for (field, expected) in [
            ("", ""),
            ("alice", "alice"),
            ("a,b", "\"a,b\""),
            ("a \"b\"", "\"a \"\"b\"\"\""),
            ("a\r\nb", "\"a\r\nb\""),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@x", "'@x"),
            ("\tx", "'\tx"),
            ("=a,b", "\"'=a,b\""),
        ] {
            assert_eq!(quoted(field), expected, "{field:?}");
        }
    }
}
