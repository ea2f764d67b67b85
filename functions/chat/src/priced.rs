//! What of a request has a price: its texts, images and the tools that its client runs. What an upstream may bill beyond those is
//! refused by name.

use serde_json::value::RawValue;

use crate::failure::ChatFailure;
use crate::members::{Members, folded};
use crate::parse::{as_spelled, object};

/// A long conversation has a few hundred.
const MESSAGES_MAX: usize = 1_000;
/// Fields by which a request costs what the rate card does not say: other models, searches, speech, more
/// answers, and those through which a gateway takes fields that are not read here.
const NOT_PRICED: [&str; 25] = [
    "additional_drop_params",
    "allowed_openai_params",
    "audio",
    "candidate_count",
    "candidateCount",
    "deferred",
    "drop_params",
    "enable_search",
    "extra_body",
    "extra_headers",
    "extra_query",
    "generation_config",
    "generationConfig",
    "inference_geo",
    "max_output_tokens",
    "max_retries",
    "maxOutputTokens",
    "models",
    "num_retries",
    "plugins",
    "preset",
    "search_parameters",
    "service_tier",
    "speed",
    "web_search_options",
];
/// How the names end in which LiteLLM takes other models.
const OTHER_MODELS: &str = "fallbacks";
/// Those that choose no dearer service.
const SERVICE_TIERS: [&str; 4] = ["null", "\"auto\"", "\"default\"", "\"flex\""];
/// Tools that the client runs. An upstream bills a search and the like apart.
const TOOLS: [&str; 2] = ["function", "custom"];
/// What stands beside the function of a tool and has no price of its own.
const BESIDE_A_FUNCTION: [&str; 2] = ["type", "cache_control"];
/// Functions by whose name new-api has Gemini search, run code or open addresses.
const RUN_BY_THE_UPSTREAM: [&str; 3] = ["googleSearch", "codeExecution", "urlContext"];
const READ_OF_MESSAGE: [&str; 2] = ["role", "content"];
const READ_OF_PART: [&str; 3] = ["type", "text", "image_url"];
/// The parts of a message that have a price. A few kilobytes of a file may be a whole book.
const PARTS: [&str; 3] = ["text", "refusal", "image_url"];
const READ_OF_IMAGE: [&str; 2] = ["url", "detail"];
const ADDRESSES: [&str; 2] = ["https://", "http://"];
/// How an image begins that stands in the request.
const INLINE: [&str; 5] = [
    "data:image/png;base64,",
    "data:image/jpeg;base64,",
    "data:image/jpg;base64,",
    "data:image/webp;base64,",
    "data:image/gif;base64,",
];
/// Where Gemini takes files of any type.
const FILES: &str = "generativelanguage.googleapis.com";
/// How the address of a film, a recording or a book ends, by which a gateway takes it for one.
const NO_IMAGES: [&str; 18] = [
    ".3gp", ".aac", ".avi", ".csv", ".doc", ".docx", ".flac", ".flv", ".m4a", ".mov", ".mp3", ".mp4", ".mpeg", ".mpg",
    ".ogg", ".pdf", ".wav", ".webm",
];

pub(crate) fn has_prices(members: &Members<'_>) -> Result<(), ChatFailure> {
    as_spelled(members, "", &NOT_PRICED)?;
    for name in members.names() {
        let is_usual = |value: &RawValue| name == "service_tier" && SERVICE_TIERS.contains(&value.get());
        let is_dearer = NOT_PRICED.contains(&name) || folded(name).ends_with(OTHER_MODELS);
        if is_dearer && members.get(name).is_some_and(|value| !is_usual(value)) {
            return Err(ChatFailure::field(name, format!("{name} has no price here: leave it out.")));
        }
    }
    for (n, tool) in listed(members, "tools")?.into_iter().enumerate() {
        is_of_the_client(tool, &format!("tools[{n}]"))?;
    }
    for (n, function) in listed(members, "functions")?.into_iter().enumerate() {
        has_own_name(function, &format!("functions[{n}]"))?;
    }
    Ok(())
}

fn listed<'t>(members: &Members<'t>, name: &'static str) -> Result<Vec<&'t RawValue>, ChatFailure> {
    let Some(list) = members.get(name) else { return Ok(Vec::new()) };
    serde_json::from_str(list.get()).map_err(|_| ChatFailure::field(name, format!("{name} must be a list.")))
}

fn is_of_the_client(tool: &RawValue, at: &str) -> Result<(), ChatFailure> {
    let tool = object(tool, at, "A tool")?;
    as_spelled(&tool, &format!("{at}."), &BESIDE_A_FUNCTION)?;
    let of_type = tool.get("type").and_then(text);
    let Some(of_type) = of_type.filter(|of_type| TOOLS.contains(&of_type.as_str())) else {
        let message = "Only tools of the type function or custom have a price here.";
        return Err(ChatFailure::field(&format!("{at}.type"), message));
    };
    if let Some(other) = tool.names().find(|name| !BESIDE_A_FUNCTION.contains(name) && *name != of_type) {
        let message = format!("{other} has no price here: a tool has its type, and what that names.");
        return Err(ChatFailure::field(&format!("{at}.{other}"), message));
    }
    tool.get(&of_type).map_or(Ok(()), |function| has_own_name(function, &format!("{at}.{of_type}")))
}

