//! The rows of redeem codes, and of the campaigns that they belong to.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::error::BuildError;
use ledger::{CallContext, CodeChange, Effect, EventKey};

use super::Plan;
use crate::role::Role;
use crate::{Tables, code_row};

impl Plan {
    pub(super) fn code(
        &mut self,
        tables: &Tables,
        change: &CodeChange,
        receipt: &EventKey,
        context: &CallContext<'_>,
    ) -> Result<(), BuildError> {
        let row = code_row::change(change, receipt, context);
        self.push(Role::Code, row.update(&tables.accounts, &code_row::id(change.hash()))?);
        Ok(())
    }

    /// The campaigns of the codes that are made, each once.
    pub(super) fn campaigns(
        &mut self,
        tables: &Tables,
        effects: &[Effect],
        context: &CallContext<'_>,
    ) -> Result<(), BuildError> {
        let made = effects.iter().filter_map(|effect| {
            let Effect::Code(CodeChange::Make(code)) = effect else { return None };
            Some(code.campaign)
        });
        // As in `image::by_id`: what is collected is sorted first.
        let mut campaigns = BTreeSet::new();
        campaigns.extend(made);
        for name in campaigns {
            let row = code_row::campaign(context).update(&tables.accounts, &code_row::campaign_id(name))?;
            self.push(Role::Code, row);
        }
        Ok(())
    }
}
