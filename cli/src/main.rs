//! The command line: `cargo run` serves the local stack; the commands `send`, `explain`, `event`, `replay`, `account`,
//! `transfer`, `hold`,
//! `member`, `operator`, `order`, `owner`, `code`, `key`, `reverse`, `rate`, `pause`, `resume`, `audit` and `trial-balance` work with it,
//! or with a deployed stage, `chat` with the chat API, and `catalog` with the catalog alone.

mod account;
mod account_transfer;
mod audit;
mod authorship;
mod aws_cli;
mod banner;
mod books;
mod catalog_command;
mod change_result;
mod chat;
mod code;
mod counted;
mod delivery;
mod dlq;
mod doctor;
#[cfg(test)]
mod documented;
mod error;
mod event;
mod events;
mod exit;
mod explain;
mod export;
#[cfg(test)]
mod fixes;
mod generated;
mod hold;
mod hold_facts;
mod key;
mod logged;
mod member;
mod new_secret;
mod note;
mod operator;
mod order;
mod orders;
mod owner;
mod parse;
mod pause;
mod print;
mod progress;
mod prompt;
mod rate;
mod repair_result;
mod replay;
mod reverse;
mod sample_args;
mod secrets;
mod send;
mod serve;
mod smoke;
mod statement;
mod stats;
mod tally;
mod trial_balance;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::error::Error;
use crate::exit::Exit;
use crate::print::Form;

/// Books webhooks that move money, each exactly once. Without a command: serves the whole stack on this machine
#[derive(Debug, Parser)]
#[command(name = "hookledger", version)]
struct Cli {
    /// The folder of balances and generated secrets
    #[arg(long, global = true, value_name = "DIR", default_value = books::DATA_DIR)]
    data: PathBuf,
    /// Print the result of a command as one JSON document; errors stay on stderr
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    serve: serve::Serve,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sign sample events, post them, and report the outcome of each
    Send(send::Send),
    /// Say what became of anything that a person can name, why, and the command that corrects it
    Explain(explain::Explain),
    /// Print a freshly signed sample as the API Gateway event of its function, or show a stored event
    Event(event::Event),
    /// List the newest payments, refused events, orders and changes by people
    Events(events::Events),
    /// Have refused events tried again now
    Replay(replay::Replay),
    /// Show an account, or change it by hand
    Account(account::Account),
    /// Give an amount of one account to another, with the terms on which it expires
    Transfer(account_transfer::AccountTransferArgs),
    /// Set credits aside for a use, and settle or release them
    Hold(hold::HoldCommand),
    /// Let keys of other owners draw on an account, end that, or list them
    Member(member::MemberCommand),
    /// Show an order, or change it by hand
    Order(order::Order),
    /// Let a person sign in to the console, make another link, or end that
    Operator(operator::OperatorCommand),
    /// List orders: the newest, those of an owner, those that need a person, or those whose delivery waits
    Orders(orders::Orders),
    /// Print all of one owner, or erase what names a person
    Owner(owner::OwnerCommand),
    /// Give the charge of a usage event back to its owner, whole or in part, once
    Reverse(reverse::Reverse),
    /// Make, redeem, list or revoke redeem codes
    Code(code::CodeCommand),
    /// Make, list or revoke service keys, with which a shop's server calls the API
    Key(key::KeyCommand),
    /// Show or change the exchange rates of products that are charged in another currency
    Rate(rate::RateCommand),
    /// Stop a source, fulfilment or a sweep at once, or list what is paused
    Pause(pause::PauseArgs),
    /// Let what is paused go on
    Resume(pause::ResumeArgs),
    /// Validate the catalog, or show what a use of a model costs by its rate card
    Catalog(catalog_command::CatalogCommand),
    /// Print an account's statement over the API, all its pages
    Statement(statement::Statement),
    /// Print the payments of a time as comma-separated values
    Export(export::Export),
    /// Count what happened in a time, and what waits now
    Stats(stats::StatsArgs),
    /// Look for what is wrong with a deployment, or with the running stack: each finding says what to do; fails on red
    Doctor(doctor::Doctor),
    /// Try a stage: a signed usage event and a purchase in test mode, from end to end and back
    Smoke(smoke::Smoke),
    /// Rotate the key with which a sender signs
    Secrets(secrets::SecretsCommand),
    /// List, show and try again what was given up: the dead letters of a deployed stage
    Dlq(dlq::DlqCommand),
    /// Print the completions of a shell
    Completions(generated::Completions),
    /// Print the man page, or write one for each command
    Man(generated::ManPages),
    /// Send a message to a model over the chat API, and print its answer as it comes
    Chat(chat::ChatArgs),
    /// Compare accounts, orders and the journal with each other; fails if they differ
    Audit(audit::Audit),
    /// Show what customers hold and what each account of the house has, now or at the end of a day
    TrialBalance(trial_balance::TrialBalanceArgs),
}

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let Some(line) = error::arguments::line(&error, &Cli::command(), &words) else {
                print::is_written(error.print());
                return ended(if error.use_stderr() { Exit::Usage } else { Exit::Done }).into();
            };
            print::error(line);
            return Exit::Usage.into();
        }
    };
    let exit = run(cli).unwrap_or_else(|error| {
        print::error(error.line());
        error.exit()
    });
    ended(exit).into()
}

