//! A purchase by Stripe: checkout, the payment page, a card, the webhook and the credits.

use std::thread;

use serde_json::{Value, json};

use crate::harness::{Answer, Folder, Stack, field};

impl Stack<'_> {
    pub(crate) fn call(&self, method: &str, path: &str, key: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {key}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        self.request(method, path, &headers, body.to_string().as_bytes())
    }

    fn checkout(&self, key: &str) -> Answer {
        self.call("POST", "/api/pay/checkout", key, &json!({ "product": "credits-100" }))
    }

    /// Pays at a stack that may be killed before it answers.
    pub(crate) fn try_to_pay(&self, url: &Value) {
        let path = url.as_str().unwrap().splitn(4, '/').nth(3).unwrap();
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let _ = self.try_request("POST", &format!("/{path}"), &form, b"card=4242424242424242");
    }

    /// Posts the form of the payment page.
    pub(crate) fn pay(&self, url: &Value, card: &str) -> Answer {
        let path = url.as_str().unwrap().splitn(4, '/').nth(3).unwrap();
        let form = [("content-type", "application/x-www-form-urlencoded")];
        self.request("POST", &format!("/{path}"), &form, format!("card={}", card.replace(' ', "+")).as_bytes())
    }
}

pub(crate) fn demo_key(folder: &Folder) -> String {
    folder.json("local.json")["api_keys"]["demo"].as_str().unwrap().to_owned()
}

#[test]
fn purchase_gives_credits_and_claims_take_them_back() {
    let folder = Folder::new();
    let stack = folder.start();
    let key = demo_key(&folder);
    let made = stack.checkout(&key);
    assert_eq!((made.status, &made.body["amount"], &made.body["status"]), (201, &json!("9.99"), &json!("unpaid")));
    let (number, url) = (made.body["orderNumber"].as_str().unwrap(), &made.body["url"]);
    let page = stack.get(&format!("/{}", url.as_str().unwrap().splitn(4, '/').nth(3).unwrap()));
    assert!(page.status == 200 && page.body.as_str().unwrap().contains("9.99 USD"), "{}", page.body);

    // Cards as in Stripe's own sandbox.
    for card in ["4000 0000 0000 0002", "4000 0000 0000 9995", "1234"] {
        assert_eq!(stack.pay(url, card).status, 303);
    }
    let order = stack.call("GET", &format!("/orders/{number}"), &key, &json!({})).body;
    assert_eq!((&order["payment"], &order["credits"]), (&json!("failed"), &json!("0")));
    assert_eq!(stack.checkout(&key).body["url"], *url, "the same page again");

    assert_eq!(stack.pay(url, "4242 4242 4242 4242").status, 303);
    let order = stack.call("GET", &format!("/orders/{number}"), &key, &json!({})).body;
    assert_eq!(
        (&order["payment"], &order["fulfilment"], &order["credits"]),
        (&json!("paid"), &json!("done"), &json!("100"))
    );
    assert_eq!(field(&folder.stdout_of(&["account", "show", "demo"]), "balance"), "1100");

    // Every other event of the same payment is a repeat; then a refund and a dispute.
    let about = |event: &str| folder.stdout_of(&["send", &format!("stripe/{event}"), "--order", number]);
    for event in
        ["payment_intent_succeeded", "charge_succeeded", "checkout_session_completed", "payment_intent_payment_failed"]
    {
        assert!(about(event).starts_with("200"), "{event}");
    }
    assert_eq!(field(&folder.stdout_of(&["account", "show", "demo"]), "balance"), "1100");
    about("charge_refunded");
    let output = folder.stdout_of(&["order", "show", number]);
    assert_eq!((field(&output, "payment"), field(&output, "refunded")), ("partly_refunded", "5 USD"));
    about("charge_dispute_created");
    assert_eq!(field(&folder.stdout_of(&["account", "show", "demo"]), "balance"), "1000");
    assert_eq!(
        field(&folder.stdout_of(&["order", "show", number]), "disputed"),
        "9.99 USD, frozen until it is decided"
    );

    let next = stack.checkout(&key);
    assert_eq!(next.status, 201, "a paid order is not reused");
    assert_ne!(next.body["orderNumber"], number);
}

