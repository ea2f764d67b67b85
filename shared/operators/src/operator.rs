//! An operator: a name, what it may do, how it proves itself, and the link that lets it choose that.

use std::fmt;

use ledger::Timestamp;
use thiserror::Error;

use crate::{Session, TokenHash};

const NAME_CHARS_MAX: usize = 32;
/// A link is sent by some other way, and used soon.
const LINK_SECONDS: i64 = 24 * 60 * 60;

/// In lower case, so that two names never differ by case alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OperatorName(String);

impl OperatorName {
    pub fn new(text: &str) -> Result<Self, OperatorNameError> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let begins = text.bytes().next().is_some_and(is_plain);
        let goes_on = text.bytes().all(|byte| is_plain(byte) || b"._-".contains(&byte));
        if begins && goes_on && text.len() <= NAME_CHARS_MAX {
            Ok(Self(text.to_owned()))
        } else {
            Err(OperatorNameError)
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OperatorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be 1 to {NAME_CHARS_MAX} of a-z, 0-9, dot, hyphen and underscore, beginning with a letter or a digit")]
pub struct OperatorNameError;

/// What an operator may do in the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Sees everything but bodies and personal data, and changes nothing.
    Reader,
    /// Also acts.
    Operator,
}

impl Role {
    pub const ALL: [Self; 2] = [Self::Reader, Self::Operator];

    /// The word for it in rows and options.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Operator => "operator",
        }
    }

    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }

    pub const fn may_act(self) -> bool {
        match self {
            Self::Reader => false,
            Self::Operator => true,
        }
    }
}

/// How an operator proves itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// A hash with its parameters and salt.
    pub password: String,
    /// The key of the codes.
    pub totp: Vec<u8>,
    /// The time step of the last accepted code: no code is accepted twice.
    pub last_step: u64,
    /// When they were chosen. A session that began before ends: a person who lost a password wants all others out.
    pub since: Timestamp,
}

/// Without the hash and the key.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("last_step", &self.last_step).finish_non_exhaustive()
    }
}

/// Lets the person who has its token choose credentials, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub hash: TokenHash,
    pub until: Timestamp,
}

impl Link {
    pub fn new(hash: TokenHash, now: Timestamp) -> Self {
        Self { hash, until: now.plus_seconds(LINK_SECONDS) }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    pub name: OperatorName,
    pub role: Role,
    /// `None` before the first sign-in.
    pub credentials: Option<Credentials>,
    pub link: Option<Link>,
    /// How often it has signed in; the newest ones are kept.
    pub sign_ins: u64,
    pub since: Timestamp,
    pub revoked_at: Option<Timestamp>,
    /// The number of its writes: each is made over what was read.
    pub version: u64,
}

impl Operator {
    pub fn new(name: OperatorName, role: Role, link: Link, now: Timestamp) -> Self {
        Self { name, role, credentials: None, link: Some(link), sign_ins: 0, since: now, revoked_at: None, version: 1 }
    }

    pub const fn is_revoked(&self) -> bool {
        self.revoked_at.is_some()
    }

    /// With another link and role: for a person who has lost a password or a phone. What it had works until then.
    #[must_use]
    pub fn with_link(&self, role: Role, link: Link) -> Self {
        Self { role, link: Some(link), revoked_at: None, ..self.written() }
    }

    #[must_use]
    pub fn revoked(&self, now: Timestamp) -> Self {
        Self { revoked_at: Some(now), link: None, ..self.written() }
    }

    /// Whether the link with this token may be used now.
    pub fn may_enrol(&self, token: &TokenHash, now: Timestamp) -> bool {
        !self.is_revoked() && self.link.as_ref().is_some_and(|link| link.hash == *token && now < link.until)
    }

    /// With these credentials, and without the link. `None` if the link is another one, was used, or is over.
    pub fn enrolled(&self, token: &TokenHash, credentials: Credentials, now: Timestamp) -> Option<Self> {
        let is_open = self.may_enrol(token, now);
        is_open.then(|| Self {
            credentials: Some(credentials),
            link: None,
            sign_ins: self.sign_ins.saturating_add(1),
            ..self.written()
        })
    }

    /// After a sign-in by the code of this time step. `None` if this code or a later one was used, or it may not sign in.
    pub fn signed_in(&self, step: u64) -> Option<Self> {
        let credentials = self.credentials.clone().filter(|known| known.last_step < step && !self.is_revoked())?;
        Some(Self {
            credentials: Some(Credentials { last_step: step, ..credentials }),
            sign_ins: self.sign_ins.saturating_add(1),
            ..self.written()
        })
    }

    /// Whether a session of this operator is still good.
    pub fn admits(&self, session: &Session, now: Timestamp) -> bool {
        let since = self.credentials.as_ref().map(|credentials| credentials.since);
        let is_own = session.operator == self.name && since.is_some_and(|since| since <= session.began_at);
        is_own && !self.is_revoked() && session.is_open(now)
    }

    fn written(&self) -> Self {
        Self { version: self.version.saturating_add(1), ..self.clone() }
    }
}
