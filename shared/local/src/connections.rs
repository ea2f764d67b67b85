//! Connections: taken until the stack is told to stop, and ended where a request does not arrive.

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

/// Longer than any function takes to answer; a connection that is still busy then is not going to be done.
const GOODBYE: Duration = Duration::from_secs(5);
/// When the system has no more connections to give, until some have ended.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// What the gateway answers to a body that does not arrive, for a head that does not.
const TIMED_OUT: &[u8] = b"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\ncontent-length: 29\r\n\
    connection: close\r\n\r\n{\"message\":\"Request Timeout\"}";

/// Until it is told to stop; then no new connection is taken, and those that are open finish what they are at.
pub(crate) async fn answer(listeners: Vec<TcpListener>, gateway: Arc<Gateway>, stop: impl Future<Output = ()>) {
    let mut stop = pin!(stop);
    let (stopping, _) = watch::channel(());
    loop {
        tokio::select! {
            (accepted, _, _) = select_all(listeners.iter().map(|listener| Box::pin(listener.accept()))) => match accepted {
                Ok((stream, peer)) => converse(stream, peer, Arc::clone(&gateway), stopping.subscribe()),
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
    // Each connection has its receiver until it is closed.
    if tokio::time::timeout(GOODBYE, stopping.closed()).await.is_err() {
        tracing::warn!("requests were cut off");
    }
}

fn converse(stream: TcpStream, peer: SocketAddr, gateway: Arc<Gateway>, mut stopping: watch::Receiver<()>) {
    let patience = gateway.patience;
    let service = service_fn(move |request| {
        let gateway = Arc::clone(&gateway);
        async move { gateway.handle(request, peer).await }
    });
    // The head of a request, and the wait for one. Its body is the gateway's to wait for.
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
            Err(error) => tracing::debug!(%error, "a connection broke"),
        }
        drop(stopping);
    });
}

/// Only a request that has begun is answered: a connection that waits for its next request is closed without a word.
fn refuse_half_sent(stream: &TcpStream, head: &[u8]) {
    if head.is_empty() {
        return;
    }
    // A sender that takes not even this much does without it.
    if let Err(error) = stream.try_write(TIMED_OUT) {
        tracing::debug!(%error, "a request that did not arrive was not answered");
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::home::Home;
    use crate::mocks::Mocks;
    use crate::secrets::Secrets;
    use crate::store;
    use crate::visitor::Addresses;

    const PATIENCE: Duration = Duration::from_millis(300);

    /// With no function, and no patience.
    fn gateway(port: u16) -> Gateway {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::open(folder.path()).expect("a data folder");
        let secrets = Secrets::open(&home, |_| None).expect("secrets");
        Gateway {
            engine: store::store(&home).expect("a store"),
            functions: Vec::new(),
            addresses: Addresses { port, also: None },
            patience: PATIENCE,
            mocks: Mocks::open(([127, 0, 0, 1], port).into(), &secrets, |_| None).expect("fakes"),
        }
    }

    /// What comes back, and that the connection is closed then.
    async fn sent(port: u16, text: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
        stream.write_all(text.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an end");
        answer
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn half_sent_request_is_ended() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let serving = tokio::spawn(answer(vec![listener], Arc::new(gateway(port)), std::future::pending()));
        let body = format!("POST /api HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-length: 10\r\n\r\n");
        let rows = [
            ("", ""),
            ("POST /api HTTP/1.1\r\nhost: 127", "HTTP/1.1 408 Request Timeout"),
            ("POST", "HTTP/1.1 408 Request Timeout"),
            (body.as_str(), "HTTP/1.1 408 Request Timeout"),
            (&format!("{body}{{\"half\""), "HTTP/1.1 408 Request Timeout"),
            // Whole, and then the next one does not come.
            (&format!("{body}0123456789"), "HTTP/1.1 404 Not Found"),
        ];
        for (text, begins) in rows {
            let answered = tokio::time::timeout(PATIENCE.saturating_mul(20), sent(port, text)).await;
            let answered = answered.unwrap_or_else(|_| panic!("it is still open: {text}"));
            assert_eq!(answered.is_empty(), begins.is_empty(), "{text}: {answered}");
            assert!(answered.starts_with(begins), "{text}: {answered}");
        }
        serving.abort();
    }
}
