//! The keys: fetched once an hour and at most once a minute, kept for a day whatever fails, and shared by those who start later.

use std::sync::{Arc, Mutex};

use edge::{Invocation, KeySource as _, KeyringError};
use ledger::{CachedJwks, JwksCache, JwksName};
use providers::Http;
use testkit::{
    FIREBLOCKS_HOOK_PAIR, FIREBLOCKS_KID, FireblocksFault, FireblocksNet, MemoryLedger, deadline, fireblocks_jwks,
    instant, mark, now,
};

use super::*;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
const NAME: JwksName = JwksName("fireblocks");

fn at(seconds: i64) -> Invocation {
    let patience = deadline(Fireblocks::REPLY_WITHIN);
    Invocation { now: now().plus_seconds(seconds), started: instant(), deadline: patience, attempt: mark(1) }
}

fn jwks(kids: &[&str]) -> String {
    fireblocks_jwks(&kids.iter().map(|kid| (*kid, FIREBLOCKS_HOOK_PAIR)).collect::<Vec<_>>())
}

/// A network, what is kept, and a sandbox that has just started.
struct Scene {
    net: FireblocksNet,
    jwks_cache: Arc<MemoryLedger>,
    keys: Published<Arc<MemoryLedger>>,
}

impl Scene {
    async fn new() -> Self {
        Self::with(FireblocksNet::default(), Arc::default(), 0).await
    }

    async fn with(net: FireblocksNet, jwks_cache: Arc<MemoryLedger>, seconds: i64) -> Self {
        let http = Http::over(net.clone(), fastrand::Rng::with_seed(1));
        let config = read(FIREBLOCKS_JWKS, "", "prod").expect("a configuration");
        let keys = Published::open(config, http, Arc::clone(&jwks_cache), &at(seconds)).await;
        Self { net, jwks_cache, keys }
    }

    /// How often it has asked since this was last said.
    fn asked(&self) -> usize {
        let asked = self.net.asked().len();
        self.net.fail(|_, _| FireblocksFault::None);
        asked
    }

