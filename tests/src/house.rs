//! The house rules, as tests: a rule without one is not enforced.

mod may_use;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use may_use::MAY_USE;

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// The length that a reader can keep in mind.
const LINES_MAX: usize = 400;

/// The names of dependencies that the pure crates must not have.
const NOT_PURE: &[&str] = &["aws", "tokio", "tracing", "fastrand", "http", "lambda", "hyper"];
/// Second TLS stacks, and others that a feature must not bring in.
const NOT_IN_THE_TREE: &[(&str, &str)] = &[
    ("hyper", "0."),
    ("rustls", "0.21"),
    ("rustls", "0.20"),
    ("aws-lc-rs", ""),
    ("aws-lc-sys", ""),
    ("openssl", ""),
    ("openssl-sys", ""),
    ("native-tls", ""),
    ("standardwebhooks", ""),
];

pub(crate) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        let name = entry.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if entry.is_dir() && !name.starts_with('.') && name != "target" {
            found.extend(files(&entry, ending));
        } else if name.ends_with(ending) {
            found.push(entry);
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The folders of the crates, by the name of the crate.
pub(crate) fn crates() -> BTreeMap<String, PathBuf> {
    let manifests =
        files(&root(), "Cargo.toml").into_iter().filter(|manifest| manifest.parent() != Some(root().as_path()));
    let named = |manifest: PathBuf| {
        let name = read(&manifest)
            .lines()
            .find_map(|line| Some(line.strip_prefix("name = \"")?.trim_end_matches('"').to_owned()));
        (name.expect("a name"), manifest.parent().expect("a folder").to_owned())
    };
    manifests.map(named).collect()
}

/// The names under `[section]` of a manifest.
fn dependencies(folder: &Path, section: &str) -> BTreeSet<String> {
    let manifest = read(&folder.join("Cargo.toml"));
    let of_section =
        manifest.split("\n[").find_map(|part| part.strip_prefix(&format!("{section}]\n"))).unwrap_or_default();
    let name = |line: &str| line.split(['.', ' ', '=']).next().unwrap_or_default().to_owned();
    of_section.lines().map(name).filter(|name| !name.is_empty() && !name.starts_with('#')).collect()
}

#[test]
fn dependencies_point_one_way() {
    let crates = crates();
    let listed: BTreeSet<&str> = MAY_USE.iter().map(|(name, _)| *name).collect();
    assert_eq!(crates.keys().map(String::as_str).collect::<BTreeSet<_>>(), listed, "every crate has its rule");
    for (name, allowed) in MAY_USE {
        let used = dependencies(&crates[*name], "dependencies");
        let ours: Vec<&str> = used.iter().map(String::as_str).filter(|used| listed.contains(used)).collect();
        assert!(ours.iter().all(|used| allowed.contains(used)), "{name} uses {ours:?}");
        if ["signing", "ledger", "catalog"].contains(name) {
            assert!(
                !used.iter().any(|used| NOT_PURE.iter().any(|banned| used.starts_with(banned))),
                "{name} is pure: {used:?}"
            );
        }
    }
}

/// Its commands work on the books: no function's crate is theirs.
#[test]
fn command_line_depends_on_no_function() {
    let functions: BTreeSet<String> = crates()
        .into_iter()
        .filter(|(_, folder)| folder.starts_with(root().join("functions")))
        .map(|(name, _)| name)
        .collect();
    assert!(functions.contains("reconcile"), "{functions:?}");
    let used = dependencies(&root().join("cli"), "dependencies");
    assert_eq!(used.intersection(&functions).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn only_main_names_the_store() {
    for file in files(&root().join("functions"), ".rs") {
        let is_main = file.ends_with("src/main.rs");
        let is_test = file.ends_with("src/tests.rs") || file.parent().is_some_and(|folder| folder.ends_with("tests"));
        assert!(is_main || is_test || !read(&file).contains("idempotency::"), "{} names the store", file.display());
    }
    let not_deployed = ["benches", "cli", "embedded", "fakes", "local", "simulator", "testkit", "tests", "xtask"];
    for (name, folder) in crates().into_iter().filter(|(name, _)| !not_deployed.contains(&name.as_str())) {
        let used = dependencies(&folder, "dependencies");
        assert!(not_deployed.iter().all(|tool| !used.contains(*tool)), "{name} would deploy a test tool");
        assert!(!used.contains("rsa"), "{name} would sign in a time that depends on the key");
    }
}

/// The same assembly runs in AWS and locally: `main.rs`, `reconcile` and the local stack only call it.
#[test]
fn function_is_assembled_in_its_library_alone() {
    const MAIN_LINES_MAX: usize = 22;
    const ASSEMBLY: [&str; 4] = ["Keyring::open(", ".keys_of(", "Http::new(", "Admission::read"];
    let of_functions = files(&root().join("functions"), ".rs").into_iter();
    for file in of_functions.chain(files(&root().join("shared/local/src"), ".rs")) {
        let path = file.strip_prefix(root()).expect("in the workspace").to_string_lossy().into_owned();
        let is_assembly = path.ends_with("/assemble.rs") || path.contains("/tests");
        let text = read(&file);
        let found = ASSEMBLY.into_iter().find(|words| !is_assembly && text.contains(words));
        assert_eq!(found, None, "{path}");
        if path.ends_with("/main.rs") && path.starts_with("functions/") {
            assert!(text.contains("::assemble(&start, "), "{path} does not call `assemble`");
            assert!(text.lines().count() <= MAIN_LINES_MAX, "{path} does more than to call `assemble`");
        }
    }
}

/// Every other body that is parsed was verified by its signature, stored ones again at each replay.
#[test]
fn only_listed_events_skip_the_signature() {
    let files_with = |words: &str| -> Vec<PathBuf> {
        let has_words = |file: &PathBuf| read(file).contains(words) && !file.ends_with("tests/src/house.rs");
        let files = files(&root(), ".rs").into_iter().filter(has_words);
        files.map(|file| file.strip_prefix(root()).expect("in the workspace").to_owned()).collect()
    };
    for (words, file) in [
        ("Verified::from_provider_api", "shared/webhook/src/received.rs"),
        ("webhook::listed(", "functions/reconcile/src/stripe_backfill.rs"),
        ("webhook::listed_again(", "functions/reconcile/src/requery.rs"),
        // It signs what it has read of a gateway's log, so that each replay verifies it.
        ("webhook::reported(", "functions/reconcile/src/gateway_log/book.rs"),
    ] {
        assert_eq!(files_with(words), [Path::new(file)], "{words}");
    }
}

/// A guessable number would let a stranger look for orders, and a guessable secret is a key. Seeds are for tests.
#[test]
fn order_numbers_and_secrets_come_from_the_operating_system() {
    let is_ours = |file: &PathBuf| {
        let path = file.strip_prefix(root()).expect("in the workspace").to_string_lossy().into_owned();
        !path.split('/').any(|part| part == "tests" || part == "tests.rs" || part == "random_bits.rs")
    };
    let has =
        |file: &Path, words: &str| read(file).lines().any(|line| !line.starts_with("//!") && line.contains(words));
    let with = |words: &str| files(&root(), ".rs").iter().filter(|file| is_ours(file) && has(file, words)).count();
    assert_eq!(with("RandomBits::new("), 0);
    assert_eq!(with("RandomBits::of_system()"), 5, "orders, checkout, credits, chat and console");
}

#[test]
fn each_crate_is_named_as_its_folder() {
    for (name, folder) in crates() {
        assert_eq!(folder.file_name().and_then(|folder| folder.to_str()), Some(name.as_str()));
    }
}

#[test]
fn each_library_has_an_example_on_its_front_page() {
    for (name, folder) in crates() {
        let page = folder.join("src/lib.rs");
        // `tests` is a test target alone.
        if page.is_file() && name != "tests" {
            let opens = |line: &str| line == "//! ```" || line == "//! ```no_run";
            let fences = read(&page).lines().filter(|line| opens(line)).count();
            assert!(fences >= 2, "{name} has no example that compiles");
        }
    }
}

#[test]
fn sibling_functions_have_the_same_files() {
    for folder in
        fs::read_dir(root().join("functions")).expect("functions").map(|entry| entry.expect("an entry").path())
    {
        let has = |name: &str| folder.join(format!("src/{name}.rs")).is_file();
        // A function with a `verify.rs` is a webhook source, and has all the stages.
        let stages: &[&str] = if has("verify") { &["parse", "decide", "reply"] } else { &[] };
        for name in ["main", "assemble", "lib", "tests"].iter().chain(stages) {
            assert!(has(name), "{} has no {name}.rs", folder.display());
        }
    }
}

#[test]
fn each_file_states_its_purpose_and_is_short() {
    for file in files(&root(), ".rs") {
        let text = read(&file);
        assert!(text.starts_with("//! "), "{}: the first line states what the file is for", file.display());
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines", file.display());
    }
}

#[test]
fn money_code_has_no_floats() {
    for folder in ["shared/ledger/src", "shared/catalog/src", "shared/idempotency/src", "shared/audit/src", "functions"]
    {
        for file in files(&root().join(folder), ".rs") {
            let text = read(&file);
            let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            assert!(words.clone().all(|word| !["f32", "f64"].contains(&word)), "{}", file.display());
        }
    }
}

#[test]
fn lock_file_has_one_tls_stack() {
    let lock = read(&root().join("Cargo.lock"));
    let packages: Vec<(&str, &str)> = lock
        .split("[[package]]")
        .filter_map(|package| {
            let of = |field: &str| package.lines().find_map(|line| line.strip_prefix(field)?.strip_suffix('"'));
            Some((of("name = \"")?, of("version = \"")?))
        })
        .collect();
    assert!(packages.iter().any(|(name, _)| *name == "ring"), "the list is read");
    for (name, version) in NOT_IN_THE_TREE {
        let found: Vec<_> = packages.iter().filter(|(other, is)| other == name && is.starts_with(version)).collect();
        assert!(found.is_empty(), "{found:?}");
    }
}

#[test]
fn ci_runs_the_test_command_of_the_readme() {
    const TEST: &str = "cargo test --workspace";
    let (readme, ci) = (read(&root().join("README.md")), read(&root().join(".ci/run")));
    assert!(readme.lines().any(|line| line.split('#').next().map(str::trim) == Some(TEST)));
    assert!(ci.lines().any(|line| line == format!("step {TEST}")));
}

#[test]
fn architecture_page_names_every_crate() {
    let map = read(&root().join("ARCHITECTURE.md"));
    for folder in crates().into_values() {
        let place = folder.strip_prefix(root()).expect("in the workspace").display().to_string();
        assert!(map.contains(&format!("`{place}`")), "ARCHITECTURE.md does not name `{place}`");
    }
}
