//! Attacks with genuine or forged epay notifications: each is refused, and no credits are granted.

use super::*;

/// Expects this reason, no credits, and an order that is unchanged except for the anomaly.
async fn refused(world: &World, params: Params, reason: &str, flag: Option<&str>) {
    let receipt = format!("epay#{}.{}", params.value("pid").expect("one"), params.value("trade_no").expect("one"));
    let reply = answered(world, &sent("GET", &good(params))).await;
    assert_eq!(status_and_body(&reply), (409, "fail"), "{reason}");
    let books = world.books();
    books.check();
    let row = &books.journal[&receipt];
    assert_eq!((row.status.as_str(), row.reason.as_deref()), ("failed", Some(reason)));
    assert!(books.bodies.contains(&receipt), "{reason}: the notification is kept");
    assert!(books.accounts.is_empty(), "{reason}: no credits");
    assert!(books.orders.values().all(|order| order.paid_by.is_none()), "{reason}: nothing is paid");
    assert_eq!(books.orders.get(ORDER).and_then(|order| order.anomaly.as_deref()), flag, "{reason}");
}

/// A downgrade: during a move from V1 to V2 both keys are live. The configured scheme decides, not the request's `sign_type`.
#[tokio::test(start_paused = true)]
async fn scheme_that_is_not_configured_is_refused() {
    let mut settings = epay_settings();
    settings[0].1 = format!("{} 1002:{}", settings[0].1, testkit::EPAY_KEY);
    let [md5, rsa] = [Scheme::Md5, Scheme::Rsa].map(|scheme| {
        let setting = |name: &str| settings.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str());
        let keys = signing::epay::Keys::read(setting, signing::Strength::Deployed).expect("keys");
        let pid = Pid::new("1002").expect("a number");
        sign(&keys, &pid, scheme, paid().with("pid", "1002"), now().unix_s()).expect("a key").encoded()
    });
    let labelled = |form: &str, label: &str| form.replace("sign_type=MD5", label).replace("sign_type=RSA", label);
    let rows = [
        ("md5", labelled(&md5, "sign_type=MD5"), true),
        ("md5", md5.replace("&sign_type=MD5", ""), true),
        ("md5", labelled(&md5, "sign_type=RSA"), false),
        ("md5", labelled(&rsa, "sign_type=RSA"), false),
        ("md5", rsa.replace("&sign_type=RSA", ""), false),
        ("rsa", labelled(&rsa, "sign_type=RSA"), true),
        ("rsa", rsa.replace("&sign_type=RSA", ""), true),
        ("rsa", labelled(&rsa, "sign_type=MD5"), false),
        ("rsa", labelled(&md5, "sign_type=MD5"), false),
        ("rsa", md5.replace("&sign_type=MD5", ""), false),
    ];
    for (scheme, form, is_theirs) in rows {
        let world = shop().await;
        let merchants = format!("1002:{scheme}");
        let mut function = function(world.ledger(1), &[("EPAY_MERCHANTS", &merchants)]).await;
        function.keys =
            Keyring::open(Vault::Here(Settings::new(settings.clone())), Epay::keys, now()).await.expect("keys");
        let reply = function.answer(&sent("GET", &form), &moment_within::<Epay>(1)).await;
        assert_eq!(status_and_body(&reply), if is_theirs { BOOKED } else { (400, "fail") }, "{scheme}: {form}");
        assert_eq!(world.books().order(ORDER).paid_by.is_some(), is_theirs, "{scheme}: {form}");
    }
}

/// Both merchants are ours. A leaked key of one must not pay an order of the other.
#[tokio::test(start_paused = true)]
async fn key_of_another_merchant_is_refused() {
    for (to, by, is_paid) in
        [("1001", "1002", false), ("1002", "1001", false), ("1001", "1001", true), ("1002", "1002", true)]
    {
        let world = World::new();
        let mut begun = order(ORDER);
        begun.session = Some(ledger::Session { id: format!("{to}.{ORDER}"), url: EPAY_BASE.to_owned() });
        made(&world, begun).await;
        let params = paid().with("pid", by);
        if is_paid {
            assert_eq!(status_and_body(&answered(&world, &sent("GET", &good(params))).await), BOOKED, "{to} {by}");
        } else {
            refused(&world, params, "merchant_mismatch", Some("MERCHANT_MISMATCH")).await;
        }
    }
}

