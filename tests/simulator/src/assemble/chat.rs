//! Chat, over its own settings and the shipped rate card.

use std::collections::BTreeMap;
use std::time::Duration;

use api::RandomBits;
use aws_smithy_runtime_api::client::http::{SharedHttpConnector, http_client_fn};
use chat::Chat;
use edge::{Settings, Start, StreamService as _};
use serde_json::json;
use testkit::{OPENAI_BASE, OPENAI_KEY, OPENAI_SECOND_BASE};

use crate::port::PortLedger;
use crate::sandbox::{Deployed, Parts};
use crate::upstreams::{REPORTED_HASH, REPORTED_TOKEN};

pub(crate) type ChatFunction = Chat<PortLedger>;

impl Deployed for ChatFunction {
    const FUNCTION: &'static str = "chat";
    const PATIENCE: Duration = Self::STREAM_WITHIN;

    async fn open(mut parts: Parts) -> Option<Self> {
        let second = json!([{
            "name": "second", "base_url": OPENAI_SECOND_BASE, "models": ["gpt-4o"], "reported_by": "litellm",
            "reported_key": REPORTED_HASH,
        }]);
        let settings = [
            ("STAGE", "prod"),
            ("LLM_BASE_URL", OPENAI_BASE),
            ("LLM_MODELS", "gpt-4o,gpt-4o-mini"),
            ("LLM_REPORTED_KEY", REPORTED_TOKEN),
            ("LLM_UPSTREAMS", &second.to_string()),
            ("CHAT_OPEN_CALLS_MAX", "3"),
        ];
        let keys = [("OPENAI_API_KEY", OPENAI_KEY), ("OPENAI_API_KEY_SECOND", OPENAI_KEY)];
        let of = |pairs: &[(&str, &str)]| {
            Settings::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
        };
        let connector = SharedHttpConnector::new(parts.nets.clone());
        let sdk = embedded::sdk_config(http_client_fn(move |_, _| connector.clone()));
        let secrets = BTreeMap::from([("SECRET_ID".to_owned(), of(&keys))]);
        let start = Start::on_machine(sdk, of(&settings), secrets).expect("settings");
        let chat = chat::assemble(&start, parts.ledger.clone()).await.expect("settings");
        // A hold has the name of its invocation, which the caller's actor knows.
        let calls = parts.calls.clone();
        let ids = RandomBits::new(move || Some(calls.invocation().number().into()));
        Some(chat.over(super::http(&mut parts), ids))
    }
}
