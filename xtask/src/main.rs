//! `cargo xtask`: commands that generate checked-in files.

use std::env;
use std::io;
use std::process::ExitCode;

const USAGE: &str =
    "cargo xtask watch    write infra/watch.yaml and the table of alarms in docs/ from xtask/src/alarms";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments != ["watch"] {
        print(io::stderr(), USAGE);
        return ExitCode::from(2);
    }
    match watch() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print(io::stderr(), &format!("cargo xtask watch: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn watch() -> io::Result<()> {
    for file in xtask::watch()? {
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
