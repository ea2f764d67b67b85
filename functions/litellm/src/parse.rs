//! Parses an event of LiteLLM, its `StandardLoggingPayload`, field by field from its text: a parse error names the
//! field, and no amount becomes a float.

use catalog::{Consumption, Counts, CountsError, Kind, Usd};
use ledger::{Amount, CallerKey, EventKey, Fact, Source, Timestamp, litellm_event_id};
use serde_json::value::RawValue;
use usage::{EventType, Report, ReportedUse, UsageEvent};
use webhook::{JsonField, JsonObject, ParseError};

use crate::OwnerBy;

/// As of a usage event.
const MODEL_BYTES_MAX: usize = 128;
/// What the row of a use has of either id, which a caller may choose at any length. The key has both whole.
const ID_CHARS_MAX: usize = 64;
/// Reason: a request that failed costs nothing.
const FAILURE: &str = "failure";
/// Reason, with an alarm: LiteLLM could not build an event, so that its use is not known.
const LOST: &str = "event_lost";
/// Of seconds.
const MILLISECONDS_DECIMALS: u8 = 3;

pub(crate) fn parse(event: &[u8], owner_by: OwnerBy) -> Result<Report, ParseError> {
    if event == b"null" {
        return Ok(Report::Nothing { id: "null".to_owned(), reason: LOST });
    }
    let event = JsonObject::of_body(event)?;
    let ids = Ids::of(&event)?;
    let id = ids.key();
    let parsed = of_status(&event, ids, owner_by);
    parsed.map_err(|error| ParseError { event_id: Some(id), ..error })
}

fn of_status(event: &JsonObject<'_>, ids: Ids, owner_by: OwnerBy) -> Result<Report, ParseError> {
    let status = event.required("status")?;
    let usd = event.field("response_cost")?.map(|cost| number(&cost, Usd::parse_metered)).transpose()?;
    match status.text()?.as_str() {
        "success" => Ok(Report::Use(Box::new(used(event, ids, usd, owner_by)?))),
        // Another would be charged for nothing, or lost.
        "failure" if usd.is_none_or(Usd::is_zero) => Ok(Report::Nothing { id: ids.key(), reason: FAILURE }),
        "failure" => Err(event.problem("response_cost", "must be 0 where the status is failure")),
        _ => Err(status.problem("must be \"success\" or \"failure\"")),
    }
}

/// The ids of an event, which together name it.
struct Ids {
    call: Option<String>,
    response: String,
}

impl Ids {
    fn of(event: &JsonObject<'_>) -> Result<Self, ParseError> {
        Ok(Self { call: event.text("litellm_call_id")?, response: event.required("id")?.text()? })
    }

    /// What the journal's key has.
    fn key(&self) -> String {
        litellm_event_id(self.call.as_deref(), &self.response)
    }
}

fn used(event: &JsonObject<'_>, ids: Ids, usd: Option<Usd>, owner_by: OwnerBy) -> Result<ReportedUse, ParseError> {
    let id = ids.key();
    let receipt = EventKey::new(Source::Usage, &id).map_err(|error| event.problem("id", &error.to_string()))?;
    let metadata = event.required("metadata")?.object()?;
    let counts = counts(event, &metadata)?;
    // Of the answer from a cache 0 is the cost. Of another it may be that the price is not known.
    let is_of_cache = event.field("cache_hit")?.map(|hit| hit.flag()).transpose()?.unwrap_or_default();
    let usd = usd.filter(|usd| is_of_cache || !usd.is_zero());
    let consumption = match Consumption::of_openai(counts) {
        Ok(consumption) => Some(consumption),
        // It is booked at its own cost.
        Err(CountsError::TooLarge { .. }) if usd.is_some() => None,
        Err(error) => return Err(nonsense(event, error)),
    };
    let event = UsageEvent {
        event_type: EventType::Usage,
        id,
        receipt,
        sent_at: number(&event.required("endTime")?, time)?,
        key: key(&metadata, owner_by)?,
        model: model(&event.required("model")?)?,
        counts,
        total_tokens: event.required("total_tokens")?.whole_number()?,
        cost: None,
        consumption,
    };
    let fact = |name, id: String| (name, Fact::Text(id.chars().take(ID_CHARS_MAX).collect()));
    let facts = [Some(fact("response", ids.response)), ids.call.map(|id| fact("call", id))];
    Ok(ReportedUse { event, usd, facts: facts.into_iter().flatten().collect() })
}

