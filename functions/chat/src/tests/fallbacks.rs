//! Answers without a model.

use ledger::Timestamp;
use serde_json::Value;

use crate::fallback::{Fallback, stream, whole};

#[test]
fn first_rule_that_fits_answers() {
    let rules = r#"{ "rules": [
        { "contains": ["Price", "多少钱"], "answer": "See our prices." },
        { "contains": ["hello"], "answer": "Hello!" },
        { "contains": ["price list"], "answer": "never" }
    ] }"#;
    let fallback = Fallback::read(rules).expect("rules");
    let rows = [
        ("HELLO there, what PRICE is it", Some("See our prices.")),
        ("这个多少钱？", Some("See our prices.")),
        ("well, Hello", Some("Hello!")),
        ("good bye", None),
        ("", None),
    ];
    for (message, expected) in rows {
        assert_eq!(fallback.answer(message), expected, "{message}");
    }
    let any = Fallback::read(r#"{"rules":[{"contains":["*"],"answer":"Later."}]}"#).expect("rules");
    assert_eq!(any.answer("anything"), Some("Later."));
    for wrong in ["{}", r#"{"rules":[{"contains":[],"answer":"a"}]}"#, r#"{"rules":[{"contains":["a"],"answer":""}]}"#]
    {
        Fallback::read(wrong).expect_err(wrong);
    }
    Fallback::shipped().expect("infra/fallback.json");
}

#[test]
fn answer_is_marked_and_a_chat_completion() {
    let answer: Value = serde_json::from_str(&whole("chat-1", "gpt-4o", "A \"b\"", Timestamp::EPOCH)).expect("JSON");
    assert_eq!(answer["fallback"], true);
    assert_eq!(answer["choices"][0]["message"]["content"], "A \"b\"");
    assert_eq!(answer["usage"]["total_tokens"], 0);
    let text = stream("chat-1", "gpt-4o", "A\nb", Timestamp::EPOCH);
    let (chunk, rest) = text.split_once("\n\n").expect("an event");
    let chunk: Value = serde_json::from_str(chunk.trim_start_matches("data: ")).expect("JSON");
    assert_eq!((chunk["fallback"].as_bool(), rest), (Some(true), "data: [DONE]\n\n"));
    assert_eq!(chunk["choices"][0]["delta"]["content"], "A\nb");
}
