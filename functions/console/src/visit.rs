//! One request: who asks, in which language, and what is shown.

use std::net::IpAddr;

use edge::{Invocation, Reply, Request};
use insight::Lang;
use ledger::CallContext;
use operators::{Operator, Session};

use crate::Parts;
use crate::cookies::cookie;

pub(crate) const LANGUAGE: &str = "lang";

pub(crate) struct Visit<'r> {
    pub(crate) request: &'r Request,
    pub(crate) invocation: &'r Invocation,
    pub(crate) parts: &'r Parts,
    pub(crate) address: Option<IpAddr>,
    pub(crate) lang: Lang,
    pub(crate) signed: Option<Signed>,
}

/// An operator who is signed in.
pub(crate) struct Signed {
    pub(crate) operator: Operator,
    pub(crate) session: Session,
    /// The token of its forms.
    pub(crate) csrf: String,
}

/// A page, and its line in the log.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) reply: Reply,
    pub(crate) outcome: &'static str,
    pub(crate) reason: Option<&'static str>,
    /// What an action was done to.
    pub(crate) subject: Option<String>,
}

impl Shown {
    pub(crate) fn page(reply: Reply) -> Self {
        Self { reply, outcome: "shown", reason: None, subject: None }
    }

    /// An action that was done.
    pub(crate) fn done(reply: Reply, subject: &(impl ToString + ?Sized)) -> Self {
        Self { reply, outcome: "done", reason: None, subject: Some(subject.to_string()) }
    }

    /// For what is no page of ours.
    pub(crate) fn text(status: u16, outcome: &'static str) -> Self {
        Self { reply: Reply::text(status, "Not a page of the console.\n"), outcome, reason: None, subject: None }
    }

    /// Where a form leads: a page that can be loaded again without doing it again.
    pub(crate) fn redirect(to: &str) -> Self {
        Self::page(Reply::empty(303).with_header("location", to))
    }

    #[must_use]
    pub(crate) fn with_cookie(mut self, cookie: String) -> Self {
        self.reply = self.reply.with_header("set-cookie", cookie);
        self
    }
}

impl<'r> Visit<'r> {
    pub(crate) fn new(
        request: &'r Request,
        invocation: &'r Invocation,
        parts: &'r Parts,
        address: Option<IpAddr>,
    ) -> Self {
        let chosen = cookie(request, LANGUAGE).and_then(Lang::named);
        let accepted = request.header("accept-language").ok().flatten().unwrap_or_default();
        let lang = chosen.unwrap_or_else(|| accepted_lang(accepted));
        Self { request, invocation, parts, address, lang, signed: None }
    }

    pub(crate) fn context(&self) -> CallContext<'static> {
        self.invocation.context()
    }

    /// Whether the visitor may do what an operator does.
    pub(crate) fn may_act(&self) -> bool {
        self.signed.as_ref().is_some_and(|signed| signed.operator.role.may_act())
    }

    /// The token of a form on this page.
    pub(crate) fn csrf(&self) -> &str {
        self.signed.as_ref().map_or("", |signed| signed.csrf.as_str())
    }
}

/// The first of our languages in the order of the header, which browsers write by preference.
pub(crate) fn accepted_lang(header: &str) -> Lang {
    let ranges = header.split(',').map(|range| range.split(';').next().unwrap_or_default().trim());
    let mut languages = ranges.map(|range| range.split('-').next().unwrap_or_default().to_ascii_lowercase());
    languages.find_map(|word| Lang::named(&word)).unwrap_or_default()
}

/// A path of the console, or its first page: nothing else is redirected to.
pub(crate) fn own_path(then: Option<&str>) -> String {
    let is_own = |path: &&str| {
        let rest = path.strip_prefix("/console");
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
            && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    };
    then.filter(is_own).unwrap_or("/console").to_owned()
}
