//! The checked-in files match what they are generated from.

use std::fs;

use crate::alarms;
use crate::template::description;

#[test]
fn generated_files_are_current() {
    let files = crate::watch().expect("the markers");
    let stale: Vec<&str> = files.iter().filter(|file| file.is_stale()).map(|file| file.path).collect();
    assert!(
        stale.is_empty(),
        "{stale:?} differ from xtask/src/alarms: run `cargo xtask watch` and commit what it writes"
    );
}

#[test]
fn proof_page_is_current() {
    let page = crate::proof().expect("the results");
    assert!(!page.is_stale(), "PROOF.md differs from proof/*.json: run `cargo xtask proof` and commit what it writes");
}

#[test]
fn openapi_document_is_current() {
    let files = crate::openapi().expect("a document");
    let stale: Vec<&str> = files.iter().filter(|file| file.is_stale()).map(|file| file.path).collect();
    assert!(
        stale.is_empty(),
        "{stale:?} differ from the types of the HTTP APIs: run `cargo xtask openapi` and commit what it writes"
    );
}

/// CloudFormation replaces non-ASCII characters, CloudWatch accepts 1,024 characters, and relative links do not work in
/// e-mails.
#[test]
fn each_description_fits_into_an_alarm() {
    for alarm in alarms::all() {
        let description = description(&alarm);
        assert!(description.is_ascii() && description.len() <= 1_024 && !description.contains("]("), "{description}");
    }
}

/// Each link of the tables leads to a heading of a page.
#[test]
fn each_link_leads_to_a_heading() {
    let mut links = Vec::new();
    for alarm in alarms::all() {
        for (page, text) in [("operate.md", &alarm.to_do.en), ("operate.zh.md", &alarm.to_do.zh)] {
            for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
                let (file, header) = link.split_once('#').unwrap_or((link, ""));
                let file = if file.is_empty() { page } else { file };
                let text = fs::read_to_string(crate::root().join("docs").join(file)).unwrap_or_default();
                let mut headings = text.lines().filter_map(|line| line.strip_prefix('#')).map(anchor);
                let is_there = !text.is_empty() && (header.is_empty() || headings.any(|of| of == header));
                assert!(is_there, "{}: {link} leads nowhere", alarm.name);
                links.push(link.to_owned());
            }
        }
    }
    assert!(links.len() >= 20, "{links:?}");
}

/// The anchor that GitHub makes for a heading.
fn anchor(header: &str) -> String {
    let words = header.trim_start_matches('#').trim().to_lowercase();
    let letters = words.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
    letters.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}