fn key(metadata: &JsonObject<'_>, owner_by: OwnerBy) -> Result<CallerKey, ParseError> {
    let (field, kind) = owner_by.field();
    metadata.required(field)?.parsed(|id| CallerKey::remote(&format!("{kind}{id}")))
}

fn model(field: &JsonField<'_>) -> Result<String, ParseError> {
    let model = field.text()?;
    if model.is_empty() || model.len() > MODEL_BYTES_MAX || model.chars().any(char::is_control) {
        return Err(field.problem(&format!("must be a name of at most {MODEL_BYTES_MAX} bytes")));
    }
    Ok(model)
}

fn counts(event: &JsonObject<'_>, metadata: &JsonObject<'_>) -> Result<Counts, ParseError> {
    let used = metadata.object("usage_object")?;
    let details = |name| used.as_ref().map_or(Ok(None), |used| used.object(name));
    let (of_prompt, of_completion) = (details("prompt_tokens_details")?, details("completion_tokens_details")?);
    let part = |object: &Option<JsonObject<'_>>, name| -> Result<Option<u64>, ParseError> {
        let Some(object) = object else { return Ok(None) };
        object.field(name)?.map(|count| count.whole_number()).transpose()
    };
    // The older name stands beside the newer one, with the same count.
    let cache_write = match part(&of_prompt, "cache_write_tokens")? {
        None => part(&of_prompt, "cache_creation_tokens")?,
        written => written,
    };
    Ok(Counts {
        input: event.required("prompt_tokens")?.whole_number()?,
        output: event.required("completion_tokens")?.whole_number()?,
        cached_input: part(&of_prompt, "cached_tokens")?.unwrap_or_default(),
        cache_write: cache_write.unwrap_or_default(),
        reasoning: part(&of_completion, "reasoning_tokens")?.unwrap_or_default(),
        ..Counts::default()
    })
}

fn nonsense(event: &JsonObject<'_>, error: CountsError) -> ParseError {
    let name = |kind| match kind {
        Kind::CachedInput => "cached_tokens",
        Kind::CacheWrite => "cache_write_tokens",
        Kind::Reasoning => "reasoning_tokens",
        Kind::Output => "completion_tokens",
        Kind::Input | Kind::Request | Kind::Image | Kind::Second => "prompt_tokens",
    };
    match error {
        CountsError::TooLarge { kind } => event.problem(name(kind), "is too large"),
        CountsError::PartExceedsWhole { part, whole } => {
            event.problem(name(part), &format!("must not be more than {}", name(whole)))
        }
    }
}

/// Seconds with a fraction.
fn time(digits: &str) -> Result<Timestamp, String> {
    let ms = Amount::parse_metered(digits, MILLISECONDS_DECIMALS).map_err(|error| error.to_string())?;
    let ms = i64::try_from(ms.units()).map_err(|_| "is too large".to_owned())?;
    Timestamp::from_unix_ms(ms).map_err(|error| error.to_string())
}

/// A number from its decimal digits. LiteLLM computes costs in floats, which print exponents.
fn number<T, E: ToString>(field: &JsonField<'_>, read: impl FnOnce(&str) -> Result<T, E>) -> Result<T, ParseError> {
    let digits: &RawValue = field.read("must be a number")?;
    read(digits.get()).map_err(|error| field.problem(&error.to_string()))
}
