//! The style and the script: files of our own whose paths have their hash, so that a browser keeps them for ever.

use edge::Reply;
use operators::TokenHash;

/// The digits of a hash that a path has: two releases never share them.
const HASH_CHARS: usize = 16;
const FOR_EVER: &str = "public, max-age=31536000, immutable";
const SCRIPT: &str = include_str!("script.js");

#[derive(Debug)]
pub(crate) struct Assets {
    pub(crate) style: Asset,
    pub(crate) script: Asset,
}

#[derive(Debug)]
pub(crate) struct Asset {
    pub(crate) path: String,
    kind: &'static str,
    body: String,
}

impl Assets {
    pub(crate) fn new() -> Self {
        let style = [pages::STYLE, pages::WIDE_STYLE].concat();
        Self {
            style: Asset::new("css", "text/css; charset=utf-8", style),
            script: Asset::new("js", "text/javascript; charset=utf-8", SCRIPT.to_owned()),
        }
    }

    /// The file at this path.
    pub(crate) fn at(&self, path: &str) -> Option<Reply> {
        let asset = [&self.style, &self.script].into_iter().find(|asset| asset.path == path)?;
        let reply = Reply { status: 200, headers: Vec::new(), body: asset.body.clone() };
        Some(reply.with_header("content-type", asset.kind).with_header("cache-control", FOR_EVER))
    }
}

impl Asset {
    fn new(ending: &str, kind: &'static str, body: String) -> Self {
        let hash: String = TokenHash::of(&body).as_str().chars().take(HASH_CHARS).collect();
        Self { path: format!("/console/{hash}.{ending}"), kind, body }
    }
}
