//! epay's notifications in the suites that every source passes.

use super::confirming::TRADE;
use super::*;
use crate::suite::{Before, KeptForm, Refusal, Replayed, Request, Scenario, Suite, owned};

crate::suite::tests_of!(Epay);

const UNPAID: &str = "an unpaid order";
/// The notification's event key, whose row keeps it.
const RECEIPT: &str = "epay#1001.2026010100000012345";
const REFUSED: (u16, &str) = (409, "fail");

impl Suite for Epay {
    const STATE: &'static str = UNPAID;
    const PAIRED: usize = 1;
    const SHAPES: &'static [Shape] = &[Shape::HttpApi];

    async fn prepare(world: &World, state: &str) {
        let mut order = order(ORDER);
        if let Some(provider) = state.strip_prefix("an order of ") {
            order.terms.provider = Provider::named(provider).expect("a provider");
        }
        if let Some(currency) = state.strip_prefix("an order in ") {
            order.terms.price.currency = Currency::parse(currency).expect("a currency");
        }
        if state != "no order" {
            made(world, order).await;
        }
    }

    fn unavailable(_: &str) -> (u16, &'static str) {
        (503, "fail")
    }

    fn decided_with() -> Vec<Before> {
        let rows: [(&'static str, &[&str]); 4] = [
            (UNPAID, &[]),
            ("a payment by V1", &["notify_v1_get"]),
            ("a payment by V1's POST", &["notify_v1_post"]),
            ("a payment by V2", &["notify_v2"]),
        ];
        let delivered = |names: &[&str]| names.iter().map(|name| sample(name)).collect();
        rows.map(|(name, before)| Before { name, state: UNPAID, delivered: delivered(before) }).into()
    }

    fn scenarios() -> Vec<Scenario> {
        let rows = [
            ("a payment", sample("notify_v1_get"), BOOKED),
            ("a payment by V2", sample("notify_v2"), BOOKED),
            ("another amount", sample("notify_v1_get").replace("\"648\"", "\"1\""), REFUSED),
            ("an order that is not there", sample("notify_v1_get").replace(ORDER, "hk_none"), REFUSED),
            ("an unparsed notification", sample("notify_v1_post").replace("\"648.00\"", "\"1e2\""), (400, "fail")),
        ];
        let scenario =
            |(name, body, reply)| Scenario { name, state: UNPAID, before: vec![], body, replies: vec![owned(reply)] };
        rows.map(scenario).into()
    }

    fn unverified() -> Vec<Request> {
        let good = good(paid());
        let v2 = |at: i64| signed(paid().with("pid", "1002"), now().plus_seconds(at)).encoded();
        let with_key = |key: &str, params: Params| {
            let keys =
                signing::epay::Keys::read(|name| (name == "EPAY_MD5_KEYS").then_some(key), signing::Strength::Local);
            let pid = Pid::new(key.split(':').next().unwrap_or_default()).expect("a number");
            sign(&keys.expect("a key"), &pid, Scheme::Md5, params, 0).expect("a key").encoded()
        };
        // The MD5 of the text without a key: a verifier with an empty key would accept it.
        let with_no_key = {
            let key = "2a2f4e6f7e2b0b76a4a3f7e1b1e5d2aa";
            format!("{}&sign={key}&sign_type=MD5", paid().encoded())
        };
        let rows: Vec<(&str, String, Option<&str>)> = vec![
            ("nothing", String::new(), None),
            ("no signature", paid().encoded(), None),
            ("an empty signature", format!("{}&sign=&sign_type=MD5", paid().encoded()), None),
            ("signed with no key", with_no_key, None),
            ("signed with another key", with_key("1001:another-unknown-epay-key", paid()), None),
            (
                "a merchant that is not ours",
                with_key("1003:another-unknown-epay-key", paid().with("pid", "1003")),
                None,
            ),
            ("no merchant", good.replace("pid=1001&", ""), None),
            ("no number of a merchant", good.replace("pid=1001&", "pid=01001&"), None),
            ("V1 labelled as V2", good.replace("sign_type=MD5", "sign_type=RSA"), None),
            ("V2's merchant by V1", good.replace("pid=1001", "pid=1002"), None),
            (
                "V2's merchant by V1's key",
                with_key(&format!("1002:{}", testkit::EPAY_KEY), paid().with("pid", "1002")),
                None,
            ),
            ("V2 labelled as V1", v2(0).replace("sign_type=RSA", "sign_type=MD5"), None),
            ("V2 too old", v2(-301), None),
            ("V2 from the future", v2(301), None),
            ("V2 of no time", v2(0).replace("timestamp=1767225600&", ""), None),
            ("V2 of another time", v2(0).replace("timestamp=1767225600", "timestamp=1767225601"), None),
            ("another amount", good.replace("money=648", "money=64800"), None),
            ("two amounts", good.replace("money=648", "money=648&money=648"), None),
            ("joined amounts", good.replace("money=648", "money=648,648"), None),
            ("a list of amounts", good.replace("money=648", "money%5B%5D=648"), None),
            ("another order", good.replace(ORDER, "hk_other_order"), None),
            ("something more", format!("{good}&param=1"), None),
            ("bytes that are no text", good.replace("name=1000", "name=%FF1000"), None),
            ("an escape that is none", good.replace("name=1000", "name=%zz1000"), None),
            ("characters as they are", good.replace("name=1000", "name=点1000"), None),
            ("over the size limit", format!("{good}&param={}", "x".repeat(8 * 1024)), None),
            ("a query beside the form", good.clone(), Some("a=1")),
        ];
        let post = || Sent::post(NOTIFY, good.as_bytes());
        let shapes = [
            ("no kind of body", post(), 400),
            ("JSON", post().with("content-type", "application/json"), 400),
            ("parts", post().with("content-type", "multipart/form-data; boundary=x"), 400),
            ("another alphabet", post().with("content-type", "application/x-www-form-urlencoded; charset=gbk"), 400),
            ("two kinds", post().with("content-type", FORM).with("content-type", FORM), 400),
            (
                "a form in the query of a POST",
                Sent { query: &good, body: b"", ..post().with("content-type", FORM) },
                400,
            ),
            ("a form in the body of a GET", Sent { method: "GET", ..post().with("content-type", FORM) }, 400),
            ("another method", Sent { method: "PUT", ..post().with("content-type", FORM) }, 405),
            ("a return by POST", Sent::post(RETURN, good.as_bytes()).with("content-type", FORM), 405),
            ("another path", Sent::get("/payment", &good), 404),
            ("with a slash", Sent::get("/payment/notify/", &good), 404),
        ];
        let of_shapes = shapes.iter().map(|(name, sent, status)| request(name, sent.event(Shape::HttpApi), *status));
        // A REST API's event does not contain the query as it was sent.
        let of_rest = request("a REST API", Sent::get(NOTIFY, &good).event(Shape::RestApi), 400);
        let of_forged = rows.iter().flat_map(|(name, form, beside)| {
            let (get, post) = (Sent::get(NOTIFY, form), Sent::post(NOTIFY, form.as_bytes()));
            let (get, post) = match beside {
                None => (get, post),
                Some(beside) => (Sent { body: b"a=1", ..get }, Sent { query: beside, ..post }),
            };
            [get, post.with("content-type", FORM)].map(|sent| {
                // The size of query and body is checked before they are parsed.
                let status = if sent.body.len().max(sent.query.len()) > 8 * 1024 { 413 } else { 400 };
                request(&format!("{name} by {}", sent.method), sent.event(Shape::HttpApi), status)
            })
        });
        of_forged.chain(of_shapes).chain([of_rest]).collect()
    }

    fn refusals() -> Vec<Refusal> {
        let of_unparsed = unparsed().into_iter().map(|(field, params)| Refusal {
            reply: owned((400, "fail")),
            kept: "unparsed#epay#".to_owned(),
            ..refusal(field, params, "unparsed", None)
        });
        let of_amounts = ["0", "0.01", "6.48", "647.99", "648.01", "64800", "999999999999.99"]
            .map(|money| refusal(money, paid().with("money", money), "amount_mismatch", Some("AMOUNT_MISMATCH")));
        let of_providers = ["an order of stripe", "an order of wechat"]
            .map(|state| Refusal { state, ..refusal(state, paid(), "provider_mismatch", Some("PROVIDER_MISMATCH")) });
        let of_currencies = ["an order in USD", "an order in HKD", "an order in JPY"]
            .map(|state| Refusal { state, ..refusal(state, paid(), "currency_mismatch", Some("CURRENCY_MISMATCH")) });
        let early = Refusal { state: "no order", ..refusal("an early notification", paid(), "order_unknown", None) };
        let of_conflicts = [
            ("another amount under the same number", paid().with("money", "1")),
            ("another order under the same number", paid().with("out_trade_no", "hk_other_order")),
        ];
        let of_conflicts = of_conflicts.map(|(name, params)| Refusal {
            before: vec![sample("notify_v1_get")],
            kept: format!("{RECEIPT}#conflict#"),
            ..refusal(name, params, "conflict", None)
        });
        let of_terms = of_amounts.into_iter().chain(of_providers).chain(of_currencies);
        of_unparsed.chain(of_terms).chain([early]).chain(of_conflicts).collect()
    }

    fn kept_forms() -> Vec<KeptForm> {
        // V1's key is symmetric: the gateway confirms what was signed with a retired one.
        let form = |name, body, has_clock, unconfirmed| KeptForm {
            name,
            body,
            has_clock,
            is_body_only: false,
            is_published: false,
            state: UNPAID,
            retired: [Replayed::Booked, unconfirmed],
        };
        let v1 = crate::suite::altered(Epay::SOURCE, "notify_v1_get", &[("/params/trade_no", TRADE.into())]);
        vec![form("V1", v1, false, Replayed::Unconfirmed), form("V2", sample("notify_v2"), true, Replayed::Booked)]
    }

    fn blank_secrets() -> Vec<Settings> {
        let blanks = ["", " ", "1001:", "1001:   ", "1001:key your", "1001:changeme", "1001:<key>", "secret", "1001"];
        blanks.map(|text| Settings::new([("EPAY_MD5_KEYS".to_owned(), text.to_owned())])).into()
    }
}

fn request(name: &str, event: String, status: u16) -> Request {
    Request { name: name.to_owned(), event, reply: owned((status, "fail")) }
}

fn refusal(name: &str, params: Params, reason: &'static str, flag: Option<&'static str>) -> Refusal {
    Refusal {
        name: format!("{name}: {}", params.signed_text()),
        state: UNPAID,
        before: vec![],
        event: sent("GET", &good(params)),
        reply: owned(REFUSED),
        kept: RECEIPT.to_owned(),
        reason,
        flag,
    }
}

/// Verified notifications that this release cannot parse, each with the field that it cannot read.
fn unparsed() -> Vec<(&'static str, Params)> {
    let unpaid = |status: &str| paid().with("trade_status", status);
    let costs = |money: &str| paid().with("money", money);
    let rows = [
        ("trade_status", unpaid("TRADE_CLOSED")),
        ("trade_status", unpaid("WAIT_BUYER_PAY")),
        ("trade_status", unpaid("trade_success")),
        ("trade_status", unpaid("")),
        ("money", costs("1e2")),
        ("money", costs("648.001")),
        ("money", costs("-648")),
        ("money", costs("+648")),
        ("money", costs("６４８")),
        ("money", costs("648 ")),
        ("money", costs("0648")),
        ("money", costs("6,48")),
        ("money", costs("NaN")),
        ("money", costs("1000000000000")),
        ("money", costs("")),
        ("out_trade_no", paid().with("out_trade_no", "not a number")),
        ("out_trade_no", paid().with("out_trade_no", "../orders")),
        ("out_trade_no", paid().with("out_trade_no", "")),
        ("trade_no", paid().with("trade_no", "a#b")),
        ("trade_no", paid().with("trade_no", "1".repeat(65))),
        ("trade_no", paid().with("trade_no", "")),
        ("type", paid().with("type", "")),
        ("type", paid().with("type", "a b")),
    ];
    rows.into()
}
