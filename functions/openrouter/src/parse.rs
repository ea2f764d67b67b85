//! Parses a span of OpenRouter from its text: a parse error names the attribute, and no amount becomes a float.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use catalog::{Consumption, Counts, CountsError, Usd};
use ledger::{CallerKey, EventKey, Source, Timestamp, openrouter_event_id};
use serde_json::value::RawValue;
use usage::{EventType, Report, ReportedUse, UsageEvent};
use webhook::{JsonField, JsonObject, ParseError};

use crate::OwnerBy;

/// As of a usage event.
const MODEL_BYTES_MAX: usize = 128;
/// Reason: a request that failed costs nothing.
const FAILURE: &str = "failure";
/// Reason: only a generation is a use.
const NO_GENERATION: &str = "no_generation";
const NANOSECONDS_PER_MILLISECOND: i64 = 1_000_000;
/// Of a span whose request failed.
const STATUS_ERROR: [&str; 3] = ["2", "\"2\"", "\"STATUS_CODE_ERROR\""];

const TYPE: &str = "span.type";
const GENERATION: &str = "generation";
const ID: &str = "gen_ai.response.id";
const MODELS: [&str; 2] = ["gen_ai.response.model", "gen_ai.request.model"];
const USAGE: &str = "gen_ai.usage.";
const COST: &str = "gen_ai.usage.total_cost";
/// The names of today, and those of the documentation's example.
const INPUT: [&str; 2] = ["gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"];
const OUTPUT: [&str; 2] = ["gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"];
const TOTAL: &str = "gen_ai.usage.total_tokens";
const CACHED: &str = "gen_ai.usage.input_tokens.cached";
const REASONING: &str = "gen_ai.usage.output_tokens.reasoning";
/// Whether the tokens were paid with a key of the caller.
const OWN_KEY: &str = "trace.metadata.openrouter_generation.is_byok";

pub(crate) fn parse(span: &[u8], owner_by: OwnerBy) -> Result<Report, ParseError> {
    let span = JsonObject::of_body(span)?;
    let attributes = Attributes::of(&span)?;
    let span_id = span.text("spanId")?.unwrap_or_default();
    match attributes.text(TYPE)?.as_deref() {
        Some(GENERATION) => {}
        // An attempt at one provider has an id of its own, and neither tokens nor a cost.
        None if attributes.has_usage() => return Err(ParseError::new(TYPE, "is missing")),
        _ => return Ok(Report::Nothing { id: span_id, reason: NO_GENERATION }),
    }
    let generation = required(ID, attributes.text(ID)?)?;
    let id = openrouter_event_id(&generation);
    if !attributes.has_usage() && is_failed(&span)? {
        return Ok(Report::Nothing { id, reason: FAILURE });
    }
    let used = used(&span, &attributes, &id, owner_by);
    used.map(|used| Report::Use(Box::new(used))).map_err(|error| ParseError { event_id: Some(id), ..error })
}

fn used(
    span: &JsonObject<'_>,
    attributes: &Attributes<'_>,
    id: &str,
    owner_by: OwnerBy,
) -> Result<ReportedUse, ParseError> {
    let receipt = EventKey::new(Source::Usage, id).map_err(|error| ParseError::new(ID, &error.to_string()))?;
    let cost = attributes.number(COST)?;
    let usd = cost.map(|usd| Usd::parse_metered(&usd).map_err(|error| ParseError::new(COST, &error.to_string())));
    // Of a use with a key of the caller it is OpenRouter's fee alone.
    let usd = usd.transpose()?.filter(|_| !attributes.is_by_own_key());
    let counts = counts(attributes, usd.is_some())?;
    let consumption = match Consumption::of_openai(counts) {
        Ok(consumption) => Some(consumption),
        // It is booked at its own cost.
        Err(CountsError::TooLarge { .. }) if usd.is_some() => None,
        Err(_) => return Err(ParseError::new(INPUT[0], "and the other counts must fit each other")),
    };
    let total = attributes.count(TOTAL)?.or_else(|| counts.input.checked_add(counts.output));
    let event = UsageEvent {
        event_type: EventType::Usage,
        id: id.to_owned(),
        receipt,
        sent_at: ended_at(span)?,
        key: key(attributes, owner_by)?,
        model: model(attributes)?,
        counts,
        total_tokens: total.ok_or_else(|| ParseError::new(TOTAL, "is too large"))?,
        cost: None,
        consumption,
    };
    Ok(ReportedUse { event, usd, facts: Vec::new() })
}

fn key(attributes: &Attributes<'_>, owner_by: OwnerBy) -> Result<CallerKey, ParseError> {
    let (name, kind) = owner_by.attribute();
    let id = required(name, attributes.text(name)?)?;
    CallerKey::remote(&format!("{kind}{id}")).map_err(|error| ParseError::new(name, &error.to_string()))
}

