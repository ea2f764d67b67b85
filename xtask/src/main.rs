//! `cargo xtask`: commands that generate checked-in files.

use std::env;
use std::io;
use std::process::ExitCode;

use xtask::bugs::{Hunt, SEEDS, Store, hunt};

const USAGE: &str = "\
cargo xtask bugs [NAME...] [--seeds N] [--store memory|engine]
                     plant each bug of tests/simulator/bugs in a copy, and run the simulator until a world fails
cargo xtask openapi  write docs/openapi.json from the types of the HTTP APIs
cargo xtask proof    write PROOF.md from the results in proof/
cargo xtask watch    write infra/watch.yaml and the table of alarms in docs/ from xtask/src/alarms";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let files = match arguments.as_slice() {
        ["proof"] => xtask::proof().map(|page| vec![page]),
        ["openapi"] => xtask::openapi(),
        ["watch"] => xtask::watch(),
        ["bugs", rest @ ..] => match read_hunt(rest) {
            Some(hunt) => return bugs(&hunt),
            None => return usage(),
        },
        _ => return usage(),
    };
    match files.and_then(write_stale) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print(io::stderr(), &format!("cargo xtask: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    print(io::stderr(), USAGE);
    ExitCode::from(2)
}

fn read_hunt(arguments: &[&str]) -> Option<Hunt> {
    let mut hunt = Hunt { names: Vec::new(), seeds: SEEDS, store: None };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match *argument {
            "--seeds" => hunt.seeds = arguments.next()?.parse().ok()?,
            "--store" => hunt.store = Some(Store::named(arguments.next()?)?),
            option if option.starts_with('-') => return None,
            name => hunt.names.push(name.to_owned()),
        }
    }
    Some(hunt)
}

fn bugs(wanted: &Hunt) -> ExitCode {
    match hunt(wanted, |line| print(io::stdout(), line)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            print(io::stderr(), &format!("cargo xtask bugs: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn write_stale(files: Vec<xtask::Generated>) -> io::Result<()> {
    for file in files {
        if file.is_stale() {
            file.write()?;
            print(io::stdout(), &format!("{} is written", file.path));
        }
    }
    Ok(())
}

fn print(mut to: impl io::Write, line: &str) {
    let _ = writeln!(to, "{line}");
}
