//! What a request wants of each code of a campaign.

use api::openapi::{AmountText, LotKindWord, ReasonText, TimeText};
use api::{Failure, read};
use ledger::{Amount, Asset, CODE_USES_MAX, CODES_MAX, Code, CodeHash, EventKey, GrantTerms, OncePer, Timestamp, Word};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::fields::{expires_invalid, lot, positive_amount, text};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CodesRequest)]
pub(crate) struct MakeBody {
    #[schema(value_type = String, required, pattern = "^[A-Za-z0-9_-]{1,32}$", examples("spring"))]
    campaign: Option<Value>,
    /// What each code gives, above 0.
    #[schema(value_type = AmountText, required)]
    credits: Option<Value>,
    /// How many codes. 1 by default.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 90)]
    count: Option<Value>,
    /// How many owners may redeem each. 1 by default.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1_000_000)]
    uses: Option<Value>,
    /// Until when they can be redeemed, within ten years. For ever by default.
    #[schema(value_type = Option<TimeText>)]
    until: Option<Value>,
    /// So many days after the redemption the credits expire. Never by default.
    #[schema(value_type = Option<String>, examples("90d"))]
    expires: Option<Value>,
    /// Credits of a lower priority are spent first. 5 by default; only with `expires`.
    #[schema(value_type = Option<u8>, minimum = 0, maximum = 9)]
    priority: Option<Value>,
    /// `paid` by default; only with `expires`.
    #[schema(value_type = Option<LotKindWord>)]
    kind: Option<Value>,
    /// Whether an owner redeems one code of the campaign at most.
    #[schema(value_type = Option<bool>)]
    once_per_campaign: Option<Value>,
    #[schema(value_type = ReasonText, required)]
    pub(crate) reason: Option<Value>,
}

pub(crate) struct Wish {
    pub(crate) campaign: Word,
    pub(crate) credits: Amount,
    pub(crate) count: u32,
    uses: u32,
    until: Option<Timestamp>,
    terms: Option<GrantTerms>,
    once_per: OncePer,
}

impl Wish {
    pub(crate) fn read(body: &MakeBody, now: Timestamp) -> Result<Self, Failure> {
        let per_campaign = || Failure::new(400, "once_per_campaign_invalid", "oncePerCampaign must be true or false.");
        let is_per_campaign: bool = read(body.once_per_campaign.as_ref(), per_campaign)?.unwrap_or_default();
        Ok(Self {
            campaign: campaign(body.campaign.as_ref())?,
            credits: positive_amount(body.credits.as_ref(), "credits", Asset::CREDITS)?,
            count: number(body.count.as_ref(), "count", "count_invalid", CODES_MAX)?,
            uses: number(body.uses.as_ref(), "uses", "uses_invalid", CODE_USES_MAX)?,
            until: until(body.until.as_ref(), now)?,
            terms: terms(body)?,
            once_per: if is_per_campaign { OncePer::Campaign } else { OncePer::Code },
        })
    }

    pub(crate) fn code(&self, hash: CodeHash, made_by: &EventKey) -> Code {
        Code {
            hash,
            campaign: self.campaign,
            credits: self.credits,
            uses: self.uses,
            uses_left: self.uses,
            once_per: self.once_per,
            terms: self.terms,
            until: self.until,
            made_by: made_by.clone(),
            revoked_at: None,
        }
    }

    /// The name of the first code is among them: under another pepper the request would make other codes.
    pub(crate) fn facts(&self, first: Option<&Code>) -> Vec<(&'static str, String)> {
        let mut facts = vec![
            ("campaign", self.campaign.to_string()),
            ("credits", Asset::CREDITS.format(self.credits)),
            ("uses", self.uses.to_string()),
            ("once_per", self.once_per.as_str().to_owned()),
            ("codes", self.count.to_string()),
        ];
        facts.extend(first.map(|code| ("first", code.hash.short().to_owned())));
        facts.extend(self.until.map(|until| ("until", until.to_string())));
        if let Some(terms) = self.terms {
            facts.push(("expires", format!("{}d", terms.days)));
            facts.push(("priority", terms.priority.to_string()));
            facts.push(("lot_kind", terms.kind.as_str().to_owned()));
        }
        facts
    }
}

fn campaign(value: Option<&Value>) -> Result<Word, Failure> {
    let name = text(value, "campaign", "campaign_missing", "campaign_invalid")?;
    Word::new(&name).map_err(|error| Failure::new(400, "campaign_invalid", format!("campaign {error}.")))
}

/// One, unless the request says otherwise.
fn number(value: Option<&Value>, name: &str, invalid: &'static str, most: u32) -> Result<u32, Failure> {
    let wrong = || Failure::new(400, invalid, format!("{name} must be a whole number from 1 to {most}."));
    let number: u32 = read(value, wrong)?.unwrap_or(1);
    if (1..=most).contains(&number) { Ok(number) } else { Err(wrong()) }
}

fn until(value: Option<&Value>, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
    let wrong = || {
        let message = "until must be a time within the next ten years, such as 2026-01-01T00:00:00Z.";
        Failure::new(400, "until_invalid", message)
    };
    let text: Option<String> = read(value, wrong)?;
    let Some(text) = text else { return Ok(None) };
    let until = Timestamp::parse_rfc3339(&text).ok().filter(|until| Code::may_end(*until, now));
    until.map(Some).ok_or_else(wrong)
}

/// Credits expire so many days after the redemption.
fn terms(body: &MakeBody) -> Result<Option<GrantTerms>, Failure> {
    let lot = lot(body.expires.as_ref(), body.priority.as_ref(), body.kind.as_ref())?;
    let Some((text, priority, kind)) = lot else { return Ok(None) };
    let terms = GrantTerms::parse_days(&text).and_then(|days| GrantTerms::new(days, priority, kind));
    terms.map(Some).map_err(|error| expires_invalid(&error.to_string()))
}
