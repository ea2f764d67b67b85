//! Clicks that pay by epay: the gateway's address, its link or code, and every fault.

use std::collections::BTreeSet;

use ledger::{PaymentState, Provider};
use testkit::Fault;

use super::failures::{mispaid, order, paid};
use super::*;

const PATH: &str = "/api/pay/epay";
const CREDITS: &str = r#"{"product":"credits-1000"}"#;
const TRADE: &str = "g0000000000000001";

/// The adapter with these settings over those of every test.
pub(super) async fn payments(changes: &[(&str, &str)]) -> Option<EpayPayments> {
    let settings = read("prod", changes).expect("settings")?;
    let vault = Vault::Here(Settings::new(epay_settings()));
    let keys = Keyring::open(vault, epay_keys, now()).await.expect("keys");
    settings.signed_by(&keys.current()).expect("a key to sign with");
    Some(EpayPayments { settings, keys })
}

fn read(stage: &str, changes: &[(&str, &str)]) -> Result<Option<EpaySettings>, EpaySettingsError> {
    let of_test = [
        ("EPAY_API_BASE", EPAY_BASE),
        ("EPAY_MERCHANTS", "1001:md5,1002:rsa"),
        ("EPAY_NOTIFY_URL", "https://shop.invalid/payment/notify"),
        ("EPAY_RETURN_URL", "https://shop.invalid/payment/return"),
    ];
    let set = |name: &str| {
        let found = changes.iter().chain(&of_test).find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    EpaySettings::read(set, stage)
}

type Set = &'static [(&'static str, &'static str)];

async fn shop(settings: Set) -> Shop {
    Shop { settings, ..Shop::new().await }
}

/// The test's paused clock.
fn clock() -> std::time::Instant {
    deadline(Duration::ZERO).0
}

fn of_order(number: &str) -> String {
    format!(r#"{{"orderNumber":"{number}"}}"#)
}

#[tokio::test(start_paused = true)]
async fn first_click_gives_an_address_and_the_next_returns_it() {
    let rows: [(Set, &str, &str, &str); 4] = [
        (&[], CREDITS, "1001", "648.00"),
        (&[], r#"{"product":"credits-1000","quantity":2,"type":"wxpay"}"#, "1001", "1296.00"),
        (&[("EPAY_MERCHANT", "1002")], CREDITS, "1002", "648.00"),
        (&[], r#"{"product":"credits-1000","clientIp":"2001:db8::1"}"#, "1001", "648.00"),
    ];
    for (settings, body, pid, amount) in rows {
        let shop = shop(settings).await;
        let first = shop.click_at(1, PATH, body).await;
        let (number, url) = (word(&first, "orderNumber"), word(&first, "url"));
        let expected = format!(
            r#"{{"orderNumber":"{number}","status":"unpaid","amount":"{amount}","currency":"CNY","url":"{url}"}}"#
        );
        assert_eq!((first.status, &first.body), (201, &expected), "{body}");
        let page = shop.gateway.opened(&url);
        assert!(page.contains("1000 点数") && page.contains(&format!("{amount} CNY")), "{page}");
        for (attempt, again) in [(2, body), (3, of_order(&number).as_str())] {
            let reply = shop.click_at(attempt, PATH, again).await;
            assert_eq!(summary(&reply), is(200, "unpaid"), "{again}");
            shop.gateway.opened(&word(&reply, "url"));
        }
        assert_eq!(shop.gateway.trades(), [TRADE], "{body}: one payment, however often it is opened");
        assert_eq!(shop.gateway.calls(), [], "no query is made");
        let books = shop.world.books();
        books.check();
        assert_eq!(books.pointers, [("pending#alice#credits-1000".to_owned(), number.clone())].into());
        let booked: Vec<_> = books.processed().filter(|id| !id.starts_with("manual#")).collect();
        assert_eq!(booked, [format!("order#{number}")]);
        let number = ledger::OrderNumber::new(&number).expect("a number");
        let order = shop.world.ledger(9).order(&number, &testkit::context(9)).await.expect("read").expect("an order");
        assert_eq!(
            order.session.map(|session| session.id),
            Some(format!("{pid}.{number}")),
            "the merchant is recorded"
        );
    }
}

/// V2's address is valid for five minutes; a later click gives a new one for the same payment.
#[tokio::test(start_paused = true)]
async fn later_click_signs_a_new_address() {
    let mut shop = shop(&[("EPAY_MERCHANT", "1002")]).await;
    let first = shop.click_at(1, PATH, CREDITS).await;
    shop.later(600);
    assert!(shop.gateway.opened(&word(&first, "url")).contains("签名校验失败"), "the address has expired");
    let next = shop.click_at(2, PATH, CREDITS).await;
    assert_eq!((summary(&next), word(&next, "orderNumber")), (is(200, "unpaid"), word(&first, "orderNumber")));
    assert!(shop.gateway.opened(&word(&next, "url")).contains("648.00 CNY"));
}

#[tokio::test(start_paused = true)]
async fn link_or_code_of_the_gateway_is_in_the_reply() {
    let rows = [
        (NetFault::None, "pageUrl", "https://gateway.invalid/pay/g0000000000000001"),
        (NetFault::Reply(200, r#"{"code":1,"qrcode":"weixin://wxpay/1"}"#), "codeUrl", "weixin://wxpay/1"),
        (NetFault::Reply(200, r#"{"code":1,"urlscheme":"weixin://dl/1"}"#), "appUrl", "weixin://dl/1"),
    ];
    for (answer, field, url) in rows {
        let shop = shop(&[("EPAY_MAPI", "true")]).await;
        shop.gateway.fail(move |_, _| answer);
        let body = r#"{"product":"credits-1000","type":"alipay","clientIp":"203.0.113.7"}"#;
        for (attempt, status) in [(1, 201), (2, 200)] {
            let reply = shop.click_at(attempt, PATH, body).await;
            assert_eq!((summary(&reply), word(&reply, field).as_str()), (is(status, "unpaid"), url), "{}", reply.body);
            assert!(word(&reply, "url").starts_with("https://gateway.invalid/submit.php?"), "{}", reply.body);
        }
        let call = shop.gateway.calls().remove(0);
        assert_eq!(call.endpoint, "POST /mapi.php");
        let form = format!("&{}&", call.body);
        assert!(form.contains("&clientip=203.0.113.7&"), "{form}");
        // Without a payment method, the buyer chooses on the page.
        let any = shop.click_at(3, PATH, CREDITS).await;
        assert_eq!((summary(&any), word(&any, field)), (is(200, "unpaid"), String::new()));
        assert!(shop.gateway.trades().len() <= 1);
    }
}

#[tokio::test(start_paused = true)]
async fn gateway_fault_gives_its_error_and_next_click_recovers() {
    use NetFault::{Delay, Disconnect, DropRequest, DropResponse, Garbage, Reply, Status};
    let rows = [
        (DropRequest, is(504, "epay_timeout")),
        (DropResponse, is(504, "epay_timeout")),
        (Disconnect, is(504, "epay_timeout")),
        (Delay(std::time::Duration::from_secs(3)), is(504, "epay_timeout")),
        (Status(409), is(503, "epay_busy")),
        (Status(429), is(503, "epay_busy")),
        (Status(500), is(502, "epay_failed")),
        (Status(403), is(502, "epay_refused")),
        (Status(302), is(502, "epay_unreadable")),
        (Garbage, is(502, "epay_unreadable")),
        (Reply(200, r#"{"code":-2,"msg":"no"}"#), is(502, "epay_refused")),
        (Reply(200, r#"{"code":1,"payurl":"javascript:alert(1)"}"#), is(502, "epay_unreadable")),
    ];
    let body = r#"{"product":"credits-1000","type":"alipay"}"#;
    for (fault, expected) in rows {
        let (shop, row) = (shop(&[("EPAY_MAPI", "true")]).await, format!("{fault:?}"));
        shop.gateway.fail(move |_, _| fault);
        let started = clock();
        let refused = shop.click_at(1, PATH, body).await;
        assert_eq!(summary(&refused), expected, "{row}");
        assert!(clock().duration_since(started) <= Checkout::REPLY_WITHIN, "{row}");
        assert!(!refused.body.contains("http"), "{row}: {}", refused.body);
        shop.gateway.recover();
        assert_eq!(summary(&shop.click_at(2, PATH, body).await), is(200, "unpaid"), "{row}");
        let books = shop.world.books();
        books.check();
        assert_eq!((books.orders.len(), shop.gateway.trades().len()), (1, 1), "{row}: one order, one payment");
    }
}

#[tokio::test(start_paused = true)]
async fn store_fault_at_any_call_is_recovered_by_next_click() {
    let clean = shop(&[]).await;
    let (ledger, faults) = clean.world.faulty(1, |_, _| Fault::None);
    clean.function(1, ledger).await.answer(&event_at(PATH, CREDITS), &clean.invocation(1)).await;
    let calls = faults.calls().len();
    assert!(calls >= 4, "{calls}");
    for (call, fault) in (0..calls).flat_map(|call| Fault::ALL.map(|fault| (call, fault))) {
        let shop = shop(&[]).await;
        let (ledger, faults) = shop.world.faulty(1, move |number, _| if number == call { fault } else { Fault::None });
        let function = shop.function(1, ledger).await;
        let (event, invocation) = (event_at(PATH, CREDITS), shop.invocation(1));
        tokio::select! {
            biased;
            reply = function.answer(&event, &invocation) => assert!(matches!(reply.status, 200 | 201 | 503), "{}", reply.body),
            () = faults.killed() => {}
        }
        tokio::time::sleep(std::time::Duration::from_secs(10)).await;
        let reply = shop.click_at(2, PATH, CREDITS).await;
        assert!(matches!(reply.status, 200 | 201), "{fault:?} at call {call}: {}", reply.body);
        let books = shop.world.books();
        books.check();
        assert_eq!(books.orders.len(), 1, "{fault:?} at call {call}");
    }
}

#[tokio::test(start_paused = true)]
async fn twenty_concurrent_clicks_give_one_order_and_payment() {
    let shop = shop(&[]).await;
    let clicks = (1..=20).map(|attempt| shop.click_at(attempt, PATH, CREDITS));
    let replies = futures_util::future::join_all(clicks).await;
    let numbers: BTreeSet<_> = replies.iter().map(|reply| word(reply, "orderNumber")).collect();
    let first = replies.iter().filter(|reply| reply.status == 201).count();
    assert!(replies.iter().all(|reply| matches!(reply.status, 200 | 201)) && first == 1);
    for reply in &replies {
        shop.gateway.opened(&word(reply, "url"));
    }
    assert_eq!((numbers.len(), shop.gateway.trades().len()), (1, 1));
    shop.world.books().check();
}

#[tokio::test(start_paused = true)]
async fn only_payable_order_of_owner_and_provider_is_started() {
    let shop = shop(&[]).await;
    let rows = [
        ("HL-bobs", "bob", Provider::Epay, PaymentState::Unpaid, is(404, "order_not_found")),
        ("HL-none", "", Provider::Epay, PaymentState::Unpaid, is(404, "order_not_found")),
        ("HL-stripe", "alice", Provider::Stripe, PaymentState::Unpaid, is(409, "wrong_provider")),
        ("HL-wechat", "alice", Provider::Wechat, PaymentState::Unpaid, is(409, "wrong_provider")),
        ("HL-canceled", "alice", Provider::Epay, PaymentState::Canceled, is(409, "order_canceled")),
        ("HL-expired", "alice", Provider::Epay, PaymentState::Expired, is(409, "order_expired")),
        ("HL-failed", "alice", Provider::Epay, PaymentState::Failed, is(201, "failed")),
        ("HL-unpaid", "alice", Provider::Epay, PaymentState::Unpaid, is(201, "unpaid")),
    ];
    for (number, owner, provider, state, expected) in rows {
        if !owner.is_empty() {
            order(&shop, number, owner, provider, state).await;
        }
        assert_eq!(summary(&shop.click_at(1, PATH, &of_order(number)).await), expected, "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn invalid_request_is_refused() {
    let shop = shop(&[]).await;
    let rows = [
        ("{}", "product_missing"),
        (r#"{"product":"nothing"}"#, "unknown_product"),
        (r#"{"product":"credits-100"}"#, "provider_not_offered"),
        (r#"{"product":"credits-1000","quantity":0}"#, "quantity_out_of_range"),
        (r#"{"product":"credits-1000","type":"cash"}"#, "type_invalid"),
        (r#"{"product":"credits-1000","type":"alipay&pid=1"}"#, "type_invalid"),
        (r#"{"product":"credits-1000","type":7}"#, "type_invalid"),
        (r#"{"product":"credits-1000","clientIp":"localhost"}"#, "client_ip_invalid"),
        (r#"{"product":"credits-1000","clientIp":"1.2.3.4&x=1"}"#, "client_ip_invalid"),
    ];
    for (body, code) in rows {
        assert_eq!(summary(&shop.click_at(1, PATH, body).await), is(400, code), "{body}");
    }
    for body in [r#"{"product":"credits-1000","name":"x"}"#, r#"{"product":"credits-1000","param":"x"}"#, "[]"] {
        assert_eq!(shop.click_at(1, PATH, body).await.status, 400, "{body}: no text of the buyer reaches a payment");
    }
    assert_eq!((shop.world.books().orders.len(), shop.gateway.calls().len()), (0, 0));
    let elsewhere = Shop { settings: &[("EPAY_MERCHANTS", "")], ..Shop::new().await };
    assert_eq!(summary(&elsewhere.click_at(1, PATH, CREDITS).await), is(409, "provider_unavailable"));
}

#[tokio::test(start_paused = true)]
async fn paid_order_is_not_started_again() {
    let shop = shop(&[]).await;
    let first = shop.click_at(1, PATH, CREDITS).await;
    let number = word(&first, "orderNumber");
    paid(&shop, &number, "1001.t1").await;
    let reply = shop.click_at(2, PATH, &of_order(&number)).await;
    let expected = format!(r#"{{"orderNumber":"{number}","status":"paid","amount":"648.00","currency":"CNY"}}"#);
    assert_eq!((reply.status, reply.body), (200, expected));
    let next = shop.click_at(3, PATH, CREDITS).await;
    assert_eq!(summary(&next), is(201, "unpaid"));
    assert_ne!(word(&next, "orderNumber"), number);
}

/// The buyer changes the provider: the earlier payment is closed where possible, and each order has one provider.
#[tokio::test(start_paused = true)]
async fn change_of_provider_replaces_the_order() {
    let shop = shop(&[]).await;
    let card = shop.click_at(1, "/api/pay/checkout", CREDITS).await;
    assert_eq!((summary(&card), shop.net.open().len()), (is(201, "unpaid"), 1));
    let epay = shop.click_at(2, PATH, CREDITS).await;
    assert_eq!((summary(&epay), shop.net.open().len()), (is(201, "unpaid"), 0), "the page at Stripe is closed");
    let again = shop.click_at(3, "/api/pay/checkout", CREDITS).await;
    assert_eq!((summary(&again), shop.net.open().len()), (is(201, "unpaid"), 1));
    let state = |reply: &Reply| shop.payment(&word(reply, "orderNumber"));
    assert_eq!([state(&card), state(&epay), state(&again)], ["expired", "canceled", "unpaid"]);
    shop.world.books().check();
}

/// No configured merchant's notification could pay an order of a removed merchant.
#[tokio::test(start_paused = true)]
async fn order_stays_with_the_merchant_that_started_it() {
    let mut shop = shop(&[]).await;
    let first = shop.click_at(1, PATH, CREDITS).await;
    shop.settings = &[("EPAY_MERCHANT", "1002")];
    let same = shop.click_at(2, PATH, CREDITS).await;
    assert!(word(&same, "url").contains("&pid=1001&"), "{}", same.body);
    shop.settings = &[("EPAY_MERCHANTS", "1002:rsa")];
    let gone = shop.click_at(3, PATH, &of_order(&word(&first, "orderNumber"))).await;
    assert_eq!(summary(&gone), is(409, "merchant_unavailable"));
}

#[test]
fn settings_give_merchant_and_api() {
    use EpaySettingsError::{Mapi, Merchant, MockDeployed, Url};
    type Row = (&'static str, Set, Result<Option<(&'static str, bool)>, EpaySettingsError>);
    let rows: [Row; 19] = [
        ("prod", &[], Ok(Some(("1001", false)))),
        ("prod", &[("EPAY_MERCHANT", "1002")], Ok(Some(("1002", false)))),
        ("prod", &[("EPAY_MAPI", "true")], Ok(Some(("1001", true)))),
        ("prod", &[("EPAY_MAPI", "false"), ("MOCK_EPAY", "false")], Ok(Some(("1001", false)))),
        ("prod", &[("EPAY_MERCHANTS", "")], Ok(None)),
        ("prod", &[("EPAY_MERCHANTS", ""), ("EPAY_NOTIFY_URL", "")], Ok(None)),
        ("local", &[("MOCK_EPAY", "true")], Ok(Some(("1001", false)))),
        ("local", &[("EPAY_NOTIFY_URL", "http://127.0.0.1:9000/payment/notify")], Ok(Some(("1001", false)))),
        ("prod", &[("MOCK_EPAY", "true")], Err(MockDeployed)),
        ("dev", &[("MOCK_EPAY", "true"), ("EPAY_MERCHANTS", "")], Err(MockDeployed)),
        ("prod", &[("EPAY_MERCHANT", "1003")], Err(Merchant)),
        ("prod", &[("EPAY_MERCHANT", "x")], Err(Merchant)),
        ("prod", &[("EPAY_MAPI", "yes")], Err(Mapi)),
        ("prod", &[("EPAY_MAPI", "true"), ("EPAY_MERCHANT", "1002")], Err(Mapi)),
        ("prod", &[("EPAY_NOTIFY_URL", "")], Err(Url("EPAY_NOTIFY_URL"))),
        ("prod", &[("EPAY_RETURN_URL", "")], Err(Url("EPAY_RETURN_URL"))),
        ("prod", &[("EPAY_NOTIFY_URL", "http://shop.invalid/n")], Err(Url("EPAY_NOTIFY_URL"))),
        ("prod", &[("EPAY_NOTIFY_URL", "https://shop.invalid/n?a=1")], Err(Url("EPAY_NOTIFY_URL"))),
        ("prod", &[("EPAY_RETURN_URL", "https://shop.invalid/n&a=1")], Err(Url("EPAY_RETURN_URL"))),
    ];
    for (stage, changes, expected) in rows {
        let read = read(stage, changes);
        let found = read
            .as_ref()
            .map(|settings| settings.as_ref().map(|settings| (settings.merchant.pid.as_str(), settings.mapi)));
        assert_eq!(found, expected.as_ref().map(|settings| *settings), "{stage} {changes:?}");
    }
}

/// A payment of another amount cannot be corrected by a second one: a person decides about the order, and the next
/// click creates another.
#[tokio::test(start_paused = true)]
async fn mispaid_order_is_not_paid_again() {
    let shop = shop(&[]).await;
    let first = shop.click_at(1, PATH, CREDITS).await;
    assert_eq!(summary(&first), is(201, "unpaid"));
    let number = word(&first, "orderNumber");
    mispaid(&shop, &number, TRADE).await;
    let of_number = format!(r#"{{"orderNumber":"{number}"}}"#);
    assert_eq!(summary(&shop.click_at(2, PATH, &of_number).await), is(409, "payment_mismatch"));
    let next = shop.click_at(3, PATH, CREDITS).await;
    assert_eq!((summary(&next), word(&next, "orderNumber") == number), (is(201, "unpaid"), false));
    assert_eq!(shop.payment(&number), "canceled");
    assert_eq!(summary(&shop.click_at(4, PATH, &of_number).await), is(409, "payment_mismatch"));
    shop.world.books().check();
}