fn has_own_name(function: &RawValue, at: &str) -> Result<(), ChatFailure> {
    let function = object(function, at, "A function")?;
    as_spelled(&function, &format!("{at}."), &["name"])?;
    match function.get("name").and_then(text) {
        Some(name) if RUN_BY_THE_UPSTREAM.contains(&name.as_str()) => {
            let message = format!("{name} has no price here: an upstream may run it. Give the function another name.");
            Err(ChatFailure::field(&format!("{at}.name"), message))
        }
        _ => Ok(()),
    }
}

fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// Images are no text: each has a price of its own, whether its bytes stand in the request or at an address.
#[derive(Debug, Default)]
pub(crate) struct Pictures {
    pub(crate) count: u64,
    pub(crate) inline_bytes: usize,
}

/// Also checks the messages.
pub(crate) fn pictures(members: &Members<'_>) -> Result<Pictures, ChatFailure> {
    let wrong = || ChatFailure::field("messages", "messages must be a list of messages, and not empty.");
    let messages = members.get("messages").ok_or_else(wrong)?;
    let messages: Vec<&RawValue> = serde_json::from_str(messages.get()).map_err(|_| wrong())?;
    if messages.is_empty() {
        return Err(wrong());
    }
    if messages.len() > MESSAGES_MAX {
        let message = format!("messages may have up to {MESSAGES_MAX} messages.");
        return Err(ChatFailure::field("messages", message));
    }
    let mut pictures = Pictures::default();
    for (n, message) in messages.iter().enumerate() {
        let at = |what: &str| format!("messages[{n}]{what}");
        let message = object(message, &at(""), "A message")?;
        as_spelled(&message, &at("."), &READ_OF_MESSAGE)?;
        let is_text = |value: &RawValue| value.get().starts_with('"');
        if !message.get("role").is_some_and(is_text) {
            return Err(ChatFailure::field(&at(".role"), "The role of a message must be a text."));
        }
        let Some(content) = message.get("content").filter(|content| !is_text(content)) else { continue };
        let parts = serde_json::from_str::<Vec<&RawValue>>(content.get()).map_err(|_| {
            ChatFailure::field(&at(".content"), "The content of a message must be a text or a list of parts.")
        })?;
        for (m, part) in parts.iter().enumerate() {
            let at = at(&format!(".content[{m}]"));
            pictures.add_of(&object(part, &at, "A part of a message")?, &at)?;
        }
    }
    Ok(pictures)
}

impl Pictures {
    /// What is at another address than an image, or in a file, may cost anything.
    fn add_of(&mut self, part: &Members<'_>, at: &str) -> Result<(), ChatFailure> {
        as_spelled(part, &format!("{at}."), &READ_OF_PART)?;
        let elsewhere = part.names().find(|name| *name != "image_url" && folded(name).ends_with("_url"));
        if let Some(name) = elsewhere {
            let message = format!("{name} has no price here: only images may be at an address.");
            return Err(ChatFailure::field(&format!("{at}.{name}"), message));
        }
        if !part.get("type").and_then(text).is_some_and(|of_type| PARTS.contains(&of_type.as_str())) {
            let message = format!("A part of a message has no price here unless its type is {}.", PARTS.join(", "));
            return Err(ChatFailure::field(&format!("{at}.type"), message));
        }
        part.get("image_url").into_iter().try_for_each(|image| self.add(image, &format!("{at}.image_url")))
    }

    fn add(&mut self, image: &RawValue, at: &str) -> Result<(), ChatFailure> {
        let mut spelled = image;
        if !image.get().starts_with('"') {
            let image = object(image, at, "An image_url")?;
            as_spelled(&image, &format!("{at}."), &READ_OF_IMAGE)?;
            if let Some(other) = image.names().find(|name| !READ_OF_IMAGE.contains(name)) {
                let message = format!("{other} has no price here: an image has a url and a detail.");
                return Err(ChatFailure::field(&format!("{at}.{other}"), message));
            }
            let none = || ChatFailure::field(&format!("{at}.url"), "An image must have a url.");
            spelled = image.get("url").ok_or_else(none)?;
        }
        let url = text(spelled).unwrap_or_default().to_ascii_lowercase();
        let begins = |with: &[&str]| with.iter().any(|start| url.starts_with(start));
        if begins(&INLINE) {
            self.inline_bytes = self.inline_bytes.saturating_add(spelled.get().len());
        } else if !begins(&ADDRESSES) || is_no_image(&url) {
            let message = "Only a PNG, JPEG, WebP or GIF may be in an image_url, or the https address of an image.";
            return Err(ChatFailure::field(at, message));
        }
        self.count = self.count.saturating_add(1);
        Ok(())
    }
}

/// As far as an address says it. What is at it no one knows before the upstream has fetched it.
fn is_no_image(address: &str) -> bool {
    let path = address.split(['?', '#']).next().unwrap_or(address);
    address.contains(FILES) || NO_IMAGES.iter().any(|end| path.ends_with(end))
}
