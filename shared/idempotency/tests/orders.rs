//! Stored orders and subscriptions: they read back unchanged, are indexed while work is outstanding, and change state only
//! as the `ledger` crate allows.

#![expect(clippy::expect_used, reason = "a test that cannot go on must stop")]

use std::collections::{BTreeMap, BTreeSet};

use ledger::{
    Accepted, Amount, Anomalies, Anomaly, Commission, CommitError, Committed, Currency, Decision, Dispute,
    DisputeStage, Disputes, Effect, Entry, EventKey, Exchange, Fingerprint, Flag, Fulfilment, Grant, JournalHeader,
    LISTED_MAX, Ledger as _, Line, Money, OnChain, Operator, Order, OrderNumber, Owner, Paid, PaymentReversals,
    PaymentState, PaysFor, Period, Plan, Provider, Reason, Reference, Refund, RefundState, Refunds, RefusedPayment,
    Reported, Resolution, RowKeys, Session, Standing, Subscription, SubscriptionStatus, Terms, TopUp, TopUpCall,
    TopUpKind, TopUpState, Transfer, TransferStatus, Transition, UNLISTED_MAX, Word, Writer,
};
use serde_json::{Value, json};
use testkit::{STAGE, World, context, now};

/// The change that a row of a test table makes to an order.
type Change = fn(&mut Order);

fn money(cents: u64, currency: &str) -> Money {
    Money { amount: Amount::from_units(cents), currency: Currency::parse(currency).expect("a currency") }
}

fn reference(id: &str) -> Reference {
    Reference::new(Provider::Stripe, id).expect("an id")
}

fn word(text: &str) -> Word {
    Word::new(text).expect("a word")
}

fn plain(number: &str) -> Order {
    let terms = Terms {
        provider: Provider::Stripe,
        product: "credits".to_owned(),
        quantity: 1,
        price: money(1_999, "USD"),
        exchange: None,
        grants: vec![Grant::Credits(Amount::from_units(100))],
        commissions: Vec::new(),
        referral: None,
        site: None,
    };
    let number = OrderNumber::new(number).expect("a number");
    Order::new(number, Owner::new("alice").expect("an owner"), terms, now())
}

