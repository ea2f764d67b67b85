//! Reads the shell blocks and the inline commands of the pages.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The languages of a shell block.
const SHELLS: [&str; 4] = ["sh", "bash", "shell", "console"];
/// What an inline command begins with.
const PROGRAMS: [&str; 6] = ["cargo run ", "cargo lambda ", "aws ", "sam ", "curl ", "openssl "];
/// A line that ends in this goes on in the next one.
const GOES_ON: &str = "\\\n";

/// A fenced block of commands.
pub(super) struct Block {
    pub(super) language: String,
    pub(super) text: String,
}

impl Block {
    /// Each command: after a prompt, or a line of its own with those that continue it. Without comments.
    pub(super) fn commands(&self) -> Vec<String> {
        let joined = self.text.replace(GOES_ON, "\0");
        let is_shown = |line: &&str| self.language == "console" && !line.starts_with("$ ");
        let lines = joined.lines().filter(|line| !line.is_empty() && !line.starts_with('#') && !is_shown(line));
        let command = |line: &str| {
            let line = line.split(" #").next().unwrap().trim_end();
            line.strip_prefix("$ ").unwrap_or(line).replace('\0', GOES_ON)
        };
        lines.map(command).collect()
    }
}

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(super) fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// The names of all pages, from the root.
pub(super) fn pages() -> BTreeSet<String> {
    let folders = ["", "docs", "docs/providers", "tests", "examples", ".github"];
    let files = folders.into_iter().flat_map(|folder| {
        let files = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().file_name());
        files.map(move |file| Path::new(folder).join(file))
    });
    let pages = files.filter(|file| file.extension().is_some_and(|ending| ending == "md"));
    pages.map(|file| file.display().to_string()).collect()
}

/// The code blocks of a page in this language.
pub(super) fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    page.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// The blocks of commands, in the order of the page. A block in a list is indented.
pub(super) fn shell_blocks(page: &str) -> Vec<Block> {
    let (mut found, mut open) = (Vec::new(), None);
    for line in page.lines() {
        match (line.trim_start().strip_prefix("```"), &mut open) {
            (Some(language), None) => {
                let indent = line.len().saturating_sub(line.trim_start().len());
                open = Some((indent, Block { language: language.to_owned(), text: String::new() }));
            }
            (Some(_), Some(_)) => found.extend(open.take().map(|(_, block)| block)),
            (None, Some((indent, block))) => {
                block.text.push_str(line.get(*indent..).unwrap_or_default());
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block does not end");
    found.retain(|block| SHELLS.contains(&block.language.as_str()));
    found
}

/// The one shell block of a page that has these words.
pub(super) fn block(name: &str, words: &str) -> Block {
    let mut found = shell_blocks(&page(name));
    found.retain(|block| block.text.contains(words));
    assert_eq!(found.len(), 1, "{name}: {words}");
    found.remove(0)
}

/// The code spans that are whole commands. Brackets are of a summary of options, and no command.
pub(super) fn inline_commands(page: &str) -> BTreeSet<String> {
    let spans = page.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    let commands =
        spans.filter(|span| PROGRAMS.iter().any(|program| span.starts_with(program)) && !span.contains("[--"));
    commands.map(str::to_owned).collect()
}

/// The commands of all shell blocks, without comments and reasons, which are in the page's language.
pub(super) fn commands_of(page: &str) -> Vec<String> {
    let without_reason = |command: String| match command.split_once("--reason \"") {
        Some((before, rest)) => format!("{before}{}", rest.split_once('"').unwrap().1),
        None => command,
    };
    shell_blocks(page).iter().flat_map(Block::commands).map(without_reason).collect()
}
