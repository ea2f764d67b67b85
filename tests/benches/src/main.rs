//! The bench: what the functions take as Lambda runs them, and the instructions of each stage. Each command writes its
//! result to `proof/`.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    reason = "small numbers of our own, none of them money"
)]
#![expect(clippy::indexing_slicing, reason = "a value of JSON that is not there is null")]

mod authority;
mod books;
mod chat;
mod clock;
mod engine;
mod error;
mod events;
mod faults;
mod install;
mod instructions;
mod lambda;
mod local;
mod progress;
mod report;
mod runtime_api;
mod sandbox;
mod stages;
mod store;
mod subject;
mod upstream;
mod usual;

use std::error::Error as StdError;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use error::Error;
use progress::print;
use subject::Job;

const USAGE: &str = "\
cargo run --release -p benches -- lambda                   the functions as Lambda runs them, into proof/lambda.json
cargo run --release -p benches -- instructions [--accept]  instructions by valgrind, against the accepted counts
cargo run --release -p benches -- instructions --only WORD count what has the word in its name
cargo run --release -p benches -- local [EVENTS]           the local stack under load, into proof/local.json
cargo run --release -p benches -- chat                     chat beside a direct call, into proof/chat.json";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (root, target) = (root(), target());
    let ended = match arguments.as_slice() {
        ["lambda"] => lambda::run(&root, &target).await.and_then(|results| report::write(&root, &results)),
        ["instructions"] => instructions::run(&root, &target, false).await,
        ["instructions", "--accept"] => instructions::run(&root, &target, true).await,
        ["instructions", "--only", word] => instructions::only(&root, &target, word).await,
        ["chat"] => chat::run(&root, &target).await,
        ["local"] => local::run(&root, &target, local::EVENTS).await,
        ["local", events] => match events.parse() {
            Ok(events) => local::run(&root, &target, events).await,
            Err(_) => Err(Error::failed(USAGE)),
        },
        // What `instructions` runs under valgrind.
        ["stage", job, stage, passes] => match (Job::named(job), passes.parse()) {
            (Some(job), Ok(passes)) => stages::repeat(&root, job, stage, passes).await,
            (None, _) | (_, Err(_)) => Err(Error::failed(USAGE)),
        },
        _ => Err(Error::failed(USAGE)),
    };
    let Err(error) = ended else { return ExitCode::SUCCESS };
    let mut cause: Option<&dyn StdError> = Some(&error);
    while let Some(error) = cause {
        print(&error.to_string());
        cause = error.source();
    }
    ExitCode::FAILURE
}

/// The root of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new(".")).to_owned()
}

/// Cargo's target folder.
#[expect(clippy::disallowed_methods, reason = "cargo's own setting")]
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}