/// An order with every field set, and every variant that a list or a map can contain.
fn full(number: &str) -> Order {
    let refund = |state, units| Refund { state, amount: Amount::from_units(units) };
    let top_up = TopUp {
        operator: Operator::Unitel,
        kind: TopUpKind::Data,
        code: "SD5000".to_owned(),
        phone: Some("88001122".to_owned()),
        price: money(500_000, "MNT"),
    };
    let on_chain = OnChain { asset: "POSX_ETH".to_owned(), wallet: Some("0xab".to_owned()) };
    let widest = Amount::from_wide(999_999_999_999_999_999_999_999_999_999).expect("an amount");
    let mut order = plain(number);
    order.terms.exchange = Some(Exchange { price: money(500_000, "MNT"), rate: "0.00204".to_owned() });
    order.terms.site = Some("site-1".to_owned());
    order.terms.grants = vec![
        Grant::Credits(Amount::from_units(u64::MAX)),
        Grant::CreditsEachPeriod(Amount::from_units(1)),
        Grant::Token { code: word("POSX"), scale: 18, amount: widest, on_chain: None },
        Grant::Token { code: word("POSX"), scale: 18, amount: widest, on_chain: Some(on_chain) },
        Grant::Report(word("full")),
        Grant::TopUp(top_up),
    ];
    let commission = |name: &str, basis_points| Commission { to: Owner::new(name).expect("an owner"), basis_points };
    order.terms.commissions = vec![commission("bob", 1_000), commission("carol", 1)];
    order.delivered = [(Line::Grant(3), widest), (Line::Commission(1), Amount::ZERO)].into();
    order.transfer =
        Some(Transfer { id: Some("tx_1".to_owned()), status: TransferStatus::Broadcasting, amount: widest, at: now() });
    order.top_up_call = Some(TopUpCall {
        at: now(),
        state: TopUpState::Unknown,
        seq: Some("77".to_owned()),
        receipt: Some(r#"{"billId":"1"}"#.to_owned()),
    });
    order.payment = PaymentState::PartlyRefunded;
    order.paid = Some(Paid { by: reference("pi_1"), at: now() });
    let refunds = Refunds {
        by_id: BTreeMap::from([
            ("re_1".to_owned(), refund(RefundState::Pending, 1)),
            ("re_2".to_owned(), refund(RefundState::Succeeded, 2)),
            ("re_3".to_owned(), refund(RefundState::Failed, 3)),
        ]),
        reported: Some(Reported { as_of: now(), amount: Amount::from_units(2) }),
    };
    let amounts = [None, Some(Amount::ZERO), Some(Amount::from_units(7)), Some(widest), None];
    let mut amounts = amounts.into_iter();
    let stages = DisputeStage::ALL.map(|stage| {
        let amount = amounts.next().flatten();
        (format!("dp_{}", stage.as_str()), Dispute { stage, as_of: now(), amount })
    });
    let claims = PaymentReversals { refunds, disputes: Disputes(stages.into()), invoice: Some(reference("in_1")) };
    order.claims = BTreeMap::from([("pi_1".to_owned(), claims), ("pi_2".to_owned(), PaymentReversals::default())]);
    order.accepted = accepted();
    order.first_invoice = Some(reference("in_1"));
    order.periods = BTreeMap::from([("in_1".to_owned(), Period { posted: widest, corrections: 3 })]);
    order.posted = widest;
    order.postings = 7;
    order.fulfilment = Fulfilment::Unknown;
    order.anomalies = anomalies();
    order.session = Some(Session { id: "cs_1".to_owned(), url: "https://pay.example/cs_1?a=b".to_owned() });
    order
}

fn accepted() -> BTreeMap<String, Accepted> {
    let one = |id: &str, pays_for, credits: Option<u64>, postings| Accepted {
        by: reference(id),
        money: money(1_998, "EUR"),
        pays_for,
        credits: credits.map(Amount::from_units),
        posted: Amount::from_units(7),
        postings,
    };
    let all = [
        one("pi_1", PaysFor::Order, None, 0),
        one("pi_2", PaysFor::Order, Some(u64::MAX), 3),
        one("in_1", PaysFor::Period, Some(1), 1),
    ];
    all.map(|accepted| (accepted.by.id().to_owned(), accepted)).into()
}

/// The maximum number of anomalies, all different.
fn anomalies() -> Anomalies {
    let refused = |n: usize, pays_for| RefusedPayment {
        by: reference(&format!("pi_{n}")),
        money: money(1_998, "JPY"),
        pays_for,
        is_confirmed: n.is_multiple_of(3),
    };
    let each = Resolution::ALL.into_iter().cycle().zip(PaysFor::ALL.into_iter().cycle());
    let flag = |((n, reason), (resolution, pays_for)): ((usize, Reason), (Resolution, PaysFor))| Flag {
        anomaly: Anomaly {
            reason,
            details: format!("about {}", reason.as_str()),
            payment: (n % 4 > 0).then(|| refused(n, pays_for)),
        },
        resolution,
    };
    let flags = Reason::ALL.into_iter().enumerate().zip(each).map(flag).take(LISTED_MAX).collect();
    Anomalies::of_kept(flags, (0..1_000).collect()).expect("within the limit")
}

async fn write(world: &World, event: &str, effect: Effect) -> Result<Committed, CommitError> {
    let header = JournalHeader {
        receipt: EventKey::new(Writer::Manual, event).expect("an id"),
        writer: Writer::Manual,
        kind: "test",
        facts: vec![],
        fingerprints: Fingerprint::of(1, &[]).into(),
        order: None,
    };
    let entry = Entry { header, effects: vec![effect], keeps_body: false, alarm: None };
    world.ledger(1).commit(&Decision::Record(entry), &context(1)).await
}

#[tokio::test(start_paused = true)]
async fn order_is_read_back_unchanged() {
    let world = World::new();
    let ledger = world.ledger(2);
    let mut erased = full("N3");
    for grant in &mut erased.terms.grants {
        if let Grant::TopUp(top_up) = grant {
            top_up.phone = None;
        } else if let Grant::Token { on_chain: Some(on_chain), .. } = grant {
            on_chain.wallet = None;
        }
    }
    assert!(erased.is_erased());
    for order in [plain("N1"), full("N2"), erased] {
        let (number, written) = (order.number.clone(), Order { version: 1, ..order.clone() });
        write(&world, number.as_str(), order.created()).await.expect("written");
        assert_eq!(ledger.order(&written.number, &context(2)).await.expect("read"), Some(written));
    }
    let (owner, order) = (Owner::new("alice").expect("an owner"), OrderNumber::new("N1").expect("a number"));
    let empty = Subscription::new(reference("sub_1"), owner, order);
    let full = Subscription {
        reference: reference("sub_2"),
        standing: Some(Standing { as_of: now(), status: SubscriptionStatus::PastDue }),
        plan: Some(Plan { as_of: now(), period_end: now().plus_seconds(1), name: "price_1".to_owned() }),
        ..empty.clone()
    };
    for subscription in [empty, full] {
        let written = Subscription { version: 1, ..subscription };
        write(&world, written.reference.id(), Effect::Subscription(written.clone())).await.expect("written");
        let keys = RowKeys::of_subscription(written.reference.clone());
        let rows = ledger.read_rows(&keys, &context(2)).await.expect("read");
        assert_eq!(rows.subscription(&written.reference), Ok(Some(written)));
    }
}

/// The condition in the store equals the rule in `ledger`, even if the version matches.
#[tokio::test(start_paused = true)]
async fn forbidden_transition_is_refused_by_the_store() {
    let transitions = [
        Transition::Pay,
        Transition::Close(PaymentState::Failed),
        Transition::Close(PaymentState::Canceled),
        Transition::Close(PaymentState::Expired),
        Transition::Fulfil,
        Transition::Claim,
        Transition::Amend,
    ];
    for (state, transition) in
        PaymentState::ALL.into_iter().flat_map(|state| transitions.map(|transition| (state, transition)))
    {
        let world = World::new();
        let before = Order { payment: state, ..plain("N1") };
        write(&world, "made", before.clone().created()).await.expect("written");
        let after = Order { version: 2, ..before };
        let outcome =
            write(&world, "next", Effect::Order { order: Box::new(after), transition, refunded: Amount::ZERO }).await;
        let allowed = transition.from_states().any(|from| from == state);
        match outcome {
            Ok(_) => assert!(allowed, "{transition:?} from {state:?} was written"),
            Err(CommitError::Rejected(Reason::OrderNotPayable)) => {
                assert!(!allowed, "{transition:?} from {state:?} was refused");
            }
            Err(error) => panic!("{transition:?} from {state:?}: {error}"),
        }
    }
}

/// Price validation in the store: the payment is compared with the stored row, not only with the order that was read.
#[tokio::test(start_paused = true)]
async fn payment_with_other_terms_is_refused_by_the_store() {
    let rows: [(&str, Change, bool); 4] = [
        ("unchanged", |_| {}, true),
        ("another amount", |order| order.terms.price.amount = Amount::from_units(1), false),
        ("another currency", |order| order.terms.price = money(1_999, "EUR"), false),
        ("another provider", |order| order.terms.provider = Provider::Epay, false),
    ];
    for (name, change, allowed) in rows {
        let world = World::new();
        write(&world, "made", plain("N1").created()).await.expect("written");
        let mut after = Order { version: 2, ..plain("N1") };
        change(&mut after);
        let outcome = write(
            &world,
            "paid",
            Effect::Order { order: Box::new(after), transition: Transition::Pay, refunded: Amount::ZERO },
        )
        .await;
        assert_eq!(outcome.is_ok(), allowed, "{name}: {outcome:?}");
    }
}

/// A name, a change to an order, the index value that it gives, and whether the order is flagged.
type Indexed<'r> = (&'static str, &'r dyn Fn(&mut Order), Option<&'static str>, bool);

