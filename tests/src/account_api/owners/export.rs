//! An export has all of one owner, page after page, for those who may have it.

use ledger::Ledger as _;

use super::*;

/// All pages by this key.
async fn pages(world: &World, key: &str) -> Vec<Value> {
    let (mut pages, mut query) = (Vec::new(), String::new());
    loop {
        let sent = Sent { query: &query, ..Sent::post(EXPORT, b"") }.with("authorization", format!("Bearer {key}"));
        let reply = at(world, sent, now()).await;
        assert_eq!(reply.status, 200, "{query}: {}", reply.body);
        let page: Value = serde_json::from_str(&reply.body).expect("JSON");
        pages.push(page.clone());
        let Some(next) = page["next"].as_str() else { return pages };
        query = format!("cursor={next}");
    }
}

fn all<'p>(pages: &'p [Value], name: &str) -> Vec<&'p Value> {
    pages.iter().filter_map(|page| page[name].as_array()).flatten().collect()
}

#[tokio::test(start_paused = true)]
async fn export_has_all_of_one_owner() {
    let world = world_of_orders().await;
    for number in 0..25 {
        committed(&world, &spend("alice", &format!("s{number:02}"), "0.01"), 0).await;
    }
    committed(&world, &credit("alice", "dated", "4", Some(until(DAY))), 0).await;
    for name in ["h1", "h2"] {
        world.ledger(0).open_hold(&hold_of("alice", name, "1", None, None), &context(3)).await.expect("held");
    }
    world.ledger(0).open_hold(&hold_of("bob", "h3", "1", None, None), &context(3)).await.expect("held");
    let body = r#"{"kind":"owner","owner":"alice","name":"annas-phone","reason":"r"}"#;
    assert_eq!(sent(&world, post("/v1/keys", body, "hs_keys", "k1")).await.status, 201);
    let service = pages(&world, "hs_admin").await;
    assert_eq!(pages(&world, "key-of-alice").await, service, "her own key and the shop's get the same");
    let parts: Vec<&str> = service.iter().map(|page| page["part"].as_str().expect("a word")).collect();
    assert_eq!(parts, ["owner", "keys", "holds", "account", "orders"]);
    assert!(service.iter().all(|page| page["owner"] == "alice" && page["readAt"] == now().to_string()));
    assert_eq!(service[0]["drawnBy"], json!([]));
    let names: Vec<&Value> = all(&service, "keys").into_iter().map(|key| &key["name"]).collect();
    // Both were made at one moment.
    assert!(names.len() == 2 && names.contains(&&json!("annas-phone")), "{names:?}");
    let holds: Vec<&Value> = all(&service, "holds").into_iter().map(|hold| &hold["id"]).collect();
    assert_eq!(holds, ["h1", "h2"]);
    assert_eq!((&service[3]["asset"], &service[3]["account"]["held"]), (&json!("credits"), &json!("2")));
    assert_eq!(service[3]["account"]["lots"].as_array().map(Vec::len), Some(2));
    let shown_lines = shown(&world, "/v1/accounts/alice/statement", "limit=1000", "hs_read", now()).await;
    assert_eq!(service[3]["lines"], shown_lines["lines"]);
    let orders = all(&service, "orders");
    assert_eq!(orders.len(), 7, "{orders:?}");
    let of = |number: &str| orders.iter().find(|order| order["orderNumber"] == number).expect("an order");
    for (number, phone, wallet) in [
        ("HLPLAIN", json!(null), json!(null)),
        ("HLDONE", json!(PHONE), json!(null)),
        ("HLUNPAID", json!(PHONE), json!(null)),
        ("HLSENT", json!(null), json!(WALLET)),
    ] {
        assert_eq!((&of(number)["phone"], &of(number)["wallet"]), (&phone, &wallet), "{number}");
    }
    assert_eq!(of("HLSENT")["paymentId"], "pi_HLSENT");
    assert!(!format!("{service:?}").contains("HLBOB"));
}

