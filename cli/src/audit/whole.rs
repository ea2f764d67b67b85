//! The full audit of a stage: a parallel scan of every row, and its cost.

use std::pin::pin;

use edge::Invocation;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use idempotency::{BookTable, RowPage, Segment, TableSize};
use ledger::{CommitError, Row, WholeAudit};

use crate::books::Books;
use crate::error::Error;
use crate::print::Form;
use crate::progress::Progress;
use crate::{print, prompt};

/// The parallel scan segments. A page is a megabyte: ten gigabytes take a minute and a half.
const SEGMENTS: i32 = 8;
/// The on-demand price of a million read units in most regions, in thousandths of a dollar.
const PRICE_MILLIDOLLARS: u64 = 125;
const MILLION: u64 = 1_000_000;

/// Scans one table after the other. Orders come last, after all their lines.
pub(super) async fn scanned(books: &Books, invocation: &Invocation, form: Form) -> Result<WholeAudit, Error> {
    let (mut whole, progress) = (WholeAudit::default(), Progress::counting("rows", form));
    for table in BookTable::ALL {
        if table == BookTable::Journal {
            // No line is missing then that was booked before an account or a code was read.
            tokio::time::sleep(books.index_lag).await;
        }
        let segments = (0..SEGMENTS).map(|number| rows(books, invocation, table, Segment { number, of: SEGMENTS }));
        let mut pages = pin!(stream::select_all(segments.map(Box::pin)));
        while let Some(rows) = pages.try_next().await? {
            progress.add(rows.len());
            for row in rows {
                whole.add(row);
            }
        }
    }
    Ok(whole)
}

fn rows<'b>(
    books: &'b Books,
    invocation: &'b Invocation,
    table: BookTable,
    segment: Segment,
) -> impl futures_util::Stream<Item = Result<Vec<Row>, CommitError>> + 'b {
    stream::try_unfold(Some(None::<String>), move |place| async move {
        let Some(after) = place else { return Ok(None) };
        let RowPage { rows, next } =
            books.ledger.scanned(table, segment, after.as_deref(), &invocation.context()).await?;
        Ok(Some((rows, next.map(Some))))
    })
    .boxed()
}

/// Prints the cost of the scan before it starts.
pub(super) async fn print_cost(books: &Books, invocation: &Invocation) -> Result<(), Error> {
    let mut units = 0_u64;
    for table in BookTable::ALL {
        let size = books.ledger.size(table, &invocation.context()).await?;
        let TableSize { rows, bytes } = size;
        units = units.saturating_add(size.read_units());
        print::error(format_args!("{}: about {rows} rows, {bytes} bytes", table.as_str()));
    }
    print::error(cost(units));
    Ok(())
}

pub(super) fn confirm() -> Result<(), Error> {
    if prompt::is_confirmed("Read them all?") { Ok(()) } else { Err(Error::NotConfirmed) }
}

fn cost(units: u64) -> String {
    let millidollars = units.saturating_mul(PRICE_MILLIDOLLARS).div_ceil(MILLION);
    let (dollars, rest) = (millidollars.div_euclid(1_000), millidollars.rem_euclid(1_000));
    format!("about {units} read units: {dollars}.{rest:03} dollars at 0.125 dollars a million")
}

#[cfg(test)]
mod tests {
    #[test]
    fn cost_is_rounded_up_to_a_thousandth_of_a_dollar() {
        let rows = [
            (0, "about 0 read units: 0.000 dollars at 0.125 dollars a million"),
            (1, "about 1 read units: 0.001 dollars at 0.125 dollars a million"),
            (1_310_720, "about 1310720 read units: 0.164 dollars at 0.125 dollars a million"),
            (16_000_000, "about 16000000 read units: 2.000 dollars at 0.125 dollars a million"),
        ];
        for (units, expected) in rows {
            assert_eq!(super::cost(units), expected);
        }
    }
}
