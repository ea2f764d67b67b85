//! Signing in by name, password and code, and out again. Attempts are counted before they are tried, and a name that does
//! not exist costs the same time and gets the same answer.

use insight::{Lang, Sentence};
use maud::{Markup, html};
use operators::{Attempts, Counted, Operator, OperatorName, Operators, Session, SignIn, TokenHash};

use crate::layout::{Frame, document};
use crate::refusal::Refusal;
use crate::visit::{Shown, Visit, own_path};
use crate::words::say;
use crate::{Console, form, password, session, totp};

const TITLE: Sentence = say("Sign in", "登录");
const WRONG: Sentence = say(
    "That is not a name, its password and its code. A code is accepted once: wait for the next one.",
    "用户名、密码或验证码不对。每个验证码只能用一次：请等下一个。",
);
const LOCKED: Sentence = say(
    "There were too many attempts. Wait for a quarter of an hour, or have an operator make another link.",
    "尝试次数过多。请等十五分钟，或请管理员另发一个链接。",
);

pub(crate) fn form(visit: &Visit<'_>) -> Shown {
    let then = form::query(visit, &["then"]).ok().and_then(|query| query.parameter("then").map(str::to_owned));
    page(visit, 200, &own_path(then.as_deref()), "", None)
}

fn page(visit: &Visit<'_>, status: u16, then: &str, name: &str, error: Option<Sentence>) -> Shown {
    let title = TITLE.in_lang(visit.lang);
    Shown::page(document(status, &Frame { title, tab: None, visit }, &markup(visit.lang, then, name, error)))
}

/// With the name that was typed before, or none.
pub(crate) fn markup(lang: Lang, then: &str, name: &str, error: Option<Sentence>) -> Markup {
    let t = |sentence: Sentence| sentence.in_lang(lang);
    html! {
        section.narrow {
            h1 { (t(TITLE)) }
            @if let Some(error) = error {
                p role="alert" { (t(error)) }
            }
            form method="post" action="/console/sign-in" {
                input type="hidden" name="then" value=(then);
                label for="name" { (t(say("Name", "用户名"))) }
                input id="name" name="name" value=[Some(name).filter(|name| !name.is_empty())] required autocomplete="username" autocapitalize="none" spellcheck="false";
                label for="password" { (t(say("Password", "密码"))) }
                input id="password" name="password" type="password" required autocomplete="current-password";
                label for="code" { (t(say("Code of your authenticator app", "验证器应用中的验证码"))) }
                input id="code" name="code" required inputmode="numeric" autocomplete="one-time-code" maxlength="7";
                button { (t(TITLE)) }
            }
            p.hint {
                (t(say(
                    "The first time, open the one-time link that hookledger operator add prints.",
                    "第一次登录：打开 hookledger operator add 给出的一次性链接。",
                )))
            }
        }
    }
}

pub(crate) async fn sign_in<L: Operators>(console: &Console<L>, visit: &Visit<'_>) -> Result<Shown, Refusal> {
    let form = form::of(visit, &["then", "name", "password", "code"])?;
    let field = |name: &str| form.parameter(name).unwrap_or_default();
    let then = own_path(form.parameter("then"));
    let typed = field("name").trim().to_lowercase();
    let counted = [Counted::name(&typed), Counted::address(visit.address)];
    if !count(console, visit, &counted).await? {
        return Ok(refused(page(visit, 429, &then, field("name"), Some(LOCKED)), "locked"));
    }
    let operator = match OperatorName::new(&typed) {
        Ok(name) => console.ledger.operator(&name, &visit.context()).await?,
        Err(_) => None,
    };
    let Some(signed_in) = proven(operator.as_ref(), field("password"), field("code"), visit) else {
        return Ok(refused(page(visit, 401, &then, field("name"), Some(WRONG)), "wrong"));
    };
    // Uses the code up: of two forms with one code, one signs in.
    if !console.ledger.write_operator(&signed_in, &visit.context()).await? {
        return Ok(refused(page(visit, 401, &then, field("name"), Some(WRONG)), "wrong"));
    }
    forget(console, visit, &counted).await?;
    begin(console, visit, &signed_in, &then).await
}

/// The operator after this sign-in, if password and code are right. Both are computed for every name.
fn proven(operator: Option<&Operator>, typed: &str, code: &str, visit: &Visit<'_>) -> Option<Operator> {
    let known = operator.and_then(|operator| operator.credentials.as_ref());
    let is_right = password::is_right(typed, known.map(|known| known.password.as_str()));
    let key = known.map_or_else(|| vec![0; totp::KEY_BYTES], |known| known.totp.clone());
    let step = totp::step(&key, code, visit.invocation.now);
    let step = step.filter(|_| is_right)?;
    operator?.signed_in(step)
}

/// Counts an attempt by name and address. `false` if one of them is locked, or was counted at the same moment.
async fn count<L: Operators>(console: &Console<L>, visit: &Visit<'_>, counted: &[Counted; 2]) -> Result<bool, Refusal> {
    let (now, context) = (visit.invocation.now, visit.context());
    let read = console.ledger.attempts(counted, &context).await?;
    if read.iter().any(|attempts| attempts.is_locked(now)) {
        return Ok(false);
    }
    for (of, attempts) in counted.iter().zip(read) {
        if !console.ledger.write_attempts(of, attempts, attempts.one_more(now), &context).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn forget<L: Operators>(console: &Console<L>, visit: &Visit<'_>, counted: &[Counted; 2]) -> Result<(), Refusal> {
    let read = console.ledger.attempts(counted, &visit.context()).await?;
    for (of, attempts) in counted.iter().zip(read) {
        // What is counted meanwhile stays counted.
        console.ledger.write_attempts(of, attempts, Attempts::default(), &visit.context()).await?;
    }
    Ok(())
}

/// Records the sign-in, and begins its session.
pub(crate) async fn begin<L: Operators>(
    console: &Console<L>,
    visit: &Visit<'_>,
    operator: &Operator,
    then: &str,
) -> Result<Shown, Refusal> {
    let (token, now) = (console.parts.ids.secret("")?, visit.invocation.now);
    let address = visit.address.map_or_else(String::new, |address| address.to_string());
    let name = operator.name.clone();
    let session = Session::new(TokenHash::of(&token), name.clone(), address.clone(), now);
    let sign_in = SignIn { operator: name.clone(), number: operator.sign_ins, at: now, address };
    console.ledger.begin_session(&session, &sign_in, &visit.context()).await?;
    let shown = Shown::redirect(then).with_cookie(session::begun(visit, &name, &token));
    Ok(Shown { outcome: "signed_in", subject: Some(name.to_string()), ..shown })
}

fn refused(shown: Shown, reason: &'static str) -> Shown {
    Shown { outcome: "refused", reason: Some(reason), ..shown }
}

pub(crate) async fn sign_out<L: Operators>(console: &Console<L>, visit: &Visit<'_>) -> Result<Shown, Refusal> {
    if let Some(signed) = &visit.signed {
        let ended = signed.session.ended(visit.invocation.now);
        console.ledger.note_session(&ended, &visit.context()).await?;
    }
    Ok(Shown::redirect("/console/sign-in").with_cookie(session::ended(visit)))
}
