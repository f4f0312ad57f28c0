//! Where connections come from.

use std::io;
use std::net::SocketAddr;
use std::task::Poll;

use lockjar::ConfigError;
use tokio::net::{TcpListener, TcpStream};

/// One socket, or two of the same port where the address is `localhost`.
pub(crate) struct Listeners(Vec<TcpListener>);

impl Listeners {
    /// Binds `HOST:PORT`.
    pub(crate) async fn bind(address: &str) -> Result<Self, ConfigError> {
        match address.strip_prefix("localhost:") {
            Some(port) => Self::loopback(port).await,
            None => Ok(Self(vec![bind(address).await?])),
        }
    }

    /// Browsers try `localhost` by IPv6 first: without a socket of our own there, whoever else on this machine opens
    /// one would be given the passwords.
    async fn loopback(port: &str) -> Result<Self, ConfigError> {
        let four = bind(&format!("127.0.0.1:{port}")).await?;
        let port = four.local_addr().map_or(0, |address| address.port());
        let six = TcpListener::bind(("::1", port)).await;
        match six {
            Ok(six) => Ok(Self(vec![four, six])),
            // Machines without IPv6 are common.
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => Ok(Self(vec![four])),
            Err(error) => Err(failed(&format!("[::1]:{port}"), &error)),
        }
    }

    /// The first socket's address.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0[0].local_addr()
    }

    /// The next connection to any of the sockets, and where it comes from.
    pub(crate) async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        std::future::poll_fn(|cx| {
            for listener in &self.0 {
                if let Poll::Ready(accepted) = listener.poll_accept(cx) {
                    return Poll::Ready(accepted);
                }
            }
            Poll::Pending
        })
        .await
    }
}

async fn bind(address: &str) -> Result<TcpListener, ConfigError> {
    TcpListener::bind(address)
        .await
        .map_err(|error| failed(address, &error))
}

fn failed(address: &str, error: &io::Error) -> ConfigError {
    ConfigError::new(format!(
        "cannot listen on {address}: {error}; choose another with --listen"
    ))
}