/// The product name of a genuine one-cent payment contains parameters. Split at another place, the signed text would pay another order.
#[tokio::test(start_paused = true)]
async fn other_split_of_genuine_notification_is_refused() {
    let name = format!("x&out_trade_no={ORDER}&pid=1001&trade_no=999&trade_status=TRADE_SUCCESS&type=alipay&zz=");
    let cheap = paid().with("money", "0.01").with("out_trade_no", "attackers").with("name", name);
    let genuine = signed(cheap, now());
    let (_, tail) =
        genuine.signed_text().split_once("&zz=").map(|(head, tail)| (head.to_owned(), tail.to_owned())).expect("zz");
    let forged = paid()
        .with("money", "0.01")
        .with("name", "x")
        .with("trade_no", "999")
        .with("zz", tail)
        .with("sign", genuine.value("sign").expect("a signature"));
    assert_eq!(forged.signed_text(), genuine.signed_text(), "both have the same signed text");
    let world = World::new();
    let mut cent = order(ORDER);
    cent.terms.price.amount = Amount::from_units(1);
    made(&world, cent).await;
    let before = world.books();
    for params in [&forged, &genuine] {
        for method in ["GET", "POST"] {
            let reply = answered(&world, &sent(method, &params.encoded())).await;
            assert_eq!(status_and_body(&reply), (400, "fail"));
            assert_eq!(world.books(), before);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn conflicting_repeat_is_refused() {
    let world = shop().await;
    assert_eq!(status_and_body(&answered(&world, &sent("GET", &good(paid()))).await), BOOKED);
    let before = world.books();
    let rows = [("money", paid().with("money", "1")), ("order", paid().with("out_trade_no", "hk_other_order"))];
    for (name, params) in rows {
        assert_eq!(status_and_body(&answered(&world, &sent("GET", &good(params))).await), (409, "fail"), "{name}");
        let books = world.books();
        assert_eq!((&books.orders, &books.accounts), (&before.orders, &before.accounts), "{name}");
        assert!(books.journal.keys().any(|id| id.starts_with("epay#1001.2026010100000012345#conflict#")), "{name}");
    }
    // The payment method and the product name are not part of the fingerprint.
    let again = paid().with("type", "wxpay").with("name", "product").with("money", "648.00");
    assert_eq!(status_and_body(&answered(&world, &sent("POST", &good(again))).await), BOOKED);
}

#[tokio::test(start_paused = true)]
async fn second_payment_of_one_order_is_flagged() {
    let world = shop().await;
    assert_eq!(status_and_body(&answered(&world, &sent("GET", &good(paid()))).await), BOOKED);
    for (pid, trade) in [("1001", "2026010100000019999"), ("1002", "2026010100000012345")] {
        let second = paid().with("pid", pid).with("trade_no", trade);
        assert_eq!(
            status_and_body(&answered(&world, &sent("GET", &good(second))).await),
            (409, "fail"),
            "{pid} {trade}"
        );
    }
    let books = world.books();
    books.check();
    assert_eq!(books.balance("alice/credits"), 1_000_000_000_000);
    assert_eq!(books.order(ORDER).anomaly.as_deref(), Some("DUPLICATE_PAYMENT"));
    let reason = |id: &str| books.journal[id].reason.clone();
    assert_eq!(reason("epay#1001.2026010100000019999").as_deref(), Some("duplicate_payment"));
    assert_eq!(
        reason("epay#1002.2026010100000012345").as_deref(),
        Some("duplicate_payment"),
        "a number is a merchant's own"
    );
}

/// A notification before its order is refused, kept, and booked when the gateway retries it.
#[tokio::test(start_paused = true)]
async fn notification_before_its_order_is_booked_on_retry() {
    let world = World::new();
    let event = sent("GET", &good(paid()));
    refused(&world, paid(), "order_unknown", None).await;
    assert!(world.books().journal["epay#1001.2026010100000012345"].needs_attention);
    made(&world, order(ORDER)).await;
    assert_eq!(status_and_body(&answered(&world, &event).await), BOOKED);
    let books = world.books();
    books.check();
    assert_eq!(books.balance("alice/credits"), 1_000_000_000_000);
    assert_eq!(books.pointers, [("epay#1001.2026010100000012345".to_owned(), ORDER.to_owned())].into());
}
