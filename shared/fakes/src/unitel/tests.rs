//! Tests of the Unitel fake: outcomes per phone number, counts, and refused requests.

use super::*;

const NOW_S: i64 = 1_767_225_600;
const BASIC: &str = "Basic c2hvcDpvbmUtb2Ytb3Vycw==";

fn call<'c>(path: &'c str, authorization: &'c str, body: &'c str) -> Call<'c> {
    Call { method: "POST", path, authorization: Some(authorization), body, now_s: NOW_S }
}

fn bearer(unitel: &Unitel) -> String {
    let granted: Value = serde_json::from_str(&unitel.answer(&call("/auth", BASIC, "")).body).expect("an object");
    format!("Bearer {}", granted["access_token"].as_str().expect("a token"))
}

fn body(phone: &str) -> Value {
    json!({
        "msisdn": phone, "card": "SD5000", "vatflag": "0", "vat_register_no": "",
        "transactions": [{ "journal_id": "HL1", "amount": "5000.00", "description": "SD5000", "account": "" }],
    })
}

fn summary(response: &Answered) -> (u16, String, Wait) {
    let result = serde_json::from_str::<Value>(&response.body).ok();
    let result = result.and_then(|body| body["result"].as_str().map(str::to_owned)).unwrap_or_default();
    (response.status, result, response.wait)
}

#[test]
fn each_phone_has_its_listed_outcome() {
    let (success, failed, pending) = ("success", "failed", "pending");
    // The response, the top-ups by then, the result of the query, and the top-ups by then.
    let rows = [
        ("88000000", (200, success, Wait::None), 1, success, 1),
        ("99112233", (200, success, Wait::None), 1, success, 1),
        ("88000001", (200, failed, Wait::None), 0, failed, 0),
        ("88000002", (200, pending, Wait::None), 0, success, 1),
        ("88000003", (200, pending, Wait::None), 0, pending, 0),
        ("88000004", (503, "", Wait::None), 1, success, 1),
        ("88000005", (200, success, Wait::ForEver), 1, success, 1),
        ("88000006", (200, success, Wait::Seconds(3)), 1, success, 1),
        ("88000007", (200, "", Wait::None), 1, success, 1),
        ("88000008", (200, "401", Wait::None), 0, "notfound", 0),
    ];
    for (phone, (status, result, wait), given, later, given_later) in rows {
        let unitel = Unitel::new(BASIC, "u");
        let response = unitel.answer(&call("/service/recharge", &bearer(&unitel), &body(phone).to_string()));
        assert_eq!(summary(&response), (status, result.to_owned(), wait), "{phone}");
        let calls = || unitel.calls().get("HL1").copied().unwrap_or_default();
        assert_eq!(calls().given, given, "{phone}");
        for _ in 0..2 {
            let request = json!({ "msisdn": phone, "journal_id": "HL1" }).to_string();
            let (_, result, _) = summary(&unitel.answer(&call(CHECK, &bearer(&unitel), &request)));
            assert_eq!((result.as_str(), calls().given), (later, given_later), "{phone}");
        }
    }
    assert_eq!(PHONES.len(), rows.len() - 1, "every phone of the table, and one that is not in it");
}

#[test]
fn repeated_call_tops_up_again_and_is_counted() {
    let unitel = Unitel::new(BASIC, "u");
    for _ in 0..2 {
        unitel.answer(&call("/service/recharge", &bearer(&unitel), &body("88000000").to_string()));
    }
    let counted = unitel.answer(&Call { method: "GET", ..call("/calls", "", "") });
    assert_eq!((counted.status, counted.body.as_str()), (200, r#"{"HL1":{"calls":2,"given":2}}"#));

    let ended = Unitel::new(BASIC, "u");
    let (token, request) = (bearer(&ended), body("88000008").to_string());
    assert_eq!(summary(&ended.answer(&call("/service/recharge", &token, &request))).1, "401");
    assert_eq!(
        summary(&ended.answer(&call("/service/recharge", &token, &request))),
        (401, "401".to_owned(), Wait::None)
    );
    assert_eq!(summary(&ended.answer(&call("/service/recharge", &bearer(&ended), &request))).1, "success");
    assert_eq!(ended.calls().get("HL1"), Some(&Calls { calls: 1, given: 1 }));
}

#[test]
fn refused_request_tops_up_nothing() {
    let unitel = Unitel::new(BASIC, "u");
    let (token, with) = (bearer(&unitel), |pointer: &str, value: Value| {
        let mut body = body("88000000");
        *body.pointer_mut(pointer).expect("a member") = value;
        body
    });
    let recharge = "/service/recharge";
    let good = body("88000000");
    let later = Call { now_s: NOW_S + 120, ..call(recharge, &token, "{}") };
    assert_eq!(unitel.answer(&later).status, 401, "a token ends");
    let rows = [
        (recharge, "Bearer u0000000000000009", good.clone(), 401, "401"),
        (recharge, BASIC, good.clone(), 401, "401"),
        ("/auth", "Basic c2hvcDphbm90aGVy", json!(null), 401, "401"),
        ("/service/none", &token, good.clone(), 401, "401"),
        ("/none", &token, good.clone(), 404, "404"),
        ("/service/datapackage", &token, good.clone(), 200, "failed"),
        ("/service/payment", &token, good, 200, "failed"),
        (recharge, &token, with("/msisdn", json!("8800000")), 200, "failed"),
        (recharge, &token, with("/msisdn", json!("+9768800")), 200, "failed"),
        (recharge, &token, with("/card", json!("")), 200, "failed"),
        (recharge, &token, with("/vatflag", json!("1")), 200, "failed"),
        (recharge, &token, with("/transactions", json!([])), 200, "failed"),
        (recharge, &token, with("/transactions/0/amount", json!("5000")), 200, "failed"),
        (recharge, &token, with("/transactions/0/amount", json!(5000)), 200, "failed"),
        (recharge, &token, with("/transactions/0/journal_id", json!("")), 200, "failed"),
    ];
    for (path, authorization, body, status, result) in rows {
        let response = unitel.answer(&call(path, authorization, &body.to_string()));
        assert_eq!(summary(&response), (status, result.to_owned(), Wait::None), "{path} {body}");
    }
    assert!(unitel.calls().is_empty());
}
