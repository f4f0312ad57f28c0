//! What is told to those for whom there is no place: to come back, quickly, and at little cost.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Connections that are told so at once; more are closed without a word.
const TOLD: usize = 64;
/// How long one of them is listened to, so that its answer is not lost with what it still sends.
const PATIENCE: Duration = Duration::from_secs(1);
const BODY: &str = r#"{"detail":"The server is busy: try again in a second.","code":"overloaded"}"#;

/// The answer to a request for which there is no turn.
pub(super) fn busy() -> Response {
    let mut response = Response::new(Body::from(BODY));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// Whoever tells connections that there is no place for them.
pub(super) struct Shedder(Arc<Semaphore>);

impl Shedder {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(TOLD)))
    }

    /// Answers 503 to whatever is asked, or closes at once where too many are being told already.
    pub(super) fn shed(&self, stream: TcpStream) {
        if let Ok(turn) = Arc::clone(&self.0).try_acquire_owned() {
            tokio::spawn(async move {
                let _ = timeout(PATIENCE, tell(stream)).await;
                drop(turn);
            });
        }
    }
}

async fn tell(mut stream: TcpStream) -> std::io::Result<()> {
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nRetry-After: 1\r\nConnection: close\r\n\r\n{BODY}",
        BODY.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    let mut sink = [0; 1024];
    while stream.read(&mut sink).await? > 0 {}
    Ok(())
}
