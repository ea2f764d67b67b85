//! A statement by page: each line once, also while lines are being written; filters; CSV.

use std::collections::BTreeSet;

use super::*;

const PATH: &str = "/v1/accounts/alice/statement";

/// The query of the next page, from the header `link`.
fn next(reply: &Reply) -> Option<String> {
    let link = header(reply, "link")?;
    let address = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\"")).expect("a link");
    let (path, query) = address.split_once('?').expect("a query");
    assert_eq!(path, PATH);
    Some(query.to_owned())
}

/// All pages that follow from this query, and what is done after each page.
async fn pages(world: &World, query: &str, accept: &str, mut between: impl AsyncFnMut(u32)) -> Vec<Reply> {
    let (mut pages, mut query) = (Vec::new(), Some(query.to_owned()));
    while let Some(asked) = query {
        let sent = get(PATH, &asked, "key-of-alice").with("accept", accept);
        let page = at(world, sent, now()).await;
        assert_eq!(page.status, 200, "{asked}: {}", page.body);
        between(u32::try_from(pages.len()).expect("few")).await;
        query = next(&page);
        pages.push(page);
    }
    pages
}

fn lines(pages: &[Reply]) -> Vec<(String, String, String)> {
    let page = |reply: &Reply| -> Value { serde_json::from_str(&reply.body).expect("JSON") };
    let text = |line: &Value, name: &str| line[name].as_str().expect("a text").to_owned();
    let of_page = |reply: &Reply| {
        let page = page(reply);
        let lines = page["lines"].as_array().expect("lines").iter();
        lines.map(|line| (text(line, "id"), text(line, "amount"), text(line, "time"))).collect::<Vec<_>>()
    };
    pages.iter().flat_map(of_page).collect()
}

/// Forty lines, of which each ten have one time.
async fn world_with_lines() -> World {
    let world = world().await;
    for number in 0..40 {
        committed(&world, &used("alice", &format!("e{number:02}"), "0.01"), 10 * (number / 10)).await;
    }
    world
}

