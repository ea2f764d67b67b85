//! Fixture: an unsigned usage event.

use serde_json::{Value, json};

pub fn usage(id: &str, key: &str, cost: &str) -> Value {
    json!({
        "eventId": id,
        "eventType": "usage",
        "timestamp": 1_767_225_600,
        "data": {
            "remoteKeyId": key,
            "model": "gpt-4o",
            "promptTokens": 120,
            "completionTokens": 30,
            "totalTokens": 150,
            "creditCost": cost,
        },
    })
}

/// As LiteLLM's callback reports a use.
pub fn litellm_usage(call: &str, answer: &str, key: &str, usd: &str) -> Value {
    let usd: Value = serde_json::from_str(usd).unwrap();
    json!({
        "id": answer, "litellm_call_id": call, "status": "success", "cache_hit": null, "endTime": 1_767_225_600.5,
        "model": "openai/gpt-4o", "response_cost": usd, "prompt_tokens": 120, "completion_tokens": 30,
        "total_tokens": 150, "metadata": { "user_api_key_hash": key, "usage_object": {} },
    })
}
