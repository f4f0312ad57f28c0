//! A site behind a real socket, for what only raw bytes can say.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::support::Site;

pub(crate) async fn serve(site: &Site) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = site.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Sends the bytes and reads until the server closes, or the client has what it waits for.
pub(crate) async fn send(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that refuses early closes while the client still writes, which is no fault of either.
    let _ = stream.write_all(bytes).await;
    all(stream).await
}

/// Sends the bytes and hangs up, as a client does whose network went away.
pub(crate) async fn send_and_hang_up(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream.shutdown().await.unwrap();
    all(stream).await
}

async fn all(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// The statuses of the answers in what came over one connection.
pub(crate) fn statuses(answers: &str) -> Vec<u16> {
    answers
        .split("HTTP/1.1 ")
        .skip(1)
        .map(|answer| answer[..3].parse().unwrap())
        .collect()
}
