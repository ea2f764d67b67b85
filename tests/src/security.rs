//! The table of attacks in docs/security.md names files and tests that exist. Also two rules that no test of one source can show:
//! constant-time comparison, and no crate `rsa` in a deployed function.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::house::{files, root};

/// The number of classes in the catalogue of known attacks on webhooks.
const CLASSES: usize = 24;
/// The number of further attacks by an attacker in one function.
const BY_A_ROLE: usize = 5;
/// The number of attacks by a caller of the credits API.
const BY_A_CALLER: usize = 2;
/// The number of attacks by a user of an LLM gateway.
const BY_A_GATEWAYS_USER: usize = 1;

/// By number, the quoted names in the last two columns: the files that refuse the attack, and the tests that show it.
fn rows(page: &str) -> BTreeMap<usize, (BTreeSet<String>, BTreeSet<String>)> {
    let page = fs::read_to_string(root().join("docs").join(page)).expect("the page");
    let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
        let [number, _, refused, shown] = cells.as_slice() else { return None };
        let number = number.trim().parse().ok()?;
        let files = quoted(refused).into_iter().filter(|name| name.contains('/')).collect();
        Some((number, (files, quoted(shown).into_iter().collect())))
    };
    page.lines().filter(|line| line.starts_with("| ")).filter_map(row).collect()
}

#[test]
fn attack_table_names_existing_code_and_tests() {
    let rows_en = rows("security.md");
    let all = CLASSES + BY_A_ROLE + BY_A_CALLER + BY_A_GATEWAYS_USER;
    assert!(rows_en.keys().copied().eq(1..=all), "one row each: {:?}", rows_en.keys());
    assert_eq!(rows_en, rows("security.zh.md"), "both languages name the same");
    for (number, (refused_in, tests)) in &rows_en {
        assert!(!refused_in.is_empty() && !tests.is_empty(), "{number}");
        for file in refused_in {
            assert!(root().join(file).is_file(), "{number}: {file} does not exist");
        }
        for test in tests {
            let (file, name) = test.split_once("::").unwrap_or_else(|| panic!("{number}: {test} names no test"));
            let text = fs::read_to_string(root().join(file)).unwrap_or_default();
            let is_test = text.split("fn ").zip(text.split("fn ").skip(1)).any(|(before, after)| {
                after.starts_with(&format!("{name}("))
                    && before.rsplit('}').next().is_some_and(|since| since.contains("test"))
            });
            assert!(is_test, "{number}: {file} has no test {name}");
        }
    }
}

/// Names of values that an attacker must not learn byte by byte.
const COMPARED: [&str; 9] = ["offered", "expected", "mac", "tag", "signature", "sign", "digest", "hmac", "api_key"];

#[test]
fn signatures_are_compared_in_constant_time() {
    let folder = root().join("shared/signing/src");
    let is_code = |file: &std::path::Path| {
        let file = file.strip_prefix(&folder).expect("of the folder");
        // In DER a tag is the type of a value, no MAC.
        !file.starts_with("tests") && file != std::path::Path::new("tests.rs") && !file.ends_with("der.rs")
    };
    let mut in_constant_time = 0;
    for file in files(&folder, ".rs").into_iter().filter(|file| is_code(file)) {
        let text = fs::read_to_string(&file).expect("a file");
        let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
        for line in code {
            in_constant_time += usize::from(line.contains("ct_eq(") || line.contains("verify_slice("));
            let compares = line.contains(" == ") || line.contains(" != ") || line.contains("assert_eq");
            let words = || line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let is_of_length = line.contains(".len()") || line.contains("is_empty");
            assert!(
                !compares || is_of_length || !words().any(|word| COMPARED.contains(&word)),
                "{}: compare with ct_eq: {line}",
                file.display()
            );
        }
    }
    // Hexadecimal HMAC, Standard Webhooks, the sign of epay and APIv2, and the fake's API key. Fewer means that one is missing.
    assert!(in_constant_time >= 4, "{in_constant_time}");
}

/// Its private-key operations leak the key through timing (RUSTSEC-2023-0071). `tests/src/house.rs` checks that no deployed crate depends
/// on one that is named here.
#[test]
fn deployed_functions_have_no_crate_rsa() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("the lock file");
    let users = lock.split("[[package]]").filter(|package| package.lines().any(|line| line == " \"rsa\","));
    let name = |package: &str| {
        package.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"').map(str::to_owned))
    };
    let users: BTreeSet<_> = users.filter_map(name).collect();
    assert_eq!(users, ["local", "testkit"].map(str::to_owned).into());
}
