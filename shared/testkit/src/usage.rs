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
