//! The hosted payment page and the billing portal.

use super::*;
use crate::{canceled_in, card_in, is_bank_answer};

fn session(name: &str, amount: &str, currency: &str, quantity: &str) -> String {
    format!(
        "mode=payment&line_items[0][price_data][currency]={currency}&line_items[0][price_data][unit_amount]={amount}\
         &line_items[0][price_data][product_data][name]={name}&line_items[0][quantity]={quantity}&success_url=http://a.test"
    )
}

#[test]
fn open_session_page_matches_snapshot() {
    let stripe = stripe();
    let id = new_session(&stripe, PAYMENT);
    stripe.pay(&id, "4000000000000002", NOW);
    let page = stripe.page(&id, NOW);
    assert_eq!(page.status, 200);
    let expected = r#"<main class="pay">
<div>
<small>Stripe · 模拟 fake: no money moves</small>
<h1>2 × Credits</h1>
<p class="sum">25.00 USD</p>
<p role="alert">Your card was declined.</p>
<form method="post">
<label>Number of a card or a bank account
<input name="card" value="4242 4242 4242 4242" inputmode="numeric" autocomplete="off" required></label>
<button>Pay</button>
</form>
<p><small>Declined: 4000 0000 0000 0002. A bank account, which answers later: 000123456789, and 000222222227 refuses.</small></p>
<p><a href="https://shop.example.com/?a=1&amp;b=2">Cancel</a></p>
</div>
</main>
</html>
"#;
    let (_, main) = page.html.split_once("</style>\n").expect("a style");
    assert_eq!(main, expected);
}

