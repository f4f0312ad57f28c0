//! The process: listen, answer, stop.
//!
//! `axum::serve` has no time-out for request headers, so connections are served through hyper-util.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use lockjar::jwt::MasterKey;
use lockjar::store::Store;
use lockjar::{Auth, ConfigError, Strategy};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::alarm::Alarm;
use crate::config::Config;
use crate::keyfile;
use crate::listen::Listeners;
use crate::output::say;
use crate::{Outcome, logging, tls};

/// A client that has not sent its request's headers by then is cut off; also how long an idle connection is kept.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// A client that takes nothing of its answers for so long is cut off too: the kernel ends the connection at one of its
/// next probes, each of which is twice as long after the one before.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of request line and headers.
const MAX_HEADERS: usize = 16 * 1024;
/// Connections at once; more wait in the listener's queue.
const MAX_CONNECTIONS: usize = 10_000;
/// The same for those who operate it.
const OPERATORS: usize = 32;
/// Breath between two failures to accept, as when the process is out of file descriptors.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Serves until SIGTERM or SIGINT. The port is bound first: address, cookie name and origins follow from it.
pub(crate) async fn serve(config: Config) -> Outcome {
    logging::start(&config);
    let tls = config
        .tls
        .as_ref()
        .map(|(cert, key)| tls::acceptor(cert, key))
        .transpose()?;
    let listeners = Listeners::bind(config.listen()).await?;
    let address = listeners.local_addr()?;
    config.check_listening(address)?;
    let operations = match config.operations_listen() {
        Some(address) => Some(Listeners::bind(address).await?),
        None => None,
    };
    let auth = open(&config, address.port()).await?;
    let stop = Stop::new()?;
    say(auth.public_url())?;
    tracing::info!(listen = %address, database = %config.database, "open {} in a browser", auth.public_url());
    let server = Server {
        router: auth.router(),
        tls,
        graceful: GracefulShutdown::new(),
    };
    let operations = operations.map(|listeners| tokio::spawn(tell(listeners, auth.operations())));
    server.run(listeners, stop, config.shutdown_grace()).await;
    if let Some(operations) = operations {
        operations.abort();
    }
    auth.close().await;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// The library on the database, with the strategy that was chosen.
async fn open(config: &Config, port: u16) -> Result<Auth, Box<dyn std::error::Error>> {
    if config.strategy() == Strategy::Session {
        let builder = config.builder(port)?;
        builder.check()?;
        return Ok(builder.open_with(config.database.open().await?).await?);
    }
    config.builder_to_check(port)?.check()?;
    let store = config.database.open().await?;
    let key = master_key(config, &*store).await?;
    let secrets = [Some(config.key_file()), config.introspection_secret_file()];
    secrets
        .into_iter()
        .flatten()
        .for_each(keyfile::warn_if_exposed);
    let builder = config.builder_with(key, port)?;
    Ok(builder.open_with(store).await?)
}

/// The key in its file. It is made only where it has nothing to open.
async fn master_key(
    config: &Config,
    store: &dyn Store,
) -> Result<MasterKey, Box<dyn std::error::Error>> {
    let file = config.key_file();
    let keys = store.keys().await?;
    if !file.exists() && keys.iter().any(|key| key.revoked_at.is_none()) {
        return Err(ConfigError::new(format!(
            "the key file {} is not there, and the database has signing keys that only it opens: put it back, or go on without \
             them by `lockjar keys revoke --all`",
            file.display()
        ))
        .into());
    }
    Ok(keyfile::read_or_make(file)?)
}

/// Answers operators, until the program stops.
async fn tell(listeners: Listeners, router: Router) {
    let (slots, graceful) = (Arc::new(Semaphore::new(OPERATORS)), GracefulShutdown::new());
    loop {
        if let Some((stream, peer, slot)) = accept(&listeners, &slots).await {
            let (router, watcher) = (router.clone(), graceful.watcher());
            tokio::spawn(async move {
                converse(stream, peer, router, watcher).await;
                drop(slot);
            });
        }
    }
}

/// The signals that ask the program to stop.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

struct Server {
    router: Router,
    tls: Option<TlsAcceptor>,
    graceful: GracefulShutdown,
}

impl Server {
    async fn run(self, listeners: Listeners, mut stop: Stop, grace: Duration) {
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.asked() => break,
                accepted = accept(&listeners, &slots) => accepted,
            };
            if let Some((stream, peer, slot)) = accepted {
                self.spawn(stream, peer, slot);
            }
        }
        drop(listeners);
        self.finish(stop, grace).await;
    }

    /// Waits for the requests under way, but not for longer than `grace`, nor when asked to stop a second time.
    async fn finish(self, mut stop: Stop, grace: Duration) {
        tracing::info!("stopping; requests under way are finished");
        let finished = tokio::select! {
            finished = timeout(grace, self.graceful.shutdown()) => finished.is_ok(),
            () = stop.asked() => false,
        };
        if !finished {
            tracing::warn!("requests that were not finished in time are cut off");
        }
    }

    /// The slot goes when the connection does.
    fn spawn(&self, stream: TcpStream, peer: SocketAddr, slot: OwnedSemaphorePermit) {
        let (router, watcher) = (self.router.clone(), self.graceful.watcher());
        match self.tls.clone() {
            None => drop(tokio::spawn(async move {
                converse(stream, peer, router, watcher).await;
                drop(slot);
            })),
            Some(tls) => drop(tokio::spawn(async move {
                if let Ok(Ok(stream)) = timeout(HEADER_TIMEOUT, tls.accept(stream)).await {
                    converse(stream, peer, router, watcher).await;
                }
                drop(slot);
            })),
        }
    }
}

async fn accept(
    listeners: &Listeners,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listeners.accept().await {
        Ok((stream, peer)) => {
            // Answers are small: waiting to fill a packet would only delay them.
            let _ = stream.set_nodelay(true);
            limit_sending(&stream);
            Some((stream, peer, slot))
        }
        // The client left while it waited in the queue.
        Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => None,
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            sleep(BACK_OFF).await;
            None
        }
    }
}

#[cfg(target_os = "linux")]
fn limit_sending(stream: &TcpStream) {
    let millis = u32::try_from(SEND_TIMEOUT.as_millis()).unwrap_or(u32::MAX);
    let _ = rustix::net::sockopt::set_tcp_user_timeout(stream, millis);
}

#[cfg(not(target_os = "linux"))]
fn limit_sending(_stream: &TcpStream) {}

async fn converse<S>(stream: S, peer: SocketAddr, router: Router, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut http = http1::Builder::new();
    http.timer(Alarm::new(HEADER_TIMEOUT))
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEADERS)
        // Head and body are short: one copied buffer costs the kernel less than a list of two.
        .writev(false);
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.call(request)
    });
    let connection = http.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection ended early");
    }
}
