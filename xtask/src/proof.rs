//! `PROOF.md`: what the instruments measured, from the results that they write to `proof/*.json`.

use std::fs;
use std::io;
use std::path::Path;

use serde::Deserialize;

/// The instruments in the order of the page. A result under another name is an error.
const NAMES: [&str; 8] = ["simulator", "bugs", "costs", "hot-account", "lambda", "chat", "instructions", "local"];

/// The width of a page's lines, as everywhere in the docs.
const COLUMNS_MAX: usize = 100;

const HEAD: &str = "\
# Proof

What was run, on which commit, and what came out. Each instrument writes its result to `proof/`, and
`cargo xtask proof` writes this page from the results; a test fails if the page differs from them.
The command of a section runs its instrument again and replaces its result.
";

/// What one instrument measured. Every cell is text, as it prints.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Measured {
    title: String,
    /// The commit that was measured.
    commit: String,
    date: String,
    machine: String,
    command: String,
    text: Vec<String>,
    tables: Vec<Table>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    caption: String,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// The results in this folder, in the order of the page. The folder appears with the first result.
pub(crate) fn results(folder: &Path) -> io::Result<Vec<Measured>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut results = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".json"));
        let place = name.and_then(|name| NAMES.iter().position(|known| *known == name));
        let place = place.ok_or_else(|| wrong(&path, "is not the result of an instrument"))?;
        let measured: Measured =
            serde_json::from_str(&fs::read_to_string(&path)?).map_err(|error| wrong(&path, &error.to_string()))?;
        if let Some(table) = measured.tables.iter().find(|table| !table.is_even()) {
            return Err(wrong(&path, &format!("a row of `{}` has not a cell for each column", table.caption)));
        }
        results.push((place, measured));
    }
    results.sort_by_key(|(place, _)| *place);
    Ok(results.into_iter().map(|(_, measured)| measured).collect())
}

fn wrong(path: &Path, why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{}: {why}", path.display()))
}

pub(crate) fn page(results: &[Measured]) -> String {
    let sections = results.iter().map(Measured::section);
    std::iter::once(HEAD.to_owned()).chain(sections).collect::<Vec<_>>().join("\n")
}

impl Measured {
    fn section(&self) -> String {
        let Self { title, commit, date, machine, command, text, tables } = self;
        let run = wrapped(&format!("Commit `{commit}`, {date}, on {machine}. Run it again:"));
        let mut parts = vec![format!("## {title}\n"), run, format!("```sh\n{command}\n```\n")];
        parts.extend(text.iter().map(|paragraph| wrapped(paragraph)));
        parts.extend(tables.iter().map(Table::markdown));
        parts.join("\n")
    }
}

impl Table {
    fn is_even(&self) -> bool {
        self.rows.iter().all(|row| row.len() == self.columns.len())
    }

    fn markdown(&self) -> String {
        let dashes = vec!["---".to_owned(); self.columns.len()];
        let lines = [&self.columns, &dashes].into_iter().chain(&self.rows);
        let table: String = lines.map(|cells| line(cells)).collect();
        format!("{}\n{table}", wrapped(&self.caption))
    }
}

/// A cell's bar or line break would end the cell.
fn line(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// The words of a paragraph in lines of at most [`COLUMNS_MAX`].
pub(crate) fn wrapped(paragraph: &str) -> String {
    let mut lines = vec![String::new()];
    for word in paragraph.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line)
                if line.chars().count().saturating_add(word.chars().count()).saturating_add(1) <= COLUMNS_MAX =>
            {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEASURED: &str = r#"{ "title": "Events", "commit": "abc1234", "date": "2026-01-01", "machine": "2 cores",
        "command": "cargo run", "text": ["Measured twice."],
        "tables": [{ "caption": "Per event:", "columns": ["what", "ms"], "rows": [["a|b", "1.5"]] }] }"#;

    fn written(name: &str, text: &str) -> io::Result<Vec<Measured>> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join(name), text)?;
        results(folder.path())
    }

    #[test]
    fn result_becomes_a_section() {
        let results = written("lambda.json", MEASURED).expect("a result");
        let (_, section) =
            page(&results).split_once("## ").map(|(head, section)| (head.to_owned(), section.to_owned())).expect("one");
        let expected = "Events\n\nCommit `abc1234`, 2026-01-01, on 2 cores. Run it again:\n\n```sh\ncargo run\n```\n\n\
            Measured twice.\n\nPer event:\n\n| what | ms |\n| --- | --- |\n| a\\|b | 1.5 |\n";
        assert_eq!(section, expected);
    }

    #[test]
    fn sections_have_a_fixed_order() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in NAMES.iter().rev() {
            fs::write(folder.path().join(format!("{name}.json")), MEASURED.replace("Events", name)).expect("written");
        }
        let titles: Vec<String> = results(folder.path()).expect("all").into_iter().map(|one| one.title).collect();
        assert_eq!(titles, NAMES);
    }

    #[test]
    fn unusable_result_is_refused() {
        for (name, text) in [
            ("other.json", MEASURED.to_owned()),
            ("lambda.txt", MEASURED.to_owned()),
            ("lambda.json", MEASURED.replace("title", "tittle")),
            ("lambda.json", MEASURED.replace(r#", "1.5""#, "")),
        ] {
            assert!(written(name, &text).is_err(), "{name}: {text}");
        }
    }

    #[test]
    fn paragraph_is_wrapped() {
        let lines = wrapped(&"seven77 ".repeat(40));
        assert!(lines.lines().all(|line| line.len() <= COLUMNS_MAX) && lines.lines().count() == 4, "{lines}");
    }
}
