//! Tests of the published keys: the rate of fetches, their age limit, and the cache that later sandboxes share.

use std::sync::{Arc, Mutex};

use edge::{Invocation, KeySource as _, KeyringError};
use ledger::{CachedJwks, JwksCache, JwksName};
use providers::Http;
use testkit::{
    FIREBLOCKS_HOOK_PAIR, FIREBLOCKS_KID, FireblocksNet, MemoryLedger, NetFault, deadline, fireblocks_jwks, instant,
    mark, now,
};

use super::*;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
const NAME: JwksName = JwksName("fireblocks");

fn at(seconds: i64) -> Invocation {
    let deadline = deadline(Fireblocks::REPLY_WITHIN);
    Invocation { now: now().plus_seconds(seconds), started: instant(), deadline, attempt: mark(1) }
}

fn jwks(kids: &[&str]) -> String {
    fireblocks_jwks(&kids.iter().map(|kid| (*kid, FIREBLOCKS_HOOK_PAIR)).collect::<Vec<_>>())
}

/// A network, a cache, and a sandbox that has just started.
struct Scene {
    net: FireblocksNet,
    jwks_cache: MemoryLedger,
    keys: Published<MemoryLedger>,
}

impl Scene {
    async fn new() -> Self {
        Self::with(FireblocksNet::default(), MemoryLedger::default(), 0).await
    }

    async fn with(net: FireblocksNet, jwks_cache: MemoryLedger, seconds: i64) -> Self {
        let http = Http::over(net.clone(), fastrand::Rng::with_seed(1));
        let config = read(FIREBLOCKS_JWKS, "", "prod").expect("a configuration");
        let keys = Published::open(config, http, jwks_cache.clone(), &at(seconds)).await;
        Self { net, jwks_cache, keys }
    }

    /// The number of fetches since the last call of this function; it also clears the fault.
    fn fetches(&self) -> usize {
        let fetches = self.net.calls().len();
        self.net.recover();
        fetches
    }

    /// The result of a webhook that is signed under this key id.
    async fn outcome(&self, kid: &str, seconds: i64) -> &'static str {
        let known = |keys: &Keys| verified(keys, kid);
        let keys = self.keys.live(&at(seconds)).await;
        let Err(error) = known(&keys) else { return "verified" };
        match self.keys.renewed(&keys, error, &at(seconds)).await {
            Ok(Some(keys)) => known(&keys).map_or("refused", |()| "verified after a fetch"),
            Ok(None) => "refused",
            Err(KeyringError::NotListed) => "unverifiable",
            Err(_) => "unavailable",
        }
    }
}

fn verified(keys: &Keys, kid: &str) -> Result<(), VerifyError> {
    let private = signing::rsa::PrivateKey::parse(&rsa_pair(FIREBLOCKS_HOOK_PAIR).private).expect("a key");
    let sent = testkit::Sent::post("/", b"{}").with(SIGNATURE, signing::jws::sign(&private, kid, b"{}"));
    let request = edge::read(&sent.event(testkit::Shape::HttpApi)).expect("a request").open(100).expect("a body");
    verify::verify(keys, &request).map(drop)
}

#[tokio::test(start_paused = true)]
async fn keys_are_fetched_at_start_and_once_an_hour() {
    let scene = Scene::new().await;
    assert_eq!(scene.fetches(), 1);
    for seconds in [0, 1, 60, HOUR - 1] {
        assert_eq!(scene.outcome(FIREBLOCKS_KID, seconds).await, "verified", "{seconds}");
    }
    assert_eq!(scene.fetches(), 0);
    for seconds in [HOUR, HOUR + 1, HOUR + 60, 2 * HOUR - 1] {
        assert_eq!(scene.outcome(FIREBLOCKS_KID, seconds).await, "verified", "{seconds}");
    }
    assert_eq!(scene.fetches(), 1, "once more");
}

