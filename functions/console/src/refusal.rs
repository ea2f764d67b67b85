//! Why a page is not shown, in the language of its visitor.

use edge::NoRoute;
use insight::Sentence;
use ledger::CommitError;
use maud::html;

use crate::filled::filled;
use crate::layout::{Frame, document};
use crate::page::Page;
use crate::visit::{Shown, Visit};
use crate::words::say;

const FOREIGN: &str = "foreign";
const READER: &str = "reader";
const REPEATED: &str = "repeated";
const NOT_FOUND: &str = "not_found";
const SIGNED_OUT: &str = "signed_out";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// The word in the log.
    pub(crate) code: &'static str,
    pub(crate) why: Sentence,
    /// Where to instead of a page.
    to: Option<String>,
    allow: Option<String>,
}

impl Refusal {
    pub(crate) const fn new(status: u16, code: &'static str, why: Sentence) -> Self {
        Self { status, code, why, to: None, allow: None }
    }

    pub(crate) const fn malformed() -> Self {
        Self::new(
            400,
            "malformed",
            say("This form or address is not one of the console's.", "这个表单或地址不属于控制台。"),
        )
    }

    pub(crate) const fn no_reason() -> Self {
        let why = say(
            "Give a reason: one line of 1 to 160 characters. The journal keeps it.",
            "请写原因：一行，1 到 160 个字符。账本会保存它。",
        );
        Self::new(400, "no_reason", why)
    }

    pub(crate) const fn foreign() -> Self {
        let why = say(
            "This form was not sent by a page of the console. Nothing was changed.",
            "这个表单不是从控制台的页面发出的。没有任何改动。",
        );
        Self::new(403, FOREIGN, why)
    }

    /// The form was sent before with other values.
    pub(crate) const fn repeated() -> Self {
        let why = say("This form was sent before. Open the page again.", "这个表单已提交过。请重新打开页面。");
        Self::new(409, REPEATED, why)
    }

    pub(crate) const fn reader() -> Self {
        let why =
            say("A reader sees and changes nothing. Ask an operator.", "你的角色只能查看。请联系有操作权限的人。");
        Self::new(403, READER, why)
    }

    pub(crate) const fn not_found() -> Self {
        Self::new(404, NOT_FOUND, say("There is no such page, or no such row.", "没有这个页面，或没有这条记录。"))
    }

    pub(crate) const fn unavailable() -> Self {
        let why = say(
            "The store does not answer. Nothing was changed that is not shown as done: try again.",
            "存储没有应答。没有显示完成的，就没有改动：请重试。",
        );
        Self::new(503, "unavailable", why)
    }

    /// A page leads to the sign-in and back; a form was not carried out.
    pub(crate) fn signed_out(visit: &Visit<'_>, page: Page) -> Self {
        let why = say("You are not signed in any more. Nothing was changed.", "你已退出登录。没有任何改动。");
        let refusal = Self::new(401, SIGNED_OUT, why);
        if page.is_form() {
            return refusal;
        }
        let query = if visit.request.query.is_empty() { String::new() } else { format!("?{}", visit.request.query) };
        let then = api::percent_encoded(&format!("{}{query}", visit.request.path));
        Self { status: 303, to: Some(format!("/console/sign-in?then={then}")), ..refusal }
    }

    pub(crate) fn of_route(none: &NoRoute) -> Self {
        match none {
            NoRoute::NotFound => Self::not_found(),
            NoRoute::MethodNotAllowed { allowed } => {
                Self { status: 405, code: "method_not_allowed", allow: Some(allowed.clone()), ..Self::not_found() }
            }
        }
    }

    /// Where what was typed is not lost. A form that may have acted leads to no other one, which would act twice by its own id.
    fn back(&self, visit: &Visit<'_>) -> Option<(String, Sentence)> {
        let form = if visit.request.method == "POST" && self.status < 500 { filled(visit) } else { None };
        match self.code {
            SIGNED_OUT => {
                let then = api::percent_encoded(form.as_deref().unwrap_or("/console"));
                Some((format!("/console/sign-in?then={then}"), say("Sign in again", "重新登录")))
            }
            READER | NOT_FOUND | REPEATED => None,
            // A form of another site fills in none of ours.
            FOREIGN if visit.signed.is_none() => None,
            _ => form.map(|to| (to, say("Back to the form, with what you typed", "返回表单，保留已填内容"))),
        }
    }

    pub(crate) fn shown(self, visit: &Visit<'_>) -> Shown {
        if let Some(to) = &self.to {
            let shown = Shown::redirect(to);
            return Shown { outcome: "refused", reason: Some(self.code), ..shown };
        }
        // A form is not sent again by a link.
        let is_shown_again = self.status >= 500 && visit.request.method != "POST";
        let back = self.back(visit);
        let title = if is_shown_again { say("Not shown", "未能显示") } else { say("Not done", "未完成") };
        let title = title.in_lang(visit.lang);
        let frame = Frame { title, tab: None, visit };
        let main = html! {
            section.narrow {
                h1 { (title) }
                p role="alert" { (self.why.in_lang(visit.lang)) }
                @if is_shown_again {
                    p { a href={ (visit.request.path) "?" (visit.request.query) } { (say("Try again", "重试").in_lang(visit.lang)) } }
                }
                @if let Some((to, name)) = back { p { a href=(to) { (name.in_lang(visit.lang)) } } }
                p { a href="/console" { (say("To the overview", "回到概览").in_lang(visit.lang)) } }
            }
        };
        let mut reply = document(self.status, &frame, &main);
        if let Some(allow) = self.allow {
            reply = reply.with_header("allow", allow);
        }
        let outcome = if self.status >= 500 { "unavailable" } else { "refused" };
        Shown { reply, outcome, reason: Some(self.code), subject: None }
    }
}

impl From<CommitError> for Refusal {
    fn from(error: CommitError) -> Self {
        // It logs the error as the APIs do.
        let _ = api::Failure::from(error);
        Self::unavailable()
    }
}

impl From<api::Failure> for Refusal {
    fn from(_: api::Failure) -> Self {
        Self::unavailable()
    }
}
