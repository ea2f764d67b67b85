//! `send`: signs sample events, posts them, and reports the outcome of each delivery.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use edge::Invocation;
use futures_util::{StreamExt as _, stream};
use indicatif::{ProgressBar, ProgressStyle};
use local::{Home, Running, Sample, is_local, new_id, now};
use sending::{ATTEMPT_TIMEOUT, NoReply, Post, Signed, repeats};
use tokio::signal::unix::{SignalKind, signal};

use crate::delivery::Delivery;
use crate::error::Error;
use crate::exit::Exit;
use crate::parse;
use crate::print;
use crate::print::Form;
use crate::sample_args::SampleArgs;
use crate::tally::Tally;

/// Up to this many replies are printed one by one.
const SHOWN_MAX: u64 = 20;
/// API Gateway's own timeout for a function.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);
/// Enough to reach the limits of any stage, and few enough not to exhaust the ports of this machine.
const CONCURRENCY_MAX: u16 = 512;

#[derive(Debug, Args)]
pub(crate) struct Send {
    /// A sample in events/: `usage` is `usage/basic`, `stripe` is `stripe/payment_intent_succeeded`, `epay` is `epay/notify_v1_get`
    sample: String,
    #[command(flatten)]
    sample_args: SampleArgs,
    /// The number of events. With --id X their ids are and so on
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = parse::number(1..=u32::MAX))]
    count: u32,
    /// The number of parallel requests
    #[arg(long, value_name = "C", default_value_t = 8, value_parser = parse::number(1..=CONCURRENCY_MAX))]
    concurrency: u16,
    /// Send every event twice, the second time without waiting for the first
    #[arg(long)]
    duplicate: bool,
    /// Repeat an event that gets no reply, 408, 429 or 5xx: after 1, 2, 4 and 8 s, or after what Retry-After says
    #[arg(long)]
    retry: bool,
    /// Send the events in batches: up to 100 in one signed request
    #[arg(long)]
    batch: bool,
    /// The receiver's URL, with or without the path [default: the running stack]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

