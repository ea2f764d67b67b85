//! The HTML of pages, from values: escaping, states by word and colour, empty states, and what only an operator is offered.

use insight::{
    AnomalyDays, Cause, Chain, EventRow, EventState, Explained, Explanation, Fix, Halt, Happened, Headline, Lang, Link,
    Newest, NotReplayable, OrderList, OrderStatus, Replayable, Stage, Why,
};
use ledger::{
    Amount, Asset, AuditProgress, EventKey, KeptBody, LinePosition, ListedRow, LotKind, OrderNumber, Owner, Pausable,
    Pause, Pauses, Policy, Reason, Timestamp, UnreadableRow, Window, Word,
};
use operators::OperatorName;

use crate::actions::replay::{self, Preview};
use crate::actions::{pause, reverse, revoke_codes};
use crate::event::{Asks, View};
use crate::events::{Chosen, Decided, Since};
use crate::first::FirstForm;
use crate::orders::Which;
use crate::overview::{Numbers, OverviewView};
use crate::words::kind_word;
use crate::{buttons, event, events, explain, first, orders, overview, sign_in};

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
            near: None,
            stage: Stage::Received,
            what: Happened::Delivered { key: HOSTILE.to_owned(), kind: HOSTILE.to_owned() },
        },
        Link {
            at: None,
            near: None,
            stage: Stage::Refused,
            what: Happened::Refused { why: HOSTILE.to_owned(), is_change: false },
        },
        Link {
            at: None,
            near: None,
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
    event::markup(row, &View { lang: Lang::En, asks, delivery, decided: None }).into_string()
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
        may_act: false,
        lang,
    };
    overview::markup(&view).into_string()
}

