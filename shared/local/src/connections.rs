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
            Err(error) => tracing::debug!(%error, "a connection failed"),
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
        tracing::debug!(%error, "cannot answer a half-sent request");
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use idempotency::{DynamoLedger, Tables};

    use super::*;
    use crate::front::{self, Front};
    use crate::home::Home;
    use crate::host_check::Addresses;
    use crate::mocks::Mocks;
    use crate::secrets::Secrets;
    use crate::store::{self, STAGE};

    const PATIENCE: Duration = Duration::from_millis(300);

    /// With no function, and a short timeout.
    async fn gateway(port: u16) -> Gateway {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::open(folder.path()).expect("a data folder");
        let secrets = Secrets::open(&home, |_| None).expect("secrets");
        let engine = store::store(&home).await.expect("a store");
        let ledger = DynamoLedger::new(&engine.sdk_config(), Tables::of_stage(STAGE), fastrand::Rng::new());
        Gateway {
            engine,
            functions: Vec::new(),
            addresses: Addresses { port, also: None },
            patience: PATIENCE,
            mocks: Mocks::open(([127, 0, 0, 1], port).into(), &secrets, |_| None).expect("fakes"),
            front: Front::new(ledger, &secrets, "http://127.0.0.1", front::Running::default()),
        }
    }

    /// The reply, read until the connection closes.
    async fn sent(port: u16, text: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
        stream.write_all(text.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an end");
        answer
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn half_sent_request_gets_408() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let serving = tokio::spawn(answer(vec![listener], Arc::new(gateway(port).await), std::future::pending()));
        let body = format!("POST /api HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-length: 10\r\n\r\n");
        let rows = [
            ("", ""),
            ("POST /api HTTP/1.1\r\nhost: 127", "HTTP/1.1 408 Request Timeout"),
            ("POST", "HTTP/1.1 408 Request Timeout"),
            (body.as_str(), "HTTP/1.1 408 Request Timeout"),
            (&format!("{body}{{\"half\""), "HTTP/1.1 408 Request Timeout"),
            // A whole request, and then no next one.
            (&format!("{body}0123456789"), "HTTP/1.1 404 Not Found"),
        ];
        for (text, begins) in rows {
            let reply = tokio::time::timeout(PATIENCE.saturating_mul(20), sent(port, text)).await;
            let reply = reply.unwrap_or_else(|_| panic!("the connection is still open: {text}"));
            assert_eq!(reply.is_empty(), begins.is_empty(), "{text}: {reply}");
            assert!(reply.starts_with(begins), "{text}: {reply}");
        }
        serving.abort();
    }
}
