//! The copy of the working tree that a bug is planted in. Only files that differ are written, so that cargo compiles
//! only what a patch has changed, and what the patch before it had.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What no build reads.
const LEFT_OUT: [&str; 4] = ["target", ".git", ".hookledger", ".aws-sam"];

/// The copy at `to` is the same as `from`, except for these changed files.
pub(crate) fn copy<'c>(
    from: &Path,
    to: &Path,
    changed: impl IntoIterator<Item = (&'c str, &'c str)>,
) -> io::Result<()> {
    let changed: Vec<(&Path, &str)> = changed.into_iter().map(|(path, text)| (Path::new(path), text)).collect();
    let files = files(from, Path::new(""))?;
    for gone in files_of_copy(to)?.difference(&files) {
        fs::remove_file(to.join(gone))?;
    }
    for file in &files {
        let text = match changed.iter().find(|(path, _)| path == file) {
            Some((_, text)) => text.as_bytes().to_vec(),
            None => fs::read(from.join(file))?,
        };
        let place = to.join(file);
        if fs::read(&place).ok().as_ref() != Some(&text) {
            if let Some(folder) = place.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(place, text)?;
        }
    }
    Ok(())
}

fn files_of_copy(to: &Path) -> io::Result<BTreeSet<PathBuf>> {
    if to.exists() { files(to, Path::new("")) } else { Ok(BTreeSet::new()) }
}

fn files(root: &Path, folder: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        let path = folder.join(&name);
        if kind.is_dir() {
            if !LEFT_OUT.iter().any(|left_out| name == *left_out) {
                found.extend(files(root, &path)?);
            }
        } else if kind.is_file() && name != ".git" {
            found.insert(path);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_has_the_changes_and_loses_them_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        for (path, text) in [("a.rs", "a"), ("b/c.rs", "c"), ("target/d.rs", "d"), (".cargo/config.toml", "e")] {
            fs::create_dir_all(from.join(path).parent().expect("a folder")).expect("made");
            fs::write(from.join(path), text).expect("written");
        }
        let text = |path: &str| fs::read_to_string(to.join(path)).ok();
        copy(&from, &to, [("b/c.rs", "changed")]).expect("copied");
        assert_eq!(
            ["a.rs", "b/c.rs", "target/d.rs", ".cargo/config.toml"].map(text),
            [Some("a".to_owned()), Some("changed".to_owned()), None, Some("e".to_owned()),]
        );
        let written = |path: &str| fs::metadata(to.join(path)).and_then(|file| file.modified()).expect("a time");
        let before = written("a.rs");
        fs::remove_file(from.join(".cargo/config.toml")).expect("removed");
        copy(&from, &to, []).expect("copied");
        assert_eq!(["b/c.rs", ".cargo/config.toml"].map(text), [Some("c".to_owned()), None]);
        assert_eq!(written("a.rs"), before, "a file that is the same is not written");
    }
}
