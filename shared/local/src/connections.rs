//! HTTP connections: graceful shutdown when the stack stops, and a read timeout for each request.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select_all;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::gateway::Gateway;

/// The grace period of a shutdown: longer than any function takes to reply.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);
/// The pause after a failed accept, until other connections have ended: the process may be out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// The reply to a head that does not arrive; the gateway sends the same to a missing body.
const TIMED_OUT: &[u8] = b"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\ncontent-length: 29\r\n\
    connection: close\r\n\r\n{\"message\":\"Request Timeout\"}";

/// Serves until `stop` completes; then accepts no new connection, and lets open ones finish their request.
pub(crate) async fn answer(listeners: Vec<TcpListener>, gateway: Arc<Gateway>, stop: impl Future<Output = ()>) {
    let mut stop = pin!(stop);
    let (stopping, _) = watch::channel(());
    loop {
        tokio::select! {
            (accepted, _, _) = select_all(listeners.iter().map(|listener| Box::pin(listener.accept()))) => match accepted {
                Ok((stream, peer)) => serve_connection(stream, peer, Arc::clone(&gateway), stopping.subscribe()),
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            () = &mut stop => break,
        }
    }
    drop(listeners);
    stopping.send_replace(());
    // Each open connection holds a receiver.
    if tokio::time::timeout(SHUTDOWN_GRACE, stopping.closed()).await.is_err() {
        tracing::warn!("shutdown closed connections with requests in progress");
    }
}

fn serve_connection(stream: TcpStream, peer: SocketAddr, gateway: Arc<Gateway>, mut stopping: watch::Receiver<()>) {
    let patience = gateway.patience;
    let service = service_fn(move |request| {
        let gateway = Arc::clone(&gateway);
        async move { gateway.handle(request, peer).await }
    });
    // This timeout covers the head of a request and the wait for one. The gateway has its own for the body.
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(patience);
    let mut connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::spawn(async move {
        let ended = tokio::select! {
            ended = &mut connection => ended,
            _ = stopping.changed() => {
                Pin::new(&mut connection).graceful_shutdown();
                (&mut connection).await
            }
        };
        match ended {
            Ok(()) => {}
            Err(error) if error.is_timeout() => {
                let parts = connection.into_parts();
                refuse_half_sent(&parts.io.into_inner(), &parts.read_buf);
            }
            Err(error) => tracing::info!(target: "hookledger::detail", %error, "a connection failed"),
        }
        drop(stopping);
    });
}

/// Answers only a request that has begun: an idle connection closes without a reply.
fn refuse_half_sent(stream: &TcpStream, head: &[u8]) {
    if head.is_empty() {
        return;
    }
    // Best effort: a sender that reads nothing gets no reply.
    if let Err(error) = stream.try_write(TIMED_OUT) {
        tracing::info!(target: "hookledger::detail", %error, "cannot answer a half-sent request");
    }
}

#[cfg(test)]
mod tests;
