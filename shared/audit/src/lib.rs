//! The audit: compares accounts, orders and their lines, and repairs what a person decides. `reconcile` runs it on a
//! schedule and for rows that were written, the command line at once.
//!
//! ```
//! use std::time::Duration;
//!
//! use edge::Invocation;
//! use testkit::{MemoryLedger, deadline, instant, mark, now};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let deadline = deadline(Duration::from_secs(50));
//! let invocation = Invocation { now: now(), started: instant(), deadline, attempt: mark(1) };
//!
//! let (report, open) = audit::audit(&MemoryLedger::default(), &invocation).await?;
//! assert_eq!((report.accounts, open), (0, vec![]), "books without an account agree");
//! # Ok(())
//! # }
//! ```

mod alarms;
mod auditor;
mod budgets;
mod changes;
mod codes;
mod end_findings;
mod lots;
mod members;
mod pairs;
mod pass;
mod repair;
mod sides;
mod trial_balance;

use ledger::Writer;

pub use auditor::AuditReport;
pub use budgets::{BudgetFound, budget_repair};
pub use changes::{Changes, compare_changes};
pub use codes::{code_repair, read_codes_again};
pub use end_findings::{Comparison, RepairedRows};
pub use pass::{INDEX_LAG_MAX, audit, continue_pass, verify};
pub use repair::{AccountRepair, OrderRepair, RepairFailure, Repairs, Signature};
pub use trial_balance::trial_balance;

/// The function that runs the audit. Alarms are under its name.
const SOURCE: &str = Writer::Reconcile.as_str();
