//! A form that is refused leads back to itself, with what was typed.

use operators::Role;
use testkit::{Fault, now};

use super::changing::{CHANGES, form_of, send, world_for};
use super::{Browser, console_over, signed_in};

/// The address in the first link of this text.
fn link(body: &str, text: &str) -> String {
    let (before, _) = body.split_once(text).unwrap_or_else(|| panic!("no {text}: {body}"));
    let (_, address) = before.rsplit_once("href=\"").expect("a link");
    address.split('"').next().expect("its end").replace("&amp;", "&")
}

const BACK: &str = ">Back to the form, with what you typed<";

#[tokio::test(start_paused = true)]
async fn refused_form_leads_back_with_what_was_typed() {
    for (path, fields, keeps) in [
        (
            "/console/debit",
            vec![("amount", "70"), ("reason", "too much")],
            vec!["value=\"70\"", "more than the account"],
        ),
        ("/console/debit", vec![("amount", "5"), ("reason", " ")], vec!["<strong>2</strong>"]),
        (
            "/console/grant",
            vec![("amount", "5"), ("expires", "2020-01-01"), ("reason", "a gift")],
            vec!["value=\"2020-01-01\"", "value=\"5\"", "value=\"a gift\"", "That day is over"],
        ),
        (
            "/console/reverse",
            vec![("amount", "30"), ("reason", "half & half")],
            vec!["value=\"30\"", "half &amp; half"],
        ),
        (
            "/console/accept",
            vec![("credits", "a lot"), ("reason", "a test")],
            vec!["value=\"a lot\"", "value=\"a test\""],
        ),
        ("/console/resolve", vec![("seq", "op 77 \u{7}"), ("reason", "seen there")], vec!["value=\"seen there\""]),
        ("/console/revoke-key", vec![("reason", "")], vec!["gateway-k1"]),
        ("/console/revoke-codes", vec![("reason", "a\nb")], vec!["Credits that were redeemed stay"]),
    ] {
        let change = CHANGES.iter().find(|change| change.path == path).expect("a change");
        let world = world_for(path).await;
        let cookie = signed_in(&world, "amy", Role::Operator).await;
        let console = console_over(world.ledger(7));
        let mut browser = Browser::new(&console, &cookie);
        browser.now = now().plus_seconds(60);
        let mut form = form_of(&mut browser, change).await;
        form.retain(|(name, _)| fields.iter().all(|(typed, _)| typed != name));
        form.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let before = world.books();
        let refused = send(&mut browser, path, &form).await;
        assert!([400, 409].contains(&refused.status), "{path}: {} {}", refused.status, refused.body);
        let back = link(&refused.body, BACK);
        assert!(back.starts_with(&format!("{path}?")) && !back.contains("csrf") && !back.contains("id="), "{back}");
        let again = browser.get(&back).await;
        for text in keeps {
            assert!(again.body.contains(text), "{back} shows no {text}: {}", again.body);
        }
        assert_eq!(before.accounts, world.books().accounts, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn pause_and_shown_body_lead_back_too() {
    let world = world_for("/console/accept").await;
    let cookie = signed_in(&world, "amy", Role::Operator).await;
    let console = console_over(world.ledger(7));
    let mut browser = Browser::new(&console, &cookie);
    browser.now = now().plus_seconds(60);
    let csrf = browser.csrf().await;
    for (path, fields, back) in [
        (
            "/console/pause",
            vec![("what", "litellm"), ("to", "pause"), ("reason", "a test")],
            "/console/pause?what=litellm&reason=a%20test",
        ),
        ("/console/event/body", vec![("key", "usage#e1"), ("reason", " ")], "/console/event?key=usage%23e1&reason=%20"),
        (
            "/console/replay",
            vec![("of", "usage#e1"), ("reason", "a test")],
            "/console/replay?of=usage%23e1&reason=a%20test",
        ),
    ] {
        let fields = [fields, vec![("id", "a1"), ("csrf", &csrf)]].concat();
        let refused = browser.post(path, &fields).await;
        assert_eq!(link(&refused.body, BACK), back, "{}", refused.body);
    }
    let pause = browser.get("/console/pause?what=litellm&reason=a%20test").await;
    assert!(pause.status == 200 && pause.body.contains("value=\"a test\""), "{}", pause.body);
}

#[tokio::test(start_paused = true)]
async fn form_after_the_session_leads_to_the_sign_in_and_back() {
    let change = CHANGES.iter().find(|change| change.path == "/console/grant").expect("a change");
    let world = world_for(change.path).await;
    let cookie = signed_in(&world, "amy", Role::Operator).await;
    let console = console_over(world.ledger(7));
    let mut browser = Browser::new(&console, &cookie);
    browser.now = now().plus_seconds(60);
    let form = form_of(&mut browser, change).await;
    browser.now = now().plus_seconds(7_200);
    let refused = send(&mut browser, change.path, &form).await;
    assert_eq!(refused.status, 401, "{}", refused.body);
    let sign_in = browser.get(&link(&refused.body, ">Sign in again<")).await;
    let then = "name=\"then\" value=\"/console/grant?owner=alice&amp;amount=5&amp;reason=a%20test\"";
    assert!(sign_in.body.contains(then), "{}", sign_in.body);
}

/// Another form would have another id, and might book once more what the first has booked.
#[tokio::test(start_paused = true)]
async fn form_of_unknown_outcome_leads_to_no_other_form() {
    let change = CHANGES.iter().find(|change| change.path == "/console/grant").expect("a change");
    let world = world_for(change.path).await;
    let cookie = signed_in(&world, "amy", Role::Operator).await;
    let console = console_over(world.ledger(7));
    let mut browser = Browser::new(&console, &cookie);
    let form = form_of(&mut browser, change).await;
    let (ledger, _) = world.faulty(8, |n, _| if n >= 2 { Fault::ServerErrorApplied } else { Fault::None });
    let broken = console_over(ledger);
    let reply = send(&mut Browser::new(&broken, &cookie), change.path, &form).await;
    assert!(reply.status == 503 && !reply.body.contains(BACK), "{} {}", reply.status, reply.body);
}
