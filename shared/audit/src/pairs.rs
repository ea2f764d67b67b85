//! The lines that other lines must agree with.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{Audit, CommitError, JournalLine};

use crate::auditor::Auditor;

impl<L: Audit> Auditor<'_, L> {
    /// The lines that these must agree with, by their keys.
    pub(crate) async fn pairs_of(&self, lines: &[JournalLine]) -> Result<BTreeMap<String, JournalLine>, CommitError> {
        let keys: BTreeSet<String> = lines.iter().filter_map(JournalLine::paired_with).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        Ok(self.journal_lines(&keys).await?.into_iter().map(|line| (line.key.clone(), line)).collect())
    }
}
