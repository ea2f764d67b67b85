//! Every route by every key: a caller who may not see an account cannot tell whether it is there.

use testkit::{Shape, service_key};

use super::*;

const NOT_FOUND: (u16, &str) = (404, r#"{"error":"account_not_found","message":"No such account."}"#);
const UNAUTHORIZED: &str =
    r#"{"error":"unauthorized","message":"The API key is missing or unknown: Authorization: Bearer <key>."}"#;

/// The status of each route by each key, for alice, for an owner without an account, and for a name that none can have.
const TABLE: &str = "
key-of-alice  200  200 404 404  200 404 404
key-of-bob    200  404 404 404  404 404 404
key-of-carol  200  404 404 404  404 404 404
hs_read       403  200 404 404  200 200 404
hs_grant      403  403 403 404  403 403 404
hs_spend      403  403 403 404  403 403 404
hs_orders     403  403 403 404  403 403 404
hs_keys       403  403 403 404  403 403 404
hs_admin      403  200 404 404  200 200 404
hs_old        401  401 401 401  401 401 401
hs_unknown    401  401 401 401  401 401 401
unknown       401  401 401 401  401 401 401
-             401  401 401 401  401 401 401
";

const PATHS: [&str; 7] = [
    "/v1/account",
    "/v1/accounts/alice",
    "/v1/accounts/nobody-here",
    "/v1/accounts/a%23b",
    "/v1/accounts/alice/statement",
    "/v1/accounts/nobody-here/statement",
    "/v1/accounts/%ff/statement",
];

#[tokio::test(start_paused = true)]
async fn caller_sees_what_its_key_allows() {
    let world = world().await;
    let before = world.books();
    let mut count = 0;
    for row in TABLE.trim().lines() {
        let mut words = row.split_whitespace();
        let key = words.next().expect("a key");
        let statuses: Vec<u16> = words.map(|status| status.parse().expect("a status")).collect();
        assert_eq!(statuses.len(), PATHS.len(), "{row}");
        for (path, status) in PATHS.into_iter().zip(statuses) {
            let sent = if key == "-" { Sent::get(path, "") } else { get(path, "", key) };
            for method in ["GET", "HEAD"] {
                let reply = at(&world, Sent { method, ..sent.clone() }, now()).await;
                assert_eq!(reply.status, status, "{method} {path} by {key}: {}", reply.body);
                match status {
                    404 => assert_eq!((reply.status, reply.body.as_str()), NOT_FOUND, "{path} by {key}"),
                    401 => assert_eq!(reply.body, UNAUTHORIZED, "{path} by {key}"),
                    _ => {}
                }
                count += 1;
            }
        }
    }
    assert_eq!((count, world.books()), (13 * 7 * 2, before));
}

#[tokio::test(start_paused = true)]
async fn refusal_names_the_scope_that_is_missing() {
    let world = world().await;
    let rows = [
        (
            "/v1/account",
            "hs_admin",
            r#"{"error":"owner_key_needed","message":"A service key has no account of its own: name an owner, /v1/accounts/{owner}."}"#,
        ),
        ("/v1/accounts/alice", "hs_spend", r#"{"error":"scope_missing","message":"This key lacks the scope read."}"#),
    ];
    for (path, key, body) in rows {
        assert_eq!(at(&world, get(path, "", key), now()).await.body, body);
    }
}

/// A warm function remembers a live key for a minute, and never that a key is unknown.
#[tokio::test(start_paused = true)]
async fn revoked_key_works_for_a_minute_at_most() {
    let world = world().await;
    let function = function(world.ledger(1));
    let answer = async |key: &str, seconds: i64| {
        let event = get("/v1/accounts/alice", "", key).event(Shape::HttpApi);
        function.answer(&event, &moment_at(1, now().plus_seconds(seconds))).await.status
    };
    assert_eq!(answer("hs_new", 0).await, 401);
    service_key(&world.ledger(0), "new", "read").await;
    assert_eq!(answer("hs_new", 0).await, 200);
    revoke_service_key(&world.ledger(0), "new").await;
    assert_eq!((answer("hs_new", 59).await, answer("hs_new", 60).await), (200, 401));
}

/// An owner whose name has a character that a URL reserves.
#[tokio::test(start_paused = true)]
async fn owner_in_the_path_is_decoded() {
    let world = world().await;
    committed(&world, &credit("dora@example.com", "c9", "3", None), 0).await;
    for path in ["/v1/accounts/dora@example.com", "/v1/accounts/dora%40example.com"] {
        assert_eq!(shown(&world, path, "", "hs_read", now()).await["balance"], "3", "{path}");
    }
}