    /// What a webhook that is signed under this name comes to.
    async fn told(&self, kid: &str, seconds: i64) -> &'static str {
        let known = |keys: &Keys| verified(keys, kid);
        let keys = self.keys.live(&at(seconds)).await;
        let Err(error) = known(&keys) else { return "verified" };
        match self.keys.renewed(&keys, error, &at(seconds)).await {
            Ok(Some(keys)) => known(&keys).map_or("refused", |()| "verified after a look"),
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
async fn they_are_fetched_at_the_start_and_once_an_hour() {
    let scene = Scene::new().await;
    assert_eq!(scene.asked(), 1);
    for seconds in [0, 1, 60, HOUR - 1] {
        assert_eq!(scene.told(FIREBLOCKS_KID, seconds).await, "verified", "{seconds}");
    }
    assert_eq!(scene.asked(), 0);
    for seconds in [HOUR, HOUR + 1, HOUR + 60, 2 * HOUR - 1] {
        assert_eq!(scene.told(FIREBLOCKS_KID, seconds).await, "verified", "{seconds}");
    }
    assert_eq!(scene.asked(), 1, "once more");
}

/// A name that is not known is looked for once, at most once a minute, however many forge one.
#[tokio::test(start_paused = true)]
async fn a_new_key_is_found_and_a_flood_of_forgeries_asks_once_a_minute() {
    let scene = Scene::new().await;
    scene.net.publish(&jwks(&[FIREBLOCKS_KID, "2026-02"]));
    assert_eq!(scene.told("2026-02", 59).await, "unverifiable", "not within a minute");
    assert_eq!(scene.told("2026-02", 60).await, "verified after a look");
    assert_eq!(scene.told("2026-02", 61).await, "verified");
    assert_eq!(scene.asked(), 2);
    for seconds in 61..120 {
        assert_eq!(scene.told("nobody", seconds).await, "unverifiable");
    }
    assert_eq!(scene.asked(), 0);
    assert_eq!(scene.told("nobody", 120).await, "refused");
    assert_eq!(scene.asked(), 1);
    // A signature that does not fit, under a name that is known, is nothing to look for keys for.
    let keys = scene.keys.live(&at(300)).await;
    for error in [VerifyError::BadSignature, VerifyError::Malformed, VerifyError::Missing, VerifyError::Stale] {
        assert!(scene.keys.renewed(&keys, error, &at(300)).await.expect("no trouble").is_none());
    }
    assert_eq!(scene.asked(), 0);
    // What is no longer published is no longer believed.
    scene.net.publish(&jwks(&["2026-02"]));
    assert_eq!(scene.told(FIREBLOCKS_KID, 2 * HOUR).await, "unverifiable", "just fetched");
    assert_eq!(scene.told(FIREBLOCKS_KID, 2 * HOUR + 60).await, "refused");
}

/// Whatever Fireblocks answers, what is known goes on; of what is not known it is said that we cannot know.
#[tokio::test(start_paused = true)]
async fn a_look_that_fails_takes_nothing_away() {
    let spoilt = Box::leak(jwks(&["a"]).replace("\"n\":\"", "\"n\":\"A").into_boxed_str());
    let faults = [
        FireblocksFault::DropRequest,
        FireblocksFault::Disconnect,
        FireblocksFault::Status(404),
        FireblocksFault::Status(503),
        FireblocksFault::Garbage,
        FireblocksFault::Said(""),
        FireblocksFault::Said("{\"keys\":[]}"),
        FireblocksFault::Said("{\"keys\":[{\"kty\":\"EC\",\"kid\":\"2026-01\"}]}"),
        FireblocksFault::Said(spoilt),
    ];
    for fault in faults {
        let (scene, row) = (Scene::new().await, format!("{fault:?}"));
        let failing = fault.clone();
        scene.net.fail(move |_, _| failing.clone());
        assert_eq!(scene.told("2026-02", 60).await, "unavailable", "{row}");
        assert_eq!(scene.told("2026-02", 90).await, "unavailable", "{row}: nor is it known a moment later");
        assert_eq!(scene.told(FIREBLOCKS_KID, HOUR).await, "verified", "{row}");
        assert_eq!(scene.told(FIREBLOCKS_KID, DAY - 1).await, "verified", "{row}: for a day");
        assert_eq!(scene.told(FIREBLOCKS_KID, DAY).await, "unavailable", "{row}: and no longer");
        assert_eq!(scene.told(FIREBLOCKS_KID, 100 * HOUR).await, "unavailable", "{row}");
        let kept = scene.jwks_cache.cached_jwks(NAME, &at(0).context()).await.expect("a copy").expect("a copy");
        assert_eq!((kept.text, kept.fetched_at), (jwks(&[FIREBLOCKS_KID]), now()), "{row}");
        scene.net.publish(&jwks(&["2026-02"]));
        scene.net.fail(|_, _| FireblocksFault::None);
        assert_eq!(scene.told("2026-02", 101 * HOUR).await, "verified after a look", "{row}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_starts_later_takes_the_copy() {
    let first = Scene::new().await;
    let down = || {
        let net = FireblocksNet::default();
        net.fail(|_, _| FireblocksFault::Disconnect);
        net
    };
    for (seconds, asked) in [(0, 0), (HOUR - 1, 0), (HOUR, 4), (DAY - 1, 4)] {
        let scene = Scene::with(down(), Arc::clone(&first.jwks_cache), seconds).await;
        assert_eq!(scene.net.asked().len(), asked, "{seconds}");
        assert_eq!(scene.told(FIREBLOCKS_KID, seconds).await, "verified", "{seconds}");
    }
    // Nothing is verified with one that is too old, by whichever clock.
    for seconds in [DAY, 1_000 * HOUR, -2 * DAY] {
        let scene = Scene::with(down(), Arc::clone(&first.jwks_cache), seconds).await;
        assert_eq!(scene.told(FIREBLOCKS_KID, seconds + 60).await, "unavailable", "{seconds}");
    }
    // One that is fresher than a minute is the last look of all.
    let scene = Scene::with(down(), Arc::clone(&first.jwks_cache), 30).await;
    assert_eq!(scene.told("nobody", 59).await, "unverifiable");
    assert_eq!(scene.told("nobody", 60).await, "unavailable");
    // A copy that is spoilt is none.
    let jwks_cache = Arc::new(MemoryLedger::default());
    let spoilt = CachedJwks { text: "{}".to_owned(), fetched_at: now() };
    jwks_cache.cache_jwks(NAME, &spoilt, &at(0).context()).await.expect("kept");
    assert_eq!(Scene::with(FireblocksNet::default(), jwks_cache, 1).await.told(FIREBLOCKS_KID, 1).await, "verified");
}

/// It starts all the same: everybody is asked to come again, until there are keys.
#[tokio::test(start_paused = true)]
async fn without_any_keys_nobody_is_believed_and_nobody_turned_away() {
    let net = FireblocksNet::default();
    net.fail(|_, _| FireblocksFault::Disconnect);
    let scene = Scene::with(net, Arc::default(), 0).await;
    for kid in [FIREBLOCKS_KID, "nobody"] {
        for seconds in [1, 59, 60, 61] {
            assert_eq!(scene.told(kid, seconds).await, "unavailable", "{kid} {seconds}");
        }
    }
    // Somebody else has fetched them meanwhile.
    let copied = CachedJwks { text: jwks(&[FIREBLOCKS_KID]), fetched_at: now().plus_seconds(90) };
    scene.jwks_cache.cache_jwks(NAME, &copied, &at(0).context()).await.expect("kept");
    assert_eq!(scene.told(FIREBLOCKS_KID, 91).await, "verified");
    let http = Http::over(FireblocksNet::default(), fastrand::Rng::with_seed(1));
    let config = read("file:/nowhere/jwks.json", "", "local").expect("a configuration");
    let keys = Published::open(config, http, Arc::new(MemoryLedger::default()), &at(0)).await;
    assert_eq!(verified(&*keys.live(&at(1)).await, FIREBLOCKS_KID), Err(VerifyError::UnknownKey));
}

#[tokio::test(start_paused = true)]
async fn a_file_or_the_text_itself_will_do_on_one_machine() {
    let folder = std::env::temp_dir().join(format!("hookledger-jwks-{}", std::process::id()));
    std::fs::write(&folder, jwks(&[FIREBLOCKS_KID])).expect("written");
    for said in [format!("file:{}", folder.display()), jwks(&[FIREBLOCKS_KID])] {
        let http = Http::over(FireblocksNet::default(), fastrand::Rng::with_seed(1));
        let config = read(&said, "", "local").expect("a configuration");
        let keys = Published::open(config, http, Arc::new(MemoryLedger::default()), &at(0)).await;
        assert_eq!(verified(&*keys.live(&at(1)).await, FIREBLOCKS_KID), Ok(()), "{said}");
    }
    std::fs::remove_file(folder).expect("removed");
}

/// Whoever needs a key that somebody is just looking for waits for it, and nobody looks twice.
#[tokio::test(start_paused = true)]
async fn a_hundred_at_once_look_once() {
    let scene = Arc::new(Scene::new().await);
    scene.net.publish(&jwks(&[FIREBLOCKS_KID, "2026-02"]));
    scene.asked();
    scene.net.fail(|_, _| FireblocksFault::Delay(std::time::Duration::from_millis(900)));
    let told = Arc::new(Mutex::new(Vec::new()));
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (scene, told) = (Arc::clone(&scene), Arc::clone(&told));
        all.spawn(async move {
            let said = scene.told("2026-02", 60).await;
            told.lock().expect("one thread").push(said);
        });
    }
    while all.join_next().await.is_some() {}
    let told = told.lock().expect("one thread");
    assert_eq!(told.len(), 100);
    assert!(told.iter().all(|said| *said == "verified after a look"), "{told:?}");
    assert_eq!(scene.net.asked().len(), 1);
}
