//! `chat`: one message to a model over the chat API, and its answer as it comes.

use std::path::Path;

use clap::Args;
use client::{Chat, ChatSummary, Client};
use local::{DEMO_OWNER, Home, Running};
use serde::Serialize;

use crate::error::Error;
use crate::print::{self, Facts, Form};

const API_KEY: &str = "HOOKLEDGER_API_KEY";
/// The paths of OpenAI's API, below any address.
const VERSION: &str = "/v1";
const FUNCTION: &str = "chat";

#[derive(Debug, Args)]
pub(crate) struct ChatArgs {
    /// The message
    #[arg(value_name = "TEXT")]
    message: String,
    /// The model
    #[arg(long, value_name = "NAME", default_value = "gpt-4o-mini")]
    model: String,
    /// Print the answer as it comes; that is the default
    #[arg(long, conflicts_with = "no_stream")]
    stream: bool,
    /// Have the answer sent whole
    #[arg(long)]
    no_stream: bool,
    /// The base URL as OpenAI's clients take it, with /v1 [default: the running stack]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

pub(crate) async fn run(
    args: &ChatArgs,
    dir: &Path,
    form: Form,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), Error> {
    let running = if args.url.is_none() { Home::at(dir).running()? } else { None };
    let url = url(args, running.as_ref()).ok_or_else(|| Error::NotRunning(dir.to_owned()))?;
    let of_stack = || running.and_then(|running| running.api_keys.get(DEMO_OWNER).cloned());
    let key = variable(API_KEY).or_else(of_stack).ok_or(Error::NoApiKey(API_KEY))?;
    let client = Client::new(&url, &key)?;
    let is_streamed = args.stream || !args.no_stream;
    let mut chat = client.chat(&args.model, &args.message, is_streamed).await?;
    let text = read(&mut chat, form).await;
    if form == Form::Lines {
        print::line("");
    }
    form.show(&Answer::of(text?, chat.summary));
    Ok(())
}

/// A streamed answer comes from the function's URL, and a whole one from the HTTP API.
fn url(args: &ChatArgs, running: Option<&Running>) -> Option<String> {
    if let Some(url) = &args.url {
        return Some(url.clone());
    }
    let running = running?;
    let of_function = running.function_urls.get(FUNCTION).filter(|_| !args.no_stream);
    Some(format!("{}{VERSION}", of_function.unwrap_or(&running.base_url)))
}

/// The whole text. As lines, each part is printed when it comes.
async fn read(chat: &mut Chat, form: Form) -> Result<String, Error> {
    let mut whole = String::new();
    while let Some(text) = chat.text().await? {
        if form == Form::Lines {
            // The answer is charged, whether it is read or not.
            print::text(&text);
        }
        whole.push_str(&text);
    }
    Ok(whole)
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    model: String,
    text: String,
    finish_reason: Option<String>,
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    cost: Option<String>,
    is_fallback: bool,
    request_id: Option<String>,
}

impl Answer {
    fn of(text: String, summary: ChatSummary) -> Self {
        let ChatSummary { request_id, model, finish_reason, prompt_tokens, completion_tokens, cost, is_fallback } =
            summary;
        Self { model, text, finish_reason, prompt_tokens, completion_tokens, cost, is_fallback, request_id }
    }
}

impl Facts for Answer {
    /// To stderr, so that stdout has the answer alone.
    fn print(&self) {
        let tokens = |tokens: Option<u64>| tokens.map_or_else(|| "?".to_owned(), |tokens| tokens.to_string());
        let cost = self.cost.as_ref().map_or_else(String::new, |cost| format!(", {cost} credits"));
        let fallback = if self.is_fallback { ", no upstream answered: a fallback, without a charge" } else { "" };
        let [prompt, completion] = [self.prompt_tokens, self.completion_tokens].map(tokens);
        print::error(format_args!("{}: {prompt} + {completion} tokens{cost}{fallback}", self.model));
    }
}
