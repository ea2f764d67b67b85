//! `cargo run`: the whole stack on one machine. With a command, the other end of it: `send`, `event`, `account`, `order` and `audit`.

mod account;
mod ask;
mod audit;
mod banner;
mod books;
mod by;
mod changed;
#[cfg(test)]
mod documented;
mod error;
mod event;
mod exit;
mod given;
mod order;
mod post;
mod print;
mod repaired;
mod send;
mod sent;
mod serve;
mod shape;
mod tally;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::error::Error;
use crate::exit::Exit;
use crate::print::Form;

/// Books the webhooks that move money and credits, exactly once. Without a command: serves the whole stack on this machine.
#[derive(Debug, Parser)]
#[command(name = "hookledger", version)]
struct Cli {
    /// Where balances and generated secrets are kept
    #[arg(long, global = true, value_name = "DIR", default_value = ".hookledger")]
    data: PathBuf,
    /// Print what a command finds as one JSON document; errors stay on stderr
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    serve: serve::Serve,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sign sample events and post them
    Send(send::Send),
    /// Print a sample as the event that API Gateway hands to the function, freshly signed
    Event(event::Event),
    /// Show an account, or change it by hand
    Account(account::Account),
    /// Show an order, or say what became of its top-up
    Order(order::Order),
    /// Compare accounts, orders and the journal with each other; fails where they disagree
    Audit(audit::Audit),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.command.is_some() && cli.serve.is_given() {
        let error = clap::error::ErrorKind::ArgumentConflict;
        Cli::command()
            .error(error, "--port, --memory and --also are for serving, which is what no command does")
            .exit();
    }
    if cli.command.is_none() && cli.json {
        let error = clap::error::ErrorKind::ArgumentConflict;
        Cli::command().error(error, "--json is for commands: a running stack has its facts in local.json").exit();
    }
    let exit = run(cli).unwrap_or_else(|error| {
        print::error(error.line());
        error.exit()
    });
    exit.into()
}

fn run(cli: Cli) -> Result<Exit, Error> {
    let Cli { data, json, serve, command } = cli;
    let form = if json { Form::Json } else { Form::Lines };
    // A commit to the embedded store holds its thread for a moment: signals and the other requests have more of them.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2)))
        .enable_all()
        .build()
        .map_err(Error::Threads)?;
    runtime.block_on(async {
        match command {
            None => serve::run(serve, &data, variable).await.map(|()| Exit::Done),
            Some(Command::Send(args)) => send::run(&args, &data, form, variable).await,
            Some(Command::Event(args)) => event::run(&args, &data, variable).await.map(|()| Exit::Done),
            Some(Command::Audit(args)) => audit::run(args, &data, form).await,
            Some(Command::Order(args)) => Box::pin(order::run(args, &data, form, variable)).await.map(|()| Exit::Done),
            Some(Command::Account(args)) => {
                Box::pin(account::run(args, &data, form, variable)).await.map(|()| Exit::Done)
            }
        }
    })
}

/// An empty variable is one that is not set.
#[expect(clippy::disallowed_methods, reason = "this is the edge: the environment enters here")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}