/// An unknown key id triggers a fetch at most once a minute, however many webhooks forge one.
#[tokio::test(start_paused = true)]
async fn unknown_key_id_triggers_one_fetch_a_minute() {
    let scene = Scene::new().await;
    scene.net.publish(&jwks(&[FIREBLOCKS_KID, "2026-02"]));
    assert_eq!(scene.outcome("2026-02", 59).await, "unverifiable", "not within a minute");
    assert_eq!(scene.outcome("2026-02", 60).await, "verified after a fetch");
    assert_eq!(scene.outcome("2026-02", 61).await, "verified");
    assert_eq!(scene.fetches(), 2);
    for seconds in 61..120 {
        assert_eq!(scene.outcome("unknown", seconds).await, "unverifiable");
    }
    assert_eq!(scene.fetches(), 0);
    assert_eq!(scene.outcome("unknown", 120).await, "refused");
    assert_eq!(scene.fetches(), 1);
    // A bad signature under a known key id triggers no fetch.
    let keys = scene.keys.live(&at(300)).await;
    for error in [VerifyError::BadSignature, VerifyError::Malformed, VerifyError::Missing, VerifyError::Stale] {
        assert!(scene.keys.renewed(&keys, error, &at(300)).await.expect("no error").is_none());
    }
    assert_eq!(scene.fetches(), 0);
    // A key that is no longer published no longer verifies.
    scene.net.publish(&jwks(&["2026-02"]));
    assert_eq!(scene.outcome(FIREBLOCKS_KID, 2 * HOUR).await, "unverifiable", "just fetched");
    assert_eq!(scene.outcome(FIREBLOCKS_KID, 2 * HOUR + 60).await, "refused");
}

/// After a failed fetch, known keys still verify, and unknown ones get a retryable reply.
#[tokio::test(start_paused = true)]
async fn failed_fetch_keeps_the_known_keys() {
    let spoilt = Box::leak(jwks(&["a"]).replace("\"n\":\"", "\"n\":\"A").into_boxed_str());
    let faults = [
        NetFault::DropRequest,
        NetFault::Disconnect,
        NetFault::Status(404),
        NetFault::Status(503),
        NetFault::Garbage,
        NetFault::Reply(200, ""),
        NetFault::Reply(200, "{\"keys\":[]}"),
        NetFault::Reply(200, "{\"keys\":[{\"kty\":\"EC\",\"kid\":\"2026-01\"}]}"),
        NetFault::Reply(200, spoilt),
    ];
    for fault in faults {
        let (scene, row) = (Scene::new().await, format!("{fault:?}"));
        scene.net.fail(move |_, _| fault);
        assert_eq!(scene.outcome("2026-02", 60).await, "unavailable", "{row}");
        assert_eq!(scene.outcome("2026-02", 90).await, "unavailable", "{row}: nor a moment later");
        assert_eq!(scene.outcome(FIREBLOCKS_KID, HOUR).await, "verified", "{row}");
        assert_eq!(scene.outcome(FIREBLOCKS_KID, DAY - 1).await, "verified", "{row}: for a day");
        assert_eq!(scene.outcome(FIREBLOCKS_KID, DAY).await, "unavailable", "{row}: and no longer");
        assert_eq!(scene.outcome(FIREBLOCKS_KID, 100 * HOUR).await, "unavailable", "{row}");
        let kept = scene.jwks_cache.cached_jwks(NAME, &at(0).context()).await.expect("a copy").expect("a copy");
        assert_eq!((kept.text, kept.fetched_at), (jwks(&[FIREBLOCKS_KID]), now()), "{row}");
        scene.net.publish(&jwks(&["2026-02"]));
        scene.net.recover();
        assert_eq!(scene.outcome("2026-02", 101 * HOUR).await, "verified after a fetch", "{row}");
    }
}

