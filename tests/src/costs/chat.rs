//! The cost of a chat, whole and as a stream.

use testkit::NetFault;

use super::meter::Meter;
use super::{Path, path};
use crate::chat::{Shop, post, reply_at, request, streamed};

pub(super) async fn of_chat() -> Vec<Path> {
    let shop = Shop::new("10").await;
    let (ledger, meter) = Meter::new(&shop.world);
    let chat = shop.chat(ledger, 1, &[]).await;
    shop.net.fail(meter.of_provider("upstream"));
    let mut paths = Vec::new();
    let rows = [
        ("chat: the first answer of a new sandbox", request("hello"), 200),
        ("chat: a whole answer", request("hello"), 200),
        ("chat: a stream", streamed("hello"), 200),
        ("chat: a request that the upstream refuses", request("fail-400"), 400),
    ];
    for (attempt, (name, body, status)) in (1..).zip(rows) {
        let event = post(&body);
        let (reply, cost) = meter.count(reply_at(&chat, attempt, 0, &event)).await;
        assert_eq!(reply.status, status, "{name}: {}", reply.body);
        paths.push(path(name, cost));
    }
    let mut body = request("hello");
    body["max_tokens"] = 16_384.into();
    body["messages"][0]["content"] = "x".repeat(100_000).into();
    let event = post(&body);
    let (reply, cost) = meter.count(reply_at(&chat, 9, 0, &event)).await;
    assert_eq!(reply.status, 402, "{}", reply.body);
    paths.push(path("chat: a request that its owner cannot pay", cost));
    shop.net.fail(|_, _| NetFault::None);
    paths
}
