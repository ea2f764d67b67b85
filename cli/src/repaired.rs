//! A repair, committed: of accounts and of orders alike. Then what it has cured is no finding of the audit any more.

use std::collections::BTreeSet;
use std::time::Duration;

use edge::Invocation;
use idempotency::DynamoLedger;
use ledger::{Backlog as _, CommitError, Decision, EventKey, Fact, Ledger as _};
use local::context;
use reconcile::{Comparison, RepairFailure, RepairedRows, Repairs, Signature};
use serde::Serialize;

use crate::audit::DifferenceFacts;
use crate::books::Books;
use crate::by::Signed;
use crate::changed::Changed;
use crate::error::Error;
use crate::print::{self, Facts};

/// A person waits while a long statement is read twice.
const READ_PATIENCE: Duration = Duration::from_mins(10);
/// The commit is one call, and after a time-out the same command finds out what came of it.
const COMMIT_PATIENCE: Duration = Duration::from_secs(10);

/// A repair, with both sides of what it changed.
#[derive(Serialize)]
pub(crate) struct Repaired {
    #[serde(flatten)]
    changed: Changed,
    before: Option<String>,
    after: Option<String>,
    /// `None` where the rows could not be compared again.
    audit: Option<ComparisonFacts>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ComparisonFacts {
    /// Findings of the audit that end with the repair.
    ended: Vec<DifferenceFacts>,
    /// What differs all the same.
    differences: Vec<DifferenceFacts>,
    /// Places that were written while they were compared.
    unsettled: usize,
}

impl From<Comparison> for ComparisonFacts {
    fn from(comparison: Comparison) -> Self {
        let Comparison { ended, differences, unsettled_accounts } = comparison;
        let [ended, differences] =
            [ended, differences].map(|found| found.into_iter().map(DifferenceFacts::from).collect());
        Self { ended, differences, unsettled: unsettled_accounts.len() }
    }
}

pub(crate) fn invocation() -> Invocation {
    Invocation::now(READ_PATIENCE)
}

pub(crate) fn repairs<'b>(books: &'b Books, invocation: &'b Invocation) -> Repairs<'b, DynamoLedger> {
    Repairs { ledger: &books.ledger, invocation, index_lag: books.index_lag }
}

pub(crate) fn signature(by: &Signed) -> Signature {
    Signature { id: by.id.clone(), author: by.author.clone(), reason: by.reason.clone() }
}

/// Under one id it is written once: what is repaired already leaves nothing to decide, and its row says so.
pub(crate) async fn written(
    books: &Books,
    decision: Result<Decision, RepairFailure>,
    rows: RepairedRows,
    by: &Signed,
) -> Result<Repaired, Error> {
    let decision = match decision {
        Ok(decision) => decision,
        Err(failure) => {
            let changed = earlier(books, failure, by).await?;
            // Its command may have died before its findings ended.
            let audit = compared(books, &rows).await;
            return Ok(Repaired { changed, before: None, after: None, audit });
        }
    };
    match books.ledger.commit(&decision, &context(COMMIT_PATIENCE)).await {
        Ok(committed) => {
            let changed = Changed::of(&committed);
            let side = |name| changed.is_done_now().then(|| side(&decision, name)).flatten();
            let (before, after) = (side("before"), side("after"));
            let audit = compared(books, &rows.and_written(&decision)).await;
            Ok(Repaired { changed, before, after, audit })
        }
        Err(CommitError::Stale) => Err(Error::RepairOvertaken),
        Err(CommitError::Conflict) => Err(Error::IdTaken(by.id.clone())),
        Err(cause @ CommitError::Unavailable(_)) => Err(Error::Unanswered { again: by.again(), cause }),
        Err(error) => Err(error.into()),
    }
}

/// Where there is nothing to decide any more, this very repair may be the reason.
async fn earlier(books: &Books, failure: RepairFailure, by: &Signed) -> Result<Changed, Error> {
    if matches!(failure, RepairFailure::Repair(_)) {
        let of_id = |cause| Error::Id { text: by.id.clone(), cause };
        let receipt = EventKey::new(reconcile::REPAIR_SOURCE, &by.id).map_err(of_id)?;
        let receipts = BTreeSet::from([receipt.clone()]);
        if !books.ledger.already_journaled(&receipts, &context(COMMIT_PATIENCE)).await?.is_empty() {
            return Ok(Changed::earlier(receipt.to_string()));
        }
    }
    Err(failure.into())
}

/// The repair is made, whatever comes of this: a finding that stays is compared again by the audit's sweep.
async fn compared(books: &Books, rows: &RepairedRows) -> Option<ComparisonFacts> {
    let invocation = invocation();
    match repairs(books, &invocation).end_findings(rows).await {
        Ok(comparison) => Some(comparison.into()),
        Err(error) => {
            let cause = Error::from(error).line();
            print::error(format_args!("the repair is made, and findings of the audit stay for up to an hour: {cause}"));
            None
        }
    }
}

fn side(decision: &Decision, name: &str) -> Option<String> {
    let Decision::Record(entry) = decision else { return None };
    let (_, fact) = entry.header.facts.iter().find(|(known, _)| *known == name)?;
    match fact {
        Fact::Text(text) => Some(text.clone()),
        Fact::Count(_) => None,
    }
}

impl Facts for Repaired {
    fn print(&self) {
        self.changed.print();
        for (name, side) in [("before", &self.before), ("after", &self.after)] {
            if let Some(side) = side {
                print::line(format_args!("  {name:<7} {side}"));
            }
        }
        if let Some(audit) = &self.audit {
            audit.print();
        }
    }
}

impl Facts for ComparisonFacts {
    fn print(&self) {
        for ended in &self.ended {
            print::line(format_args!("  ended   {}", ended.place()));
        }
        for difference in &self.differences {
            print::line(format_args!("  differs {}: {}", difference.place(), difference.likely));
            print::line(format_args!("          repair: {} --reason R", difference.repair));
        }
        match (self.differences.as_slice(), self.unsettled) {
            ([], 0) => print::line("  audit   nothing differs here"),
            (_, 0) => {}
            (_, unsettled) => {
                print::line(format_args!("  audit   {unsettled} rows change while they are compared: run `audit`"));
            }
        }
    }
}
