//! The words that GLOSSARY.md avoids stand in no comment, identifier, page or log line.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::house::{files, root};

/// Still to be cleaned. This list only becomes shorter: a place in it without such a word fails, too.
const TO_CLEAN: &[&str] = &[];

/// They name the words in order to avoid them, or log the names of before.
const EXEMPT: [&str; 3] = ["GLOSSARY.md", "CHANGELOG.md", "tests/src/words.rs"];

const KINDS: [&str; 8] = [".rs", ".md", ".py", ".yaml", ".yml", ".toml", ".txt", ".json"];

/// The first column of the table of words to avoid.
fn avoided() -> Vec<String> {
    let glossary = fs::read_to_string(root().join("GLOSSARY.md")).expect("a file");
    let (_, section) = glossary.split_once("\n## Words to avoid\n").expect("a section");
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    rows.map(|(word, _)| word.to_owned()).collect()
}

/// Words in lower case with one space around each. `WhoeverIsAsked` and `whoever_is_asked` are three words.
fn words_of(text: &str) -> String {
    let mut words = String::from(" ");
    let mut was_lower = false;
    for letter in text.chars() {
        let is_of_word = letter.is_alphanumeric() || letter == '-';
        if (letter.is_uppercase() && was_lower || !is_of_word) && !words.ends_with(' ') {
            words.push(' ');
        }
        if is_of_word {
            words.extend(letter.to_lowercase());
        }
        was_lower = letter.is_lowercase();
    }
    words + " "
}

/// Each word to avoid that stands in the text, with how often.
fn found_in(text: &str, avoided: &[String]) -> BTreeMap<String, usize> {
    let words = words_of(text);
    let times = |word: &String| (word.clone(), words.matches(&format!(" {word} ")).count());
    avoided.iter().map(times).filter(|(_, times)| *times > 0).collect()
}

fn texts() -> Vec<(PathBuf, String)> {
    let all: BTreeSet<PathBuf> = KINDS.iter().flat_map(|kind| files(&root(), kind)).collect();
    let of_root = [".ci/run", ".env.example", "justfile"].map(|name| root().join(name));
    let relative = |path: PathBuf| {
        let name = path.strip_prefix(root()).expect("in the workspace").to_owned();
        (name, fs::read_to_string(path).expect("a text"))
    };
    let is_exempt = |name: &Path| EXEMPT.iter().any(|exempt| name == Path::new(exempt));
    all.into_iter().chain(of_root).map(relative).filter(|(name, _)| !is_exempt(name)).collect()
}

#[test]
fn avoided_words_stand_in_no_clean_place() {
    let avoided = avoided();
    assert!(avoided.len() > 10, "the list is read: {avoided:?}");
    let mut in_clean = Vec::new();
    let mut not_clean = BTreeSet::new();
    for (name, text) in texts() {
        let found = found_in(&text, &avoided);
        if found.is_empty() {
            continue;
        }
        match TO_CLEAN.iter().find(|place| name.starts_with(place)) {
            Some(place) => _ = not_clean.insert(*place),
            None => in_clean.push(format!("{}: {found:?}", name.display())),
        }
    }
    assert!(in_clean.is_empty(), "write other words, as GLOSSARY.md has them:\n{}", in_clean.join("\n"));
    let listed: BTreeSet<&str> = TO_CLEAN.iter().copied().collect();
    assert_eq!(listed, not_clean, "a place that is clean is taken off the list");
}

#[test]
fn words_are_found_in_every_spelling() {
    let avoided = ["told".to_owned(), "is asked".to_owned(), "stand-in".to_owned()];
    let found = |text: &str| found_in(text, &avoided).into_keys().collect::<Vec<_>>();
    for (text, expected) in [
        ("nothing of it", vec![]),
        ("untold, toldo", vec![]),
        ("Told", vec!["told"]),
        ("struct WasTold;", vec!["told"]),
        ("fn who_is_asked()", vec!["is asked"]),
        ("// who is\n// asked", vec!["is asked"]),
        ("rows stand in it; a stand-in's port", vec!["stand-in"]),
        ("TOLD", vec!["told"]),
    ] {
        assert_eq!(found(text), expected, "{text}");
    }
}