pub(crate) async fn run(
    args: &Send,
    dir: &Path,
    form: Form,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Exit, Error> {
    let sample = args.sample_args.read(&args.sample, dir).await?;
    let running = Home::at(dir).running()?;
    let route = Route::of(args, &sample)?;
    let url = url(args, &route, running.as_ref(), dir)?;
    let secret = secret(args, &sample, running.as_ref(), variable)?;
    let ids = Ids::of(args);
    // Fails before the first request if the events cannot be signed.
    sample.signed(&ids.nth(1), &secret, now())?;

    let copies: u8 = if args.duplicate { 2 } else { 1 };
    let posts = u64::from(args.count).saturating_mul(copies.into());
    let shown = posts <= SHOWN_MAX;
    let progress = progress(posts, shown);
    let hint = if is_here(&url) { " (is `cargo run` running?)" } else { "" };
    let fake = fake(&sample, &url);
    let post = Post::to(url, if args.retry { ATTEMPT_TIMEOUT } else { REPLY_TIMEOUT });
    let events_max = u32::try_from(route.events_max).unwrap_or(u32::MAX);
    let one = async |first: u32| {
        let last = first.saturating_add(events_max.saturating_sub(1)).min(args.count);
        let sent_ids: Vec<String> = (first..=last).map(|n| ids.nth(n)).collect();
        let alone = sent_ids.first().filter(|_| !args.batch);
        if let (Some(fake), Some(Ok(body))) = (&fake, alone.map(|id| sample.plain(id, now()))) {
            // A failure shows in the reply: without the fake's confirmation the function books nothing.
            let _ = fake.send(Signed::post(body, Vec::new())).await;
        }
        let signed = || match alone {
            Some(id) => sample.signed(id, &secret, now()),
            None => sample.signed_batch(&sent_ids, &secret, now()),
        };
        // Signed again at each attempt, since a signature may cover its time.
        let attempt = || async {
            match signed() {
                Ok(signed) => post.send(signed).await,
                Err(error) => Err(NoReply { why: error.line(), is_late: false }),
            }
        };
        let began = Invocation::now(Duration::ZERO).started;
        let reply = if args.retry { repeats(attempt).await.last } else { attempt().await };
        let took = began.elapsed();
        let sent = match alone {
            Some(id) => vec![Delivery::of(id, sample.source, reply, took)],
            None => Delivery::of_batch(&sent_ids, sample.source, &reply, took),
        };
        progress.inc(u64::try_from(sent_ids.len()).unwrap_or(u64::MAX));
        if shown && form == Form::Lines {
            sent.iter().for_each(print::line);
        }
        sent
    };
    // From here on Ctrl-C ends with what was sent until then.
    let mut interrupts = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
    let clock = Invocation::now(Duration::ZERO).started;
    let mut tally = Tally::new(sample.source.name, shown);
    let queue = (1..=args.count).step_by(route.events_max).flat_map(|n| std::iter::repeat_n(n, copies.into()));
    let mut replies = stream::iter(queue).map(one).buffer_unordered(usize::from(args.concurrency));
    let is_interrupted = loop {
        tokio::select! {
            sent = replies.next() => match sent {
                Some(sent) => sent.into_iter().for_each(|sent| tally.add(sent)),
                None => break false,
            },
            _ = interrupts.recv() => break true,
        }
    };
    drop(replies);
    progress.finish_and_clear();
    let ended = tally.ended(clock.elapsed());
    form.show(&ended);
    let has_accepted = ended.has_accepted();
    if let Some(problem) = tally.first_problem() {
        print::error(format_args!("{problem}{hint}"));
    }
    if form == Form::Lines && has_accepted {
        print::error("the receiver confirmed the event, but not whether it is booked");
    }
    if is_interrupted {
        print::error(format_args!(
            "interrupted: what was not answered may be booked, and {ids} sends the same events again"
        ));
        return Ok(Exit::Interrupted);
    }
    Ok(tally.exit())
}

/// Where requests go, and how many events each has.
struct Route {
    path: &'static str,
    events_max: usize,
}

impl Route {
    fn of(args: &Send, sample: &Sample) -> Result<Self, Error> {
        if !args.batch {
            return Ok(Self { path: sample.source.path(), events_max: 1 });
        }
        let batch = sample.source.batch().map(|(path, events_max)| Self { path, events_max });
        batch.ok_or(Error::Local(local::Error::NoBatches(sample.source.name)))
    }
}

/// A URL that ends in the route's path stays as it is; to any other the path is appended.
fn url(args: &Send, route: &Route, running: Option<&Running>, dir: &Path) -> Result<String, Error> {
    let path = route.path;
    let base = match (&args.url, running) {
        (Some(url), _) => url.as_str(),
        (None, Some(running)) => &running.base_url,
        (None, None) => return Err(Error::NotRunning(dir.to_owned())),
    };
    let uri: Option<http::Uri> = base.parse().ok();
    let is_http = uri.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")));
    if !is_http {
        return Err(Error::Url(base.to_owned()));
    }
    Ok(if base.ends_with(path) { base.to_owned() } else { format!("{}{path}", base.trim_end_matches('/')) })
}

/// The fake of the provider, at which the event is registered first. Only a local stack has one.
fn fake(sample: &Sample, url: &str) -> Option<Post> {
    let (base, fake_path) = (url.strip_suffix(sample.source.path())?, sample.source.fake_path?);
    is_here(url).then(|| Post::to(format!("{base}{fake_path}"), REPLY_TIMEOUT))
}

fn is_here(url: &str) -> bool {
    let uri: Option<http::Uri> = url.parse().ok();
    uri.is_some_and(|uri| uri.authority().is_some_and(|authority| is_local(authority.as_str())))
}

/// With `--url` the environment has the receiver's secret; otherwise `local.json` has that of the running stack.
fn secret(
    args: &Send,
    sample: &Sample,
    running: Option<&Running>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<String, Error> {
    let setting = sample.setting.name;
    let from_option = args.sample_args.secret.clone();
    let from_environment = || args.url.as_ref().and_then(|_| variable(setting));
    let from_stack = || running.and_then(|running| running.secrets.get(setting).cloned());
    from_option.or_else(from_environment).or_else(from_stack).ok_or(Error::NoSecret(setting))
}

/// The event ids, which depend on `--id` alone, so that the same events can be sent again.
enum Ids {
    One(String),
    Numbered(String),
}

/// The option that names them.
impl fmt::Display for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::One(id) | Self::Numbered(id)) = self;
        write!(f, "--id {id}")
    }
}

impl Ids {
    fn of(args: &Send) -> Self {
        let id = args.sample_args.id.clone().unwrap_or_else(new_id);
        if args.count == 1 { Self::One(id) } else { Self::Numbered(id) }
    }

    fn nth(&self, n: u32) -> String {
        match self {
            Self::One(id) => id.clone(),
            Self::Numbered(id) => format!("{id}-{n}"),
        }
    }
}

/// A progress bar, which draws only on a terminal.
fn progress(posts: u64, hidden: bool) -> ProgressBar {
    if hidden {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len}  {elapsed} elapsed, {eta} left");
    ProgressBar::new(posts).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