/// Lines of every page together are the statement, also while lines are written.
#[tokio::test(start_paused = true)]
async fn pages_of_lines_have_each_line_once() {
    let world = world().await;
    for number in 0..2_100 {
        committed(&world, &spend("alice", &format!("s{number:04}"), "0.001"), 0).await;
    }
    let (mut query, mut ids, mut written) = (String::new(), Vec::new(), 0);
    loop {
        let sent = Sent { query: &query, ..Sent::post(EXPORT, b"") }.with("authorization", "Bearer hs_admin");
        let page = body_of(&at(&world, sent, now()).await);
        let lines = page["lines"].as_array().cloned().unwrap_or_default();
        ids.extend(lines.iter().map(|line| line["id"].as_str().expect("an id").to_owned()));
        committed(&world, &spend("alice", &format!("later{written}"), "0.001"), 0).await;
        written += 1;
        let Some(next) = page["next"].as_str() else { break };
        query = format!("cursor={next}");
    }
    let once: std::collections::BTreeSet<&String> = ids.iter().collect();
    assert_eq!(once.len(), ids.len(), "none is repeated");
    assert!((0..2_100).all(|number| once.contains(&format!("manual#s{number:04}"))), "none is lost");
}

/// Each key, and what it gets of alice, of bob, of an owner who is not there, and of a name that none can have.
const TABLE: &str = "
key-of-alice  200 404 404 404
key-of-bob    404 200 404 404
key-of-carol  404 404 404 404
hs_admin      200 200 200 404
hs_read       403 403 403 404
hs_grant      403 403 403 404
hs_spend      403 403 403 404
hs_orders     403 403 403 404
hs_keys       403 403 403 404
hs_old        401 401 401 401
hs_unknown    401 401 401 401
unknown       401 401 401 401
";

#[tokio::test(start_paused = true)]
async fn only_the_owner_and_an_administrator_get_an_export() {
    let world = world_of_orders().await;
    let before = world.books();
    for row in TABLE.trim().lines() {
        let [key, statuses @ ..] = &row.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{row}") };
        for (owner, status) in ["alice", "bob", "nemo", "a%23b"].into_iter().zip(statuses) {
            let path = format!("/v1/owners/{owner}/export");
            for query in ["", "cursor=b3JkZXJz"] {
                let sent = Sent { query, ..Sent::post(&path, b"") }.with("authorization", format!("Bearer {key}"));
                let reply = at(&world, sent, now()).await;
                assert_eq!(reply.status.to_string(), **status, "{owner} by {key}: {}", reply.body);
                let is_hers = reply.body.contains(PHONE) || reply.body.contains(WALLET);
                assert!(!is_hers || ["key-of-alice", "key-of-bob", "hs_admin"].contains(key), "{owner} by {key}");
                if reply.status == 404 {
                    assert_eq!(body_of(&reply)["error"], "account_not_found");
                }
            }
        }
    }
    assert_eq!(world.books(), before, "an export changes nothing");
}

#[tokio::test(start_paused = true)]
async fn invalid_query_is_refused() {
    let world = world().await;
    for (query, code) in [
        ("cursor=", "cursor_invalid"),
        ("cursor=x", "cursor_invalid"),
        // `bodies`
        ("cursor=Ym9kaWVz", "cursor_invalid"),
        ("limit=1", "unknown_parameter"),
        ("cursor=a&cursor=b", "duplicate_parameter"),
    ] {
        let sent = Sent { query, ..Sent::post(EXPORT, b"") }.with("authorization", "Bearer hs_admin");
        let reply = at(&world, sent, now()).await;
        assert_eq!((reply.status, &body_of(&reply)["error"]), (400, &json!(code)), "{query}");
    }
}

