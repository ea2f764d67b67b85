//! Every route of every function: HEAD, other methods, and bodies and queries over their limits, as the function's document specifies.
//! `cli/tests/stack/routes.rs` has the same checks for the stack over HTTP.

use std::collections::BTreeSet;
use std::fs;
use std::rc::Rc;

use api::Api;
use chat::ChatApi;
use checkout::Checkout;
use credits::Credits;
use edge::{Reply, Route, Service};
use epay::Epay;
use fireblocks::Fireblocks;
use futures_util::future::LocalBoxFuture;
use ledger::{CallerKey, Holds as _, KeyId};
use litellm::Litellm;
use openrouter::Openrouter;
use orders::Orders;
use stripe::Stripe;
use testkit::{OpenAiNet, Sent, Shape, StripeNet, World, api_key, service_key};
use usage::Usage;
use wechat::Wechat;

use crate::house::root;
use crate::policies::runs;
use crate::sandbox::{Sender, invocation};
use crate::templates::{FUNCTIONS, app, entry};

const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];
const QUERY_BYTES_MAX: usize = 8 * 1024;
/// These routes read no body, and so refuse none.
const WITHOUT_BODY: [&str; 8] = [
    "/api/webhooks/health",
    "/payment/health",
    "/payment/status",
    "/health",
    "/v1/openapi.json",
    "/me",
    "/me/page.css",
    "/me/page.js",
];
const ORDERS: &str = "orders";
const API: &str = "api";
const CHAT: &str = "chat";
/// On these routes GET books an event.
const BOOKING: [&str; 2] = ["/payment/notify", "/payment/return"];

type Answer = Box<dyn Fn(String) -> LocalBoxFuture<'static, Reply>>;

