//! The process: listen, answer, stop.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use hyper_util::server::graceful::GracefulShutdown;
use lockjar::jwt::MasterKey;
use lockjar::store::Store;
use lockjar::{Auth, ConfigError, Strategy};
use tokio::net::TcpStream;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{sleep, timeout};

use crate::config::Config;
use crate::front::{Door, raise_limit};
use crate::keyfile;
use crate::listen::Listeners;
use crate::output::say;
use crate::{Outcome, logging, tls};

/// Connections at once of those who operate it.
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
    let mut front = config.front()?;
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
    front.connections = raise_limit(front.connections);
    let server = Server {
        door: Door::new(auth.router(), tls, front),
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
    config.validate(port)?;
    let store = config.database.open().await?;
    if config.strategy() == Strategy::Session {
        return Ok(config.builder(port)?.open_with(store).await?);
    }
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
    let door = Door::for_operators(router, OPERATORS);
    let graceful = GracefulShutdown::new();
    loop {
        if let Some((stream, peer)) = accept(&listeners).await {
            door.receive(stream, peer, graceful.watcher());
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
    door: Door,
    graceful: GracefulShutdown,
}

impl Server {
    async fn run(self, listeners: Listeners, mut stop: Stop, grace: Duration) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.asked() => break,
                accepted = accept(&listeners) => accepted,
            };
            if let Some((stream, peer)) = accepted {
                self.door.receive(stream, peer, self.graceful.watcher());
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
}

/// The next connection; none where it has gone already, or could not be accepted.
async fn accept(listeners: &Listeners) -> Option<(TcpStream, SocketAddr)> {
    match listeners.accept().await {
        Ok(accepted) => Some(accepted),
        // The client left while it waited in the queue.
        Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => None,
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            sleep(BACK_OFF).await;
            None
        }
    }
}
