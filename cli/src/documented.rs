//! Compares every command in the docs with the program, flag by flag.

use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory as _};

use crate::Cli;

#[test]
fn documented_flags_exist_in_the_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let pages = ["docs", "docs/providers"].into_iter().flat_map(|folder| {
        fs::read_dir(root.join(folder)).expect("a folder").map(|entry| entry.expect("an entry").path())
    });
    let pages = pages.filter(|path| path.extension().is_some_and(|ending| ending == "md"));
    let mut program = Cli::command();
    program.build();
    let mut flags = 0_usize;
    let others = ["README.md", "README.zh.md", "CONTRIBUTING.md", "SECURITY.md", "tests/README.md"];
    for page in pages.chain(others.map(|name| root.join(name))) {
        let text = fs::read_to_string(&page).expect("a page");
        for command in text.lines().flat_map(commands) {
            let known = flags_of(&program, command);
            flags += known.unwrap_or_else(|word| panic!("{}: `{command}`: the program has no {word}", page.display()));
        }
    }
    assert!(flags > 100, "the docs are read: {flags}");
    for (command, unknown) in
        [("order clear N --kind x", "--kind"), ("account shwo alice", "shwo"), ("sned usage", "sned")]
    {
        assert_eq!(flags_of(&program, command), Err(unknown.to_owned()), "{command}");
    }
}

/// The text after `cargo run --`, and each code span that begins with the name of a command.
fn commands(line: &str) -> impl Iterator<Item = &str> {
    let run =
        line.split("cargo run ").skip(1).filter_map(|rest| rest.strip_prefix("-q -- ").or(rest.strip_prefix("-- ")));
    let run = run.filter_map(|rest| rest.split('`').next()?.split(" #").next());
    let names = [
        "account ",
        "transfer ",
        "hold ",
        "order ",
        "operator ",
        "orders ",
        "stats ",
        "export ",
        "code ",
        "rate ",
        "pause ",
        "resume ",
        "reverse ",
        "send ",
        "explain ",
        "replay ",
        "event ",
        "events ",
        "audit ",
        "trial-balance ",
        "catalog ",
        "chat ",
    ];
    let spans = line.split('`').skip(1).step_by(2).filter(move |span| names.iter().any(|name| span.starts_with(name)));
    run.chain(spans)
}

/// The number of flags, if the program has them all; otherwise the first unknown word.
fn flags_of(program: &Command, command: &str) -> Result<usize, String> {
    let (mut place, mut flags) = (program, Vec::new());
    let text = command.replace("\\|", "|");
    for word in text.split(|end: char| end.is_whitespace() || "|[]()\"".contains(end)) {
        if let Some(flag) = word.strip_prefix("--").filter(|flag| !flag.is_empty()) {
            let name = flag.split('=').next();
            let mut known = place.get_arguments().filter_map(clap::Arg::get_long);
            known.any(|known| Some(known) == name).then_some(()).ok_or_else(|| word.to_owned())?;
            flags.push(word);
        } else if let Some(inner) = place.find_subcommand(word) {
            place = inner;
        } else if place.has_subcommands()
            // `event` takes a sample where it has no subcommand.
            && place.get_positionals().next().is_none()
            && !word.is_empty()
            && word.bytes().all(|byte| byte.is_ascii_lowercase())
            && flags.is_empty()
        {
            return Err(word.to_owned());
        }
    }
    Ok(flags.len())
}
