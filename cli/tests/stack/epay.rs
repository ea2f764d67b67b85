//! A purchase by epay: checkout, the gateway's page, the notification, the redirect and the credits; and the samples of `send`.

use serde_json::{Value, json};

use crate::harness::{Answer, Folder, Stack, field};

pub(crate) fn path(url: &Value) -> String {
    format!("/{}", url.as_str().unwrap().splitn(4, '/').nth(3).unwrap())
}

impl Stack<'_> {
    pub(crate) fn pay_by_epay(&self, folder: &Folder) -> Answer {
        let key = folder.json("local.json")["api_keys"]["demo"].as_str().unwrap().to_owned();
        let bearer = format!("Bearer {key}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        self.request("POST", "/api/pay/epay", &headers, json!({ "product": "credits-1000" }).to_string().as_bytes())
    }
}

#[test]
fn epay_purchase_gives_credits() {
    let folder = Folder::new();
    let stack = folder.start();
    let made = stack.pay_by_epay(&folder);
    assert_eq!((made.status, &made.body["amount"], &made.body["currency"]), (201, &json!("648.00"), &json!("CNY")));
    let (number, page) = (made.body["orderNumber"].as_str().unwrap(), stack.get(&path(&made.body["url"])));
    let html = page.body.as_str().unwrap();
    assert!(page.status == 200 && html.contains("648.00 CNY"), "{html}");
    assert_eq!(stack.pay_by_epay(&folder).body["orderNumber"], number, "the same order again");

    let action = html.split("action=\"").nth(1).unwrap().split('"').next().unwrap();
    let paid = stack.request("POST", &path(&json!(action)), &[], b"");
    assert_eq!(paid.status, 303);
    assert_eq!(field(&folder.stdout_of(&["account", "show", "demo"]), "balance"), "2000");
    assert_eq!(field(&folder.stdout_of(&["order", "show", number]), "payment"), "paid");

    let status = stack.get("/payment/status").body;
    assert_eq!((&status["status"], &status["dependencies"][0]["answers"]), (&json!("running"), &json!(true)));
    assert_eq!(stack.get("/payment/health").body, json!({ "service": "payment-webhook-v1", "status": "ok" }));
}

#[test]
fn samples_are_sent_by_get_post_and_v2() {
    let folder = Folder::new();
    let stack = folder.start();
    for (sample, status) in [("epay", "200  "), ("epay/notify_v1_get", "200  "), ("epay/notify_v1_post", "200  ")] {
        let made = stack.pay_by_epay(&folder);
        let number = made.body["orderNumber"].as_str().unwrap().to_owned();
        let output = folder.stdout_of(&["send", sample, "--order", &number, "--id", &format!("t-{number}")]);
        assert!(output.starts_with(status) && output.contains("success"), "{sample}: {output}");
        assert_eq!(field(&folder.stdout_of(&["order", "show", &number]), "payment"), "paid", "{sample}");
    }
    assert_eq!(field(&folder.stdout_of(&["account", "show", "demo"]), "balance"), "4000");
    let event: Value = serde_json::from_str(&folder.stdout_of(&["event", "epay/notify_v2"])).unwrap();
    assert_eq!(event["requestContext"]["http"]["method"], "GET");
    assert!(event["rawQueryString"].as_str().unwrap().contains("sign_type=RSA"), "{event}");
}