/// What no row has a time of is a state as it is now, or a moment that is past.
#[test]
fn what_has_no_time_says_whether_it_is_past() {
    let limit = Amount::from_units(5);
    let rows = [
        (Happened::Spent { window: ledger::Window::Day, spent: limit.into(), limit }, "now"),
        (Happened::Balance { balance: limit.into(), available: limit.into() }, "now"),
        (Happened::Refused { why: "amount_mismatch".to_owned(), is_change: false }, "time not kept"),
    ];
    for (what, time) in rows {
        let headline = Headline::Owner { owner: "alice".to_owned() };
        let links = vec![Link { at: None, near: None, stage: Stage::Recorded, what }];
        let page = explained(
            &Explained::One(Box::new(Explanation { headline, chain: Chain { links, halts: Vec::new() } })),
            Lang::En,
        );
        assert!(page.contains(&format!(">{time}<")), "{time}: {page}");
    }
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
            events::markup(&newest, &Decided::new(), &chosen, lang).into_string(),
            overview_page(&newest, lang),
            event_page(&refused(), Some(Asks { csrf: HOSTILE, id: HOSTILE, reason: HOSTILE }), None),
            event_page(&refused(), None, Some(&body)),
            first::markup(lang, &first).into_string(),
            sign_in::markup(lang, HOSTILE, HOSTILE, None).into_string(),
            pause::markup(&pause::Preview {
                lang,
                what: Pausable::Fulfil,
                is_paused: true,
                csrf: HOSTILE,
                id: HOSTILE,
                reason: HOSTILE,
            })
            .into_string(),
            buttons::notice(Some(&format!("console#{HOSTILE}")), lang).into_string(),
            buttons::help(buttons::ACCEPT, &[("payment", HOSTILE)], HOSTILE).into_string(),
            reverse::markup(&reverse::Preview {
                lang,
                usage: HOSTILE,
                account: &Owner::new("alice").expect("an owner").account(Asset::CREDITS),
                charged: Amount::from_units(1),
                csrf: HOSTILE,
                id: HOSTILE,
                part: HOSTILE,
                reason: HOSTILE,
            })
            .into_string(),
            revoke_codes::markup(&revoke_codes::Preview {
                lang,
                campaign: Word::new("spring").expect("a word"),
                name: Some(HOSTILE),
                revoked: 1,
                left: 1,
                csrf: HOSTILE,
                id: HOSTILE,
                reason: HOSTILE,
            })
            .into_string(),
            replay::markup(&Preview {
                lang,
                of: HOSTILE,
                what: &Replayable::Events(vec![refused()], vec![NotReplayable::NoDelivery(HOSTILE.to_owned())]),
                csrf: HOSTILE,
                id: HOSTILE,
                reason: HOSTILE,
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
        assert!(!page.contains("alert") && page.contains("Stripe"), "{page}");
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

/// Each command that has a button is one for an operator, and text to copy for a reader.
#[test]
fn fix_with_an_action_is_a_button() {
    let order = OrderNumber::new("HL1").expect("a number");
    let owner = Owner::new("alice").expect("an owner");
    let accept = Fix::Accept { order: order.clone(), payment: "stripe#pi_1".to_owned(), is_confirmed: true };
    let clear = Fix::Clear { order: order.clone(), reason: Reason::AmountMismatch, payment: None };
    let some = Some(Amount::from_units(1));
    for (fix, path, shown) in [
        (accept, "/console/accept", "value=\"stripe#pi_1\""),
        (clear, "/console/clear", "value=\"amount_mismatch\""),
        (Fix::ResolveDone(order.clone()), "/console/resolve", "value=\"done\""),
        (Fix::ResolveFailed(order.clone()), "/console/resolve", "value=\"failed\""),
        (Fix::ResolveAgain(order), "/console/resolve", "value=\"again\""),
        (Fix::Credit { owner: owner.clone(), amount: some }, "/console/grant", "value=\"0.000000001\""),
        (Fix::Credit { owner, amount: None }, "/console/grant", "value=\"alice\""),
    ] {
        let stopped = stopped(vec![fix.clone()]);
        let page = |may_act| {
            let view = explain::View { lang: Lang::En, books: "", may_act, done: None };
            explain::markup(&stopped, "HL1", view).into_string()
        };
        let (reader, operator) = (page(false), page(true));
        assert!(reader.contains("<code class=\"copy\">hookledger ") && !reader.contains("<form"), "{fix:?}");
        assert!(operator.contains(&format!("action=\"{path}\"")) && operator.contains(shown), "{fix:?}: {operator}");
        assert!(!operator.contains("class=\"copy\""), "{fix:?}");
    }
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
    let asks = Asks { csrf: "token", id: "a1", reason: "" };
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

fn orders_page(list: &OrderList, which: Which, lang: Lang) -> String {
    let chosen = orders::Chosen { which, since: None, status: None, owner: None };
    orders::markup(list, &chosen, " --aws --stage prod", lang).into_string()
}

#[test]
fn each_state_of_an_order_has_a_word_in_chinese() {
    for word in OrderStatus::words() {
        assert_ne!(orders::status_word(word, Lang::Zh), word);
    }
}

#[test]
fn kinds_of_an_account_have_chinese_words() {
    let words = LotKind::ALL.map(LotKind::as_str).into_iter().chain(Policy::ALL.map(Policy::as_str));
    for word in
        words.chain(Window::ALL.map(Window::as_str)).chain(["usage", "credit", "refund", "expiry", "make_service_key"])
    {
        assert_ne!(kind_word(word, Lang::Zh), word);
        assert_eq!(kind_word(word, Lang::En), word);
    }
    assert_eq!(kind_word("payment_intent.succeeded", Lang::Zh), "payment_intent.succeeded");
}

/// A page without orders still says that one could not be read, or that there are more.
#[test]
fn list_of_orders_names_what_it_leaves_out() {
    let unreadable = vec![UnreadableRow { id: HOSTILE.to_owned(), attribute: "terms" }];
    let list = OrderList { unreadable, has_more: true, ..OrderList::default() };
    let page = orders_page(&list, Which::Stuck, Lang::En);
    assert!(page.contains("hookledger order show &quot;") && page.contains(" --aws --stage prod"), "{page}");
    assert!(page.contains("more than this list can hold") && !page.contains("<script"), "{page}");
    let place = LinePosition { key: "HL1".to_owned(), at: at().to_string() };
    let page = orders_page(&OrderList { has_more: true, next: Some(place), ..list }, Which::Stuck, Lang::En);
    assert!(page.contains("&amp;after=2026-01-01T12%3A30%3A45.678Z%20HL1"), "{page}");
}

#[test]
fn empty_page_says_what_to_do() {
    let none = OrderList::default();
    for (which, hint) in
        [(Which::Made, "Look further back"), (Which::Anomalies, "with what helps"), (Which::Stuck, "takes longer")]
    {
        let page = orders_page(&none, which, Lang::En);
        assert!(page.contains(hint) && !page.contains("<table"), "{page}");
    }
    let none = Newest::default();
    let chosen = Chosen { since: Since::Hour, is_failed: false, writer: None };
    let page = events::markup(&none, &Decided::new(), &chosen, Lang::En).into_string();
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
        sign_in::markup(Lang::En, "/console", "", None).into_string(),
        events::markup(&Newest::default(), &Decided::new(), &chosen, Lang::En).into_string(),
        overview_page(&Newest::default(), Lang::En),
        orders_page(&OrderList::default(), Which::Made, Lang::En),
        explained(&stopped(Vec::new()), Lang::En),
        event_page(&refused(), Some(Asks { csrf: "t", id: "i", reason: "" }), None),
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
