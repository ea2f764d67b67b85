//! `send`: signs sample events, posts them, and reports what became of each.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use edge::Invocation;
use futures_util::{StreamExt as _, stream};
use indicatif::{ProgressBar, ProgressStyle};
use local::{Home, Running, Sample, Signed, is_local, new_id, now};

use crate::error::Error;
use crate::exit::Exit;
use crate::post::{NoReply, Post};
use crate::print;
use crate::print::Form;
use crate::sent::Sent;
use crate::shape::Shape;
use crate::tally::Tally;

/// Up to this many replies are shown one by one.
const SHOWN_MAX: u64 = 20;
/// Enough to find the limits of any stage, and not enough to use up the ports of this machine.
const CONCURRENCY_MAX: u16 = 512;

#[derive(Debug, Args)]
pub(crate) struct Send {
    #[command(flatten)]
    shape: Shape,
    /// How many events. With --id X they are and so on
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// How many requests at a time
    #[arg(long, value_name = "C", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=i64::from(CONCURRENCY_MAX)))]
    concurrency: u16,
    /// Send every event twice, the second time without waiting for the first
    #[arg(long)]
    duplicate: bool,
    /// Where to, with or without the path, in place of the running stack
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

pub(crate) async fn run(
    args: &Send,
    dir: &Path,
    form: Form,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Exit, Error> {
    let sample = args.shape.read(dir).await?;
    let running = Home::at(dir).running()?;
    let url = url(args, &sample, running.as_ref(), dir)?;
    let secret = secret(args, &sample, running.as_ref(), variable)?;
    let ids = Ids::of(args);
    // Nothing is sent where the first could not be signed.
    sample.signed(&ids.nth(1), &secret, now())?;

    let copies: u8 = if args.duplicate { 2 } else { 1 };
    let posts = u64::from(args.count).saturating_mul(copies.into());
    let shown = posts <= SHOWN_MAX;
    let progress = progress(posts, shown);
    let hint = if is_here(&url) { " (is `cargo run` running?)" } else { "" };
    let stand_in = stand_in(&sample, &url);
    let post = Post::to(url);
    let one = async |n: u32| {
        let id = ids.nth(n);
        if let (Some(stand_in), Ok(body)) = (&stand_in, sample.plain(&id, now())) {
            // Where there is no stand-in, what is sent is not found to be true: the reply or the books say so.
            let _ = stand_in.send(Signed::post(body, Vec::new())).await;
        }
        let reply = match sample.signed(&id, &secret, now()) {
            Ok(signed) => post.send(signed).await,
            Err(error) => Err(NoReply { why: error.line(), is_late: false }),
        };
        progress.inc(1);
        let sent = Sent::of(&id, sample.source, reply);
        if shown && form == Form::Lines {
            print::line(&sent);
        }
        sent
    };
    let clock = Invocation::now(Duration::ZERO).started;
    let mut tally = Tally::new(sample.source.name, shown);
    let queue = (1..=args.count).flat_map(|n| std::iter::repeat_n(n, copies.into()));
    let mut replies = stream::iter(queue).map(one).buffer_unordered(usize::from(args.concurrency));
    while let Some(sent) = replies.next().await {
        tally.add(sent);
    }
    drop(replies);
    progress.finish_and_clear();
    let ended = tally.ended(clock.elapsed());
    form.show(&ended);
    let has_accepted = ended.has_accepted();
    if let Some(problem) = tally.first_problem() {
        print::error(format_args!("{problem}{hint}"));
    }
    if form == Form::Lines && has_accepted {
        print::error("the receiver says that it has received the event, and not whether it is booked");
    }
    Ok(tally.exit())
}

/// A URL that ends in the source's path is taken as it is; any other is what stands before that path.
fn url(args: &Send, sample: &Sample, running: Option<&Running>, dir: &Path) -> Result<String, Error> {
    let path = sample.source.path();
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

/// Only on this machine: nobody else's WeChat believes us.
fn stand_in(sample: &Sample, url: &str) -> Option<Post> {
    let (base, fake_path) = (url.strip_suffix(sample.source.path())?, sample.source.fake_path?);
    is_here(url).then(|| Post::to(format!("{base}{fake_path}")))
}

fn is_here(url: &str) -> bool {
    let uri: Option<http::Uri> = url.parse().ok();
    uri.is_some_and(|uri| uri.authority().is_some_and(|authority| is_local(authority.as_str())))
}

/// Who names a URL means another receiver, whose secret the environment has; the stack that runs here says its own.
fn secret(
    args: &Send,
    sample: &Sample,
    running: Option<&Running>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<String, Error> {
    let setting = sample.setting.name;
    let given = args.shape.secret.clone();
    let elsewhere = || args.url.as_ref().and_then(|_| variable(setting));
    let here = || running.and_then(|running| running.secrets.get(setting).cloned());
    given.or_else(elsewhere).or_else(here).ok_or(Error::NoSecret(setting))
}

/// The events' ids: the same for the same `--id`, so that the same events can be sent again.
enum Ids {
    One(String),
    Numbered(String),
}

impl Ids {
    fn of(args: &Send) -> Self {
        let id = args.shape.id.clone().unwrap_or_else(new_id);
        if args.count == 1 { Self::One(id) } else { Self::Numbered(id) }
    }

    fn nth(&self, n: u32) -> String {
        match self {
            Self::One(id) => id.clone(),
            Self::Numbered(id) => format!("{id}-{n}"),
        }
    }
}

/// On a terminal alone: elsewhere it draws nothing.
fn progress(posts: u64, hidden: bool) -> ProgressBar {
    if hidden {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len}  {elapsed} gone, {eta} left");
    ProgressBar::new(posts).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