fn model(attributes: &Attributes<'_>) -> Result<String, ParseError> {
    let [answered, requested] = MODELS;
    let model = match attributes.text(answered)? {
        None => attributes.text(requested)?,
        model => model,
    };
    let model = required(requested, model)?;
    if model.is_empty() || model.len() > MODEL_BYTES_MAX || model.chars().any(char::is_control) {
        return Err(ParseError::new(requested, &format!("must be a name of at most {MODEL_BYTES_MAX} bytes")));
    }
    Ok(model)
}

/// Without a cost, tokens price the use. With one they may be missing.
fn counts(attributes: &Attributes<'_>, has_cost: bool) -> Result<Counts, ParseError> {
    let either = |names: [&str; 2]| match attributes.count(names[0])? {
        None => attributes.count(names[1]),
        count => Ok(count),
    };
    let part = |names: [&str; 2]| match either(names)? {
        None if !has_cost => Err(ParseError::new(names[0], "is missing")),
        count => Ok(count.unwrap_or_default()),
    };
    Ok(Counts {
        input: part(INPUT)?,
        output: part(OUTPUT)?,
        cached_input: attributes.count(CACHED)?.unwrap_or_default(),
        reasoning: attributes.count(REASONING)?.unwrap_or_default(),
        ..Counts::default()
    })
}

fn ended_at(span: &JsonObject<'_>) -> Result<Timestamp, ParseError> {
    let field = span.required("endTimeUnixNano")?;
    let problem = || field.problem("must be nanoseconds since 1970");
    let nanoseconds: i64 = unquoted(&field)?.parse().map_err(|_| problem())?;
    let ms = nanoseconds.checked_div(NANOSECONDS_PER_MILLISECOND).ok_or_else(problem)?;
    Timestamp::from_unix_ms(ms).map_err(|error| field.problem(&error.to_string()))
}

fn is_failed(span: &JsonObject<'_>) -> Result<bool, ParseError> {
    let Some(status) = span.object("status")? else { return Ok(false) };
    let Some(code) = status.field("code")? else { return Ok(false) };
    Ok(STATUS_ERROR.contains(&code.read::<&RawValue>("must be JSON")?.get()))
}

/// OTLP has 64 bits as a text, and OpenRouter as a number.
fn unquoted<'b>(field: &JsonField<'b>) -> Result<&'b str, ParseError> {
    let raw: &'b RawValue = field.read("must be a number")?;
    let text = raw.get();
    Ok(text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text))
}

fn required<T>(name: &str, value: Option<T>) -> Result<T, ParseError> {
    value.ok_or_else(|| ParseError::new(name, "is missing"))
}

/// The attributes of a span, each with its value.
struct Attributes<'b>(BTreeMap<String, JsonObject<'b>>);

impl<'b> Attributes<'b> {
    /// A caller may send attributes of its own, so a repeated key would let it choose the owner or the cost.
    fn of(span: &JsonObject<'b>) -> Result<Self, ParseError> {
        let mut attributes = BTreeMap::new();
        let all = span.field("attributes")?.map(|attributes| attributes.array()).transpose()?;
        for attribute in all.unwrap_or_default() {
            let attribute = attribute.object()?;
            let key = attribute.required("key")?.text()?;
            let Some(value) = attribute.object("value")? else { continue };
            match attributes.entry(key) {
                Entry::Occupied(known) => return Err(ParseError::new(known.key(), "stands twice")),
                Entry::Vacant(place) => drop(place.insert(value)),
            }
        }
        Ok(Self(attributes))
    }

    fn has_usage(&self) -> bool {
        self.0.keys().any(|key| key.starts_with(USAGE))
    }

    fn is_by_own_key(&self) -> bool {
        self.0.get(OWN_KEY).is_some_and(|value| {
            let of = |name| value.field(name).ok()??.read::<&RawValue>("must be JSON").ok().map(RawValue::get);
            of("boolValue") == Some("true") || of("stringValue") == Some("\"true\"")
        })
    }

    fn text(&self, name: &str) -> Result<Option<String>, ParseError> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let text = value.field("stringValue")?.map(|text| text.text()).transpose();
        match text.map_err(|_| ParseError::new(name, "must be a text"))? {
            None => Err(ParseError::new(name, "must be a text")),
            Some(text) => Ok(Some(text).filter(|text| !text.is_empty())),
        }
    }

    /// The digits of a number, in the form of either type.
    fn number(&self, name: &str) -> Result<Option<String>, ParseError> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let problem = || ParseError::new(name, "must be a number");
        match (value.field("intValue")?, value.field("doubleValue")?) {
            (Some(number), None) | (None, Some(number)) => {
                unquoted(&number).map(|digits| Some(digits.to_owned())).map_err(|_| problem())
            }
            _ => Err(problem()),
        }
    }

    fn count(&self, name: &str) -> Result<Option<u64>, ParseError> {
        let problem = |_| ParseError::new(name, "must be a whole number that is not negative");
        self.number(name)?.map(|digits| digits.parse().map_err(problem)).transpose()
    }
}