#[test]
fn product_name_is_escaped() {
    let name = "%3Cscript%3Ealert(%22a%22%2B'b')%3C/script%3E+%26+co";
    let stripe = stripe();
    let id = new_session(&stripe, &session(name, "100", "usd", "1"));
    let html = stripe.page(&id, NOW).html;
    assert!(html.contains("<h1>&lt;script&gt;alert(&quot;a&quot;+&#39;b&#39;)&lt;/script&gt; &amp; co</h1>"), "{html}");
    assert!(!html.contains("<script"), "{html}");
    let quoted = PAYMENT.replace("https://shop.example.com/?a=1%26b=2", "https://a.test/%22%3E%3Cscript%3E");
    let html = stripe.page(&new_session(&stripe, &quoted), NOW).html;
    assert!(html.contains(r#"href="https://a.test/&quot;&gt;&lt;script&gt;">Cancel"#), "{html}");
}

#[test]
fn amount_has_the_decimals_of_its_currency() {
    let rows = [
        ("1", "usd", "0.01 USD"),
        ("1234", "eur", "12.34 EUR"),
        ("99999999", "usd", "999999.99 USD"),
        ("500", "jpy", "500 JPY"),
        ("1230", "kwd", "1.230 KWD"),
        ("5", "bhd", "0.005 BHD"),
    ];
    for (amount, currency, expected) in rows {
        let stripe = stripe();
        let html = stripe.page(&new_session(&stripe, &session("Demo", amount, currency, "1")), NOW).html;
        assert!(html.contains(&format!("<p class=\"sum\">{expected}</p>")), "{expected}: {html}");
    }
}

#[test]
fn closed_session_page_has_no_form() {
    let stripe = stripe();
    let [open, paid, expired] = [(); 3].map(|()| new_session(&stripe, SUBSCRIPTION));
    stripe.pay(&paid, "4242424242424242", NOW);
    post(&stripe, &format!("{SESSIONS}/{expired}/expire"), "", None);
    let rows = [
        (open.as_str(), NOW, 200, "<p class=\"sum\">20.00 USD per month</p>", true),
        (&open, NOW + 86_400, 410, "This checkout session has expired.", false),
        (&paid, NOW, 410, "This has been paid.", false),
        (&expired, NOW, 410, "This checkout session has expired.", false),
        ("cs_test_none", NOW, 404, "There is no such checkout session.", false),
        ("<script>", NOW, 404, "There is no such checkout session.", false),
    ];
    for (session, now_s, status, text, has_form) in rows {
        let page = stripe.page(session, now_s);
        assert_eq!((page.status, page.html.contains("<form")), (status, has_form), "{session}");
        assert!(page.html.contains(text) && !page.html.contains("<script"), "{}", page.html);
        assert!(!page.html.contains("Cancel"), "no cancel link without a cancel URL");
    }
}

#[test]
fn card_number_is_read_from_the_form() {
    let rows = [
        ("card=4242+4242+4242+4242", Some("4242 4242 4242 4242")),
        ("other=1&card=4000000000000002", Some("4000000000000002")),
        ("card=", Some("")),
        ("number=4242424242424242", None),
        ("card=%", None),
    ];
    for (form, card) in rows {
        assert_eq!(card_in(form).as_deref(), card, "{form}");
    }
}

#[test]
fn pending_debit_page_has_a_bank_button() {
    let rows = [("000123456789", "This has been paid."), ("000222222227", "The bank has refused this payment.")];
    for (account, text) in rows {
        let stripe = stripe();
        let id = new_session(&stripe, PAYMENT);
        stripe.pay(&id, account, NOW);
        let page = stripe.page(&id, NOW);
        assert_eq!(page.status, 202);
        assert!(page.html.contains("<button name=\"bank\" value=\"answers\">"), "{}", page.html);
        assert!(is_bank_answer("bank=answers") && !is_bank_answer("card=4242"));
        stripe.bank_answers(&id, NOW);
        let page = stripe.page(&id, NOW);
        assert_eq!((page.status, page.html.contains(text)), (410, true), "{}", page.html);
    }
}

#[test]
fn customer_cancels_a_subscription_in_the_portal() {
    let stripe = stripe();
    let id = new_session(&stripe, SUBSCRIPTION);
    stripe.pay(&id, "4242424242424242", NOW);
    let session = read_at(&stripe, &id, NOW);
    let (customer, subscription) = (text(&session, "/customer"), text(&session, "/subscription"));
    let body = format!("customer={customer}&return_url=https://shop.example.com/%3Fa%3D1%26b%3D2");
    let portal = json(&post(&stripe, "/v1/billing_portal/sessions", &body, None).body);
    let url = text(&portal, "/url");
    let name = url.strip_prefix("http://127.0.0.1:9000/mock/stripe/pay/portal/").expect("a page of the portal");
    let page = stripe.portal(name);
    assert_eq!(page.status, 200);
    assert!(page.html.contains(&format!("<button name=\"subscription\" value=\"{subscription}\">Cancel</button>")));
    assert!(page.html.contains("href=\"https://shop.example.com/?a=1&amp;b=2\">Back"), "{}", page.html);

    let form = format!("subscription={subscription}");
    let events = stripe.cancel(&canceled_in(&form).expect("an id"), NOW + 60);
    assert_eq!(kinds(&events), ["customer.subscription.deleted"]);
    let ended = json(&events[0])["data"]["object"].clone();
    assert_eq!((&ended["status"], &ended["ended_at"]), (&"canceled".into(), &(NOW + 60).into()));
    let path = format!("/v1/subscriptions/{subscription}");
    let call =
        Call { method: "GET", path: &path, authorization: Some(KEY), idempotency_key: None, body: "", now_s: NOW };
    assert_eq!(json(&stripe.answer(&call).body), ended);
    assert_eq!(stripe.answer_for(Some("acct_1"), &call).status, 404);
    assert!(stripe.portal(name).html.contains("No subscription is active."));
    assert_eq!(stripe.cancel(&subscription, NOW), Vec::<String>::new(), "a second cancellation");
    assert_eq!(stripe.answer(&Call { method: "DELETE", ..call }).status, 404);

    assert_eq!(stripe.portal("bps_none").status, 404);
    for (body, status) in [("", 400), ("customer=cus_none", 400), (&format!("{body}&color=red"), 400)] {
        assert_eq!(post(&stripe, "/v1/billing_portal/sessions", body, None).status, status, "{body}");
    }
}