/// A command whose output is not written has not succeeded.
fn ended(exit: Exit) -> Exit {
    let Err(error) = print::finish() else { return exit };
    print::error(error.line());
    if exit == Exit::Done { error.exit() } else { exit }
}

fn run(cli: Cli) -> Result<Exit, Error> {
    let Cli { data, json, serve, command } = cli;
    if command.is_some() && serve.is_given() {
        return Err(Error::ServesNothing);
    }
    if command.is_none() && json {
        return Err(Error::JsonOfNothing);
    }
    let form = if json { Form::Json } else { Form::Lines };
    print::choose_colours(form, variable);
    // At least two threads: a commit to the embedded store blocks its own, and signals and other requests must not wait for it.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2)))
        .enable_all()
        .build()
        .map_err(Error::Threads)?;
    runtime.block_on(async {
        match command {
            None => serve::run(serve, &data, variable).await.map(|()| Exit::Done),
            Some(Command::Send(args)) => send::run(&args, &data, form, variable).await,
            Some(Command::Statement(args)) => {
                Box::pin(statement::run(&args, &data, form, variable)).await.map(|()| Exit::Done)
            }
            Some(Command::Event(args)) => Box::pin(event::run(args, &data, form, variable)).await.map(|()| Exit::Done),
            Some(Command::Explain(args)) => Box::pin(explain::run(args, &data, form, variable)).await,
            Some(Command::Events(args)) => {
                Box::pin(events::run(&args, &data, form, variable)).await.map(|()| Exit::Done)
            }
            Some(Command::Replay(args)) => Box::pin(replay::run(args, &data, form, variable)).await,
            Some(Command::Export(args)) => Box::pin(export::run(&args, &data, form)).await.map(|()| Exit::Done),
            Some(Command::Stats(args)) => Box::pin(stats::run(&args, &data, form, variable)).await.map(|()| Exit::Done),
            Some(Command::Catalog(args)) => catalog_command::run(args, form).map(|()| Exit::Done),
            Some(Command::Doctor(args)) => Box::pin(doctor::run(args, &data, form, variable)).await,
            Some(Command::Smoke(args)) => Box::pin(smoke::run(args, &data, form, variable)).await,
            Some(Command::Dlq(args)) => Box::pin(dlq::run(args, &data, form, variable)).await,
            Some(Command::Secrets(args)) => {
                Box::pin(secrets::run(args, &data, form, variable)).await.map(|()| Exit::Done)
            }
            Some(Command::Completions(args)) => {
                generated::completions(&args);
                Ok(Exit::Done)
            }
            Some(Command::Man(args)) => generated::man(&args).map(|()| Exit::Done),
            Some(Command::Chat(args)) => chat::run(&args, &data, form, variable).await.map(|()| Exit::Done),
            Some(Command::Audit(args)) => Box::pin(audit::run(args, &data, form)).await,
            Some(Command::TrialBalance(args)) => Box::pin(trial_balance::run(args, &data, form)).await,
            Some(Command::Order(args)) => Box::pin(order::run(args, &data, form, variable)).await.map(|()| Exit::Done),
            Some(Command::Operator(args)) => {
                Box::pin(operator::run(args, &data, form, variable)).await.map(|()| Exit::Done)
            }
            Some(Command::Orders(args)) => Box::pin(orders::run(&args, &data, form)).await.map(|()| Exit::Done),
            Some(Command::Owner(args)) => Box::pin(owner::run(args, &data, form, variable)).await.map(|()| Exit::Done),
            Some(Command::Transfer(args)) => {
                Box::pin(account_transfer::run(args, &data, form, variable)).await.map(|()| Exit::Done)
            }
            Some(Command::Reverse(args)) => {
                Box::pin(reverse::run(args, &data, form, variable)).await.map(|()| Exit::Done)
            }
            Some(Command::Code(args)) => Box::pin(code::run(args, &data, form, variable)).await.map(|()| Exit::Done),
            Some(Command::Key(args)) => Box::pin(key::run(args, &data, form, variable)).await.map(|()| Exit::Done),
            Some(Command::Hold(args)) => Box::pin(hold::run(args, &data, form, variable)).await.map(|()| Exit::Done),
            Some(Command::Member(args)) => {
                Box::pin(member::run(args, &data, form, variable)).await.map(|()| Exit::Done)
            }
            Some(Command::Rate(args)) => Box::pin(rate::run(args, &data, form, variable)).await.map(|()| Exit::Done),
            Some(Command::Pause(args)) => {
                Box::pin(pause::pause(args, &data, form, variable)).await.map(|()| Exit::Done)
            }
            Some(Command::Resume(args)) => {
                Box::pin(pause::resume(args, &data, form, variable)).await.map(|()| Exit::Done)
            }
            Some(Command::Account(args)) => {
                Box::pin(account::run(args, &data, form, variable)).await.map(|()| Exit::Done)
            }
        }
    })
}

/// An empty variable counts as unset.
#[expect(clippy::disallowed_methods, reason = "this is the edge: the environment enters here")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}
