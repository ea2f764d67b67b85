//! What the audit has found about a thing, and whether its last pass has compared all of it.

use ledger::{AuditProgress, Difference, DifferenceKind, Open, Subject, Suspect, Timestamp};

use super::{Cause, Chain, Halt, Happened, Stage};
use crate::Fix;

/// What the audit has open about one subject.
#[derive(Debug, Default)]
pub(crate) struct Audited {
    findings: Vec<Open>,
    /// It differs, and the list of differences has no room for it.
    is_unlisted: bool,
    /// When the last pass began and ended; `None` during a pass.
    pass: Option<(Timestamp, Timestamp)>,
}

impl Audited {
    pub(crate) fn of(progress: AuditProgress, subject: &Subject) -> Self {
        let is_unlisted = progress.unlisted.contains(subject);
        let pass = progress.began_at.zip(progress.ended_at);
        let findings = progress.open.into_iter().filter(|open| open.difference.subject() == *subject);
        Self { findings: findings.collect(), is_unlisted, pass }
    }

    /// A halt for each finding.
    pub(crate) fn stop(&self, chain: &mut Chain) {
        for Open { difference, .. } in &self.findings {
            let cause = Cause::Finding(difference.difference_kind, difference.suspect);
            let repairs = repairs(difference);
            let details = if repairs.is_empty() {
                format!("{}: {}", difference.account, difference.remedy())
            } else {
                difference.account.clone()
            };
            let halt = Halt::new(Stage::Reconciled, cause).with(repairs).with([Fix::Audit]);
            chain.stop(Halt { details: Some(details), ..halt });
        }
        if self.is_unlisted {
            chain.stop(Halt::new(Stage::Reconciled, Cause::Unlisted).with([Fix::Audit]));
        }
    }

    /// A pass says nothing about what was written after it began.
    pub(crate) fn confirm(&self, chain: &mut Chain) {
        let last = chain.links.iter().filter_map(|link| link.at).max();
        let is_well = self.findings.is_empty() && !self.is_unlisted;
        if let Some((_, ended_at)) = self.pass.filter(|(began_at, _)| is_well && Some(*began_at) >= last) {
            chain.add(Some(ended_at), Stage::Reconciled, Happened::Audited);
        }
    }
}

/// The commands that repair it, if its row has all that they name.
fn repairs(difference: &Difference) -> Vec<Fix> {
    let account = |option, line: Option<&String>| Fix::RepairAccount {
        account: difference.account.clone(),
        option,
        line: line.cloned(),
    };
    let of_line = |option| difference.line.iter().map(move |line| account(option, Some(line)));
    let order = |option| difference.order.iter().cloned().map(move |order| Fix::RepairOrder(order, option));
    match (difference.difference_kind, difference.suspect) {
        (_, Suspect::LaterForm | Suspect::CodeRow)
        | (DifferenceKind::Lines, Suspect::LostLine | Suspect::ExtraLine)
        | (
            DifferenceKind::Uses
            | DifferenceKind::Members
            | DifferenceKind::Budget
            | DifferenceKind::NoOrder
            | DifferenceKind::Transfer
            | DifferenceKind::Reversal,
            _,
        ) => Vec::new(),
        (DifferenceKind::Balance | DifferenceKind::Available | DifferenceKind::Lines, _) => {
            vec![account("--to-lines", None)]
        }
        (DifferenceKind::Held, _) => vec![account("--holds", None)],
        (DifferenceKind::Lots | DifferenceKind::NextExpiry, _) => vec![account("--lots", None)],
        (DifferenceKind::Stands | DifferenceKind::Payment, _) => order("--to-lines").collect(),
        (DifferenceKind::Unposted, _) => of_line("--add-line").chain(order("--to-lines")).collect(),
        (DifferenceKind::Unclaimed, _) => of_line("--reverse-line").chain(order("--to-lines")).collect(),
        (DifferenceKind::OrderMissing | DifferenceKind::OrderUnreadable | DifferenceKind::Rate, _) => {
            difference.order.iter().cloned().map(Fix::RestoreOrder).collect()
        }
        (DifferenceKind::Pointer, _) => order("--pointer").collect(),
        (DifferenceKind::Unproven, _) => difference.order.iter().cloned().map(Fix::RepairPayment).collect(),
        (DifferenceKind::Failed, _) => of_line("--restore-line").collect(),
    }
}
