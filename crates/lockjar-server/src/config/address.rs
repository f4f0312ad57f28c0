//! Where the program listens, what people open, and that the two fit.

use std::net::SocketAddr;

use lockjar::ConfigError;

use super::Config;

impl Config {
    /// The address that people open; without one it follows from the port, once that is known.
    pub(crate) fn public_url(&self, port: u16) -> Result<String, ConfigError> {
        let Some(url) = &self.settings.public_url else {
            let scheme = if self.tls.is_some() { "https" } else { "http" };
            return Ok(format!("{scheme}://localhost:{port}"));
        };
        if self.tls.is_some() && url.starts_with("http://") {
            return Err(ConfigError::new(format!(
                "the public URL {url} is plain http while --tls-cert is set: write https:// or leave the certificate out"
            )));
        }
        Ok(url.clone())
    }

    /// Refuses to speak plain http to others than this machine, unless that was allowed by name.
    pub(crate) fn check_listening(&self, address: SocketAddr) -> Result<(), ConfigError> {
        let plain = self.public_url(address.port())?.starts_with("http://");
        if plain && !address.ip().is_loopback() && !self.insecure_plain_http() {
            return Err(ConfigError::new(format!(
                "{address} can be reached by others, over plain http: listen on localhost, set the public URL to the https \
                 address of the proxy in front, give --tls-cert and --tls-key, or allow --insecure-plain-http"
            )));
        }
        Ok(())
    }

    /// The port in `listen`, for commands that do not listen.
    pub(crate) fn listen_port(&self) -> u16 {
        self.listen()
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse().ok())
            .unwrap_or(8000)
    }
}
