//! The address that leads back to a form that was refused.

use crate::page::{PAGES, Page};
use crate::visit::Visit;

const BODY_PATH: &str = "/console/event/body";
/// The token and the id are those of one form alone; `to` follows from what is paused.
const NOT_FILLED: [&str; 6] = ["csrf", "id", "new", "loses", "confirmed", "to"];

/// Where a form that was refused leads back to: the address of its preview, with what was typed. What a person confirms is
/// confirmed again.
pub(crate) fn filled(visit: &Visit<'_>) -> Option<String> {
    let path = match visit.request.path.trim_end_matches('/') {
        BODY_PATH => "/console/event",
        path => path,
    };
    let is_preview = |page: Page| matches!(page, Page::Event | Page::Replay | Page::Pause | Page::Preview(_));
    PAGES.iter().find(|route| route.method == "GET" && route.path == path && is_preview(route.endpoint))?;
    let body = std::str::from_utf8(visit.request.body()).ok()?;
    let pairs = body.split('&').filter_map(|pair| pair.split_once('=')).filter(|(name, value)| {
        let is_name = name.bytes().all(|byte| byte.is_ascii_lowercase());
        is_name && !value.is_empty() && !NOT_FILLED.contains(name)
    });
    let pairs = pairs.filter_map(|(name, value)| {
        Some(format!("{name}={}", api::percent_encoded(&api::percent_decoded(&value.replace('+', " "))?)))
    });
    Some(format!("{path}?{}", pairs.collect::<Vec<_>>().join("&")))
}
