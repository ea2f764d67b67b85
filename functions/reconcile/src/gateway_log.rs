//! The log of an LLM gateway: books what it has charged or given back, and no webhook has reported. Each row becomes
//! the usage event that its webhook would have been, under the same event key, so that a late webhook is a repeat.
//!
//! A run reads windows of the log, each from a while before the end of the last one, since a row is written after the
//! use that it is about. The end of a window is fixed while its pages are read. Where the run's time ends, the next run
//! goes on at that page.

mod book;
mod place;

use std::time::Duration;

use edge::{Invocation, Keyring};
use ledger::{Backlog, CommitError, Sweep, Timestamp};
use providers::{CallError, Http, LogKind, LogPage, LogWindow, NewApi, NewApiConfig, NewApiKey, NewApiStatus};
use serde::Serialize;
use signing::{SecretError, Strength};

use crate::missing_credentials::{GATEWAY, KeyAlarms};
use crate::{Reconcile, SOURCE};

use book::Paged;
use place::Place;

const SWEEP: Sweep = Sweep::GatewayLog;
/// What a window reads again. A row is written at the end of its request, and a webhook may still be on its way.
const OVERLAP_SECONDS: i64 = 600;
/// Rows of the last seconds may still be written.
const UNSETTLED_SECONDS: i64 = 30;
/// After an outage of ours. Gateways count their way to a late page of a long window.
const WINDOW_SECONDS_MAX: i64 = 60 * 60;
/// The time limit of a page, so that a hanging gateway does not use up the run.
const PAGE_WITHIN: Duration = Duration::from_secs(8);

/// Alarm: the gateway writes no log, so that what no webhook reports is charged by no one.
const LOG_OFF: &str = "gateway_log_off";
/// Alarm: nothing can be booked. The subject is the setting that is missing.
const UNSET: &str = "gateway_log_unset";

/// The result of a run, in rows of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct PullReport {
    pub read: u32,
    /// Already in the journal, booked or refused.
    pub known: u32,
    pub booked: u32,
    /// Refused and kept for a replay.
    pub refused: u32,
    /// Rows that cannot be read, and rows of the books that need a repair.
    pub passed_over: u32,
    /// Faults on our side, or on the gateway's.
    pub failed: u32,
    /// Whether there are more rows than the run read.
    pub is_cut_short: bool,
}

/// Access to the gateway's log: client, settings and key.
#[derive(Debug)]
pub struct GatewayApi {
    pub http: Http,
    pub config: NewApiConfig,
    pub keys: Keyring<NewApiKey>,
}

impl GatewayApi {
    /// Reads the key from the settings of its secret.
    pub fn key(settings: &edge::Settings, _: Strength) -> Result<NewApiKey, (&'static str, SecretError)> {
        let [setting] = NewApiKey::SETTINGS;
        NewApiKey::parse(settings.setting(setting))
    }

    async fn call<T, F>(&self, run: &Invocation, call: impl Fn(NewApi) -> F) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        let are_refused = |error: &CallError| error.is_of_the_key() || error.is_unsuccessful();
        self.keys.call(run.now, are_refused, |key| call(NewApi::new(&self.http, &self.config, key))).await
    }

    async fn status(&self, run: &Invocation) -> Result<NewApiStatus, CallError> {
        let until = run.part(PAGE_WITHIN).deadline;
        self.call(run, |api| async move { api.status(until).await }).await
    }

    fn kinds(&self) -> &'static [LogKind] {
        NewApi::new(&self.http, &self.config, self.keys.current()).kinds()
    }
}

/// What a run has read of the gateway before its rows.
struct Pull<'r> {
    api: &'r GatewayApi,
    status: NewApiStatus,
    credits_per_usd: String,
    run: &'r Invocation,
}

impl Pull<'_> {
    async fn page(&self, window: LogWindow, kind: LogKind, number: u32) -> Result<LogPage, CallError> {
        let until = self.run.part(PAGE_WITHIN).deadline;
        let (status, credits) = (&self.status, self.credits_per_usd.as_str());
        let page = move |api: NewApi| async move { api.page(window, kind, number, status, credits, until).await };
        self.api.call(self.run, page).await
    }
}

impl<L: Backlog> Reconcile<L> {
    pub(crate) async fn pull_gateway_log(&self, run: &Invocation) -> Result<PullReport, CommitError> {
        let mut report = PullReport::default();
        let Some(api) = self.gateway.as_ref() else {
            if self.missing_credentials.contains(GATEWAY) {
                KeyAlarms::default().report_unusable_key(GATEWAY);
                report.failed = 1;
            }
            return Ok(report);
        };
        let Some(credits_per_usd) = self.is_set(&mut report) else { return Ok(report) };
        let settled = run.now.plus_seconds(UNSETTLED_SECONDS.saturating_neg()).unix_s();
        let mut place = self.place(settled, run).await?;
        match api.status(run).await {
            Ok(status) => {
                if status.writes_logs == Some(false) {
                    edge::alarm(SOURCE, LOG_OFF, GATEWAY);
                }
                let pull = Pull { api, status, credits_per_usd, run };
                self.read_windows(&pull, &mut place, settled, &mut report).await?;
            }
            Err(error) => report.not_answered(&error, run),
        }
        let behind = settled.saturating_sub(place.read_until);
        edge::backlog(SWEEP.as_str(), place.waiting(), u64::try_from(behind).unwrap_or_default());
        Ok(report)
    }

