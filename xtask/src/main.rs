//! `cargo xtask`: commands that generate checked-in files.

use std::env;
use std::io;
use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask proof    write PROOF.md from the results in proof/
cargo xtask watch    write infra/watch.yaml and the table of alarms in docs/ from xtask/src/alarms";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let files = match arguments.as_slice() {
        ["proof"] => xtask::proof().map(|page| vec![page]),
        ["watch"] => xtask::watch(),
        _ => {
            print(io::stderr(), USAGE);
            return ExitCode::from(2);
        }
    };
    match files.and_then(write_stale) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print(io::stderr(), &format!("cargo xtask: {error}"));
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
