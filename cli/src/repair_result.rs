//! Commits a repair of an account or an order, then compares the rows again and ends the audit findings that it fixed.

use std::collections::BTreeSet;
use std::time::Duration;

use audit::{Comparison, RepairFailure, RepairedRows, Repairs, Signature};
use edge::Invocation;
use idempotency::DynamoLedger;
use ledger::{Backlog as _, CommitError, Decision, EventKey, Fact, Writer};
use local::context;
use serde::Serialize;

use crate::audit::DifferenceFacts;
use crate::authorship::Authorship;
use crate::books::Books;
use crate::change_result::ChangeResult;
use crate::error::Error;
use crate::print::{self, Facts};

/// Long enough to read a long statement twice.
const READ_PATIENCE: Duration = Duration::from_mins(10);
/// The commit is one call; after a timeout the same command with its id finds the result.
const COMMIT_PATIENCE: Duration = Duration::from_secs(10);

/// The result of a repair, with the values before and after.
#[derive(Serialize)]
pub(crate) struct RepairResult {
    #[serde(flatten)]
    changed: ChangeResult,
    before: Option<String>,
    after: Option<String>,
    /// `None` if the rows could not be compared again.
    audit: Option<ComparisonFacts>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ComparisonFacts {
    /// Audit findings that the repair ends.
    ended: Vec<DifferenceFacts>,
    /// Differences that remain.
    differences: Vec<DifferenceFacts>,
    /// The count of rows that changed while they were compared.
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

pub(crate) fn signature(by: &Authorship) -> Signature {
    Signature { id: by.id.clone(), author: by.author.clone(), reason: by.reason.clone() }
}

/// Commits the decision once under its id. A repeated command finds nothing to repair, and then looks for its own journal entry.
pub(crate) async fn written(
    books: &Books,
    decision: Result<Decision, RepairFailure>,
    rows: Option<RepairedRows>,
    by: &Authorship,
) -> Result<RepairResult, Error> {
    let decision = match decision {
        Ok(decision) => decision,
        Err(failure) => {
            let changed = earlier(books, failure, by).await?;
            // The first run may have stopped before it ended the findings.
            let audit = compared(books, rows).await;
            return Ok(RepairResult { changed, before: None, after: None, audit });
        }
    };
    match books.commit(&decision, &context(COMMIT_PATIENCE)).await {
        Ok(committed) => {
            let changed = ChangeResult::of(&committed);
            let side = |name| changed.is_done_now().then(|| side(&decision, name)).flatten();
            let (before, after) = (side("before"), side("after"));
            let audit = compared(books, rows.map(|rows| rows.and_written(&decision))).await;
            Ok(RepairResult { changed, before, after, audit })
        }
        Err(CommitError::Stale) => Err(Error::RepairOvertaken),
        Err(CommitError::Conflict) => Err(Error::IdTaken(by.id.clone())),
        Err(cause @ CommitError::Unavailable(_)) => Err(Error::Unanswered { retry_option: by.retry_option(), cause }),
        Err(error) => Err(error.into()),
    }
}

/// The earlier commit of this repair, if that is why there is nothing to repair.
async fn earlier(books: &Books, failure: RepairFailure, by: &Authorship) -> Result<ChangeResult, Error> {
    if matches!(failure, RepairFailure::Repair(_)) {
        let of_id = |cause| Error::Id { text: by.id.clone(), cause };
        let receipt = EventKey::new(Writer::Repair, &by.id).map_err(of_id)?;
        let receipts = BTreeSet::from([receipt.clone()]);
        if !books.ledger.already_journaled(&receipts, &context(COMMIT_PATIENCE)).await?.is_empty() {
            return Ok(ChangeResult::earlier(receipt.to_string()));
        }
    }
    Err(failure.into())
}

/// A failure here is only printed: the repair is committed, and the audit sweep compares open findings again. `None` for
/// a code: only a whole audit compares those.
async fn compared(books: &Books, rows: Option<RepairedRows>) -> Option<ComparisonFacts> {
    let (rows, invocation) = (rows?, invocation());
    match repairs(books, &invocation).end_findings(&rows).await {
        Ok(comparison) => Some(comparison.into()),
        Err(error) => {
            let cause = Error::from(error).line();
            print::error(format_args!(
                "the repair is made, but its audit findings stay open for up to an hour: {cause}"
            ));
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

impl Facts for RepairResult {
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
                print::line(format_args!("  audit   {unsettled} rows changed while they were compared: run `audit`"));
            }
        }
    }
}
