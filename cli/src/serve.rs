//! `cargo run`: opens the books and serves the local stack until a signal. It leaves nothing but the books and the secrets.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use clap::Args;
use local::{Claim, Home, Place, Stack, to_stderr};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::banner;
use crate::error::Error;
use crate::parse;

const PORT: u16 = 9000;

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The port on 127.0.0.1; 0 takes a free one [default: 9000]
    #[arg(long, value_parser = parse::number(0..=u16::MAX))]
    port: Option<u16>,
    /// Keep the books in memory, and start with empty ones
    #[arg(long)]
    memory: bool,
    /// A second address to listen on: Docker's containers reach this machine at 172.17.0.1
    #[arg(long, value_name = "ADDRESS", value_parser = parse::address)]
    also: Option<IpAddr>,
}

impl Serve {
    pub(crate) fn is_given(&self) -> bool {
        self.port.is_some() || self.memory || self.also.is_some()
    }
}

pub(crate) async fn run(args: Serve, dir: &Path, variable: impl Fn(&str) -> Option<String>) -> Result<(), Error> {
    let (_log, metrics) = to_stderr(variable("LOG_LEVEL").as_deref())?;
    let mut stop = Stop::new()?;
    let home = Home::open(dir)?;
    let _lock = match home.claim().await? {
        Claim::Ours(lock) => lock,
        Claim::Theirs(running) => {
            return Err(Error::Served { dir: dir.to_owned(), url: running.base_url, pid: running.pid });
        }
    };
    metrics.keep_in(&home, args.memory);
    let listener = listen(Ipv4Addr::LOCALHOST.into(), args.port.unwrap_or(PORT)).await?;
    let address = listener.local_addr().map_err(|error| Error::Listen((Ipv4Addr::LOCALHOST, PORT).into(), error))?;
    let mut listeners = vec![listener];
    if let Some(also) = args.also {
        listeners.push(listen(also, address.port()).await?);
    }
    let place = Place { address, also: args.also, in_memory: args.memory };
    let stack = Stack::open(&home, place, variable).await?;
    let _announcement = home.announce(stack.running())?;
    banner::show(stack.running(), &home, args.memory);
    Ok(stack.serve(listeners, stop.received()).await?)
}

async fn listen(address: IpAddr, port: u16) -> Result<TcpListener, Error> {
    let address = SocketAddr::from((address, port));
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| {
        if error.kind() == io::ErrorKind::AddrInUse { Error::PortInUse(port) } else { Error::Listen(address, error) }
    })
}

/// The signals that stop the stack: Ctrl-C, `kill`, and a closed terminal.
struct Stop {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Stop {
    /// Installs the handlers before the start, so that a signal during the start is not lost.
    fn new() -> Result<Self, Error> {
        let handler = |kind| signal(kind).map_err(Error::Signals);
        Ok(Self {
            interrupt: handler(SignalKind::interrupt())?,
            terminate: handler(SignalKind::terminate())?,
            hangup: handler(SignalKind::hangup())?,
        })
    }

    async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
