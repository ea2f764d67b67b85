//! The house rule on import cycles: between the modules of one folder imports point one way, so that a crate can be read bottom up.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::house::{crates, files};

/// The path of a module from the crate root; the root is empty.
type Module = Vec<String>;

/// The source text of each module of one crate.
type Sources = BTreeMap<Module, String>;

/// The paths of a use tree: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn paths(tree: &str) -> Vec<Module> {
    let tree = tree.trim_start();
    if let Some(list) = tree.strip_prefix('{') {
        let (mut depth, mut items) = (1, vec![String::new()]);
        for letter in list.chars() {
            depth += i32::from(letter == '{') - i32::from(letter == '}');
            match letter {
                _ if depth == 0 => break,
                ',' if depth == 1 => items.push(String::new()),
                _ => items.last_mut().expect("an item").push(letter),
            }
        }
        return items.iter().filter(|item| !item.trim().is_empty()).flat_map(|item| paths(item)).collect();
    }
    let end = tree.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(tree.len());
    let (name, rest) = tree.split_at(end);
    let below = rest.strip_prefix("::").map_or(vec![Vec::new()], paths);
    below.into_iter().map(|path| [vec![name.to_owned()], path].concat()).collect()
}

/// The paths that a module names by `crate::` or `super::`, from the root.
fn named(module: &Module, text: &str) -> Vec<Module> {
    let code: Vec<&str> = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let code = code.join("\n");
    let starts = ["crate::", "super::"].into_iter().flat_map(|word| code.match_indices(word).map(|(at, _)| at));
    let is_start = |before: &str| !before.ends_with(|letter: char| letter.is_alphanumeric() || "_:".contains(letter));
    let trees = starts.map(|at| code.split_at(at)).filter(|(before, _)| is_start(before));
    let trees = trees.flat_map(|(_, tree)| paths(tree));
    let resolved = trees.map(|path| {
        let ups = path.iter().take_while(|word| *word == "super").count();
        let from = if ups == 0 { 0 } else { module.len().saturating_sub(ups) };
        [&module[..from], &path[ups.max(1)..]].concat()
    });
    resolved.collect()
}

/// The modules that reach themselves through imports between the modules of their folder.
fn cycles(sources: &Sources) -> BTreeSet<Module> {
    let mut uses: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for (module, text) in sources {
        for path in named(module, text) {
            let shared = module.iter().zip(&path).take_while(|(one, other)| one == other).count();
            if shared < module.len() && shared < path.len() && sources.contains_key(&path[..=shared]) {
                uses.entry(module[..=shared].to_vec()).or_default().insert(path[..=shared].to_vec());
            }
        }
    }
    let reaches_itself = |module: &&Module| {
        let (mut reached, mut next) = (BTreeSet::new(), vec![*module]);
        while let Some(module) = next.pop() {
            next.extend(uses.get(module).into_iter().flatten().filter(|module| reached.insert(*module)));
        }
        reached.contains(module)
    };
    uses.keys().filter(reaches_itself).cloned().collect()
}

#[test]
fn imports_between_modules_form_no_cycle() {
    for (name, folder) in crates().into_iter().filter(|(name, _)| name != "tests") {
        let src = folder.join("src");
        let module = |file: &std::path::Path| -> Module {
            let path = file.strip_prefix(&src).expect("in the folder").with_extension("");
            path.iter().map(|part| part.to_str().expect("a name").to_owned()).filter(|part| part != "lib").collect()
        };
        let sources =
            files(&src, ".rs").into_iter().map(|file| (module(&file), fs::read_to_string(&file).expect("a file")));
        let sources: Sources = sources.filter(|(module, _)| !module.iter().any(|part| part == "tests")).collect();
        assert_eq!(cycles(&sources), BTreeSet::new(), "{name}: move their common code below both");
    }
}

/// The modules with their text, and those of them that form a cycle.
type Row<'r> = (&'r [(&'r str, &'r str)], &'r [&'r str]);

#[test]
fn cycle_is_found_in_each_form_of_import() {
    let rows: [Row<'_>; 7] = [
        (&[("log", "use crate::moved::Moved;"), ("moved", "use crate::log;")], &["log", "moved"]),
        (
            &[("log", "use crate::{names, moved::{Moved, of}};"), ("moved", "fn a() { crate::log::of() }")],
            &["log", "moved"],
        ),
        (
            &[("a", "use crate::b;"), ("b", "use crate::c;"), ("c", "use crate::a;"), ("d", "use crate::a;")],
            &["a", "b", "c"],
        ),
        (&[("x/a", "use super::b::B;"), ("x/b", "use super::{Y, a};"), ("x", "use a::A;")], &["x/a", "x/b"]),
        (&[("x/a", "use super::super::y;"), ("y", "use crate::x::a;"), ("x", "")], &["x", "y"]),
        (&[("a", "use crate::b;"), ("b", "use super::Z; // crate::a is above\nuse other::a;")], &[]),
        (&[("x/a", "use super::X;"), ("x", "use crate::x::a;"), ("", "use crate::x;")], &[]),
    ];
    let module =
        |path: &str| -> Module { path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect() };
    for (texts, expected) in rows {
        let sources = texts.iter().map(|(path, text)| (module(path), (*text).to_owned())).collect();
        assert_eq!(cycles(&sources), expected.iter().map(|path| module(path)).collect(), "{texts:?}");
    }
}