#[tokio::test(start_paused = true)]
async fn only_outstanding_orders_are_indexed() {
    let paid = |order: &mut Order| {
        (order.payment, order.paid) = (PaymentState::Paid, Some(Paid { by: reference("pi_1"), at: now() }));
    };
    let top_up = |state, seconds| Some(TopUpCall { at: now().plus_seconds(seconds), state, seq: None, receipt: None });
    let sent = |status| Some(Transfer { id: None, status, amount: Amount::from_units(1), at: now() });
    let rows: [Indexed<'_>; 16] = [
        ("unpaid", &|_| {}, Some("payment#stripe"), false),
        ("failed", &|order| order.payment = PaymentState::Failed, Some("payment#stripe"), false),
        ("canceled", &|order| order.payment = PaymentState::Canceled, None, false),
        ("expired", &|order| order.payment = PaymentState::Expired, None, false),
        ("paid", &|_| {}, None, false),
        ("to-be-fulfilled", &|order| order.terms.grants = vec![Grant::Report(word("full"))], Some("fulfilment"), false),
        (
            "to-be-taken-back",
            &|order| {
                order.delivered = [(Line::Grant(1), Amount::ZERO)].into();
                order.terms.grants = vec![Grant::Report(word("full"))];
            },
            Some("fulfilment"),
            false,
        ),
        (
            "to-be-sent",
            &|order| {
                let on_chain = Some(OnChain { asset: "POSX_ETH".to_owned(), wallet: Some("0x0".to_owned()) });
                let amount = Amount::from_units(1);
                order.terms.grants = vec![Grant::Token { code: word("POSX"), scale: 18, amount, on_chain }];
                order.delivered = [(Line::Grant(1), amount)].into();
                order.transfer = sent(TransferStatus::Due);
            },
            Some("fulfilment"),
            false,
        ),
        ("in-doubt", &|order| order.transfer = sent(TransferStatus::InDoubt), Some("pending_external"), false),
        ("on-its-way", &|order| order.transfer = sent(TransferStatus::Queued), Some("pending_external"), false),
        ("sent", &|order| order.transfer = sent(TransferStatus::Completed), None, false),
        ("claimed", &|order| order.top_up_call = top_up(TopUpState::Claimed, 0), Some("fulfilment"), false),
        ("pending", &|order| order.top_up_call = top_up(TopUpState::Pending, 0), Some("pending_external"), false),
        ("unknown", &|order| order.top_up_call = top_up(TopUpState::Unknown, 0), Some("pending_external"), false),
        ("unknown-for-a-day", &|order| order.top_up_call = top_up(TopUpState::Unknown, -86_400), None, false),
        (
            "flagged",
            &|order| {
                order.payment = PaymentState::Expired;
                let anomaly = Anomaly { reason: Reason::AmountMismatch, details: "details".to_owned(), payment: None };
                let flag = Flag { anomaly, resolution: Resolution::Open };
                order.anomalies = Anomalies::of_kept(vec![flag], BTreeSet::new()).expect("one");
            },
            None,
            true,
        ),
    ];
    let world = World::new();
    let mut expected: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, change, work, flagged) in rows {
        let mut order = plain(name);
        if !matches!(name, "unpaid" | "failed" | "canceled" | "expired" | "flagged") {
            paid(&mut order);
        }
        change(&mut order);
        write(&world, name, order.created()).await.expect("written");
        if let Some(work) = work {
            expected.entry(work).or_default().insert(name);
        }
        if flagged {
            expected.entry("AMOUNT_MISMATCH").or_default().insert(name);
        }
    }
    for (index, key, value) in [
        ("work", "work", "payment#stripe"),
        ("work", "work", "fulfilment"),
        ("work", "work", "pending_external"),
        ("anomalies", "anomaly_reason", "AMOUNT_MISMATCH"),
    ] {
        let query = json!({
            "TableName": format!("hookledger-{STAGE}-orders"),
            "IndexName": index,
            "KeyConditionExpression": "#key = :value",
            "ExpressionAttributeNames": { "#key": key },
            "ExpressionAttributeValues": { ":value": { "S": value } },
        });
        let answer = world.engine.request("Query", &query).expect("an answer");
        let found: BTreeSet<&str> =
            answer["Items"].as_array().into_iter().flatten().filter_map(|item| item["id"]["S"].as_str()).collect();
        assert_eq!(Some(&found), expected.get(value), "{index} {value}");
    }
    let all = world
        .engine
        .request("Scan", &json!({ "TableName": format!("hookledger-{STAGE}-orders"), "IndexName": "work" }));
    assert_eq!(all.expect("an answer")["Count"], Value::from(10), "nothing else is indexed");
}