#[tokio::test(start_paused = true)]
async fn later_sandbox_starts_from_the_cache() {
    let first = Scene::new().await;
    let down = || {
        let net = FireblocksNet::default();
        net.fail(|_, _| NetFault::Disconnect);
        net
    };
    for (seconds, fetches) in [(0, 0), (HOUR - 1, 0), (HOUR, 4), (DAY - 1, 4)] {
        let scene = Scene::with(down(), first.jwks_cache.clone(), seconds).await;
        assert_eq!(scene.net.calls().len(), fetches, "{seconds}");
        assert_eq!(scene.outcome(FIREBLOCKS_KID, seconds).await, "verified", "{seconds}");
    }
    // A cached set that is too old verifies nothing, with the clock off in either direction.
    for seconds in [DAY, 1_000 * HOUR, -2 * DAY] {
        let scene = Scene::with(down(), first.jwks_cache.clone(), seconds).await;
        assert_eq!(scene.outcome(FIREBLOCKS_KID, seconds + 60).await, "unavailable", "{seconds}");
    }
    // A cached set that is younger than a minute counts as the last fetch.
    let scene = Scene::with(down(), first.jwks_cache.clone(), 30).await;
    assert_eq!(scene.outcome("unknown", 59).await, "unverifiable");
    assert_eq!(scene.outcome("unknown", 60).await, "unavailable");
    // A malformed cached set is ignored.
    let jwks_cache = MemoryLedger::default();
    let spoilt = CachedJwks { text: "{}".to_owned(), fetched_at: now() };
    jwks_cache.cache_jwks(NAME, &spoilt, &at(0).context()).await.expect("kept");
    assert_eq!(Scene::with(FireblocksNet::default(), jwks_cache, 1).await.outcome(FIREBLOCKS_KID, 1).await, "verified");
}

/// The sandbox starts without keys and answers with a retryable status until it has some.
#[tokio::test(start_paused = true)]
async fn webhook_without_any_keys_is_retried() {
    let net = FireblocksNet::default();
    net.fail(|_, _| NetFault::Disconnect);
    let scene = Scene::with(net, MemoryLedger::default(), 0).await;
    for kid in [FIREBLOCKS_KID, "unknown"] {
        for seconds in [1, 59, 60, 61] {
            assert_eq!(scene.outcome(kid, seconds).await, "unavailable", "{kid} {seconds}");
        }
    }
    // Another sandbox has cached the keys meanwhile.
    let cached = CachedJwks { text: jwks(&[FIREBLOCKS_KID]), fetched_at: now().plus_seconds(90) };
    scene.jwks_cache.cache_jwks(NAME, &cached, &at(0).context()).await.expect("kept");
    assert_eq!(scene.outcome(FIREBLOCKS_KID, 91).await, "verified");
    let http = Http::over(FireblocksNet::default(), fastrand::Rng::with_seed(1));
    let config = read("file:/nowhere/jwks.json", "", "local").expect("a configuration");
    let keys = Published::open(config, http, MemoryLedger::default(), &at(0)).await;
    assert_eq!(verified(&*keys.live(&at(1)).await, FIREBLOCKS_KID), Err(VerifyError::UnknownKey));
}

#[tokio::test(start_paused = true)]
async fn local_stage_reads_a_file_or_the_jwks_itself() {
    let folder = std::env::temp_dir().join(format!("hookledger-jwks-{}", std::process::id()));
    std::fs::write(&folder, jwks(&[FIREBLOCKS_KID])).expect("written");
    for url in [format!("file:{}", folder.display()), jwks(&[FIREBLOCKS_KID])] {
        let http = Http::over(FireblocksNet::default(), fastrand::Rng::with_seed(1));
        let config = read(&url, "", "local").expect("a configuration");
        let keys = Published::open(config, http, MemoryLedger::default(), &at(0)).await;
        assert_eq!(verified(&*keys.live(&at(1)).await, FIREBLOCKS_KID), Ok(()), "{url}");
    }
    std::fs::remove_file(folder).expect("removed");
}

/// A webhook that needs a key waits for a running fetch and starts none of its own.
#[tokio::test(start_paused = true)]
async fn hundred_concurrent_webhooks_fetch_once() {
    let scene = Arc::new(Scene::new().await);
    scene.net.publish(&jwks(&[FIREBLOCKS_KID, "2026-02"]));
    scene.fetches();
    scene.net.fail(|_, _| NetFault::Delay(std::time::Duration::from_millis(900)));
    let outcomes = Arc::new(Mutex::new(Vec::new()));
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (scene, outcomes) = (Arc::clone(&scene), Arc::clone(&outcomes));
        all.spawn(async move {
            let outcome = scene.outcome("2026-02", 60).await;
            outcomes.lock().expect("one thread").push(outcome);
        });
    }
    while all.join_next().await.is_some() {}
    let outcomes = outcomes.lock().expect("one thread");
    assert_eq!(outcomes.len(), 100);
    assert!(outcomes.iter().all(|outcome| *outcome == "verified after a fetch"), "{outcomes:?}");
    assert_eq!(scene.net.calls().len(), 1);
}
