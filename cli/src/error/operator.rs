//! Why an operator of the console is not changed.

use thiserror::Error as ThisError;

#[derive(Debug, ThisError)]
pub(crate) enum OperatorRefused {
    #[error("there is an operator {0} already: `operator link {0}` makes another link")]
    Exists(String),
    #[error("there is no operator {0}: `operator add {0} --role reader` adds one")]
    Unknown(String),
    #[error("the operator has changed at the same moment: run the command again, with another --id")]
    Overtaken,
    #[error("{0} is no console: give --url as https://…/console")]
    Url(String),
    #[error("the console's address is needed: give --url, as the stack of the stage prints it (ConsoleUrl)")]
    NoUrl,
}

/// One of each, for the table of messages.
#[cfg(test)]
pub(super) fn samples() -> [OperatorRefused; 5] {
    let [amy, url] = ["amy", "https://books.example"].map(str::to_owned);
    [
        OperatorRefused::Exists(amy.clone()),
        OperatorRefused::Unknown(amy),
        OperatorRefused::Overtaken,
        OperatorRefused::Url(url),
        OperatorRefused::NoUrl,
    ]
}
