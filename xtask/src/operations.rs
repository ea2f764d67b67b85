//! Writes the alarms table in `docs/operate.md` and its Chinese version, between two markers.

use std::io;

use crate::alarm::{Alarm, Text};
use crate::alarms;

const BEGIN: &str = "<!-- Written by `cargo xtask watch` from xtask/src/alarms. -->\n";
const END: &str = "<!-- The end of what is written. -->\n";

#[derive(Debug, Clone, Copy)]
pub(crate) enum Language {
    English,
    Chinese,
}

impl Language {
    pub(crate) const ALL: [Self; 2] = [Self::English, Self::Chinese];

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::English => "docs/operate.md",
            Self::Chinese => "docs/operate.zh.md",
        }
    }

    fn head(self) -> &'static str {
        match self {
            Self::English => "| alarm | what it means | what to do |\n|---|---|---|\n",
            Self::Chinese => "| 告警 | 含义 | 处理 |\n|---|---|---|\n",
        }
    }

    fn of(self, text: &Text) -> &str {
        match self {
            Self::English => &text.en,
            Self::Chinese => &text.zh,
        }
    }
}

/// The document with its current table. An error without both markers.
pub(crate) fn with_table(document: &str, language: Language) -> io::Result<String> {
    let missing = || {
        let (begin, end) = (BEGIN.trim_end(), END.trim_end());
        io::Error::other(format!("{} needs the lines `{begin}` and `{end}` around its table", language.path()))
    };
    let (before, rest) = document.split_once(BEGIN).ok_or_else(missing)?;
    let (_, after) = rest.split_once(END).ok_or_else(missing)?;
    let rows: String = alarms::all().iter().map(|alarm| row(alarm, language)).collect();
    Ok(format!("{before}{BEGIN}\n{}{rows}\n{END}{after}", language.head()))
}

fn row(alarm: &Alarm, language: Language) -> String {
    let cell = |text: &Text| language.of(text).replace('|', r"\|");
    format!("| `{}` | {} | {} |\n", alarm.name, cell(&alarm.means), cell(&alarm.to_do))
}
