//! What of a request has a price: its texts, images and the tools that its client runs. What an upstream may bill beyond those is
//! refused by name.

use serde_json::value::RawValue;

use crate::failure::ChatFailure;
use crate::fields::{as_spelled, object};
use crate::members::{Members, folded};

/// The names of the limit of an answer. The older one comes first, and is the one that every gateway obeys.
pub(crate) const LIMITS: [&str; 2] = ["max_tokens", "max_completion_tokens"];
/// A long conversation has a few hundred.
const MESSAGES_MAX: usize = 1_000;
/// Fields by which a request costs what the rate card does not say, without case, `_` and `-`.
const NOT_PRICED: &[&str] = &[
    // Another service: speech, searches, other tools of the upstream, and what is kept there.
    "audio",
    "cachedcontent",
    "connectors",
    "container",
    "contextmanagement",
    "enablecodeinterpreter",
    "enableenhancement",
    "enablesearch",
    "guardrailconfig",
    "imageconfig",
    "inferencegeo",
    "mcpservers",
    "mediaresolution",
    "performanceconfig",
    "plugins",
    "responsemodalities",
    "searchparameters",
    "servicetier",
    "speechconfig",
    "speed",
    "vectorstoreids",
    "vlhighresolutionimages",
    "websearch",
    "websearchoptions",
    // Another model.
    "azuredeployment",
    "basemodel",
    "customllmprovider",
    "deploymentid",
    "modelgroup",
    "modelid",
    "modelinfo",
    "models",
    "preset",
    "promptid",
    "specificdeployment",
    // More answers, longer ones or later ones.
    "bestof",
    "candidatecount",
    "deferred",
    "generationconfig",
    "inferenceconfig",
    "maxcompletiontokens",
    "maxgenlen",
    "maxlength",
    "maxnewtokens",
    "maxoutputtokens",
    "maxretries",
    "maxtokencount",
    "maxtokens",
    "maxtokenstosample",
    "numpredict",
    "numretries",
    "options",
    "parameters",
    "prediction",
    // Through these a gateway takes others, leaves out those that are read here, or calls as another customer.
    "additionaldropparams",
    "allowedopenaiparams",
    "apibase",
    "apikey",
    "apiversion",
    "baseurl",
    "dropparams",
    "extrabody",
    "extraquery",
    "organization",
    "requesttimeout",
    "streamtimeout",
    "timeout",
];
/// How the names end in which LiteLLM takes other models, and headers.
const NOT_PRICED_ENDS: [&str; 3] = ["fallbacks", "headers", "header"];
/// Fields of a part of a message by which an image has more tokens.
const NOT_PRICED_OF_PART: [&str; 3] = ["maxpixels", "minpixels", "totalpixels"];
/// Values by which such a field asks for nothing.
const NOTHING: [&str; 2] = ["false", "[]"];
/// Those that choose no dearer service.
const USUAL: [(&str, &[&str]); 5] = [
    ("service_tier", &["\"auto\"", "\"default\"", "\"flex\"", "\"standard\"", "\"standard_only\""]),
    ("speed", &["\"standard\""]),
    ("num_retries", &["0"]),
    ("max_retries", &["0"]),
    ("extra_body", &["{}"]),
];
const MODALITIES: &str = "modalities";
const DETAILS: [&str; 3] = ["low", "high", "auto"];
/// Tools that the client runs. An upstream bills a search and the like apart.
const TOOLS: [&str; 2] = ["function", "custom"];
/// What stands beside the function of a tool and has no price of its own.
const BESIDE_A_FUNCTION: [&str; 4] = ["type", "cache_control", "strict", "defer_loading"];
/// Functions by whose name new-api has Gemini search, run code or open addresses.
const RUN_BY_THE_UPSTREAM: [&str; 3] = ["googleSearch", "codeExecution", "urlContext"];
const READ_OF_MESSAGE: [&str; 2] = ["role", "content"];
const READ_OF_PART: [&str; 3] = ["type", "text", "image_url"];
/// The parts of a message that have a price. A few kilobytes of a file may be a whole book.
const PARTS: [&str; 6] = ["text", "refusal", "image_url", "thinking", "redacted_thinking", "reasoning"];
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
    for name in members.names() {
        if members.get(name).is_some_and(|value| !has_price(name, value)) {
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

fn has_price(name: &str, value: &RawValue) -> bool {
    let (plain, value) = (plain(name), value.get().split_whitespace().collect::<String>());
    let is_usual = |(of, values): &(&str, &[&str])| *of == name && values.contains(&value.as_str());
    let is_listed = NOT_PRICED.contains(&plain.as_str()) && !LIMITS.contains(&name);
    let is_dearer = is_listed || NOT_PRICED_ENDS.iter().any(|end| plain.ends_with(end));
    let has_other_modes = plain == MODALITIES && value != r#"["text"]"#;
    !(is_dearer || has_other_modes) || NOTHING.contains(&value.as_str()) || USUAL.iter().any(is_usual)
}

/// The name as one reader or another takes it: `maxTokens` and `max-tokens` for `max_tokens`.
fn plain(name: &str) -> String {
    folded(name).chars().filter(|letter| !matches!(letter, '_' | '-')).collect()
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
    let is_other = |name: &&str| !BESIDE_A_FUNCTION.contains(name) && *name != of_type && tool.get(name).is_some();
    if let Some(other) = tool.names().find(is_other) {
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
        let is_elsewhere = |name: &str| name != "image_url" && folded(name).ends_with("_url");
        let is_larger = |name: &str| NOT_PRICED_OF_PART.contains(&plain(name).as_str());
        if let Some(name) = part.names().find(|name| is_elsewhere(name) || is_larger(name)) {
            let message = format!("{name} has no price here: leave it out. Only images may be at an address.");
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
            let detail = image.get("detail").map(|detail| text(detail).unwrap_or_default());
            if detail.is_some_and(|detail| !DETAILS.contains(&detail.as_str())) {
                let message = format!("The detail of an image has no price here unless it is {}.", DETAILS.join(", "));
                return Err(ChatFailure::field(&format!("{at}.detail"), message));
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
