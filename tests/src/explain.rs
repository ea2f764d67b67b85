//! What `explain` says about stories that end short of done: the whole text, in both languages, in
//! `tests/src/explain/stories.txt`. `STORIES=write cargo test -p tests --test all explain::` writes it.

mod bookkeeping;
mod orders;
pub(crate) mod stories;
mod waiting;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use insight::{Commands, Explained, Lang, Typed, explain};
use ledger::{CallContext, CodeText};
use testkit::{Call, Fault, World, context, now};

use crate::house::root;
use crate::recorded::is_to_write;

use stories::{STORIES, Story};

const HEAD: &str = "# What `explain` says at the end of each story. `STORIES=write cargo test -p tests --test all explain::`\n\
                    # writes this file.\n";
/// As many as issue 21 has.
const STORIES_SHORT_OF_DONE: usize = 20;
const HERE: Commands<'static> = Commands { program: "hookledger", books: "" };

/// The context of a question so many seconds after the story began.
fn asked(after_s: i64) -> CallContext<'static> {
    let received_at = now().plus_seconds(after_s);
    CallContext { received_at, first_received_at: received_at, ..context(9) }
}

async fn answer(world: &World, text: &str, after_s: i64) -> Explained {
    let code = CodeText::parse(text).and_then(|code| api::code_hash(&crate::codes::pepper(), &code));
    let typed = Typed { text, code: code.as_ref(), merchants: &["1001".to_owned()] };
    explain(&world.ledger(7).minding_pauses(), &typed, &asked(after_s)).await.expect("an answer")
}

/// The journal id that begins like this, where it ends in a hash.
fn whole(world: &World, asks: &str) -> String {
    let of_hash = world.books().journal.into_keys().find(|id| asks.ends_with('#') && id.starts_with(asks));
    of_hash.unwrap_or_else(|| asks.to_owned())
}

#[tokio::test(start_paused = true)]
async fn each_story_is_explained_in_both_languages() {
    let (mut text, mut wrong) = (HEAD.to_owned(), Vec::new());
    for Story { name, asks, after_s, is_well } in STORIES {
        let world = stories::world_of(name).await;
        let asks = &whole(&world, asks);
        let explained = answer(&world, asks, *after_s).await;
        wrong.extend((explained.is_well() != *is_well).then_some((name, asks.clone())));
        writeln!(text, "\n{name}: explain {asks}").expect("text");
        for lang in Lang::ALL {
            for line in explained.lines(asks, lang, &HERE) {
                writeln!(text, "{}| {line}", lang.as_str()).expect("text");
            }
        }
    }
    let path = root().join("tests/src/explain/stories.txt");
    if is_to_write("STORIES") {
        fs::write(&path, &text).expect("written");
    }
    let recorded = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let differing = text.lines().zip(recorded.lines()).find(|(is, was)| is != was);
    assert!(text == recorded, "{}: {differing:?}\n{text}", path.display());
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// The stories that end short of done, by their names, each with its text in both languages: a story that is added, and one
/// whose text is taken out of the file, are found here.
#[test]
fn each_story_that_ends_short_of_done_has_a_text_that_says_so() {
    let recorded = include_str!("explain/stories.txt");
    let mut names = BTreeSet::new();
    for Story { name, asks, .. } in STORIES.iter().filter(|story| !story.is_well) {
        let head = format!("\n\n{name}: explain {asks}");
        let (_, text) = recorded.split_once(&head).unwrap_or_else(|| panic!("{name}: {asks}"));
        let text = text.split("\n\n").next().unwrap_or_default();
        for (lang, words) in [
            ("en| ", ["stopped before ", " names ", "no row has the name "]),
            ("zh| ", ["停在", "对应", "没有任何记录"]),
        ] {
            let mut lines = text.lines().filter_map(|line| line.strip_prefix(lang));
            assert!(lines.any(|line| words.iter().any(|word| line.contains(word))), "{name}, {lang}: {text}");
        }
        names.insert(name);
    }
    assert!(names.len() >= STORIES_SHORT_OF_DONE, "{}: {names:?}", names.len());
}

/// No scan, a bounded number of calls, and none that writes.
#[tokio::test(start_paused = true)]
async fn question_reads_a_bounded_number_of_rows() {
    for Story { name, asks, after_s, .. } in STORIES {
        let world = stories::world_of(name).await;
        let before = world.books();
        let (ledger, faults) = world.faulty(7, |_, _| Fault::None);
        let typed = Typed { text: asks, code: None, merchants: &["1001".to_owned()] };
        explain(&ledger.minding_pauses(), &typed, &asked(*after_s)).await.expect("an answer");
        let calls = faults.calls();
        let is_read = |call: &Call| ["GetItem", "BatchGetItem", "Query"].contains(&call.operation.as_str());
        assert!(calls.iter().all(is_read), "{name}: {calls:?}");
        assert!(calls.len() <= 30, "{name}: {} calls", calls.len());
        assert_eq!(world.books(), before, "{name}");
    }
}

/// Every place of the store may fail: the question has no answer then, and never half of one.
#[tokio::test(start_paused = true)]
async fn store_that_fails_gives_no_answer() {
    let world = stories::world_of("a wrong amount").await;
    let typed = Typed { text: "hk_sample_order", code: None, merchants: &[] };
    let whole = explain(&world.ledger(7), &typed, &asked(60)).await.expect("an answer");
    let mut failed = 0_u32;
    for at in 0.. {
        // From then on, so that no retry succeeds.
        let (ledger, faults) = world.faulty(7, move |n, _| if n >= at { Fault::ServerError } else { Fault::None });
        match explain(&ledger, &typed, &asked(60)).await {
            Ok(explained) => assert_eq!(explained, whole, "at {at}"),
            Err(_) => failed += 1,
        }
        if faults.calls().len() <= at {
            break;
        }
    }
    assert!(failed >= 5, "{failed}");
}
