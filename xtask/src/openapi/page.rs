//! `docs/api-reference.md`: the OpenAPI document for people.

use std::fmt::Write as _;

use serde_json::Value;

const HEAD: &str = "\
# API reference

Every call of orders, checkout, credits and chat, written by `cargo xtask openapi` from
[`openapi.json`](openapi.json), which a running stack serves at `/v1/openapi.json`. What the calls
are for: [orders and checkout](orders.md), [the credits API](api.md), [chat](chat.md).
";

pub(crate) fn page(document: &Value) -> String {
    let mut page = HEAD.to_owned();
    for tag in list(&document["tags"]) {
        let name = text(&tag["name"]);
        let _ = write!(page, "\n## The calls of {name}\n\n{}", wrapped(text(&tag["description"])));
        for (path, methods) in members(&document["paths"]) {
            let operations = members(methods).filter(|(_, operation)| at(operation, "/tags/0") == name);
            operations.for_each(|(method, described)| page.push_str(&operation(document, method, path, described)));
        }
    }
    page.push_str("\n## Types\n");
    members(at(document, "/components/schemas")).for_each(|(name, schema)| page.push_str(&type_of(name, schema)));
    page
}

fn operation(document: &Value, method: &str, path: &str, operation: &Value) -> String {
    let mut page = format!("\n### `{} {path}`\n\n", method.to_uppercase());
    let deprecated = if operation["deprecated"] == true { " An older address of the same call." } else { "" };
    let about = operation["description"].as_str().map_or(String::new(), |about| format!(" {about}"));
    let about = format!("{}.{about}{deprecated} {}", text(&operation["summary"]), callers(&operation["security"]));
    page.push_str(&wrapped(&about));
    let body = at(operation, "/requestBody/content/application~1json/schema");
    let mut rows: Vec<String> = list(&operation["parameters"]).map(parameter).collect();
    if !body.is_null() {
        rows.push(format!("| body | {} | yes | |\n", kind(body)));
    }
    if !rows.is_empty() {
        let _ = write!(page, "\n| parameter | type | required | meaning |\n|---|---|---|---|\n{}", rows.concat());
    }
    page.push_str("\n| status | answer | meaning |\n|---|---|---|\n");
    for (status, response) in members(&operation["responses"]) {
        let response = response["$ref"].as_str().map_or(response, |reference| at(document, reference));
        page.push_str(&answer(status, response));
    }
    page
}

fn callers(security: &Value) -> String {
    let mut callers = list(security).flat_map(members).map(|(scheme, scopes)| match list(scopes).next() {
        Some(scope) => format!("a service key with the scope `{}`", text(scope)),
        None if scheme == "serviceKey" => "a service key".to_owned(),
        None => "an owner's key".to_owned(),
    });
    let first = callers.next().unwrap_or_else(|| "no key".to_owned());
    let all = callers.fold(first, |all, caller| format!("{all} or {caller}"));
    format!("Takes {all}.")
}

fn parameter(parameter: &Value) -> String {
    let required = if parameter["required"] == true { "yes" } else { "" };
    let (name, place) = (text(&parameter["name"]), text(&parameter["in"]));
    let about = cell(text(&parameter["description"]));
    format!("| `{name}` ({place}) | {} | {required} | {about} |\n", kind(&parameter["schema"]))
}

fn answer(status: &str, response: &Value) -> String {
    let kinds: Vec<String> = members(&response["content"])
        .map(
            |(media, content)| {
                if media == "application/json" { kind(&content["schema"]) } else { format!("`{media}`") }
            },
        )
        .collect();
    let headers: Vec<String> = members(&response["headers"]).map(|(name, _)| format!("`{name}`")).collect();
    let headers = if headers.is_empty() { String::new() } else { format!(" Header: {}.", headers.join(", ")) };
    format!("| {status} | {} | {}{headers} |\n", kinds.join(" or "), cell(text(&response["description"])))
}

fn type_of(name: &str, schema: &Value) -> String {
    let mut page = format!("\n### {name}\n");
    if let Some(about) = schema["description"].as_str() {
        let _ = write!(page, "\n{}", wrapped(about));
    }
    let parts: Vec<&Value> = list(&schema["allOf"]).collect();
    let based: Vec<String> = parts.iter().filter(|part| !part["$ref"].is_null()).map(|part| kind(part)).collect();
    if !based.is_empty() {
        let _ = write!(page, "\nIt has the members of {}.\n", based.join(" and "));
    }
    let objects = std::iter::once(schema).chain(parts);
    let rows: String =
        objects.flat_map(|object| members(&object["properties"]).map(move |one| row(object, one))).collect();
    if !rows.is_empty() {
        let _ = write!(page, "\n| member | type | required | meaning |\n|---|---|---|---|\n{rows}");
    } else if based.is_empty() {
        let _ = write!(page, "\n{}\n", kind(schema));
    }
    page
}

fn row(object: &Value, (name, member): (&String, &Value)) -> String {
    let required = if list(&object["required"]).any(|one| one == name) { "yes" } else { "" };
    let of_one = list(&member["oneOf"]).find_map(|one| one["description"].as_str());
    let about = member["description"].as_str().or(of_one).unwrap_or_default();
    format!("| `{name}` | {} | {required} | {} |\n", kind(member), cell(about))
}

/// A type in a few words.
fn kind(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(one) = list(&schema["oneOf"]).find(|one| one["type"] != "null") {
        return kind(one);
    }
    let words: Vec<String> = list(&schema["enum"]).map(|word| format!("`{}`", text(word))).collect();
    if !words.is_empty() {
        return words.join(", ");
    }
    let name = schema["type"].as_str().or_else(|| list(&schema["type"]).find_map(Value::as_str)).unwrap_or("any");
    match name {
        "array" => format!("list of {}", kind(&schema["items"])),
        "integer" => range(schema),
        "string" => schema["format"].as_str().map_or("text", |_| "time").to_owned(),
        other => other.to_owned(),
    }
}

fn range(schema: &Value) -> String {
    match (&schema["minimum"], &schema["maximum"]) {
        (Value::Number(min), Value::Number(max)) => format!("whole number, {min} to {max}"),
        (Value::Number(min), _) => format!("whole number from {min}"),
        _ => "whole number".to_owned(),
    }
}

fn at<'d>(document: &'d Value, reference: &str) -> &'d Value {
    document.pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn cell(text: &str) -> String {
    text.replace('|', r"\|").replace('\n', " ")
}

fn wrapped(text: &str) -> String {
    crate::proof::wrapped(text)
}