    /// Where the last run has stopped. That of the first run is saved before it reads anything: however long the gateway
    /// does not answer, the log is read from there.
    async fn place(&self, settled: i64, run: &Invocation) -> Result<Place, CommitError> {
        let saved = self.ledger.sweep_cursor(SWEEP, &run.context()).await?;
        if let Some(place) = saved.as_deref().and_then(Place::read) {
            return Ok(place);
        }
        let first = Place::first(settled);
        self.save(&first, run).await?;
        Ok(first)
    }

    /// The credits of a dollar, if all is set that a row needs to be booked.
    fn is_set(&self, report: &mut PullReport) -> Option<String> {
        let credits = self.usage.credits_per_usd();
        let signs_a_time = self.keys.usage.as_ref().map(|keys| keys.current().keys().signs_a_time());
        let missing = match (&credits, signs_a_time) {
            (None, _) => "credits_per_usd",
            (Some(_), None) => "WEBHOOK_SECRET",
            // A replay would refuse what the pull signs.
            (Some(_), Some(false)) if self.keys.forbids_body_only_hmac => "STANDARD_WEBHOOK_SECRET",
            (Some(_), Some(_)) => return credits,
        };
        edge::alarm(SOURCE, UNSET, missing);
        report.failed = report.failed.saturating_add(1);
        None
    }

    /// Reads again the seconds of rows that were stuck, then window after window up to `settled`. The place is saved
    /// after each, so that a run that dies repeats one window at most.
    async fn read_windows(
        &self,
        pull: &Pull<'_>,
        place: &mut Place,
        settled: i64,
        report: &mut PullReport,
    ) -> Result<(), CommitError> {
        for second in place.stuck.clone() {
            let mut once = Place::of_second(second);
            if !self.read_window(pull, &mut once, report).await? {
                return Ok(());
            }
            if once.stuck.is_empty() {
                place.stuck.remove(&second);
            }
        }
        loop {
            if !place.enter(settled) {
                return Ok(());
            }
            let is_read = self.read_window(pull, place, report).await?;
            self.save(place, pull.run).await?;
            if !is_read {
                return Ok(());
            }
        }
    }

    async fn save(&self, place: &Place, run: &Invocation) -> Result<(), CommitError> {
        self.ledger.save_sweep_cursor(SWEEP, Some(&place.to_string()), &run.context()).await
    }

    /// Reads the window that the place is in, from its page on. Returns whether all of it is read; if not, the place
    /// has the page at which the next run goes on.
    async fn read_window(
        &self,
        pull: &Pull<'_>,
        place: &mut Place,
        report: &mut PullReport,
    ) -> Result<bool, CommitError> {
        let kinds = pull.api.kinds();
        let mut before = Vec::new();
        while let Some((window, kind, number)) = place.page(kinds) {
            if pull.run.is_short_of(PAGE_WITHIN) {
                report.is_cut_short = true;
                return Ok(false);
            }
            let page = match pull.page(window, kind, number).await {
                Ok(page) => page,
                Err(error) => {
                    report.not_answered(&error, pull.run);
                    return Ok(false);
                }
            };
            let ids: Vec<String> = page.uses.iter().map(|of| of.event_id.clone()).collect();
            if !ids.is_empty() && ids == before {
                tracing::warn!(number, "the gateway lists the same rows again");
                report.failed = report.failed.saturating_add(1);
                report.is_cut_short = true;
                place.restart_window();
                return Ok(false);
            }
            match self.book_log_page(&page, pull.run, report).await? {
                Paged::Booked { stuck } if place.can_hold(&stuck) => place.stuck.extend(stuck),
                Paged::Booked { .. } | Paged::Interrupted => {
                    report.is_cut_short = true;
                    return Ok(false);
                }
            }
            before = if page.is_last { Vec::new() } else { ids };
            place.next(page.is_last);
        }
        Ok(true)
    }
}

impl PullReport {
    fn not_answered(&mut self, error: &CallError, run: &Invocation) {
        tracing::warn!(%error, "the gateway's log could not be read");
        edge::line(SOURCE, None, "not_answered", Some(GATEWAY), run);
        if error.is_of_the_key() || error.is_unsuccessful() {
            KeyAlarms::default().report_unusable_key(GATEWAY);
        }
        self.failed = self.failed.saturating_add(1);
        self.is_cut_short = true;
    }
}

/// Whole seconds: those of the log.
fn at(unix_s: i64) -> Timestamp {
    Timestamp::from_unix(unix_s).unwrap_or(Timestamp::EPOCH)
}