/// A row with the longest list stays far below the store's limit of 400 KB, and each write of it is billed by the kilobyte.
#[tokio::test(start_paused = true)]
async fn longest_list_of_anomalies_fits_in_a_row() {
    let long = |n: usize| Flag {
        anomaly: Anomaly {
            reason: Reason::MerchantMismatch,
            details: format!("{n:0>256}"),
            payment: Some(RefusedPayment {
                by: reference(&format!("{n:0>128}")),
                money: money(u64::MAX, "USD"),
                pays_for: PaysFor::Period,
                is_confirmed: false,
            }),
        },
        resolution: Resolution::Accepted,
    };
    let world = World::new();
    let unlisted = (0..u32::try_from(UNLISTED_MAX).expect("a few")).map(|n| u32::MAX - n);
    let flags = (0..LISTED_MAX).map(long).collect();
    let anomalies = Anomalies::of_kept(flags, unlisted.collect()).expect("within the limit");
    write(&world, "made", Order { anomalies, ..plain("N1") }.created()).await.expect("written");
    let read = json!({ "TableName": format!("hookledger-{STAGE}-orders"), "Key": { "id": { "S": "N1" } } });
    let row = world.engine.request("GetItem", &read).expect("an answer")["Item"].to_string();
    assert!(row.len() < 50_000, "{} bytes as JSON", row.len());
}
