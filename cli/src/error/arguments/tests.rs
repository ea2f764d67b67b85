//! Every command, misused in every way that its options and values allow.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use clap::{Arg, CommandFactory as _, Parser as _};

use super::*;
use crate::Cli;

/// A wrong command line of each kind that clap can find in ours.
const COMMAND_LINES: &[(ErrorKind, &str)] = &[
    (ErrorKind::InvalidSubcommand, "sned usage"),
    (ErrorKind::InvalidSubcommand, "account xyz"),
    (ErrorKind::InvalidSubcommand, "serve"),
    (ErrorKind::MissingSubcommand, "account --aws"),
    (ErrorKind::MissingSubcommand, "hold --aws"),
    (ErrorKind::UnknownArgument, "hold release h1 --id x --reason r"),
    (ErrorKind::UnknownArgument, "audit --ful"),
    (ErrorKind::UnknownArgument, "send usage --xyz"),
    (ErrorKind::UnknownArgument, "account show alice bob"),
    (ErrorKind::MissingRequiredArgument, "account credit alice 5"),
    (ErrorKind::MissingRequiredArgument, "account credit"),
    (ErrorKind::MissingRequiredArgument, "hold open alice 5"),
    (ErrorKind::MissingRequiredArgument, "hold settle h1 --reason r"),
    (ErrorKind::MissingRequiredArgument, "account repair alice --reason r"),
    (ErrorKind::MissingRequiredArgument, "audit --full"),
    (ErrorKind::InvalidValue, "--port"),
    (ErrorKind::InvalidValue, "order resolve HL1 --reason r --as maybe"),
    (ErrorKind::InvalidValue, "account policy alice free --reason r"),
    (ErrorKind::ValueValidation, "--port 99999"),
    (ErrorKind::ValueValidation, "--also localhost"),
    (ErrorKind::ValueValidation, "send usage --count 0"),
    (ErrorKind::ValueValidation, "orders --limit x"),
    (ErrorKind::ValueValidation, "catalog price m --input many"),
    (ErrorKind::ValueValidation, "send usage --concurrency many"),
    (ErrorKind::ValueValidation, "send usage --set cost"),
    (ErrorKind::ValueValidation, "account revoke alice api-3f --reason \t"),
    (ErrorKind::ValueValidation, "order clear HL1 --reason r --author \t"),
    (ErrorKind::ValueValidation, "order resolve HL1 --as done --reason r --order-version v3"),
    (ErrorKind::ArgumentConflict, "account repair alice --holds --amount 5 --reason r"),
    (ErrorKind::ArgumentConflict, "audit --aws --export copy"),
    (ErrorKind::ArgumentConflict, "audit --export a --export b"),
    (ErrorKind::TooManyValues, "audit --json=yes"),
    (ErrorKind::InvalidUtf8, "send \u{fffd}"),
];

/// Each command line with its error, for the table of all messages.
pub(crate) fn rows() -> Vec<(&'static str, String)> {
    let row = |(kind, text): &(ErrorKind, &'static str)| {
        let word = |word| if word == "\u{fffd}" { OsStr::from_bytes(b"\xff").into() } else { OsString::from(word) };
        let words: Vec<OsString> = text.split(' ').map(word).collect();
        let (found, line) = refused(&words).unwrap_or_else(|| panic!("{text} is right"));
        assert_eq!(found, *kind, "{text}: {line}");
        (*text, line)
    };
    COMMAND_LINES.iter().map(row).collect()
}

/// The kind of error and the line for these words.
fn refused(words: &[OsString]) -> Option<(ErrorKind, String)> {
    let error = Cli::try_parse_from([OsString::from("hookledger")].iter().chain(words)).err()?;
    Some((error.kind(), line(&error, &Cli::command(), words)?))
}

/// The words that lead to each command, and the command.
fn places(command: &Command, path: &[OsString]) -> Vec<(Vec<OsString>, Command)> {
    let inner = command.get_subcommands().filter(|inner| inner.get_name() != "help");
    let inner = inner.flat_map(|inner| places(inner, &[path, &[inner.get_name().into()]].concat()));
    [(path.to_vec(), command.clone())].into_iter().chain(inner).collect()
}

fn takes_values(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
}

/// Words that no command takes, beside words that are right.
fn misused(command: &Command) -> Vec<Vec<OsString>> {
    let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
    let mut all = vec![
        words(&[]),
        words(&["--no-such-option"]),
        words(&["no-such-word"]),
        words(&["x"; 12]),
        vec![OsStr::from_bytes(b"\xff").into(); 2],
    ];
    let options: Vec<&Arg> = command.get_arguments().filter(|arg| arg.get_long().is_some()).collect();
    for option in &options {
        let long = format!("--{}", option.get_long().unwrap_or_default());
        if takes_values(option) {
            all.extend([
                words(&[&long]),
                words(&[&long, ""]),
                words(&[&long, "\u{1}"]),
                words(&[&long, "1", &long, "1"]),
            ]);
        } else {
            all.extend([words(&[&format!("{long}=1")]), words(&[&long, &long])]);
        }
        for other in &options {
            let long_of_other = format!("--{}", other.get_long().unwrap_or_default());
            let value = |arg: &Arg| takes_values(arg).then_some("1");
            let pair = [Some(long.as_str()), value(option), Some(&long_of_other), value(other)];
            all.push(words(&pair.into_iter().flatten().collect::<Vec<_>>()));
        }
    }
    all
}

#[test]
fn misuse_of_every_command_gives_one_line_with_a_remedy() {
    let mut kinds = BTreeSet::new();
    let mut program = Cli::command();
    program.build();
    for (path, command) in places(&program, &[]) {
        for words in misused(&command) {
            // After the right number of words an option is read as one, and before it too.
            let words = [path.clone(), words].concat();
            let Some((kind, line)) = refused(&words) else { continue };
            kinds.insert(format!("{kind:?}"));
            assert!(line.contains(": "), "{words:?}: {line}");
            // A parser of the standard library names only what it did not find.
            assert!(kind != ErrorKind::ValueValidation || line.contains(" is wrong: give "), "{words:?}: {line}");
            assert_eq!(line.lines().count(), 1, "{words:?}: {line}");
            assert!(line.chars().count() <= 200, "{words:?}: {line}");
        }
    }
    let known: BTreeSet<String> = COMMAND_LINES.iter().map(|(kind, _)| format!("{kind:?}")).collect();
    assert_eq!(kinds, known, "each kind has a row in messages.txt");
}
