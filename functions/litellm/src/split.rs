//! Takes a body apart into its events, each in the form in which it is kept: JSON, without what is not read.

use serde_json::value::RawValue;
use webhook::JsonObject;

/// Prompts, answers and copied price lists: most of an event, and nothing that a later release could need.
const NOT_KEPT: [&str; 3] = ["messages", "response", "model_map_information"];

/// Python writes them where JSON has no number.
const NO_NUMBERS: [&[u8]; 3] = [b"-Infinity", b"Infinity", b"NaN"];

/// A JSON array, a single event, or one event a line. What is no JSON becomes a text, which no parser takes: it is
/// kept, and costs no other event.
pub fn events(body: &[u8]) -> Vec<String> {
    if let Some(single) = single(body) {
        return vec![single];
    }
    if let Ok(places) = webhook::elements(body) {
        return places.into_iter().filter_map(|place| body.get(place)).map(kept).collect();
    }
    let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.filter(|line| !line.is_empty()).map(kept).collect()
}

fn single(body: &[u8]) -> Option<String> {
    let body = body.trim_ascii();
    body.starts_with(b"{").then(|| json(body)).flatten()
}

fn kept(event: &[u8]) -> String {
    json(event).unwrap_or_else(|| serde_json::Value::from(String::from_utf8_lossy(event)).to_string())
}

fn json(event: &[u8]) -> Option<String> {
    let event = with_null_for_no_number(event);
    if let Ok(object) = JsonObject::of_body(&event) {
        return Some(object.without(&NOT_KEPT));
    }
    serde_json::from_slice::<&RawValue>(&event).ok().map(|value| value.get().to_owned())
}

/// Only outside of texts.
fn with_null_for_no_number(event: &[u8]) -> Vec<u8> {
    let (mut json, mut left) = (Vec::with_capacity(event.len()), event);
    let (mut is_text, mut is_escaped) = (false, false);
    while let Some((first, after)) = left.split_first() {
        let no_number = NO_NUMBERS.iter().find_map(|word| left.strip_prefix(*word)).filter(|_| !is_text);
        if let Some(after) = no_number {
            json.extend_from_slice(b"null");
            left = after;
            continue;
        }
        is_text ^= *first == b'"' && !is_escaped;
        is_escaped = is_text && *first == b'\\' && !is_escaped;
        json.push(*first);
        left = after;
    }
    json
}
