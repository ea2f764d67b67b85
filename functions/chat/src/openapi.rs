//! Each call, as the document describes it. Refusals have OpenAI's form.

use std::time::Duration;

use api::Api;
use api::openapi::{Access, Described, Operation};
use edge::{Reply, Route};
use serde_json::Value;
use utoipa::ToSchema;

use crate::failure::ErrorJson;
use crate::models::ModelsJson;
use crate::{BODY_BYTES_MAX, Call, NAME, ROUTES};

/// The calls of chat, for the document. The function itself answers in parts, and is no [`api::Serve`].
#[derive(Debug, Clone, Copy)]
pub struct ChatApi;

/// A request for a chat completion. Fields that are not here pass to the model as they are.
#[derive(ToSchema)]
#[schema(as = ChatRequest)]
#[expect(dead_code, reason = "the parser reads them one by one")]
struct RequestJson {
    /// One of `GET /v1/models`.
    #[schema(value_type = String, min_length = 1, max_length = 128)]
    model: String,
    /// The conversation, with a role and a content each.
    #[schema(min_items = 1, max_items = 1000)]
    messages: Vec<MessageJson>,
    /// The longest answer, in tokens. It is held before the model is called.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 16_384)]
    max_tokens: Option<u32>,
    /// Whether the answer is sent as server-sent events.
    stream: Option<bool>,
}

#[derive(ToSchema)]
#[schema(as = ChatMessage)]
#[expect(dead_code, reason = "the parser reads them one by one")]
struct MessageJson {
    role: String,
    /// A text, or a list of parts: `{"type":"text","text":"…"}`, `{"type":"image_url","image_url":{"url":"…"}}`.
    #[schema(value_type = String)]
    content: String,
}

/// A chat completion, as the model's upstream sends it.
#[derive(ToSchema)]
#[schema(as = ChatCompletion)]
#[expect(dead_code, reason = "it passes byte for byte")]
struct CompletionJson {
    id: String,
    #[schema(value_type = Vec<Object>)]
    choices: Vec<Value>,
    /// The tokens that are charged.
    #[schema(value_type = Option<Object>)]
    usage: Option<Value>,
    /// Only of an answer that no model has given, and that costs nothing.
    fallback: Option<bool>,
}

impl Api for ChatApi {
    const NAME: &'static str = NAME;
    const ROUTES: &'static [Route<Call>] = ROUTES;
    const BODY_BYTES_MAX: usize = BODY_BYTES_MAX;
    const REPLY_WITHIN: Duration = Duration::from_secs(29);

    type Call = Call;

    fn public(&self, _: Call) -> Option<Reply> {
        None
    }
}

impl Described for ChatApi {
    const TAG: &'static str = "chat";
    const ABOUT: &'static str = "Chat completions in OpenAI's format, paid from the credits of the key's owner.";

    fn operation(call: Call) -> Operation {
        match call {
            Call::Complete => Operation::new("createChatCompletion", "Has a model answer", Access::Owner)
                .about(
                    "What it can cost at most is held before a model is called, and what it has cost is charged before \
                     the end of the answer.",
                )
                .body::<RequestJson>()
                .answer::<CompletionJson>(200, "The answer.")
                .or_text("text/event-stream", "The answer in parts, with `stream`.")
                .header("x-request-id", "The name of its hold.")
                .header("x-hookledger-cost", "What was charged, in credits.")
                .error(400, &["answer_too_long", "invalid_value", "model_not_found", "upstream_refused"])
                .error(402, &["insufficient_credits", "budget_exceeded"])
                .error(403, &["owner_key_needed", "budget_unreadable", "upstream_forbidden"])
                .error(429, &["rate_exceeded", "too_many_open_calls", "upstream_rate_limited"])
                .error(502, &["upstream_failed", "upstream_key_refused"])
                .error(503, &["not_configured", "upstream_unavailable"])
                .error(504, &["upstream_timeout"])
                .refused_in::<ErrorJson<'_>>("invalid_api_key"),
            Call::Models => Operation::new("listModels", "Lists the models", Access::Owner)
                .about("Those that an upstream has and the rate card prices.")
                .answer::<ModelsJson<'_>>(200, "The models.")
                .error(403, &["owner_key_needed"])
                .refused_in::<ErrorJson<'_>>("invalid_api_key"),
        }
    }
}
