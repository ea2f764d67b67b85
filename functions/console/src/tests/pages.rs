//! The HTML of pages, from values: escaping, states by word and colour, empty states, and what only an operator is offered.

use insight::{
    AnomalyDays, Cause, Chain, EventRow, EventState, Explained, Explanation, Fix, Halt, Happened, Headline, Lang, Link,
    Newest, Replayable, Stage, Why,
};
use ledger::{AuditProgress, EventKey, KeptBody, ListedRow, Pausable, Pause, Pauses, Reason, Timestamp};
use operators::OperatorName;

use crate::actions::pause;
use crate::actions::replay::{self, Preview};
use crate::event::{Asks, View};
use crate::events::{Chosen, Since};
use crate::first::FirstForm;
use crate::overview::{Numbers, OverviewView};
use crate::{event, events, explain, first, overview, sign_in};

const HOSTILE: &str = "\"><script>alert('1')</script>&";

fn at() -> Timestamp {
    Timestamp::parse_rfc3339("2026-01-01T12:30:45.678Z").expect("a time")
}

fn listed() -> ListedRow {
    ListedRow {
        key: HOSTILE.to_owned(),
        at: "2026-01-01T12:30:45.678Z".to_owned(),
        writer: HOSTILE.to_owned(),
        kind: HOSTILE.to_owned(),
        is_failed: true,
        reason: Some(HOSTILE.to_owned()),
        order: Some(HOSTILE.to_owned()),
    }
}

fn row(state: EventState) -> EventRow {
    EventRow {
        key: EventKey::of_row(HOSTILE),
        source: "stripe".to_owned(),
        kind: HOSTILE.to_owned(),
        state,
        received_at: Some(at()),
        attempts: 3,
        order: None,
        posting: None,
        reverses: None,
        reversed_by: None,
        facts: vec![("payment".to_owned(), HOSTILE.to_owned()), ("phone".to_owned(), "88001122".to_owned())],
        kept_in: "x".to_owned(),
    }
}

fn refused() -> EventRow {
    row(EventState::Refused { why: Why::Reason(Reason::AmountMismatch), retry: None })
}

fn stopped(fixes: Vec<Fix>) -> Explained {
    let halt = Halt {
        before: Stage::Paid,
        cause: Cause::UnknownWord(HOSTILE.to_owned()),
        details: Some(HOSTILE.to_owned()),
        next: Some(at()),
        fixes,
    };
    let links = vec![
        Link {
            at: Some(at()),
            stage: Stage::Received,
            what: Happened::Delivered { key: HOSTILE.to_owned(), kind: HOSTILE.to_owned() },
        },
        Link { at: None, stage: Stage::Refused, what: Happened::Refused { why: HOSTILE.to_owned() } },
        Link {
            at: None,
            stage: Stage::Paid,
            what: Happened::ByHand { author: HOSTILE.to_owned(), reason: HOSTILE.to_owned() },
        },
    ];
    let headline = Headline::Event { key: HOSTILE.to_owned(), source: HOSTILE.to_owned(), kind: HOSTILE.to_owned() };
    Explained::One(Box::new(Explanation { headline, chain: Chain { links, halts: vec![halt] } }))
}

fn explained(explained: &Explained, lang: Lang) -> String {
    explain::markup(
        explained,
        HOSTILE,
        explain::View { lang, books: " --aws --stage prod", may_act: false, done: None },
    )
    .into_string()
}

fn event_page(row: &EventRow, asks: Option<Asks<'_>>, delivery: Option<&KeptBody>) -> String {
    event::markup(row, &View { lang: Lang::En, asks, delivery }).into_string()
}

fn overview_page(failed: &Newest, lang: Lang) -> String {
    let pause =
        Pause { since: at(), author: HOSTILE.to_owned(), reason: HOSTILE.to_owned(), receipt: EventKey::of_row("x") };
    let pauses = Pauses { by_word: [("stripe".to_owned(), pause)].into(), version: 1 };
    let (audit, anomalies) = (AuditProgress::default(), AnomalyDays::default());
    let view = OverviewView {
        failed,
        pauses: &pauses,
        audit: &audit,
        anomalies: &anomalies,
        waiting: &[],
        numbers: &Numbers::Missing,
        since: Since::Day,
        books: " --aws --stage prod",
        lang,
    };
    overview::markup(&view).into_string()
}

/// Every text that another party can choose, on every page that has it, in both languages.
#[test]
fn hostile_text_is_escaped_on_every_page() {
    let name = OperatorName::new("amy").expect("a name");
    let key = EventKey::of_row(HOSTILE);
    let newest = Newest { rows: vec![listed()], has_more: true };
    let chosen = Chosen { since: Since::Day, is_failed: true, writer: Some("stripe") };
    let body = KeptBody {
        method: HOSTILE.to_owned(),
        path: HOSTILE.to_owned(),
        query: HOSTILE.to_owned(),
        headers: vec![(HOSTILE.to_owned(), HOSTILE.to_owned())],
        bytes: HOSTILE.into(),
        bytes_at: at(),
    };
    for lang in Lang::ALL {
        let first = FirstForm { name: &name, link: HOSTILE, key: &[7; 20], stage: "prod", error: None };
        let fixes = vec![Fix::Explain(HOSTILE.to_owned()), Fix::ShowBody(key.clone()), Fix::Price(HOSTILE.to_owned())];
        let pages = [
            explained(&stopped(fixes), lang),
            explained(&Explained::Several(vec![(insight::Kind::Order, HOSTILE.to_owned())]), lang),
            events::markup(&newest, &chosen, lang).into_string(),
            overview_page(&newest, lang),
            event_page(&refused(), Some(Asks { csrf: HOSTILE, id: HOSTILE }), None),
            event_page(&refused(), None, Some(&body)),
            first::markup(lang, &first).into_string(),
            sign_in::markup(lang, HOSTILE, None).into_string(),
            pause::markup(&pause::Preview {
                lang,
                what: Pausable::Fulfil,
                is_paused: true,
                csrf: HOSTILE,
                id: HOSTILE,
            })
            .into_string(),
            replay::markup(&Preview {
                lang,
                of: HOSTILE,
                what: &Replayable::Events(vec![refused()]),
                csrf: HOSTILE,
                id: HOSTILE,
            })
            .into_string(),
        ];
        for page in pages {
            assert!(!page.contains("<script") && !page.contains("alert('1')</"), "{page}");
            assert!(page.contains("&lt;script&gt;"), "{page}");
        }
    }
}

