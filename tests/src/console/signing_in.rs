//! The first sign-in by a link, sign-ins by password and code, sessions, and attempts that lock.

use operators::{Operators as _, Role};
use testkit::{Fault, World, context, now};

use super::{Browser, PASSWORD, assert_is_secured, console_over, field, header, invited, name, signed_in};

const STEP: i64 = 30;

fn code_of(key: &[u8], browser: &Browser<'_>) -> String {
    console::code_at(key, u64::try_from(browser.now.unix_s().div_euclid(STEP)).expect("after 1970"))
}

/// Signs in for the first time. Returns the key of the codes.
async fn enrolled(browser: &mut Browser<'_>, who: &str, link: &str) -> Vec<u8> {
    let page = browser.get(&format!("/console/first?name={who}&link={link}")).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert_is_secured(&page);
    let secret = field(&page, "key");
    let key = console::key_of(&secret).expect("a key");
    let code = code_of(&key, browser);
    let fields = [("name", who), ("link", link), ("key", &secret), ("password", PASSWORD), ("code", &code)];
    let reply = browser.post("/console/first", &fields).await;
    assert_eq!((reply.status, header(&reply, "location")), (303, Some("/console")), "{}", reply.body);
    key
}

async fn sign_in(browser: &mut Browser<'_>, who: &str, password: &str, code: &str) -> u16 {
    let fields = [("then", "/console/events"), ("name", who), ("password", password), ("code", code)];
    browser.post("/console/sign-in", &fields).await.status
}

#[tokio::test(start_paused = true)]
async fn link_signs_in_once_and_then_password_and_code_do() {
    let world = World::new();
    let link = invited(&world, "amy", Role::Operator).await;
    let console = console_over(world.ledger(1));
    let mut browser = Browser::new(&console, "");
    let reply = browser.get("/console").await;
    assert_eq!((reply.status, header(&reply, "location")), (303, Some("/console/sign-in?then=%2Fconsole")));

    let key = enrolled(&mut browser, "amy", &link).await;
    let cookie = browser.cookie.clone();
    assert!(cookie.starts_with("__Host-console=amy."), "{cookie}");
    let overview = browser.get("/console").await;
    assert!(overview.status == 200 && overview.body.contains("Sign out"), "{}", overview.body);
    assert_is_secured(&overview);

    // The link works once: another browser gets neither its form nor a session.
    let mut other = Browser::new(&console, "");
    let used = other.get(&format!("/console/first?name=amy&link={link}")).await;
    assert_eq!(used.status, 403);
    let fields =
        [("name", "amy"), ("link", &link), ("key", &console_key()), ("password", PASSWORD), ("code", "000000")];
    assert_eq!(other.post("/console/first", &fields).await.status, 403);

    // The code of the first sign-in is used up.
    let code = code_of(&key, &other);
    assert_eq!(sign_in(&mut other, "amy", PASSWORD, &code).await, 401);
    other.now = other.now.plus_seconds(STEP);
    let code = code_of(&key, &other);
    assert_eq!(sign_in(&mut other, "amy", PASSWORD, &code).await, 303);
    assert_eq!(other.get("/console/events").await.status, 200);
    let mut third = Browser::new(&console, "");
    third.now = other.now;
    assert_eq!(sign_in(&mut third, "amy", PASSWORD, &code).await, 401, "a code is accepted once");

    let operator = world.ledger(0).operator(&name("amy"), &context(0)).await.expect("read").expect("amy");
    let sign_ins = world.ledger(0).sign_ins(&operator, &context(0)).await.expect("read");
    let shown: Vec<_> = sign_ins.iter().map(|one| (one.number, one.address.as_str(), one.at)).collect();
    assert_eq!(shown, [(2, "203.0.113.7", now().plus_seconds(STEP)), (1, "203.0.113.7", now())]);
}

fn console_key() -> String {
    "A".repeat(32)
}

/// Each answer is the same, whether the name exists or not.
#[tokio::test(start_paused = true)]
async fn wrong_name_password_or_code_gets_one_answer() {
    let world = World::new();
    let link = invited(&world, "amy", Role::Reader).await;
    invited(&world, "new", Role::Reader).await;
    let console = console_over(world.ledger(1));
    let key = enrolled(&mut Browser::new(&console, ""), "amy", &link).await;
    let mut bodies = Vec::new();
    let mut row = async |who: &str, password: &str, is_code_right: bool, address: &'static str| {
        let mut browser = Browser::new(&console, "");
        (browser.now, browser.address) = (browser.now.plus_seconds(STEP), address);
        let code = if is_code_right { code_of(&key, &browser) } else { "123456".to_owned() };
        let fields = [("then", "/console"), ("name", who), ("password", password), ("code", &code)];
        let reply = browser.post("/console/sign-in", &fields).await;
        assert_eq!((reply.status, browser.cookie.as_str()), (401, ""), "{who} {password}");
        // Beside the name, as it was typed.
        let typed = format!(" value=\"{who}\" ");
        assert!(reply.body.contains(&typed), "{who}: {}", reply.body);
        bodies.push(reply.body.replacen(&typed, " ", 1));
    };
    row("amy", "wrong horse battery", true, "192.0.2.1").await;
    row("amy", PASSWORD, false, "192.0.2.2").await;
    row("unknown", PASSWORD, true, "192.0.2.3").await;
    row("new", PASSWORD, true, "192.0.2.4").await;
    row("not a name", PASSWORD, true, "192.0.2.5").await;
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
}

