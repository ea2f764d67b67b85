//! The output of `code`: the codes that were made, those of a campaign, and a revocation.

use ledger::{Asset, Code};
use local::now;
use serde::Serialize;

use crate::change_result::ChangeResult;
use crate::new_secret::NewSecret;
use crate::print::{self, Facts};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MadeCodes {
    #[serde(flatten)]
    pub(super) changed: ChangeResult,
    pub(super) campaign: String,
    /// Only from the command that makes them.
    pub(super) codes: Option<Vec<MadeCode>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MadeCode {
    pub(super) code: String,
    pub(super) name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CodeFacts {
    pub(super) name: String,
    pub(super) credits: String,
    /// How long the credits last from the redemption on; without it for ever.
    pub(super) expires: Option<String>,
    pub(super) priority: Option<u8>,
    pub(super) kind: Option<&'static str>,
    pub(super) uses: u32,
    pub(super) uses_left: u32,
    pub(super) once_per: &'static str,
    pub(super) state: &'static str,
    pub(super) until: Option<String>,
    pub(super) revoked_at: Option<String>,
    pub(super) receipt: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CodeList {
    pub(super) campaign: String,
    pub(super) codes: Vec<CodeFacts>,
}

#[derive(Serialize)]
pub(super) struct Revocation {
    #[serde(flatten)]
    pub(super) changed: ChangeResult,
    pub(super) revoked: usize,
    /// How many live codes of the campaign are left for another command.
    pub(super) left: usize,
    /// Whether all codes that the index has are meant. It may lack the newest.
    #[serde(skip)]
    pub(super) is_all: bool,
}

impl From<&Code> for CodeFacts {
    fn from(code: &Code) -> Self {
        let state = if code.revoked_at.is_some() {
            "revoked"
        } else if code.uses_left == 0 {
            "used_up"
        } else if code.is_redeemable(now()) {
            "live"
        } else {
            "over"
        };
        Self {
            name: code.hash.short().to_owned(),
            credits: Asset::CREDITS.format(code.credits),
            expires: code.terms.map(|terms| format!("{}d", terms.days)),
            priority: code.terms.map(|terms| terms.priority),
            kind: code.terms.map(|terms| terms.kind.as_str()),
            uses: code.uses,
            uses_left: code.uses_left,
            once_per: code.once_per.as_str(),
            state,
            until: code.until.map(|at| at.to_string()),
            revoked_at: code.revoked_at.map(|at| at.to_string()),
            receipt: code.made_by.to_string(),
        }
    }
}

impl CodeFacts {
    /// `90d, priority 3, free`.
    fn expiry(&self) -> String {
        match (&self.expires, self.priority, self.kind) {
            (Some(expires), Some(priority), Some(kind)) => format!("{expires}, priority {priority}, {kind}"),
            _ => "never".to_owned(),
        }
    }
}

impl Facts for MadeCodes {
    fn print(&self) {
        self.changed.print();
        let Some(codes) = &self.codes else {
            print::line(format_args!(
                "  The codes cannot be printed again. If you do not have them, revoke them: code list {}",
                self.campaign
            ));
            return;
        };
        let head = ["code", "name"].map(str::to_owned);
        let rows = codes.iter().map(|made| [made.code.clone(), made.name.clone()]);
        print::columns(&std::iter::once(head).chain(rows).collect::<Vec<_>>());
        print::line("  The codes are printed only once: only their hashes are stored.");
    }

    fn secret(&self) -> Option<NewSecret> {
        let (codes, campaign) = (self.codes.as_ref()?, &self.campaign);
        let (made, if_lost) = match codes.as_slice() {
            [code] => (
                format!("the code {} is made", code.name),
                format!("`code revoke {campaign} {} --reason R` ends it", code.name),
            ),
            codes => (
                format!("{} codes are made", codes.len()),
                format!(
                    "`code list {campaign}` names those of {}, and `code revoke {campaign} NAME --reason R` ends one",
                    self.changed.receipt()
                ),
            ),
        };
        Some(NewSecret { made, if_lost })
    }
}

impl Facts for CodeList {
    fn print(&self) {
        if self.codes.is_empty() {
            print::line(format_args!("the campaign {} has no codes", self.campaign));
            return;
        }
        let head = ["name", "credits", "expire", "left", "state", "until"].map(str::to_owned);
        let row = |code: &CodeFacts| {
            let left = format!("{} of {}", code.uses_left, code.uses);
            let until = code.until.clone().unwrap_or_default();
            [code.name.clone(), code.credits.clone(), code.expiry(), left, code.state.replace('_', " "), until]
        };
        print::columns(&std::iter::once(head).chain(self.codes.iter().map(row)).collect::<Vec<_>>());
    }
}

impl Facts for Revocation {
    fn print(&self) {
        self.changed.print();
        print::line(format_args!("  {} codes are revoked by this command", self.revoked));
        if self.is_all {
            print::line("  A code of the last seconds may be missing in the index: look once more with `code list`.");
        }
        if self.left > 0 {
            print::line(format_args!("  {} codes are left: run the command again with another --id", self.left));
        }
    }
}
