//! Stripe's events in the suites that every source passes.

use super::refusals::signed_with;
use super::*;
use crate::suite::{Before, KeptForm, Refusal, Replayed, Request, Scenario, Suite, in_each_shape};

crate::suite::tests_of!(Stripe);

const INVALID_PAYLOAD: (u16, &str) = (400, r#"{"error":"Invalid payload"}"#);
const INVALID_SIGNATURE: (u16, &str) = (400, r#"{"error":"Invalid signature"}"#);
const UNPAID: &str = "unpaid orders";

impl Suite for Stripe {
    const STATE: &'static str = UNPAID;
    const PAIRED: usize = 1;
    const SHAPES: &'static [Shape] = &[Shape::HttpApi, Shape::RestApi];

    async fn prepare(world: &World, state: &str) {
        match state.strip_prefix("an order of ") {
            Some(provider) => {
                let mut other = order(ORDER);
                other.terms.provider = Provider::named(provider).expect("a provider");
                made(world, other).await;
            }
            None => orders_of_samples(world).await,
        }
    }

    fn unavailable(_: &str) -> (u16, &'static str) {
        (503, r#"{"error":"Temporarily unavailable"}"#)
    }

    fn decided_with() -> Vec<Before> {
        let earlier = |names: &[&str]| {
            let event = |name: &&str| with(name, &[("/id", json!(format!("evt_earlier_{name}")))]);
            names.iter().map(event).collect()
        };
        let rows: [(&'static str, &[&str]); 4] = [
            ("unpaid orders", &[]),
            ("a paid order", &["payment_intent_succeeded"]),
            ("a refunded order", &["payment_intent_succeeded", "charge_refunded"]),
            ("a paid invoice", &["customer_subscription_created", "invoice_paid", "invoice_payment_paid"]),
        ];
        rows.map(|(name, before)| Before { name, state: UNPAID, delivered: earlier(before) }).into()
    }

    fn scenarios() -> Vec<Scenario> {
        type Changes = Vec<(&'static str, Value)>;
        let other_amount: Changes = vec![("/data/object/amount_received", json!(1_998))];
        let other_order: Changes = vec![("/data/object/metadata/hookledger_order", json!("HLnone"))];
        let rows: [(&'static str, &[&str], &str, Changes); 11] = [
            ("a payment", &[], "payment_intent_succeeded", vec![]),
            ("a payment that another event has reported", &["charge_succeeded"], "checkout_session_completed", vec![]),
            ("a payment of another amount", &[], "payment_intent_succeeded", other_amount),
            ("a payment of an unknown order", &[], "payment_intent_succeeded", other_order),
            ("a refund", &["payment_intent_succeeded"], "charge_refunded", vec![]),
            ("a refund that is early", &[], "refund_created", vec![]),
            ("a dispute", &["payment_intent_succeeded"], "charge_dispute_created", vec![]),
            ("an invoice", &["customer_subscription_created"], "invoice_paid", vec![]),
            ("the payment of an invoice", &["invoice_paid"], "invoice_payment_paid", vec![]),
            (
                "a refund of a subscription's payment",
                &["invoice_paid", "invoice_payment_paid"],
                "refund_updated_subscription",
                vec![],
            ),
            ("a subscription", &[], "customer_subscription_created", vec![]),
        ];
        let scenario = |(name, before, event, changes): (_, &[&str], &str, Changes)| Scenario {
            name,
            state: UNPAID,
            before: before.iter().map(|name| with(name, &[])).collect(),
            body: with(event, &changes),
            replies: vec![(200, String::new())],
        };
        rows.into_iter().map(scenario).collect()
    }

    fn unverified() -> Vec<Request> {
        const HEADER: &str = signing::stripe::HEADER;
        let body = with("payment_intent_succeeded", &[]);
        let (good, t) = (signature(&body, now()), now().unix_s());
        let hmac = signed_with(SECRET.as_bytes(), t, &body);
        let other_key = signed_with(b"whsec_another_secret_of_the_tests_0123456789", t, &body);
        let without_prefix = signed_with(SECRET.trim_start_matches("whsec_").as_bytes(), t, &body);
        let (changed, spaced, long) = (body.replace("1999", "1998"), format!("{body} "), " ".repeat(1024 * 1024 + 1));
        let rows: Vec<(&str, Sent, (u16, &str))> = vec![
            ("nothing at all", post("{}"), INVALID_PAYLOAD),
            ("no signature", post(&body), INVALID_PAYLOAD),
            ("an empty signature", post(&body).with(HEADER, ""), INVALID_PAYLOAD),
            ("an empty body", post("").with(HEADER, signature("", now())), INVALID_PAYLOAD),
            ("no header of Stripe's", post(&body).with(HEADER, "garbage"), INVALID_SIGNATURE),
            ("two headers", post(&body).with(HEADER, good.clone()).with(HEADER, good.clone()), INVALID_SIGNATURE),
            ("two times", post(&body).with(HEADER, format!("t={t},t={t},v1={hmac}")), INVALID_SIGNATURE),
            ("no time", post(&body).with(HEADER, format!("v1={hmac}")), INVALID_SIGNATURE),
            ("another time", post(&body).with(HEADER, format!("t={},v1={hmac}", t + 1)), INVALID_SIGNATURE),
            ("too old", post(&body).with(HEADER, signature(&body, now().plus_seconds(-301))), INVALID_SIGNATURE),
            ("from the future", post(&body).with(HEADER, signature(&body, now().plus_seconds(301))), INVALID_SIGNATURE),
            ("another scheme", post(&body).with(HEADER, format!("t={t},v0={hmac}")), INVALID_SIGNATURE),
            ("capitals", post(&body).with(HEADER, format!("t={t},v1={}", hmac.to_uppercase())), INVALID_SIGNATURE),
            ("another secret", post(&body).with(HEADER, format!("t={t},v1={other_key}")), INVALID_SIGNATURE),
            (
                "the secret without its prefix",
                post(&body).with(HEADER, format!("t={t},v1={without_prefix}")),
                INVALID_SIGNATURE,
            ),
            ("another body", post(&changed).with(HEADER, good.clone()), INVALID_SIGNATURE),
            ("a space more", post(&spaced).with(HEADER, good.clone()), INVALID_SIGNATURE),
            ("over the size limit", post(&long).with(HEADER, good.clone()), (413, r#"{"error":"Payload too large"}"#)),
            (
                "another path",
                Sent::post("/api/stripe", body.as_bytes()).with(HEADER, good.clone()),
                (404, r#"{"error":"Not found"}"#),
            ),
        ];
        in_each_shape::<Self>(&rows)
    }

    fn refusals() -> Vec<Refusal> {
        let of_unparsed = unparsed().into_iter().map(|body| Refusal {
            reply: (INVALID_PAYLOAD.0, INVALID_PAYLOAD.1.to_owned()),
            kept: EventKey::unparsed(Stripe::SOURCE, body.as_bytes()).as_str().to_owned(),
            ..refusal(&body, "unparsed", None)
        });
        let of_other_terms = mismatches()
            .into_iter()
            .map(|(state, body, reason, flag)| Refusal { state, ..refusal(&body, reason, Some(flag)) });
        let booked = with("payment_intent_succeeded", &[]);
        let conflicting = with("payment_intent_succeeded", &[("/data/object/amount_received", json!(1))]);
        let of_conflict = Refusal {
            before: vec![booked],
            kept: "stripe#evt_payment_intent_succeeded#conflict#".to_owned(),
            ..refusal(&conflicting, "conflict", None)
        };
        of_unparsed.chain(of_other_terms).chain([of_conflict]).collect()
    }

    fn kept_forms() -> Vec<KeptForm> {
        vec![KeptForm {
            name: "an event",
            body: with("payment_intent_succeeded", &[]),
            has_clock: true,
            is_body_only: false,
            is_published: false,
            state: UNPAID,
            // The payment is read from Stripe, which these tests do not configure.
            retired: [Replayed::Waits; 2],
        }]
    }

    fn blank_secrets() -> Vec<Settings> {
        let blanks = ["", " ", "whsec_", "whsec_...", "whsec_your_secret_here", "secret"];
        blanks.map(|secret| Settings::new([("STRIPE_WEBHOOK_SECRET".to_owned(), secret.to_owned())])).into()
    }
}

/// Kept, and acknowledged: to send it again would not help.
fn refusal(body: &str, reason: &'static str, flag: Option<&'static str>) -> Refusal {
    Refusal {
        name: format!("{reason}: {body}"),
        state: UNPAID,
        before: vec![],
        event: Stripe::signed(body, now()),
        reply: (200, String::new()),
        kept: "stripe#evt_payment_intent_succeeded".to_owned(),
        reason,
        flag,
    }
}

/// Payments that contradict their order: the books, the event, the reason and the order's flag.
fn mismatches() -> Vec<(&'static str, String, &'static str, &'static str)> {
    let of = |pointer, value| with("payment_intent_succeeded", &[(pointer, value)]);
    let providers = ["an order of wechat", "an order of epay"]
        .map(|state| (state, with("payment_intent_succeeded", &[]), "provider_mismatch", "PROVIDER_MISMATCH"));
    let amounts = [0, 1, 1_998, 2_000, 199_900, i64::MAX].map(|amount| {
        (UNPAID, of("/data/object/amount_received", json!(amount)), "amount_mismatch", "AMOUNT_MISMATCH")
    });
    let currencies = ["jpy", "eur", "krw"].map(|currency| {
        (UNPAID, of("/data/object/currency", json!(currency)), "currency_mismatch", "CURRENCY_MISMATCH")
    });
    providers.into_iter().chain(amounts).chain(currencies).collect()
}

/// Verified events that this release cannot parse. Stripe retries them.
fn unparsed() -> [String; 11] {
    [
        with("payment_intent_succeeded", &[("/data/object/amount_received", json!("1999"))]),
        with("payment_intent_succeeded", &[("/data/object/amount_received", json!(1999.0))]),
        with("payment_intent_succeeded", &[("/data/object/amount_received", json!(-1))]),
        with("payment_intent_succeeded", &[("/data/object/currency", json!("us"))]),
        with("payment_intent_succeeded", &[("/livemode", json!("false"))]),
        with("charge_dispute_created", &[("/data/object/status", json!("unheard_of"))]),
        with("payment_intent_succeeded", &[]).replace("\"pending_webhooks\"", "\"livemode\":true,\"pending_webhooks\""),
        with("payment_intent_succeeded", &[]).replace("\"capture_method\"", "\"amount_received\":1,\"capture_method\""),
        "{\"id\":\"evt_1\"}".to_owned(),
        "[]".to_owned(),
        "not JSON".to_owned(),
    ]
}

fn post(body: &str) -> Sent<'_> {
    Sent::post(PATH, body.as_bytes())
}
