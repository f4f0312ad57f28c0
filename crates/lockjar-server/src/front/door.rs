//! What becomes of a connection, from the moment that it was accepted.
//!
//! `axum::serve` has no time-out for request headers, so connections are served through hyper-util. HTTP/2 is not spoken: it would
//! save a site of short answers nothing, and what it lets a client ask of a server at once is a history of attacks.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::ConnectInfo;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::Watcher;
use hyper_util::service::TowerToHyperService;
use lockjar::address::TrustedProxies;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::crowd::{Crowd, Place};
use super::pace::Pace;
use super::proxy_protocol::read_source;
use super::shed::{InFlight, Shedder, Turn, busy};
use crate::alarm::Alarm;

/// A client that has not sent its request's headers by then is cut off; also how long an idle connection is kept.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// The same of those who came when more than half of the places were taken.
const TIGHT_TIMEOUT: Duration = Duration::from_secs(2);
/// A client that takes nothing of its answers for so long is cut off too: the kernel ends the connection at one of its
/// next probes, each of which is twice as long after the one before.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of request line and headers.
const MAX_HEADERS: usize = 16 * 1024;
/// Connections at once, unless the operator says otherwise.
pub(crate) const MAX_CONNECTIONS: u32 = 10_000;

/// What is let in.
pub(crate) struct Front {
    /// Connections at once.
    pub(crate) connections: usize,
    /// Whose connections are those of many.
    pub(crate) proxies: TrustedProxies,
    /// Whether these say by the PROXY protocol where each comes from, and nobody else is let in.
    pub(crate) proxy_protocol: bool,
}

impl Default for Front {
    fn default() -> Self {
        Self {
            connections: MAX_CONNECTIONS as usize,
            proxies: TrustedProxies::default(),
            proxy_protocol: false,
        }
    }
}

/// Where connections come in.
pub(crate) struct Door {
    crowd: Arc<Crowd>,
    shedder: Shedder,
    proxies: TrustedProxies,
    host: Host,
}

/// What every connection needs.
#[derive(Clone)]
struct Host {
    router: Router,
    tls: Option<TlsAcceptor>,
    in_flight: InFlight,
    proxy_protocol: bool,
}

impl Door {
    pub(crate) fn new(router: Router, front: Front) -> Self {
        Self {
            crowd: Crowd::new(front.connections),
            shedder: Shedder::new(),
            proxies: front.proxies,
            host: Host {
                router,
                tls: None,
                in_flight: InFlight::new(),
                proxy_protocol: front.proxy_protocol,
            },
        }
    }

    pub(crate) fn with_tls(mut self, tls: Option<TlsAcceptor>) -> Self {
        self.host.tls = tls;
        self
    }

    /// Serves a connection, or tells it that there is no place. Its place goes when it does.
    pub(crate) fn receive(&self, stream: TcpStream, peer: SocketAddr, watcher: Watcher) {
        let is_proxy = self.proxies.trusts(peer.ip());
        if self.host.proxy_protocol && !is_proxy {
            tracing::debug!(%peer, "a connection that comes from no trusted proxy was closed");
            return;
        }
        // Answers are small: waiting to fill a packet would only delay them.
        let _ = stream.set_nodelay(true);
        limit_sending(&stream);
        match self.crowd.admit((!is_proxy).then(|| peer.ip())) {
            Ok(place) => {
                tokio::spawn(self.host.clone().serve(stream, peer, place, watcher));
            }
            Err(why) => {
                tracing::debug!(%peer, ?why, "a connection was shed");
                // Without a handshake there is nothing to say by TLS, and that costs more than it is worth now.
                if self.host.tls.is_none() {
                    self.shedder.shed(stream);
                }
            }
        }
    }
}

impl Host {
    async fn serve(self, stream: TcpStream, peer: SocketAddr, place: Place, watcher: Watcher) {
        let patience = match place.is_tight {
            true => TIGHT_TIMEOUT,
            false => HEADER_TIMEOUT,
        };
        if let Err(error) = self.introduce(stream, peer, patience, watcher).await {
            tracing::debug!(%peer, %error, "a connection ended early");
        }
        drop(place);
    }

    /// What comes before HTTP, and then that.
    async fn introduce(
        self,
        mut stream: TcpStream,
        mut peer: SocketAddr,
        patience: Duration,
        watcher: Watcher,
    ) -> io::Result<()> {
        if self.proxy_protocol {
            peer = timeout(patience, read_source(&mut stream, peer)).await??;
        }
        let Some(tls) = self.tls.clone() else {
            return self.converse(stream, peer, patience, watcher).await;
        };
        let stream = timeout(patience, tls.accept(stream)).await??;
        self.converse(stream, peer, patience, watcher).await
    }

    async fn converse<S>(
        self,
        stream: S,
        peer: SocketAddr,
        patience: Duration,
        watcher: Watcher,
    ) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut http = http1::Builder::new();
        http.timer(Alarm::new(patience))
            .header_read_timeout(patience)
            .max_buf_size(MAX_HEADERS)
            // Head and body are short: one copied buffer costs the kernel less than a list of two.
            .writev(false);
        let (router, in_flight) = (TowerToHyperService::new(self.router), self.in_flight);
        let (pace, began) = (Mutex::new(Pace::default()), Instant::now());
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            let mut pace = pace.lock().unwrap_or_else(PoisonError::into_inner);
            let wait = pace.wait(|| began.elapsed());
            // Nothing is done before it is waited for.
            let begun = in_flight.begin().map(|turn| (turn, router.call(request)));
            answer(wait, begun)
        });
        let connection = http.serve_connection(TokioIo::new(stream), service);
        watcher.watch(connection).await.map_err(io::Error::other)
    }
}

async fn answer<F>(wait: Option<Duration>, begun: Option<(Turn, F)>) -> Result<Response, Infallible>
where
    F: Future<Output = Result<Response, Infallible>>,
{
    if let Some(wait) = wait {
        sleep(wait).await;
    }
    match begun {
        Some((_turn, answering)) => answering.await,
        None => Ok(busy()),
    }
}

#[cfg(target_os = "linux")]
fn limit_sending(stream: &TcpStream) {
    let millis = u32::try_from(SEND_TIMEOUT.as_millis()).unwrap_or(u32::MAX);
    let _ = rustix::net::sockopt::set_tcp_user_timeout(stream, millis);
}

#[cfg(not(target_os = "linux"))]
fn limit_sending(_stream: &TcpStream) {}
