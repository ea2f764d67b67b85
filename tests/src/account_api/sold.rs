//! What is sold, as any key sees it.

use catalog::{Catalog, SHIPPED};

use super::holds::{body_of, sent};
use super::*;

const PATH: &str = "/v1/catalog";

/// Every product of the catalog with its price and what it gives, and nothing that only the shop may know.
#[tokio::test(start_paused = true)]
async fn catalog_shows_what_a_buyer_may_know() {
    let world = world().await;
    let shown = shown(&world, PATH, "", "key-of-carol", now()).await;
    let products = shown["products"].as_array().expect("products");
    assert_eq!(products.len(), Catalog::parse(SHIPPED).expect("valid").products().count());
    let product = |id: &str| products.iter().find(|product| product["id"] == id).expect(id).clone();
    assert_eq!(
        product("credits-100"),
        json!({
            "id": "credits-100", "names": { "en": "100 credits", "zh": "100 点数" },
            "price": { "amount": "9.99", "currency": "USD" }, "quantityMax": 100, "providers": ["stripe"],
            "grants": [{ "credits": "100" }],
        })
    );
    assert_eq!(
        [&product("pro-monthly")["every"], &product("pro-monthly")["grants"]],
        [&json!("month"), &json!([{ "credits": "500", "eachPeriod": true }])]
    );
    assert_eq!(
        product("posx-10")["grants"],
        json!([{ "token": { "code": "POSX", "amount": "10", "toWallet": true } }])
    );
    assert_eq!(product("posx-10")["quantityMax"], 1_000);
    let airtime = product("unitel-sd5000");
    assert_eq!(
        [&airtime["price"], &airtime["chargedIn"], &airtime["grants"]],
        [
            &json!({ "amount": "5000.00", "currency": "MNT" }),
            &json!("CNY"),
            &json!([{ "topUp": { "operator": "UNITEL", "kind": "VOICE", "code": "SD5000" } }])
        ]
    );
    let model = |name: &str| {
        let models = shown["models"].as_array().expect("models");
        models.iter().find(|model| model["model"] == name).expect(name).clone()
    };
    // In credits, with the markup: 2.50 USD at 100 credits, and a fifth more.
    assert_eq!(
        model("gpt-4o*"),
        json!({ "model": "gpt-4o*", "perMillion": { "input": "300", "cachedInput": "150", "output": "1200" } })
    );
    assert_eq!(model("dall-e-3")["perImage"], "4.8");
    for private in
        ["markup", "Usd", "STRIPE_", "commission", "1000, 200", "alias", "fireblocks", "POSX_ETH", "referral"]
    {
        assert!(!shown.to_string().contains(private), "{private}");
    }
}

#[tokio::test(start_paused = true)]
async fn any_key_sees_the_catalog_and_none_does_not() {
    let world = world().await;
    let before = world.books();
    let live = ["key-of-alice", "hs_read", "hs_grant", "hs_spend", "hs_orders", "hs_keys", "hs_admin"];
    let all =
        live.map(|key| (key, 200)).into_iter().chain(["hs_old", "hs_unknown", "unknown", "-"].map(|key| (key, 401)));
    for (key, status) in all {
        for method in ["GET", "HEAD"] {
            let request = if key == "-" { Sent::get(PATH, "") } else { get(PATH, "", key) };
            assert_eq!(sent(&world, Sent { method, ..request }).await.status, status, "{method} by {key}");
        }
    }
    let refused = sent(&world, get(PATH, "lang=zh", "key-of-alice")).await;
    assert_eq!((refused.status, body_of(&refused)["error"].as_str()), (400, Some("unknown_parameter")));
    assert_eq!(world.books(), before);
}

#[tokio::test(start_paused = true)]
async fn fault_at_any_call_gives_the_catalog_or_503() {
    fault_leaves_one(world, || get(PATH, "", "key-of-alice"), 200, 1).await;
}
