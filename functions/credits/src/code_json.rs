//! Redeem codes as JSON: the members that the API documents.

use api::openapi::{AmountText, LotKindWord, TimeText};
use ledger::{Asset, CampaignPage, Code, CodePage, OncePer, Word};
use serde::Serialize;
use utoipa::ToSchema;

use crate::cursor;

/// The receipt of codes that are made, and the codes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MadeCodes)]
pub(crate) struct MadeJson<'b> {
    pub receipt: &'b str,
    #[schema(value_type = TimeText)]
    pub processed_at: String,
    pub kind: &'static str,
    pub campaign: String,
    #[schema(value_type = AmountText)]
    pub credits: String,
    pub codes: Vec<MadeCodeJson<'b>>,
}

impl MadeJson<'_> {
    pub(crate) const KIND: &'static str = "make_codes";
}

#[derive(Serialize, ToSchema)]
#[schema(as = MadeCode)]
pub(crate) struct MadeCodeJson<'b> {
    /// What is handed out.
    pub code: String,
    /// By which the books know it.
    pub name: &'b str,
}

/// A page of the codes of a campaign.
#[derive(Serialize, ToSchema)]
#[schema(as = Codes)]
pub(crate) struct CodesJson<'b> {
    campaign: String,
    codes: Vec<CodeJson<'b>>,
    /// The cursor of the next page; `null` on the last one.
    #[schema(required)]
    next: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Code)]
struct CodeJson<'b> {
    name: &'b str,
    #[schema(value_type = AmountText)]
    credits: String,
    uses: u32,
    uses_left: u32,
    once_per_campaign: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = TimeText)]
    until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    expires: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u8)]
    priority: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = LotKindWord)]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = TimeText)]
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
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RevokedCodes)]
pub(crate) struct RevokedJson<'b> {
    pub receipt: &'b str,
    #[schema(value_type = TimeText)]
    pub processed_at: String,
    pub kind: &'static str,
    pub campaign: String,
    /// The names of the codes of this page, all of which are revoked now.
    pub revoked: Vec<&'b str>,
    /// The cursor of the next page; `null` on the last one.
    #[schema(required)]
    pub next: Option<String>,
}

impl RevokedJson<'_> {
    pub(crate) const KIND: &'static str = "revoke_codes";
}

/// A page of the campaigns that have codes.
#[derive(Serialize, ToSchema)]
#[schema(as = Campaigns)]
pub(crate) struct CampaignsJson {
    campaigns: Vec<CampaignJson>,
    /// The cursor of the next page; `null` on the last one.
    #[schema(required)]
    next: Option<String>,
}

/// A campaign.
#[derive(Serialize, ToSchema)]
#[schema(as = Campaign)]
struct CampaignJson {
    #[schema(examples("spring"))]
    campaign: String,
    /// When its first codes were made.
    #[schema(value_type = TimeText)]
    since: String,
}

impl CampaignsJson {
    pub(crate) fn of(page: &CampaignPage) -> Self {
        let campaigns = page
            .campaigns
            .iter()
            .map(|campaign| CampaignJson { campaign: campaign.name.to_string(), since: campaign.since.to_string() });
        Self { campaigns: campaigns.collect(), next: page.next.as_ref().map(cursor::written) }
    }
}
