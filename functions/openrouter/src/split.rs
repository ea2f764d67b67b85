//! Takes an OTLP body apart into its spans, each in the form in which it is kept: JSON, with nothing but what is read.
//! Prompts and answers are attributes of a span, too.

use serde_json::Value;
use serde_json::value::RawValue;
use webhook::{JsonField, JsonObject};

const FIELDS: [&str; 3] = ["spanId", "endTimeUnixNano", "status"];
const ATTRIBUTES: &str = "attributes";
const KEPT: [&str; 5] = ["span.type", "gen_ai.request.model", "gen_ai.response.model", "gen_ai.response.id", "user.id"];
const KEPT_PREFIXES: [&str; 2] = ["gen_ai.usage.", "trace.metadata.openrouter"];

/// None of the empty body with which OpenRouter tests a destination. A body that is no OTLP becomes a text, which no
/// parser takes: it is kept.
pub fn events(body: &[u8]) -> Vec<String> {
    spans(body).unwrap_or_else(|| vec![Value::from(String::from_utf8_lossy(body)).to_string()])
}

fn spans(body: &[u8]) -> Option<Vec<String>> {
    let body = JsonObject::of_body(body).ok()?;
    let mut spans = Vec::new();
    for resource in array(&body, "resourceSpans")? {
        for scope in array(&resource.object().ok()?, "scopeSpans")? {
            spans.extend(array(&scope.object().ok()?, "spans")?.iter().filter_map(kept));
        }
    }
    Some(spans)
}

fn array<'b>(object: &JsonObject<'b>, name: &str) -> Option<Vec<JsonField<'b>>> {
    object.field(name).ok()?.map_or_else(|| Some(Vec::new()), |field| field.array().ok())
}

/// A span of another form is kept whole, for its parser to refuse it.
fn kept(span: &JsonField<'_>) -> Option<String> {
    let what_is_read = || {
        let object = span.object().ok()?;
        let mut parts = Vec::new();
        for name in FIELDS {
            parts.extend(object.field(name).ok()?.map(|field| Some(format!("\"{name}\":{}", raw(&field)?))));
        }
        let attributes = array(&object, ATTRIBUTES)?;
        let attributes = attributes.iter().filter(|attribute| is_read(attribute)).map(raw);
        let attributes = attributes.collect::<Option<Vec<_>>>()?.join(",");
        parts.push(Some(format!("\"{ATTRIBUTES}\":[{attributes}]")));
        Some(format!("{{{}}}", parts.into_iter().collect::<Option<Vec<_>>>()?.join(",")))
    };
    what_is_read().or_else(|| raw(span).map(str::to_owned))
}

/// Also an attribute without a key, and each of several with one key.
fn is_read(attribute: &JsonField<'_>) -> bool {
    let key = attribute.object().and_then(|attribute| attribute.required("key")?.text());
    key.map_or(true, |key| KEPT.contains(&key.as_str()) || KEPT_PREFIXES.iter().any(|prefix| key.starts_with(prefix)))
}

fn raw<'b>(field: &JsonField<'b>) -> Option<&'b str> {
    field.read::<&'b RawValue>("must be JSON").ok().map(RawValue::get)
}