/// Who draws on her account, by whose key, and who referred her.
#[tokio::test(start_paused = true)]
async fn ties_to_other_owners_are_part_of_it() {
    let world = world().await;
    let ledger = world.ledger(0);
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| ledger::Owner::new(name).expect("an owner"));
    let key = ledger::CallerKey::api("key-of-bob");
    let bound = ledger.stored_key(&key, &context(1)).await.expect("read").expect("a key");
    let join = ledger::MemberChange::join(&key, &bound, &alice, None, now()).expect("joins");
    crate::sandbox::by_hand(&world, "join", vec![Effect::Member(Box::new(join))]).await;
    let refer = Effect::Refer { owner: alice.clone(), from: None, to: Some(carol) };
    crate::sandbox::by_hand(&world, "refer", vec![refer]).await;
    assert_eq!(
        ledger.referrer(&alice, &context(1)).await.expect("read").as_ref().map(ledger::Owner::as_str),
        Some("carol")
    );
    let of_alice = pages(&world, "key-of-alice").await;
    assert_eq!((&of_alice[0]["referrer"], &of_alice[0]["drawnBy"]), (&json!("carol"), &json!([key.short_id()])));
    let sent = Sent { query: "cursor=a2V5cw", ..Sent::post("/v1/owners/bob/export", b"") };
    let of_bob = body_of(&at(&world, sent.with("authorization", "Bearer key-of-bob"), now()).await);
    let draws = &of_bob["keys"][0]["draws"];
    assert_eq!((&draws[0]["payer"], &draws[0]["until"]), (&json!("alice"), &json!(null)), "{of_bob}");
    assert_eq!(bob.as_str(), of_bob["owner"]);
}

/// Each fault at each call of each part: the page, or 503.
#[tokio::test(start_paused = true)]
async fn fault_at_any_call_gives_the_page_or_503() {
    let world = world_of_orders().await;
    let before = world.books();
    // `keys`, `holds`, `account credits` and `orders`.
    let queries = ["", "cursor=a2V5cw", "cursor=aG9sZHM", "cursor=YWNjb3VudCBjcmVkaXRz", "cursor=b3JkZXJz"];
    let calls: [&[&str]; 5] = [
        &["GetItem", "GetItem", "GetItem", "Query", "BatchGetItem"],
        &["Query", "BatchGetItem", "BatchGetItem"],
        &["Query"],
        &["BatchGetItem", "Query"],
        &["Query", "BatchGetItem"],
    ];
    let (ledger, faults) = world.faulty(1, |_, _| Fault::None);
    let function_of_calls = function(ledger);
    let mut made = 0;
    for (query, expected_calls) in queries.into_iter().zip(calls) {
        let sent = || Sent { query, ..Sent::post(EXPORT, b"") }.with("authorization", "Bearer key-of-alice");
        let expected = at(&world, sent(), now()).await;
        assert_eq!(expected.status, 200, "{}", expected.body);
        function_of_calls.answer(&sent().event(Shape::HttpApi), &invocation(1)).await;
        let recorded = faults.calls();
        let new: Vec<&str> = recorded[made..].iter().map(|call| call.operation.as_str()).collect();
        assert_eq!(new, expected_calls, "{query}");
        made = recorded.len();
        for fault in Fault::ALL {
            for call in 0..6 {
                let (ledger, faults) = world.faulty(1, move |at, _| if at == call { fault } else { Fault::None });
                let function = function(ledger);
                let event = sent().event(Shape::HttpApi);
                let invocation = invocation(2);
                let reply = tokio::select! {
                    biased;
                    reply = function.answer(&event, &invocation) => Some(reply),
                    () = faults.killed() => None,
                };
                let Some(reply) = reply else { continue };
                let is_given = (reply.status, &reply.body) == (200, &expected.body);
                let is_unavailable = reply.status == 503 && header(&reply, "retry-after") == Some("2");
                assert!(is_given || is_unavailable, "{query}, {fault:?} at {call}: {} {}", reply.status, reply.body);
            }
        }
    }
    assert_eq!(world.books(), before);
}
