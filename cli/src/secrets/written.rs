//! Writes a secret after the row that says who and why, and a row more if that was not done.

use std::collections::BTreeMap;

use crate::authorship::Authorship;
use crate::aws_cli::AwsCli;
use crate::books::Books;
use crate::error::Error;
use crate::error::of_tools::ToolError;
use crate::note::note;

/// What becomes of a key whose secret was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unwritten {
    /// The secret is as it was.
    Not,
    /// It cannot be read either.
    InDoubt,
}

impl Unwritten {
    const fn kind(self) -> &'static str {
        match self {
            Self::Not => "key_not_written",
            Self::InDoubt => "key_in_doubt",
        }
    }

    const fn says(self) -> &'static str {
        match self {
            Self::Not => "is as it was",
            Self::InDoubt => "may or may not have the change, and cannot be read",
        }
    }
}

/// The change of a setting of a secret.
pub(super) struct Written<'w> {
    pub(super) secret: &'static str,
    pub(super) setting: &'static str,
    pub(super) pairs: &'w BTreeMap<String, String>,
}

/// An answer of AWS may be lost, so the secret itself says whether it was written. The first row of the change stands already:
/// if the secret has not become what it says, a second one says that.
pub(super) async fn write(
    books: &Books,
    aws: &AwsCli,
    by: &Authorship,
    part: u32,
    change: Written<'_>,
) -> Result<(), Error> {
    let Written { secret, setting, pairs } = change;
    let Err(error) = put(books, aws, secret, pairs).await else { return Ok(()) };
    let state = match books.settings_of_stage(secret).await {
        Ok(now) if now == *pairs => return Ok(()),
        Ok(_) => Unwritten::Not,
        Err(_) => Unwritten::InDoubt,
    };
    let by = by.part(part);
    let facts = vec![("secret", secret.to_owned()), ("setting", setting.to_owned())];
    let noted = note(books, &by, state.kind(), facts).await;
    let row = match noted {
        Ok(_) => by.receipt()?.to_string(),
        Err(error) => format!("no row, since {}", error.line()),
    };
    Err(ToolError::NotWritten { secret, state: state.says(), row, said: error.line() }.into())
}

/// Through a pipe: an argument would be in the list of processes. The version is the current one at once, and Secrets Manager
/// keeps the one before as `AWSPREVIOUS`.
async fn put(books: &Books, aws: &AwsCli, name: &str, pairs: &BTreeMap<String, String>) -> Result<(), Error> {
    let (_, id) = books.secret_of_stage(name).ok_or(ToolError::NotHere)?;
    let words = ["secretsmanager", "put-secret-value", "--secret-id", &id, "--version-stages", "AWSCURRENT"];
    let words: Vec<&str> = words.into_iter().chain(["--secret-string", "file:///dev/stdin"]).collect();
    aws.json_with(&words, Some(serde_json::json!(pairs).to_string())).await.map(|_| ())
}
