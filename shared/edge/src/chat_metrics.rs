//! Metrics of chat, of its upstreams, and of the holds that expire.

use crate::log::{CHAT, EXPIRED_HOLDS, FIRST_TOKEN, UPSTREAM};

/// The metrics of one chat that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChatMetrics {
    pub tokens_in: u64,
    pub tokens_out: u64,
    pub nanocredits_charged: u64,
    pub retries: u64,
    /// Whether no model has answered, but a rule.
    pub is_fallback: bool,
    /// Whether the tokens are an estimate.
    pub is_estimate: bool,
}

/// Logs a chat. The model is one of those in the settings.
pub fn chatted(model: &str, metrics: &ChatMetrics) {
    let ChatMetrics { tokens_in, tokens_out, nanocredits_charged, retries, is_fallback, is_estimate } = *metrics;
    let (fallbacks, estimated) = (u64::from(is_fallback), u64::from(is_estimate));
    tracing::info!(
        target: CHAT,
        model,
        chats = 1,
        tokens_in,
        tokens_out,
        nanocredits_charged,
        retries,
        fallbacks,
        estimated
    );
}

/// Logs the time until the first part of a stream.
pub fn first_token(model: &str, first_token_ms: u64) {
    tracing::info!(target: FIRST_TOKEN, model, first_token_ms);
}

/// Logs a call to an upstream that failed. The upstream is one of those in the settings.
pub fn upstream_failed(upstream: &str, class: &'static str) {
    tracing::info!(target: UPSTREAM, upstream, class, upstream_failures = 1);
}

/// Logs the holds that a run of the sweep has closed, unless there were none.
pub fn expired_holds(holds_released: u32, holds_charged: u32) {
    if holds_released > 0 || holds_charged > 0 {
        tracing::info!(target: EXPIRED_HOLDS, holds_released, holds_charged);
    }
}