#[tokio::test(start_paused = true)]
async fn failures_lock_a_name_and_an_address_for_a_while() {
    let world = World::new();
    let link = invited(&world, "amy", Role::Reader).await;
    let console = console_over(world.ledger(1));
    let key = enrolled(&mut Browser::new(&console, ""), "amy", &link).await;
    let mut browser = Browser::new(&console, "");
    browser.now = browser.now.plus_seconds(STEP);
    for _ in 0..5 {
        assert_eq!(sign_in(&mut browser, "amy", "wrong horse battery", "000000").await, 401);
    }
    let code = code_of(&key, &browser);
    assert_eq!(sign_in(&mut browser, "amy", PASSWORD, &code).await, 429, "locked, though it is right");
    let mut elsewhere = Browser::new(&console, "");
    (elsewhere.now, elsewhere.address) = (browser.now, "198.51.100.9");
    assert_eq!(sign_in(&mut elsewhere, "amy", PASSWORD, &code).await, 429, "by name");
    assert_eq!(sign_in(&mut browser, "ann", PASSWORD, &code).await, 429, "and by address");
    elsewhere.now = browser.now.plus_seconds(60);
    let code = code_of(&key, &elsewhere);
    assert_eq!(sign_in(&mut elsewhere, "amy", PASSWORD, &code).await, 303);
}

#[tokio::test(start_paused = true)]
async fn session_ends_when_idle_signed_out_or_revoked() {
    let world = World::new();
    let cookie = signed_in(&world, "amy", Role::Operator).await;
    let console = console_over(world.ledger(1));
    let mut browser = Browser::new(&console, &cookie);
    let mut at = async |seconds: i64| {
        browser.now = now().plus_seconds(seconds);
        browser.get("/console").await.status
    };
    assert_eq!([at(0).await, at(1_700).await, at(3_400).await], [200, 200, 200], "each click lets it go on");
    assert_eq!(at(5_300).await, 303, "half an hour without one ends it");

    let cookie = signed_in(&world, "bob", Role::Operator).await;
    let mut browser = Browser::new(&console, &cookie);
    let csrf = browser.csrf().await;
    assert_eq!(browser.post("/console/sign-out", &[("csrf", &csrf)]).await.status, 303);
    assert_eq!(browser.cookie, "__Host-console=");
    assert_eq!(Browser::new(&console, &cookie).get("/console").await.status, 303, "also with the cookie");

    let cookie = signed_in(&world, "eve", Role::Operator).await;
    assert_eq!(Browser::new(&console, &cookie).get("/console").await.status, 200);
    let eve = world.ledger(0).operator(&name("eve"), &context(0)).await.expect("read").expect("eve");
    assert!(world.ledger(0).write_operator(&eve.revoked(now()), &context(0)).await.expect("written"));
    assert_eq!(Browser::new(&console, &cookie).get("/console").await.status, 303);
}

/// A cookie that was cut, changed or made up is no session, and no error.
#[tokio::test(start_paused = true)]
async fn forged_cookie_is_no_session() {
    let world = World::new();
    let cookie = signed_in(&world, "amy", Role::Operator).await;
    let console = console_over(world.ledger(1));
    assert_eq!(Browser::new(&console, &cookie).get("/console").await.status, 200);
    let token = cookie.rsplit('.').next().expect("a token");
    let forged = [
        String::new(),
        cookie.strip_suffix(char::is_alphanumeric).expect("a token").to_owned(),
        format!("__Host-console=bob.{token}"),
        format!("__Host-console=amy.{}", "0".repeat(64)),
        format!("__Host-console=amy.{}", token.to_uppercase()),
        format!("console=amy.{token}"),
        format!("__Host-console={token}"),
        "__Host-console=amy#.x".to_owned(),
    ];
    for cookie in forged {
        assert_eq!(Browser::new(&console, &cookie).get("/console").await.status, 303, "{cookie}");
    }
}

/// Each call of a sign-in fails in turn, for as long as the sandbox lives: there is a page that says so, and no session.
#[tokio::test(start_paused = true)]
async fn store_that_fails_signs_no_one_in() {
    let mut failed = 0_u32;
    for at in 0..20 {
        let world = World::new();
        let link = invited(&world, "amy", Role::Reader).await;
        let key = enrolled(&mut Browser::new(&console_over(world.ledger(1)), ""), "amy", &link).await;
        let (ledger, faults) = world.faulty(7, move |n, _| if n >= at { Fault::ServerError } else { Fault::None });
        let console = console_over(ledger);
        let mut browser = Browser::new(&console, "");
        browser.now = browser.now.plus_seconds(STEP);
        let code = code_of(&key, &browser);
        let status = sign_in(&mut browser, "amy", PASSWORD, &code).await;
        if faults.calls().len() <= at {
            assert_eq!(status, 303);
            break;
        }
        assert_eq!((status, browser.cookie.as_str()), (503, ""), "at {at}");
        failed += 1;
    }
    assert!(failed >= 6, "{failed}");
}