/// A second checkout of an active subscription returns the portal; after its cancellation there the checkout works again.
#[test]
fn active_subscription_is_sold_again_after_its_end() {
    let folder = Folder::new();
    let stack = folder.start();
    let key = demo_key(&folder);
    let click = || stack.call("POST", "/api/pay/checkout", &key, &json!({ "product": "pro-monthly" }));
    let first = click().body;
    assert_eq!(stack.pay(&first["url"], "4242424242424242").status, 303);
    assert_eq!(field(&folder.stdout_of(&["account", "show", "demo"]), "balance"), "1500");
    let refused = click();
    assert_eq!((refused.status, &refused.body["error"]), (409, &json!("subscription_active")));

    let path = refused.body["portalUrl"].as_str().unwrap().splitn(4, '/').nth(3).unwrap().to_owned();
    let page = stack.get(&format!("/{path}"));
    let html = page.body.as_str().unwrap();
    let subscription = html.split("value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let canceled = stack.request("POST", &format!("/{path}"), &form, format!("subscription={subscription}").as_bytes());
    assert_eq!(canceled.status, 303);
    let key_of_row = json!({ "id": { "S": format!("stripe#{subscription}") } });
    let row = stack.store("GetItem", &json!({ "TableName": "hookledger-local-subscriptions", "Key": key_of_row }));
    assert_eq!(row["Item"]["status"]["S"], "ended");
    let again = click();
    assert_eq!(again.status, 201);
    assert_ne!(again.body["orderNumber"], first["orderNumber"]);
}

/// A bank debit fails days later. A new page is refused while it is pending, and allowed after.
#[test]
fn failed_bank_debit_allows_a_new_page() {
    let folder = Folder::new();
    let stack = folder.start();
    let key = demo_key(&folder);
    let first = stack.checkout(&key).body;
    let number = first["orderNumber"].as_str().unwrap();
    let path = first["url"].as_str().unwrap().splitn(4, '/').nth(3).unwrap();
    let payment = || stack.call("GET", &format!("/orders/{number}"), &key, &json!({})).body["payment"].clone();
    assert_eq!(stack.pay(&first["url"], "000222222227").status, 303);
    let waiting = stack.checkout(&key);
    assert_eq!((waiting.status, &waiting.body["error"]), (409, &json!("payment_processing")));
    assert_eq!(payment(), "unpaid");

    let page = stack.get(&format!("/{path}"));
    assert!(page.body.as_str().unwrap().contains("Let the bank answer"), "{}", page.body);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(stack.request("POST", &format!("/{path}"), &form, b"bank=answers").status, 303);
    assert_eq!(payment(), "failed");
    let second = stack.checkout(&key);
    assert_eq!((second.status, &second.body["orderNumber"]), (201, &json!(number)));
    assert_ne!(second.body["url"], first["url"]);
    assert_eq!(stack.checkout(&key).body["url"], second.body["url"]);
    assert_eq!(stack.pay(&second.body["url"], "4242424242424242").status, 303);
    assert_eq!(payment(), "paid");
    assert_eq!(field(&folder.stdout_of(&["account", "show", "demo"]), "balance"), "1100");
}

/// The fake shows a connected account's sessions and events to calls that name it, and to no others.
#[test]
fn purchase_on_a_connected_account_is_booked() {
    let folder = Folder::new();
    let stack = folder.start_with(&[], &[("STRIPE_ACCOUNT", "acct_demo")]);
    let key = demo_key(&folder);
    let made = stack.checkout(&key).body;
    assert_eq!(stack.checkout(&key).body["url"], made["url"], "the same page again");
    assert_eq!(stack.pay(&made["url"], "4242 4242 4242 4242").status, 303);
    assert_eq!(field(&folder.stdout_of(&["account", "show", "demo"]), "balance"), "1100");
    let session = made["sessionId"].as_str().unwrap();
    let read = |account: &[(&str, &str)]| {
        let headers = [&[("authorization", "Bearer sk_test_demo")], account].concat();
        stack.request("GET", &format!("/mock/stripe/v1/checkout/sessions/{session}"), &headers, b"").status
    };
    assert_eq!((read(&[("stripe-account", "acct_demo")]), read(&[])), (200, 404));
}

#[test]
fn parallel_checkouts_give_one_page() {
    let folder = Folder::new();
    let stack = folder.start();
    let key = demo_key(&folder);
    let urls: Vec<Value> = thread::scope(|scope| {
        let clicks: Vec<_> = (0..16).map(|_| scope.spawn(|| stack.checkout(&key))).collect();
        clicks
            .into_iter()
            .map(|click| click.join().unwrap())
            .map(|answer| {
                assert!(matches!(answer.status, 200 | 201), "{}", answer.body);
                answer.body["url"].clone()
            })
            .collect()
    });
    assert!(urls.iter().all(|url| *url == urls[0]), "{urls:?}");
    assert_eq!(stack.journal("order#").len(), 1);
}

/// The fake loses its sessions at a restart while the books keep the order, so the next checkout creates another.
#[test]
fn expired_page_allows_a_new_order() {
    let folder = Folder::new();
    let stack = folder.start();
    let key = demo_key(&folder);
    let first = stack.checkout(&key).body;
    assert!(stack.stop("INT").success());
    let stack = folder.start();
    let second = stack.checkout(&key).body;
    assert_ne!(first["orderNumber"], second["orderNumber"]);
    assert_eq!(stack.pay(&second["url"], "4242424242424242").status, 303);
    assert_eq!(field(&folder.stdout_of(&["account", "show", "demo"]), "balance"), "1100");
    let number = first["orderNumber"].as_str().unwrap();
    assert_eq!(field(&folder.stdout_of(&["order", "show", number]), "payment"), "expired");
}

#[test]
fn unknown_order_or_sample_gives_a_one_line_error() {
    let folder = Folder::new();
    let _stack = folder.start();
    let rows: [(i32, &[&str], &str); 4] = [
        (1, &["order", "show", "HLnone"], "there is no order HLnone in these books"),
        (2, &["order", "show", "#"], "an order number is 1 to 32 letters, digits or - _"),
        (1, &["send", "stripe", "--order", "HLnone"], "there is no order HLnone in these books"),
        (2, &["send", "stripe/none"], "there is no sample stripe/none, only: stripe/"),
    ];
    for (code, args, expected) in rows {
        let line = folder.fails(code, args);
        assert!(line.contains(expected), "{args:?}: {line}");
    }
}
