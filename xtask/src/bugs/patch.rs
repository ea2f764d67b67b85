//! Unified diffs: parsed from a file with a head of its own, and applied to texts. No git is needed, and a hunk may have
//! moved, as long as its lines stand in one place only.

use std::collections::BTreeMap;

use thiserror::Error;

/// The changes of one patch file, by the path of the changed file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Patch {
    changes: BTreeMap<String, Vec<Hunk>>,
}

/// Lines that stand in the file, and the lines that replace them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Hunk {
    old: String,
    new: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum PatchError {
    #[error("line {0} of the patch is not a line of a unified diff")]
    Line(usize),
    #[error("the patch changes nothing")]
    Empty,
    #[error("{path}: the lines of hunk {hunk} stand in {times} places")]
    Hunk { path: String, hunk: usize, times: usize },
    #[error("{0} cannot be read")]
    Missing(String),
}

impl Patch {
    /// Reads the diff below the head, which ends at the first `---`.
    pub(crate) fn parse(text: &str) -> Result<Self, PatchError> {
        let mut patch = Self::default();
        let mut hunks: Option<&mut Vec<Hunk>> = None;
        let diff = (1..).zip(text.lines()).skip_while(|(_, line)| !line.starts_with("--- a/"));
        for (number, line) in diff {
            if line.starts_with("--- a/") {
                continue;
            }
            if let Some(path) = line.strip_prefix("+++ b/") {
                hunks = Some(patch.changes.entry(path.to_owned()).or_default());
                continue;
            }
            let hunks = hunks.as_mut().ok_or(PatchError::Line(number))?;
            if line.starts_with("@@ ") {
                hunks.push(Hunk::default());
                continue;
            }
            let hunk = hunks.last_mut().ok_or(PatchError::Line(number))?;
            let (mark, rest) = line.split_at_checked(1).unwrap_or((" ", ""));
            let (is_old, is_new) = match mark {
                " " => (true, true),
                "-" => (true, false),
                "+" => (false, true),
                _ => return Err(PatchError::Line(number)),
            };
            for (text, is_in) in [(&mut hunk.old, is_old), (&mut hunk.new, is_new)] {
                if is_in {
                    text.push_str(rest);
                    text.push('\n');
                }
            }
        }
        let is_empty = patch.changes.values().flatten().all(|hunk| hunk.old == hunk.new);
        if is_empty { Err(PatchError::Empty) } else { Ok(patch) }
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.changes.keys().map(String::as_str)
    }

    /// The changed files. `read` gives the text of a file, by its path in the repository.
    pub(crate) fn apply(&self, read: impl Fn(&str) -> Option<String>) -> Result<BTreeMap<String, String>, PatchError> {
        let mut changed = BTreeMap::new();
        for (path, hunks) in &self.changes {
            let mut text = read(path).ok_or_else(|| PatchError::Missing(path.clone()))?;
            for (number, hunk) in (1..).zip(hunks) {
                text =
                    hunk.apply(&text).map_err(|times| PatchError::Hunk { path: path.clone(), hunk: number, times })?;
            }
            changed.insert(path.clone(), text);
        }
        Ok(changed)
    }
}

impl Hunk {
    /// The changed text, or the number of places in which the old lines stand if that is not one.
    fn apply(&self, text: &str) -> Result<String, usize> {
        // Whole lines only: each begins after a line break, and the last ends before one, which may begin the next place.
        let lines = |lines: &str| format!("\n{}", lines.strip_suffix('\n').unwrap_or(lines));
        let (text, old, new) = (format!("\n{text}"), lines(&self.old), lines(&self.new));
        let mut places = text.match_indices(&old).filter_map(|(at, _)| {
            let (before, rest) = text.split_at_checked(at)?;
            let after = rest.strip_prefix(old.as_str())?;
            (after.is_empty() || after.starts_with('\n')).then(|| format!("{before}{new}{after}").split_off(1))
        });
        match (places.next(), places.count()) {
            (Some(changed), 0) => Ok(changed),
            (first, more) => Err(more.saturating_add(usize::from(first.is_some()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str = "Bug: a guard is missing\nStore: memory\n\n--- a/some/file.rs\n+++ b/some/file.rs\n@@ -2,3 +2,2 @@\n one\n-two\n three\n";

    fn applied(patch: &str, text: &str) -> Result<String, PatchError> {
        let files = Patch::parse(patch)?.apply(|path| (path == "some/file.rs").then(|| text.to_owned()))?;
        Ok(files.into_values().next().expect("one file"))
    }

    #[test]
    fn hunk_is_found_wherever_its_lines_stand() {
        assert_eq!(applied(PATCH, "zero\none\ntwo\nthree\n"), Ok("zero\none\nthree\n".to_owned()));
        assert_eq!(applied(PATCH, "one\ntwo\nthree\n"), Ok("one\nthree\n".to_owned()));
        assert_eq!(applied(PATCH, "0\n0\n0\none\ntwo\nthree\nfour\n"), Ok("0\n0\n0\none\nthree\nfour\n".to_owned()));
    }

    #[test]
    fn patch_of_another_text_is_an_error() {
        let hunk = |times| Err(PatchError::Hunk { path: "some/file.rs".to_owned(), hunk: 1, times });
        for (text, expected) in [
            ("one\n2\nthree\n", hunk(0)),
            ("no one\ntwo\nthree\n", hunk(0)),
            ("one\ntwo\nthree\none\ntwo\nthree\n", hunk(2)),
        ] {
            assert_eq!(applied(PATCH, text), expected, "{text}");
        }
        assert_eq!(
            Patch::parse(PATCH).expect("a patch").apply(|_| None),
            Err(PatchError::Missing("some/file.rs".to_owned()))
        );
    }

    #[test]
    fn unreadable_patch_is_an_error() {
        for (patch, expected) in [
            ("", PatchError::Empty),
            ("Bug: nothing\n", PatchError::Empty),
            ("--- a/f\n+++ b/f\n@@ -1 +1 @@\n one\n", PatchError::Empty),
            ("--- a/f\n one\n", PatchError::Line(2)),
            ("--- a/f\n+++ b/f\n-one\n", PatchError::Line(3)),
            ("--- a/f\n+++ b/f\n@@ -1 +1 @@\n*one\n", PatchError::Line(4)),
        ] {
            assert_eq!(Patch::parse(patch), Err(expected), "{patch}");
        }
    }
}
