//! The choice of a language, which a cookie keeps. It is a form, since a link would be a GET that changes something.

use insight::Lang;

use crate::form;
use crate::refusal::Refusal;
use crate::visit::{LANGUAGE, Shown, Visit, own_path};

const A_YEAR_SECONDS: u32 = 365 * 24 * 60 * 60;

pub(crate) fn choose(visit: &Visit<'_>) -> Result<Shown, Refusal> {
    let form = form::of(visit, &[LANGUAGE, "then", "csrf"])?;
    let lang = form.parameter(LANGUAGE).and_then(Lang::named).unwrap_or_default();
    let secure = if visit.parts.config.is_local() { "" } else { "; Secure" };
    let cookie = format!(
        "{LANGUAGE}={}; Path=/console; Max-Age={A_YEAR_SECONDS}; HttpOnly; SameSite=Lax{secure}",
        lang.as_str()
    );
    Ok(Shown::redirect(&own_path(form.parameter("then"))).with_cookie(cookie))
}