/// A name that no row has may be a key: the page does not repeat it.
#[test]
fn missing_name_is_not_repeated() {
    for lang in Lang::ALL {
        let page = explained(&Explained::Missing, lang);
        assert!(!page.contains("script") && page.contains("Stripe"), "{page}");
    }
}

#[test]
fn moment_stands_on_its_side() {
    let page = explained(&stopped(Vec::new()), Lang::En);
    for (class, word) in [("theirs", "received"), ("ours", "refused"), ("shop", "paid")] {
        let item = page.split("<li class=").find(|item| item.starts_with(&format!("\"{class}\""))).expect(class);
        assert!(item.contains(&format!("<strong>{word}</strong>")), "{item}");
    }
    assert!(page.contains(r#"<time datetime="2026-01-01T12:30:45.678Z">2026-01-01 12:30:45</time>"#), "{page}");
}

#[test]
fn command_works_with_the_books_of_the_stage() {
    let page = explained(&stopped(vec![Fix::Audit]), Lang::En);
    assert!(page.contains(r#"<code class="copy">hookledger audit --aws --stage prod</code>"#), "{page}");
}

/// A reader gets the command, and an operator a button that leads to the preview.
#[test]
fn only_an_operator_is_offered_the_action() {
    let stopped = stopped(vec![Fix::Replay(EventKey::of_row("stripe#evt_1"))]);
    let page = |may_act| {
        let view = explain::View { lang: Lang::En, books: "", may_act, done: None };
        explain::markup(&stopped, "evt_1", view).into_string()
    };
    assert!(page(false).contains("hookledger replay stripe#evt_1 --reason R") && !page(false).contains("<form"));
    assert!(page(true).contains("action=\"/console/replay\"") && page(true).contains("value=\"stripe#evt_1\""));
}

#[test]
fn state_has_a_word_beside_its_colour() {
    let rows = [
        (EventState::Booked { at: Some(at()) }, r#"<span class="badge good">booked</span>"#),
        (refused().state, r#"<span class="badge bad">not booked</span>"#),
    ];
    for (state, badge) in rows {
        let page = event_page(&row(state), None, None);
        assert!(page.contains(badge), "{page}");
    }
}

#[test]
fn what_names_a_person_is_hidden_until_an_operator_asks() {
    let asks = Asks { csrf: "token", id: "a1" };
    let reader = event_page(&refused(), None, None);
    assert!(!reader.contains("88001122") && !reader.contains("<form"), "{reader}");
    let operator = event_page(&refused(), Some(asks), None);
    assert!(!operator.contains("88001122") && operator.contains("action=\"/console/event/body\""), "{operator}");
    let body = KeptBody {
        method: "POST".to_owned(),
        path: "/x".to_owned(),
        query: String::new(),
        headers: Vec::new(),
        bytes: b"{}".to_vec(),
        bytes_at: at(),
    };
    let asked = event_page(&refused(), None, Some(&body));
    assert!(asked.contains("88001122") && asked.contains("POST /x"), "{asked}");
}

#[test]
fn empty_page_says_what_to_do() {
    let none = Newest::default();
    let chosen = Chosen { since: Since::Hour, is_failed: false, writer: None };
    let page = events::markup(&none, &chosen, Lang::En).into_string();
    assert!(page.contains("Look further back") && !page.contains("<table"), "{page}");
    let page = overview_page(&none, Lang::Zh);
    assert!(page.contains("都已入账") && !page.contains("<table"), "{page}");
}

/// Each field has its label, and each page one heading of the first level.
#[test]
fn fields_have_labels_and_pages_a_heading() {
    let name = OperatorName::new("amy").expect("a name");
    let first = FirstForm { name: &name, link: "l", key: &[7; 20], stage: "prod", error: None };
    let chosen = Chosen { since: Since::Hour, is_failed: false, writer: None };
    let pages = [
        first::markup(Lang::En, &first).into_string(),
        sign_in::markup(Lang::En, "/console", None).into_string(),
        events::markup(&Newest::default(), &chosen, Lang::En).into_string(),
        overview_page(&Newest::default(), Lang::En),
        explained(&stopped(Vec::new()), Lang::En),
        event_page(&refused(), Some(Asks { csrf: "t", id: "i" }), None),
    ];
    for page in pages {
        assert_eq!(page.matches("<h1").count(), 1, "{page}");
        for field in page.split("<input").skip(1) {
            let field = field.split('>').next().unwrap_or_default();
            let id = field.split("id=\"").nth(1).and_then(|rest| rest.split('"').next());
            let is_labelled = id.is_some_and(|id| page.contains(&format!("for=\"{id}\"")));
            // A label around its field needs no id.
            assert!(field.contains("type=\"hidden\"") || is_labelled || page.contains("<label>"), "{field}");
        }
    }
}