/// A function, and the replies in its document.
struct Documented {
    document: String,
    routes: BTreeSet<(&'static str, &'static str)>,
    body_bytes_max: usize,
    /// The route that takes more, and how much.
    batch: Option<(&'static str, usize)>,
    /// The size limit as the document writes it.
    limit: &'static str,
    /// The replies to another method and to a longer body.
    refusals: [&'static str; 2],
    answer: Answer,
}

impl Documented {
    fn source<W: Sender>(function: impl Service + 'static, limit: &'static str, refusals: [&'static str; 2]) -> Self {
        let answer = answer(function);
        let (routes, body_bytes_max) = (of(W::ROUTES), W::BODY_BYTES_MAX);
        let batch = W::ROUTES.iter().find_map(|route| match &route.endpoint {
            webhook::Endpoint::Batch(form) => Some((route.path, form.bytes_max)),
            webhook::Endpoint::Foreign(form) => Some((route.path, form.bytes_max)),
            webhook::Endpoint::Event
            | webhook::Endpoint::Page(_)
            | webhook::Endpoint::Health(_)
            | webhook::Endpoint::Status(_) => None,
        });
        let document = format!("providers/{}", W::SOURCE.as_str());
        Self { document, routes, body_bytes_max, batch, limit, refusals, answer }
    }

    fn api<A: Api>(document: &str, function: impl Service + 'static, limit: &'static str) -> Self {
        let refusals = [
            r#"{"error":"method_not_allowed","message":"No such method at this path."}"#,
            r#"{"error":"body_too_large","message":"The body is too large."}"#,
        ];
        let (answer, routes) = (answer(function), of(A::ROUTES));
        let document = document.to_owned();
        Self { document, routes, body_bytes_max: A::BODY_BYTES_MAX, batch: None, limit, refusals, answer }
    }

    /// Its refusals have OpenAI's form.
    async fn chat(world: &World) -> Self {
        let shop = crate::chat::Shop { world: world.clone(), net: OpenAiNet::default() };
        let function = Rc::new(shop.chat(world.ledger(1), 1, &[]).await);
        let answer: Answer = Box::new(move |event| {
            let function = Rc::clone(&function);
            Box::pin(async move { crate::chat::reply_at(&function, 1, 0, &event).await })
        });
        let refusals = [
            r#"{"error":{"message":"No such method at this path.","type":"invalid_request_error","param":null,"code":"method_not_allowed"}}"#,
            r#"{"error":{"message":"The body is too large.","type":"invalid_request_error","param":null,"code":"body_too_large"}}"#,
        ];
        let body_bytes_max = ChatApi::BODY_BYTES_MAX;
        let (document, routes) = (CHAT.to_owned(), of(chat::ROUTES));
        Self { document, routes, body_bytes_max, batch: None, limit: "1 MiB", refusals, answer }
    }

    fn paths(&self) -> BTreeSet<&'static str> {
        self.routes.iter().map(|(_, path)| *path).collect()
    }

    fn methods(&self, path: &str) -> Vec<&'static str> {
        self.routes.iter().filter(|(_, at)| *at == path).map(|(method, _)| *method).collect()
    }

    async fn reply_to(&self, sent: &Sent<'_>) -> Reply {
        (self.answer)(sent.event(Shape::HttpApi)).await
    }
}

fn of<E>(routes: &'static [Route<E>]) -> BTreeSet<(&'static str, &'static str)> {
    routes.iter().map(|route| (route.method, route.path)).collect()
}

fn answer(function: impl Service + 'static) -> Answer {
    let function = Rc::new(function);
    Box::new(move |event| {
        let function = Rc::clone(&function);
        Box::pin(async move { function.answer(&event, &invocation(1)).await })
    })
}

/// All functions with routes, over this ledger.
async fn functions(world: &World, net: &StripeNet) -> Vec<Documented> {
    let ledger = || world.ledger(1);
    let of_providers = [r#"{"error":"Method not allowed"}"#, r#"{"error":"Payload too large"}"#];
    let of_usage =
        [r#"{"success":false,"message":"Method not allowed"}"#, r#"{"success":false,"message":"Payload too large"}"#];
    // A request that is neither signed nor XML is parsed as a CloudRun callback.
    let of_wechat =
        [r#"{"errcode":405,"errmsg":"Method not allowed"}"#, r#"{"errcode":413,"errmsg":"Payload too large"}"#];
    vec![
        Documented::source::<Usage>(Usage::function(ledger()).await, "64 KiB", of_usage),
        Documented::source::<Litellm>(Litellm::function(ledger()).await, "6 MiB", of_usage),
        Documented::source::<Openrouter>(Openrouter::function(ledger()).await, "6 MiB", of_usage),
        Documented::source::<Stripe>(Stripe::function(ledger()).await, "1 MiB", of_providers),
        Documented::source::<Wechat>(Wechat::function(ledger()).await, "64 KiB", of_wechat),
        Documented::source::<Epay>(Epay::function(ledger()).await, "8 KiB", ["fail", "fail"]),
        Documented::source::<Fireblocks>(Fireblocks::function(ledger()).await, "1 MiB", of_providers),
        Documented::api::<Orders>(ORDERS, api::Function { api: runs::orders(), ledger: ledger() }, "8 KiB"),
        Documented::api::<Checkout>(
            ORDERS,
            api::Function { api: runs::checkout(net).await, ledger: ledger() },
            "4 KiB",
        ),
        Documented::api::<Credits>(API, api::Function { api: runs::credits(), ledger: ledger() }, "4 KiB"),
        Documented::chat(world).await,
    ]
}

fn stripe_net() -> StripeNet {
    StripeNet::new(fakes::Stripe::new("https://pay.invalid", false, "s"))
}

fn sent<'r>(method: &'r str, path: &'r str, body: &'r [u8]) -> Sent<'r> {
    let key = if path.starts_with("/v1/codes") { "hs_shop" } else { "key-of-alice" };
    Sent { method, ..Sent::post(path, body) }.with("authorization", format!("Bearer {key}"))
}

fn header<'r>(reply: &'r Reply, name: &str) -> Option<&'r str> {
    reply.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

async fn books() -> World {
    let world = World::new();
    api_key(&world.ledger(0), "alice", "key-of-alice").await;
    service_key(&world.ledger(0), "shop", "admin").await;
    world
}

#[test]
fn routes_are_the_same_in_the_template_and_in_the_code() {
    let app = app();
    for function in FUNCTIONS {
        let entry = entry(&app, function.name);
        let declared: BTreeSet<_> =
            entry.routes.iter().map(|route| (route.method.as_str(), route.path.as_str())).collect();
        // An HTTP API matches `/orders/` with the route `/orders`, and the function sees the slash. A route that ends in a slash either
        // fails the deployment or is silently missing.
        assert!(declared.iter().all(|(_, path)| !path.ends_with('/')), "{}: {declared:?}", function.name);
        let mut in_code: BTreeSet<_> =
            (function.routes)().into_iter().map(|(method, path)| (method, path.trim_end_matches('/'))).collect();
        // Where GET books, only the template has a HEAD route, and the function refuses it.
        let read: Vec<_> = in_code.iter().filter(|(method, _)| *method == "GET").map(|(_, path)| *path).collect();
        in_code.extend(read.into_iter().map(|path| ("HEAD", path)));
        assert_eq!(in_code, declared, "{}", function.name);
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_method_gives_405_with_an_allow_header() {
    let (world, net) = (books().await, stripe_net());
    let before = world.books();
    let mut count = 0;
    for function in functions(&world, &net).await {
        for path in function.paths() {
            let allowed = function.methods(path);
            for method in METHODS.into_iter().filter(|method| !allowed.contains(method)) {
                let at = path
                    .replace("{number}", "hk_1")
                    .replace("{orderNumber}", "hk_1")
                    .replace("{owner}", "alice")
                    .replace("{campaign}", "spring")
                    .replace("{id}", "hk_1");
                let reply = function.reply_to(&sent(method, &at, b"")).await;
                assert_eq!((reply.status, reply.body.as_str()), (405, function.refusals[0]), "{method} {path}");
                assert_eq!(header(&reply, "allow"), Some(allowed.join(", ").as_str()), "{method} {path}");
                count += 1;
            }
        }
    }
    assert!(count > 100, "{count}");
    assert_eq!(world.books(), before);
}

#[tokio::test(start_paused = true)]
async fn only_a_body_over_the_limit_gives_413() {
    let (world, net) = (books().await, stripe_net());
    let before = world.books();
    for function in functions(&world, &net).await {
        for &(method, path) in &function.routes {
            let of_batch = function.batch.filter(|(at, _)| *at == path).map(|(_, bytes_max)| bytes_max);
            let too_long = vec![b'x'; of_batch.unwrap_or(function.body_bytes_max) + 1];
            let at = path
                .replace("{number}", "hk_1")
                .replace("{orderNumber}", "hk_1")
                .replace("{owner}", "alice")
                .replace("{campaign}", "spring")
                .replace("{id}", "hk_1");
            let at_limit = function.reply_to(&sent(method, &at, &too_long[1..])).await;
            assert_ne!(at_limit.status, 413, "{method} {path}");
            for base64 in [false, true] {
                let reply = function.reply_to(&Sent { base64, ..sent(method, &at, &too_long) }).await;
                if WITHOUT_BODY.contains(&path) {
                    assert_eq!(reply.status, 200, "{method} {path}");
                } else if path == "/payment/return" {
                    assert_eq!((reply.status, reply.body.contains("<!doctype html>")), (413, true), "{method} {path}");
                } else {
                    assert_eq!((reply.status, reply.body.as_str()), (413, function.refusals[1]), "{method} {path}");
                }
            }
        }
    }
    assert_eq!(world.books(), before);
}

#[tokio::test(start_paused = true)]
async fn only_a_query_over_the_limit_gives_413() {
    let (world, net) = (books().await, stripe_net());
    let (longest, too_long) = ("x".repeat(QUERY_BYTES_MAX), "x".repeat(QUERY_BYTES_MAX + 1));
    for function in functions(&world, &net).await {
        for &(method, path) in &function.routes {
            let at = path
                .replace("{number}", "hk_1")
                .replace("{orderNumber}", "hk_1")
                .replace("{owner}", "alice")
                .replace("{campaign}", "spring")
                .replace("{id}", "hk_1");
            let with = |query| Sent { query, ..sent(method, &at, b"") };
            let at_limit = function.reply_to(&with(&longest)).await.status;
            let beyond = function.reply_to(&with(&too_long)).await.status;
            assert_ne!(at_limit, 413, "{method} {path}");
            let is_read = ![ORDERS, API, CHAT].contains(&function.document.as_str()) && !WITHOUT_BODY.contains(&path);
            assert_eq!(beyond, if is_read { 413 } else { at_limit }, "{method} {path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn head_gives_the_status_and_headers_of_get() {
    let (world, net) = (books().await, stripe_net());
    crate::sandbox::top_up(&world, "for-a-hold", "alice", "1").await;
    crate::codes::make(&world, 7, 1, None).await;
    let hold = crate::holds::hold_of("alice", "hk_1", "1", None, None);
    world.ledger(0).open_hold(&hold, &testkit::context(1)).await.expect("a hold");
    let functions = functions(&world, &net).await;
    let orders = functions.iter().find(|function| function.methods("/orders").contains(&"POST")).expect("orders");
    let made = orders.reply_to(&sent("POST", "/orders", br#"{"product":"credits-100"}"#)).await;
    let number = made.body.split('"').nth(3).expect("a number");
    let before = world.books();
    let mut read = 0;
    for function in &functions {
        for path in function.paths().into_iter().filter(|path| function.methods(path).contains(&"GET")) {
            if BOOKING.contains(&path) {
                assert!(!function.methods(path).contains(&"HEAD"), "{path}");
                continue;
            }
            for number in [number, "hk_none"] {
                let [owner, hold, campaign] =
                    if number == "hk_none" { [number; 3] } else { ["alice", "hk_1", "spring"] };
                let key = KeyId::Owner(CallerKey::api("key-of-alice")).to_string();
                let id = if path.starts_with("/v1/keys") && number != "hk_none" { key.as_str() } else { hold };
                let at = path.replace("{number}", number).replace("{owner}", owner).replace("{id}", id);
                let at = at.replace("{campaign}", campaign);
                let [get, head] = [sent("GET", &at, b""), sent("HEAD", &at, b"")];
                let [get, head] = [function.reply_to(&get).await, function.reply_to(&head).await];
                let status = if at.contains("hk_none") { 404 } else { 200 };
                assert_eq!((get.status, head.status), (status, status), "{at}");
                assert_eq!(head.headers, get.headers, "{at}");
                read += 1;
            }
        }
    }
    assert_eq!((read, world.books()), (44, before));
}

/// Requests that would book, open or create something by GET or POST.
#[tokio::test(start_paused = true)]
async fn head_has_no_effect() {
    let (world, net) = (crate::epay::shop().await, stripe_net());
    api_key(&world.ledger(0), "alice", "key-of-alice").await;
    let before = world.books();
    let notification = crate::epay::notification();
    let product: &[u8] = br#"{"product":"credits-100"}"#;
    for function in functions(&world, &net).await {
        for path in function.paths() {
            let head = Sent { query: &notification, ..sent("HEAD", path, product) };
            let reply = function.reply_to(&head.with("content-type", "application/json")).await;
            let is_refused = !function.methods(path).contains(&"HEAD");
            assert_eq!(reply.status == 405, is_refused, "{path}");
            assert_eq!(world.books(), before, "{path}");
        }
    }
    assert_eq!(net.open().len(), 0, "a page was opened");
    // The same request by GET books.
    for function in functions(&world, &net).await.iter().filter(|function| function.paths().contains("/payment/notify"))
    {
        let booked = function.reply_to(&Sent::get("/payment/notify", &notification)).await;
        assert_eq!((booked.status, booked.body.as_str()), (200, "success"));
    }
    assert_ne!(world.books(), before);
}

#[tokio::test(start_paused = true)]
async fn documents_list_the_refused_methods_and_sizes() {
    let (world, net) = (books().await, stripe_net());
    for function in functions(&world, &net).await {
        for language in ["md", "zh.md"] {
            let file = format!("docs/{}.{language}", function.document);
            let text = fs::read_to_string(root().join(&file)).expect("a document");
            let mentions =
                |status: &str, what: &str| text.lines().any(|line| line.contains(status) && line.contains(what));
            assert!(mentions("405", "`Allow`"), "{file}");
            assert!(mentions("413", function.limit), "{file}: {}", function.limit);
            assert!(mentions("HEAD", "405") || !function.paths().contains("/payment/notify"), "{file}");
        }
    }
}
