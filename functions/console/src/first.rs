//! The first sign-in: the person who has the one-time link chooses a password and sets up the codes. Opening the link changes
//! nothing, so that a program that looks at links in mails does not use it up.

use insight::{Lang, Sentence};
use maud::{Markup, html};
use operators::{Credentials, Operator, OperatorName, Operators, TokenHash};

use crate::layout::{Frame, document};
use crate::refusal::Refusal;
use crate::visit::{Shown, Visit};
use crate::words::say;
use crate::{Console, form, password, qr, sign_in, totp};

const TITLE: Sentence = say("Your first sign-in", "首次登录");
const WEAK: Sentence = say(
    "Choose a password of 12 characters or more, without your name in it.",
    "密码至少 12 个字符，且不能包含你的用户名。",
);
const WRONG_CODE: Sentence = say(
    "That is not the code of this key now. Check the clock of your phone.",
    "验证码与这个密钥不符。请检查手机时间。",
);

/// What the page shows.
pub(crate) struct FirstForm<'f> {
    pub(crate) name: &'f OperatorName,
    pub(crate) link: &'f str,
    pub(crate) key: &'f [u8],
    pub(crate) stage: &'f str,
    pub(crate) error: Option<Sentence>,
}

pub(crate) async fn form<L: Operators>(console: &Console<L>, visit: &Visit<'_>) -> Result<Shown, Refusal> {
    let query = form::query(visit, &["name", "link"])?;
    let link = query.parameter("link").unwrap_or_default();
    let operator = invited(console, visit, query.parameter("name"), link).await?;
    let key = new_key(console)?;
    Ok(page(visit, 200, &FirstForm { name: &operator.name, link, key: &key, stage: stage(visit), error: None }))
}

pub(crate) async fn enrol<L: Operators>(console: &Console<L>, visit: &Visit<'_>) -> Result<Shown, Refusal> {
    let form = form::of(visit, &["name", "link", "key", "password", "code"])?;
    let field = |name: &str| form.parameter(name).unwrap_or_default();
    let (link, now) = (field("link"), visit.invocation.now);
    let operator = invited(console, visit, form.parameter("name"), link).await?;
    let key = totp::key_of(field("key")).ok_or_else(Refusal::malformed)?;
    let again = |error| {
        page(visit, 400, &FirstForm { name: &operator.name, link, key: &key, stage: stage(visit), error: Some(error) })
    };
    if !password::is_strong(field("password"), operator.name.as_str()) {
        return Ok(again(WEAK));
    }
    let Some(last_step) = totp::step(&key, field("code"), now) else { return Ok(again(WRONG_CODE)) };
    let salt = console.parts.ids.bits()?.to_le_bytes();
    let password = password::hashed(field("password"), salt).ok_or_else(Refusal::unavailable)?;
    let credentials = Credentials { password, totp: key.clone(), last_step, since: now };
    let enrolled = operator.enrolled(&TokenHash::of(link), credentials, now).ok_or_else(no_link)?;
    // Of two forms with one link, one is written.
    if !console.ledger.write_operator(&enrolled, &visit.context()).await? {
        return Err(no_link());
    }
    sign_in::begin(console, visit, &enrolled, "/console").await
}

/// The operator whose link this is. A wrong name, a used link and one that is over read alike.
async fn invited<L: Operators>(
    console: &Console<L>,
    visit: &Visit<'_>,
    name: Option<&str>,
    link: &str,
) -> Result<Operator, Refusal> {
    let name = OperatorName::new(name.unwrap_or_default()).map_err(|_| no_link())?;
    let operator = console.ledger.operator(&name, &visit.context()).await?.ok_or_else(no_link)?;
    if operator.may_enrol(&TokenHash::of(link), visit.invocation.now) { Ok(operator) } else { Err(no_link()) }
}

const fn no_link() -> Refusal {
    let why = say(
        "This link was used, is older than a day, or is incomplete. hookledger operator link makes another.",
        "这个链接已被使用、超过一天，或不完整。用 hookledger operator link 另发一个。",
    );
    Refusal::new(403, "no_link", why)
}

fn new_key<L>(console: &Console<L>) -> Result<Vec<u8>, Refusal> {
    let bits = [console.parts.ids.bits()?, console.parts.ids.bits()?];
    Ok(bits.iter().flat_map(|bits| bits.to_le_bytes()).take(totp::KEY_BYTES).collect())
}

fn stage<'v>(visit: &'v Visit<'_>) -> &'v str {
    &visit.parts.config.stage
}

fn page(visit: &Visit<'_>, status: u16, first: &FirstForm<'_>) -> Shown {
    let title = TITLE.in_lang(visit.lang);
    Shown::page(document(status, &Frame { title, tab: None, visit }, &markup(visit.lang, first)))
}

pub(crate) fn markup(lang: Lang, first: &FirstForm<'_>) -> Markup {
    let t = |sentence: Sentence| sentence.in_lang(lang);
    let FirstForm { name, link, key, stage, error } = first;
    let (secret, address) = (totp::base32(key), totp::address(key, name, stage));
    html! {
        section.narrow {
            h1 { (t(TITLE)) }
            @if let Some(error) = error {
                p role="alert" { (t(*error)) }
            }
            form method="post" action="/console/first" {
                input type="hidden" name="link" value=(link);
                input type="hidden" name="key" value=(secret);
                label for="name" { (t(say("Name", "用户名"))) }
                // A field, so that a password manager keeps it, too.
                input id="name" name="name" value=(name) readonly autocomplete="username";
                label for="password" { (t(say("Choose a password, of 12 characters or more and without your name", "设置密码，至少 12 个字符，不含用户名"))) }
                input id="password" name="password" type="password" required minlength=(password::CHARS_MIN)
                    autocomplete="new-password";
                h2 { (t(say("Set up the codes", "设置验证码"))) }
                p {
                    (t(say("Scan this with an authenticator app,", "用验证器应用扫描，")))
                    " " a href=(address) { (t(say("open it in one", "在应用中打开"))) } ", "
                    (t(say("or type the key:", "或输入密钥：")))
                }
                @if let Some(picture) = qr::picture(&address, t(say("The key as a QR code", "密钥的二维码"))) { (picture) }
                p.row { code.copy { (secret) } }
                label for="code" { (t(say("The code that it shows", "应用显示的验证码"))) }
                input id="code" name="code" required inputmode="numeric" autocomplete="one-time-code" maxlength="7";
                button { (t(say("Sign in", "登录"))) }
            }
        }
    }
}
