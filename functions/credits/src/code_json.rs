//! Redeem codes as JSON: the members that the API documents.

use ledger::{Asset, Code, CodePage, OncePer, Word};
use serde::Serialize;

use crate::cursor;

/// The receipt of codes that are made, and the codes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MadeJson<'b> {
    pub receipt: &'b str,
    pub processed_at: String,
    pub kind: &'static str,
    pub campaign: String,
    pub credits: String,
    pub codes: Vec<MadeCodeJson<'b>>,
}

impl MadeJson<'_> {
    pub(crate) const KIND: &'static str = "make_codes";
}

#[derive(Serialize)]
pub(crate) struct MadeCodeJson<'b> {
    pub code: String,
    pub name: &'b str,
}

/// A page of the codes of a campaign.
#[derive(Serialize)]
pub(crate) struct CodesJson<'b> {
    campaign: String,
    codes: Vec<CodeJson<'b>>,
    /// The cursor of the next page.
    next: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CodeJson<'b> {
    name: &'b str,
    credits: String,
    uses: u32,
    uses_left: u32,
    once_per_campaign: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<String>,
}

impl<'b> CodesJson<'b> {
    pub(crate) fn of(campaign: Word, page: &'b CodePage) -> Self {
        let codes = page.codes.iter().map(CodeJson::of).collect();
        Self { campaign: campaign.to_string(), codes, next: page.next.as_ref().map(cursor::written) }
    }
}

impl<'b> CodeJson<'b> {
    fn of(code: &'b Code) -> Self {
        Self {
            name: code.hash.short(),
            credits: Asset::CREDITS.format(code.credits),
            uses: code.uses,
            uses_left: code.uses_left,
            once_per_campaign: code.once_per == OncePer::Campaign,
            until: code.until.map(|until| until.to_string()),
            expires: code.terms.map(|terms| format!("{}d", terms.days)),
            priority: code.terms.map(|terms| terms.priority),
            kind: code.terms.map(|terms| terms.kind.as_str()),
            revoked_at: code.revoked_at.map(|at| at.to_string()),
        }
    }
}

/// The receipt of a page of codes that is revoked.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RevokedJson<'b> {
    pub receipt: &'b str,
    pub processed_at: String,
    pub kind: &'static str,
    pub campaign: String,
    /// The names of the codes of this page, all of which are revoked now.
    pub revoked: Vec<&'b str>,
    /// The cursor of the next page.
    pub next: Option<String>,
}

impl RevokedJson<'_> {
    pub(crate) const KIND: &'static str = "revoke_codes";
}
