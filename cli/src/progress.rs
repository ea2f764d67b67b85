//! How far long work is, for a person who waits: a line on stderr, and nothing where that is no terminal or the result is JSON.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::print::Form;

const REDRAWN_EVERY: Duration = Duration::from_millis(120);

/// It is gone from the terminal with the value, before the result is printed.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Work of an unknown size, counted in these.
    pub(crate) fn counting(what: &'static str, form: Form) -> Self {
        Self::spinner("{spinner} {pos} {msg}  {elapsed}", what, form)
    }

    fn spinner(template: &'static str, what: &'static str, form: Form) -> Self {
        let bar = if form == Form::Json { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
        let style = ProgressStyle::with_template(template);
        let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner())).with_message(what);
        bar.enable_steady_tick(REDRAWN_EVERY);
        Self(bar)
    }

    /// For an answer that comes at once or not.
    pub(crate) fn waiting(what: &'static str, form: Form) -> Self {
        Self::spinner("{spinner} {msg}  {elapsed}", what, form)
    }

    /// So many steps.
    pub(crate) fn of(steps: usize, form: Form) -> Self {
        let steps = u64::try_from(steps).unwrap_or(u64::MAX);
        let bar = if form == Form::Json { ProgressBar::hidden() } else { ProgressBar::new(steps) };
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len}  {elapsed} elapsed, {eta} left");
        Self(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
    }

    pub(crate) fn add(&self, count: usize) {
        self.0.inc(u64::try_from(count).unwrap_or(u64::MAX));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
