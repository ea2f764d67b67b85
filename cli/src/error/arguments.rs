//! Errors of the command line itself, as clap finds them, in the form of every other error: the fault, the value and the
//! remedy on one line.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, Command, Error};

/// What a person may try who wants to start the stack.
const WORDS_FOR_SERVING: [&str; 4] = ["serve", "server", "start", "up"];

/// `None` for help and the version, which clap prints itself.
#[expect(clippy::wildcard_enum_match_arm, reason = "clap may add a kind; a test shows that ours have no other")]
pub(crate) fn line(error: &Error, program: &Command, words: &[OsString]) -> Option<String> {
    let help = format!("`{}`", help_of(program, words));
    let text = |kind| texts(error, kind).into_iter().next().unwrap_or_default();
    let (arg, value) = (name(&text(ContextKind::InvalidArg)), text(ContextKind::InvalidValue));
    Some(match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::DisplayVersion => {
            return None;
        }
        ErrorKind::UnknownArgument => {
            let fault = if arg.starts_with('-') {
                format!("there is no option {arg}")
            } else {
                format!("{arg} is one word too many")
            };
            format!("{fault}: {}", suggested(error, ContextKind::SuggestedArg, &help))
        }
        ErrorKind::InvalidSubcommand => {
            let unknown = text(ContextKind::InvalidSubcommand);
            if WORDS_FOR_SERVING.contains(&unknown.as_str()) && help == "`--help`" {
                return Some(format!("there is no command {unknown}: the program serves the stack without a command"));
            }
            format!("there is no command {unknown}: {}", suggested(error, ContextKind::SuggestedSubcommand, &help))
        }
        ErrorKind::MissingSubcommand => {
            let known = texts(error, ContextKind::ValidSubcommand);
            let known: Vec<String> = known.into_iter().filter(|known| known != "help").collect();
            format!("a command is missing: add {}, as {help} describes", listed(&known, "or"))
        }
        ErrorKind::MissingRequiredArgument => {
            let missing: Vec<String> = texts(error, ContextKind::InvalidArg).iter().map(|arg| name(arg)).collect();
            match missing.as_slice() {
                [one] => format!("{one} is missing: add it, as {help} describes"),
                several => format!("{} are missing: add them, as {help} describes", listed(several, "and")),
            }
        }
        ErrorKind::InvalidValue => {
            let fault = if value.is_empty() { "has no value".to_owned() } else { format!("{value} is wrong") };
            match texts(error, ContextKind::ValidValue).as_slice() {
                [] => format!("{arg} {fault}: give one, as {help} describes"),
                known => format!("{arg} {fault}: give {}", listed(known, "or")),
            }
        }
        ErrorKind::ValueValidation => {
            let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            format!("{arg} {value} is wrong: {cause}")
        }
        ErrorKind::ArgumentConflict => {
            let others: Vec<String> = texts(error, ContextKind::PriorArg).iter().map(|other| name(other)).collect();
            if others.iter().all(|other| *other == arg) {
                format!("{arg} is given twice: leave one out")
            } else {
                format!("{arg} cannot be used with {}: leave one out", listed(&others, "and"))
            }
        }
        ErrorKind::TooManyValues => format!("{arg} takes no value, and {value} is given: leave the value out"),
        ErrorKind::InvalidUtf8 => {
            let word = words.iter().find(|word| word.to_str().is_none()).map(|word| word.to_string_lossy());
            format!("{} is not UTF-8: write it in UTF-8", word.unwrap_or_default())
        }
        // None of our commands has one of the other kinds.
        _ => {
            let rendered = error.render().to_string();
            let fault = rendered.lines().next().unwrap_or_default();
            format!("{}: {help} describes the command", fault.trim_start_matches("error: "))
        }
    })
}

/// The command that prints the help of the command that these words name.
fn help_of(program: &Command, words: &[OsString]) -> String {
    let (mut place, mut path, mut is_value) = (program, String::new(), false);
    for word in words.iter().filter_map(|word| word.to_str()) {
        if std::mem::take(&mut is_value) {
            continue;
        }
        if let Some(option) = word.strip_prefix("--") {
            let mut args = place.get_arguments().chain(program.get_arguments());
            let known = args.find(|arg| arg.get_long() == Some(option));
            is_value = known.is_some_and(|arg| matches!(arg.get_action(), ArgAction::Set | ArgAction::Append));
        } else if let Some(inner) = place.find_subcommand(word) {
            place = inner;
            path = path + word + " ";
        }
    }
    path + "--help"
}

/// `--port <PORT>` is `--port`, and `<AMOUNT>` is `AMOUNT`.
fn name(arg: &str) -> String {
    if let Some(group) = arg.strip_prefix("<--").and_then(|rest| rest.strip_suffix('>')) {
        let options = group.split('|').map(|option| format!("--{}", name(option.trim_start_matches('-'))));
        return listed(&options.collect::<Vec<_>>(), "or");
    }
    let first = arg.split([' ', '=']).next().unwrap_or_default();
    let within = |open, close| first.strip_prefix(open).and_then(|name: &str| name.strip_suffix(close));
    within('<', '>').or_else(|| within('[', ']')).unwrap_or(first).to_owned()
}

/// What is close to the unknown word, or else where the known ones are listed.
fn suggested(error: &Error, kind: ContextKind, help: &str) -> String {
    match texts(error, kind).as_slice() {
        [] => format!("{help} lists what there is"),
        close => format!("did you mean {}?", listed(close, "or")),
    }
}

/// `a, b and c`.
fn listed(words: &[String], conjunction: &str) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} {conjunction} {last}", first.join(", ")),
    }
}

/// Without control characters, which a terminal would obey.
fn texts(error: &Error, kind: ContextKind) -> Vec<String> {
    let plain = |text: &String| text.replace(char::is_control, "\u{fffd}");
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![plain(text)],
        Some(ContextValue::Strings(texts)) => texts.iter().map(plain).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
pub(super) mod tests;
