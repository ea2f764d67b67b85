//! Each link in the docs leads to a file and a heading that exist, each file that they name exists, and their lines are
//! wrapped.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::house::{files, root};

const COLUMNS_MAX: usize = 100;
/// The length that a visitor reads to the end.
const README_LINES_MAX: usize = 200;
/// The length that a maintainer reads in one sitting.
const ARCHITECTURE_WORDS_MAX: usize = 2_500;

fn pages() -> impl Iterator<Item = PathBuf> {
    files(&root(), ".md").into_iter()
}

fn named(path: &Path) -> String {
    path.strip_prefix(root()).expect("in the workspace").display().to_string()
}

/// The lines outside of code blocks, each with its number.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    text.lines().enumerate().filter_map(move |(number, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        (!is_code && !is_fence).then_some((number + 1, line))
    })
}

/// The anchors that GitHub makes of headings: lower case, no punctuation, a dash for each space.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter_map(|(_, line)| line.strip_prefix('#')).map(|line| line.trim_start_matches('#'));
    let kept = |letter: char| letter.is_alphanumeric() || "-_ ".contains(letter);
    headings
        .map(|header| header.trim().to_lowercase().chars().filter(|c| kept(*c)).collect::<String>().replace(' ', "-"))
        .collect()
}

/// The targets in `](…)`.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next())
}

fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            normal.pop();
        } else {
            normal.push(part);
        }
    }
    normal
}

#[test]
fn links_of_the_pages_resolve() {
    let mut read = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page");
        for (number, line) in prose(&text) {
            for link in links(line).filter(|link| !link.contains("://")) {
                let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
                let target = normal(&page.parent().expect("a folder").join(file));
                let target = if file.is_empty() { page.clone() } else { target };
                assert!(target.exists(), "{}:{number}: there is no {link}", named(&page));
                if let Some(anchor) = anchor {
                    let has = anchors(&fs::read_to_string(&target).expect("a page")).contains(anchor);
                    assert!(has, "{}:{number}: {file} has no heading for #{anchor}", named(&page));
                }
                read += 1;
            }
        }
    }
    assert!(read > 100, "the pages have links and names: {read}");
}

/// Table rows cannot be wrapped.
#[test]
fn lines_of_the_pages_are_wrapped() {
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page");
        for (number, line) in prose(&text).filter(|(_, line)| !line.trim_start().starts_with('|')) {
            assert!(line.chars().count() <= COLUMNS_MAX, "{}:{number} is longer than {COLUMNS_MAX}", named(&page));
        }
    }
}

#[test]
fn readme_and_architecture_are_short() {
    for name in ["README.md", "README.zh.md"] {
        let text = fs::read_to_string(root().join(name)).expect("a page");
        assert!(text.lines().count() <= README_LINES_MAX, "{name}");
        for (number, line) in text.lines().enumerate() {
            assert!(line.chars().count() <= COLUMNS_MAX, "{name}:{}", number + 1);
        }
    }
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("a page");
    let words = map.split_whitespace().count();
    assert!(words <= ARCHITECTURE_WORDS_MAX, "ARCHITECTURE.md has {words} words");
}

/// The pages that name source files; a renamed file is renamed there, too.
const NAMING_FILES: [&str; 6] =
    ["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "docs/", "tests/README.md", "GLOSSARY.md"];

#[test]
fn source_files_named_in_the_pages_exist() {
    let sources: Vec<String> = files(&root(), ".rs").iter().map(|file| named(file)).collect();
    let mut read = 0;
    for page in pages().filter(|page| NAMING_FILES.iter().any(|name| named(page).starts_with(name))) {
        let text = fs::read_to_string(&page).expect("a page");
        for (number, line) in prose(&text) {
            let spans = line.split('`').skip(1).step_by(2);
            let is_file = |span: &&str| Path::new(span).extension().is_some_and(|ending| ending == "rs");
            for name in spans.filter(is_file).filter(|span| !span.contains(['<', '*', ' ', '…'])) {
                let exists = sources.iter().any(|file| file == name || file.ends_with(&format!("/{name}")));
                assert!(exists, "{}:{number}: there is no {name}", named(&page));
                read += 1;
            }
        }
    }
    assert!(read > 100, "the pages have links and names: {read}");
}
