//! What becomes of a connection, from the moment that it was accepted.
//!
//! `axum::serve` has no time-out for request headers, so connections are served through hyper-util. HTTP/2 is not spoken: it would
//! save a site of short answers nothing, and what it lets a client ask of a server at once is a history of attacks.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::ConnectInfo;
use axum::response::Response;
use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
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
use super::proxy_protocol::read_source;
use super::rate_limit::RateLimit;
use super::seldom::Seldom;
use super::shed::{Shedder, busy};
use super::turns::{Turn, Turns};
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

impl Front {
    fn is_proxy(&self, peer: SocketAddr) -> bool {
        self.proxies.trusts(peer.ip())
    }
}

/// Where connections come in.
pub(crate) struct Door {
    crowd: Arc<Crowd>,
    shedder: Shedder,
    refusals: Seldom,
    host: Arc<Host>,
}

/// What every connection needs.
struct Host {
    router: Router,
    tls: Option<TlsAcceptor>,
    turns: Arc<Turns>,
    /// None among operators, who are not kept from one another.
    front: Option<Front>,
    /// Said of proxies that do not speak the protocol.
    misspoken: Seldom,
}

impl Door {
    /// To which anybody may come.
    pub(crate) fn new(router: Router, tls: Option<TlsAcceptor>, front: Front) -> Self {
        Self {
            crowd: Crowd::new(front.connections),
            shedder: Shedder::new(),
            refusals: Seldom::default(),
            host: Arc::new(Host {
                router,
                tls,
                turns: Turns::for_anybody(front.connections),
                misspoken: Seldom::default(),
                front: Some(front),
            }),
        }
    }

    /// To which operators come: each may have every place, and all the time that there is.
    pub(crate) fn for_operators(router: Router, connections: usize) -> Self {
        Self {
            crowd: Crowd::of_operators(connections),
            shedder: Shedder::new(),
            refusals: Seldom::default(),
            host: Arc::new(Host {
                router,
                tls: None,
                misspoken: Seldom::default(),
                turns: Turns::new(connections),
                front: None,
            }),
        }
    }

    /// Serves a connection, or tells it that there is no place. Its place goes when it does.
    pub(crate) fn receive(&self, stream: TcpStream, peer: SocketAddr, watcher: Watcher) {
        if self.host.speaks_proxy_protocol() && self.host.counted(peer).is_some() {
            if self.refusals.is_due() {
                tracing::warn!(%peer, "a connection that comes from no trusted proxy was closed: with --proxy-protocol nobody else \
                    is let in (said once a minute)");
            }
            return;
        }
        // Answers are small: waiting to fill a packet would only delay them.
        let _ = stream.set_nodelay(true);
        limit_sending(&stream);
        match self.crowd.admit(self.host.counted(peer)) {
            Ok(place) => {
                tokio::spawn(Arc::clone(&self.host).serve(stream, peer, place, watcher));
            }
            Err(why) => {
                if self.refusals.is_due() {
                    tracing::warn!(%peer, %why, "a connection was refused (said once a minute)");
                }
                // Without a handshake there is nothing to say by TLS, and that costs more than it is worth now.
                if self.host.tls.is_none() {
                    self.shedder.shed(stream);
                }
            }
        }
    }
}

impl Host {
    fn speaks_proxy_protocol(&self) -> bool {
        self.front
            .as_ref()
            .is_some_and(|front| front.proxy_protocol)
    }

    /// The address that such a connection counts for; none where many come from there.
    fn counted(&self, peer: SocketAddr) -> Option<IpAddr> {
        let front = self.front.as_ref()?;
        (!front.is_proxy(peer)).then(|| peer.ip())
    }

    async fn serve(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        place: Place,
        watcher: Watcher,
    ) {
        let patience = match place.is_tight() {
            true => TIGHT_TIMEOUT,
            false => HEADER_TIMEOUT,
        };
        let guest = Guest {
            peer,
            place,
            patience,
        };
        if let Err(error) = self.introduce(stream, guest, watcher).await {
            tracing::debug!(%peer, %error, "a connection ended early");
        }
    }

    /// What comes before HTTP, and then that.
    async fn introduce(
        self: Arc<Self>,
        mut stream: TcpStream,
        mut guest: Guest,
        watcher: Watcher,
    ) -> io::Result<()> {
        let patience = guest.patience;
        if self.speaks_proxy_protocol() {
            let source = timeout(patience, read_source(&mut stream, guest.peer)).await?;
            if let Err(error) = &source
                && self.misspoken.is_due()
            {
                tracing::warn!(proxy = %guest.peer, %error, "a trusted proxy did not say by version 2 of the PROXY protocol where a \
                    connection comes from (HAProxy: send-proxy-v2), so it was closed (said once a minute)");
            }
            guest.peer = source?;
            self.count_source(&mut guest)?;
        }
        let Some(tls) = self.tls.clone() else {
            return self.converse(stream, guest, watcher).await;
        };
        let stream = timeout(patience, tls.accept(stream)).await??;
        self.converse(stream, guest, watcher).await
    }

