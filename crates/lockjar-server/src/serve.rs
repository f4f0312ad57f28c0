//! The process: listen, answer, stop.
//!
//! `axum::serve` has no time-out for request headers, so connections are served through hyper-util.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use lockjar::ConfigError;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::config::Config;
use crate::{Outcome, logging, tls};

/// A client that has not sent its request's headers by then is cut off; also how long an idle connection is kept.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of request line and headers.
const MAX_HEADERS: usize = 16 * 1024;
/// Connections at once; more wait in the listener's queue.
const MAX_CONNECTIONS: usize = 10_000;
/// Breath between two failures to accept, as when the process is out of file descriptors.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Serves until SIGTERM or SIGINT.
pub(crate) async fn serve(config: Config) -> Outcome {
    logging::start(&config);
    let tls = config
        .tls
        .as_ref()
        .map(|(cert, key)| tls::acceptor(cert, key))
        .transpose()?;
    let listener = listen(config.listen()).await?;
    let port = listener.local_addr()?.port();
    let builder = config.builder(port)?;
    let auth = builder.open(config.database()).await?;
    if config.insecure_plain_http() {
        tracing::warn!(
            "insecure_plain_http is on: everyone on the way can read the cookie and be its user"
        );
    }
    println!("{}", auth.public_url());
    tracing::info!(listen = %listener.local_addr()?, database = config.database(), "open {} in a browser", auth.public_url());
    let server = Server {
        router: auth.router(),
        tls,
        graceful: GracefulShutdown::new(),
    };
    server.run(listener, config.shutdown_grace()).await?;
    auth.close().await;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

async fn listen(address: &str) -> Result<TcpListener, ConfigError> {
    let failed = |error| {
        ConfigError::new(format!(
            "cannot listen on {address}: {error}; choose another with --listen"
        ))
    };
    TcpListener::bind(address).await.map_err(failed)
}

struct Server {
    router: Router,
    tls: Option<TlsAcceptor>,
    graceful: GracefulShutdown,
}

impl Server {
    async fn run(self, listener: TcpListener, grace: Duration) -> std::io::Result<()> {
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let (mut terminate, mut interrupt) = (
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
        );
        loop {
            let accepted = tokio::select! {
                biased;
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                accepted = accept(&listener, &slots) => accepted,
            };
            if let Some((stream, slot)) = accepted {
                self.spawn(stream, slot);
            }
        }
        drop(listener);
        tracing::info!("stopping; requests under way are finished");
        if timeout(grace, self.graceful.shutdown()).await.is_err() {
            tracing::warn!("some requests were cut off: they took longer than the grace period");
        }
        Ok(())
    }

    /// The slot goes when the connection does.
    fn spawn(&self, stream: TcpStream, slot: OwnedSemaphorePermit) {
        let (router, watcher) = (self.router.clone(), self.graceful.watcher());
        match self.tls.clone() {
            None => drop(tokio::spawn(async move {
                converse(stream, router, watcher).await;
                drop(slot);
            })),
            Some(tls) => drop(tokio::spawn(async move {
                if let Ok(Ok(stream)) = timeout(HEADER_TIMEOUT, tls.accept(stream)).await {
                    converse(stream, router, watcher).await;
                }
                drop(slot);
            })),
        }
    }
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            // Answers are small: waiting to fill a packet would only delay them.
            let _ = stream.set_nodelay(true);
            Some((stream, slot))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            sleep(BACK_OFF).await;
            None
        }
    }
}

async fn converse<S>(stream: S, router: Router, watcher: hyper_util::server::graceful::Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEADERS);
    let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection ended early");
    }
}