#[tokio::test(start_paused = true)]
async fn pages_have_each_line_once_while_lines_are_written() {
    for limit in [1, 7, 10, 40, 41, 100] {
        let world = world_with_lines().await;
        let query = format!("limit={limit}");
        let pages = pages(&world, &query, "application/json", async |page| {
            // A newer line, and one of another owner.
            committed(&world, &used("alice", &format!("new{page}"), "0.001"), 60).await;
            committed(&world, &used("bob", &format!("bob{page}"), "0.001"), 0).await;
        })
        .await;
        let lines = lines(&pages);
        let ids: BTreeSet<&str> = lines.iter().map(|(id, ..)| id.as_str()).collect();
        let expected: BTreeSet<String> =
            (0..40).map(|number| format!("usage#e{number:02}")).chain(["manual#c1".to_owned()]).collect();
        assert_eq!(lines.len(), 41, "{limit}");
        assert_eq!(ids, expected.iter().map(String::as_str).collect(), "{limit}");
        assert!(lines.windows(2).all(|pair| pair[0].2 >= pair[1].2), "the newest first");
        assert!(pages.iter().all(|page| page.body.contains(r#""account":"alice/credits""#)));
    }
}

#[tokio::test(start_paused = true)]
async fn filters_select_lines() {
    let world = world_with_lines().await;
    let time = |seconds: i64| now().plus_seconds(seconds).to_string().replace(':', "%3A");
    let rows = [
        (String::new(), 41),
        ("kind=usage&limit=6".to_owned(), 40),
        ("kind=credit&limit=6".to_owned(), 1),
        ("kind=refund".to_owned(), 0),
        (format!("from={}", time(20)), 20),
        (format!("to={}", time(20)), 21),
        (format!("from={}&to={}&limit=3", time(10), time(20)), 10),
        (format!("from={}&to={}", time(10), time(10)), 0),
        (format!("from={}", time(31)), 0),
        ("to=1970-01-01T00%3A00%3A00Z".to_owned(), 0),
        ("asset=POSX".to_owned(), 0),
        ("asset=credits".to_owned(), 41),
    ];
    for (query, expected) in rows {
        let found = lines(&pages(&world, &query, "*/*", async |_| {}).await);
        let ids: BTreeSet<&String> = found.iter().map(|(id, ..)| id).collect();
        assert_eq!((found.len(), ids.len()), (expected, expected), "{query}");
    }
}

#[tokio::test(start_paused = true)]
async fn pages_of_csv_are_one_file() {
    let world = world().await;
    committed(&world, &used("alice", "e,1", "0.5"), 10).await;
    committed(&world, &used("alice", "=\"2\"", "0.25"), 20).await;
    for (accept, limit) in [("text/csv", 1), ("application/json;q=0.5, Text/CSV; charset=utf-8", 100)] {
        let query = format!("limit={limit}");
        let pages = pages(&world, &query, accept, async |_| {}).await;
        assert!(pages.iter().all(|page| header(page, "content-type") == Some("text/csv; charset=utf-8")));
        let file: String = pages.iter().map(|page| page.body.as_str()).collect();
        let [first, second, third] = [0, 10, 20].map(|seconds| now().plus_seconds(seconds));
        let expected = format!(
            "time,kind,amount,asset,id\r\n{third},usage,-0.25,credits,\"usage#=\"\"2\"\"\"\r\n\
             {second},usage,-0.5,credits,\"usage#e,1\"\r\n{first},credit,10,credits,manual#c1\r\n"
        );
        assert_eq!(file, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn invalid_query_is_refused() {
    let world = world_with_lines().await;
    let first = at(&world, get(PATH, "limit=1", "key-of-alice"), now()).await;
    let next = next(&first).expect("more");
    let cursor = next.split_once("cursor=").expect("a cursor").1.to_owned();
    let early = format!("to=2026-01-01T00%3A00%3A05Z&cursor={cursor}");
    let rows = [
        ("limit=0", "limit_invalid"),
        ("limit=1001", "limit_invalid"),
        ("limit=+1", "limit_invalid"),
        ("limit=%2B1", "limit_invalid"),
        ("limit=1.0", "limit_invalid"),
        ("limit=", "limit_invalid"),
        ("from=yesterday", "from_invalid"),
        ("from=2026-01-01", "from_invalid"),
        ("to=", "to_invalid"),
        ("asset=gold", "unknown_asset"),
        ("asset=", "unknown_asset"),
        ("kind=", "kind_invalid"),
        ("kind=Usage", "kind_invalid"),
        ("cursor=", "cursor_invalid"),
        ("cursor=abc", "cursor_invalid"),
        (early.as_str(), "cursor_invalid"),
        ("limit=1&limit=1", "duplicate_parameter"),
        ("page=2", "unknown_parameter"),
        ("limit=%", "query_invalid"),
    ];
    for (query, code) in rows {
        let reply = at(&world, get(PATH, query, "key-of-alice"), now()).await;
        let body: Value = serde_json::from_str(&reply.body).expect("JSON");
        assert_eq!((reply.status, body["error"].as_str()), (400, Some(code)), "{query}: {}", reply.body);
    }
    for query in ["other=1", "asset=credits&asset=credits", "asset=gold", "limit=5"] {
        assert_eq!(at(&world, get("/v1/account", query, "key-of-alice"), now()).await.status, 400, "{query}");
    }
}

/// A cursor names a place, and never whose: with it, an owner sees no line of another.
#[tokio::test(start_paused = true)]
async fn cursor_of_another_owner_shows_own_lines_alone() {
    let world = world_with_lines().await;
    let first = at(&world, get(PATH, "limit=1", "key-of-alice"), now()).await;
    let query = next(&first).expect("more");
    let own = at(&world, get("/v1/accounts/bob/statement", &query, "key-of-bob"), now()).await;
    assert_eq!(own.status, 200, "{}", own.body);
    assert!(!own.body.contains("usage#e"), "{}", own.body);
}