    /// Whom a proxy names has as many places as if they had come without it.
    fn count_source(&self, guest: &mut Guest) -> io::Result<()> {
        let Some(address) = self.counted(guest.peer) else {
            return Ok(());
        };
        let counted = guest.place.count(address);
        counted.map_err(|why| io::Error::other(format!("no place for {address}: {why:?}")))
    }

    async fn converse<S>(
        self: Arc<Self>,
        stream: S,
        guest: Guest,
        watcher: Watcher,
    ) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Guest {
            peer,
            place,
            patience,
        } = guest;
        let mut http = http1::Builder::new();
        http.timer(Alarm::new(patience))
            .header_read_timeout(patience)
            .max_buf_size(MAX_HEADERS)
            // Head and body are short: one copied buffer costs the kernel less than a list of two.
            .writev(false);
        let router = TowerToHyperService::new(self.router.clone());
        let (place, turns) = (Arc::new(place), Arc::clone(&self.turns));
        let (limit, began) = (Mutex::new(RateLimit::default()), Instant::now());
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            let mut limit = limit.lock().unwrap_or_else(PoisonError::into_inner);
            let wait = limit.wait(|| began.elapsed());
            let turn = turns.begin(&place, !request.body().is_end_stream());
            // Nothing is done before it is waited for.
            let begun = turn.map(|turn| (turn, router.call(request)));
            closing(answer(wait, begun), Arc::clone(&place))
        });
        let connection = http.serve_connection(TokioIo::new(stream), service);
        watcher.watch(connection).await.map_err(io::Error::other)
    }
}

/// Whoever has a place.
struct Guest {
    peer: SocketAddr,
    place: Place,
    /// With what they have to say first.
    patience: Duration,
}

async fn answer<F>(wait: Option<Duration>, begun: Option<(Turn, F)>) -> Response
where
    F: Future<Output = Result<Response, Infallible>>,
{
    if let Some(wait) = wait {
        sleep(wait).await;
    }
    match begun {
        Some((_turn, answering)) => answering.await.unwrap_or_else(|never| match never {}),
        None => busy(),
    }
}

/// Where it is tight, nobody keeps a place between two requests.
async fn closing(
    answering: impl Future<Output = Response>,
    place: Arc<Place>,
) -> Result<Response, Infallible> {
    let mut response = answering.await;
    if place.is_tight() {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    Ok(response)
}

#[cfg(target_os = "linux")]
fn limit_sending(stream: &TcpStream) {
    let millis = u32::try_from(SEND_TIMEOUT.as_millis()).unwrap_or(u32::MAX);
    let _ = rustix::net::sockopt::set_tcp_user_timeout(stream, millis);
}

#[cfg(not(target_os = "linux"))]
fn limit_sending(_stream: &TcpStream) {}

#[cfg(test)]
mod tests {
    use std::future::ready;
    use std::task::{Context, Poll, Waker};

    use hyper::StatusCode;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    type Ready = std::future::Ready<Result<Response, Infallible>>;

    fn begun() -> Option<(Turn, Ready)> {
        let place = Arc::new(Crowd::new(1).admit(None).unwrap());
        let turn = Turns::new(1).begin(&place, false).unwrap();
        Some((turn, ready(Ok(Response::default()))))
    }

    /// What is answered without any wait.
    async fn at_once(answering: impl Future<Output = Response>) -> Option<StatusCode> {
        let answering = std::pin::pin!(answering);
        match answering.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(response) => Some(response.status()),
            Poll::Pending => None,
        }
    }

    #[tokio::test]
    async fn whoever_has_a_turn_is_answered_and_whoever_has_none_is_told_to_come_back() {
        assert_eq!(at_once(answer(None, begun())).await, Some(StatusCode::OK));
        let none = None::<(Turn, Ready)>;
        let response = answer(None, none).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()["retry-after"], "1");
    }

    #[tokio::test]
    async fn whoever_asks_too_fast_is_answered_but_not_at_once() {
        assert_eq!(at_once(answer(Some(HOUR), begun())).await, None);
        let response = answer(Some(Duration::from_millis(1)), begun()).await;
        assert_eq!(response.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn only_where_it_is_tight_an_answer_ends_the_connection() {
        let crowd = Crowd::new(2);
        let first = Arc::new(crowd.admit(None).unwrap());
        let ends = async || {
            let response = closing(answer(None, begun()), Arc::clone(&first)).await;
            response.unwrap().headers().get(CONNECTION).cloned()
        };
        assert_eq!(ends().await, None);
        let _second = crowd.admit(None).unwrap();
        assert_eq!(ends().await.unwrap(), "close");
    }
}
