//! DynamoDB's error replies, and the HTTP response of the SDK's client.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

pub(crate) fn response(status: u16, body: String) -> HttpResponse {
    HttpResponse::new(StatusCode::from(http::StatusCode::from_u16(status).unwrap()), SdkBody::from(body))
}

pub(crate) fn error(code: &str, message: &str) -> Value {
    json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": message })
}

/// The reason of one item of a cancelled transaction.
pub(crate) fn reason(code: &str, message: &str) -> Value {
    json!({ "Code": code, "Message": message })
}

pub(crate) fn no_reason() -> Value {
    json!({ "Code": "None" })
}

pub(crate) fn conflict_reason() -> Value {
    reason("TransactionConflict", "Transaction is ongoing for the item")
}

/// One reason per item, in the order of the request.
pub(crate) fn cancelled(reasons: &[Value]) -> Value {
    let codes: Vec<&str> = reasons.iter().filter_map(|reason| reason.get("Code")?.as_str()).collect();
    let codes = codes.join(", ");
    json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": format!("Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"),
        "CancellationReasons": reasons,
    })
}
