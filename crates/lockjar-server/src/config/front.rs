//! How many connections there may be, and who says where they come from.

use lockjar::ConfigError;
use lockjar::address::TrustedProxies;

use super::Config;
use crate::front::{Front, MAX_CONNECTIONS};

impl Config {
    /// What `serve` refuses to start with and `check` finds, as far as settings tell it. Nothing is made.
    pub(crate) fn validate(&self, port: u16) -> Result<(), ConfigError> {
        self.front()?;
        self.builder_to_check(port)?.check()
    }

    /// Whether proxies say by the PROXY protocol, and not by a header, where requests come from.
    fn proxy_protocol(&self) -> bool {
        self.settings.proxy_protocol.unwrap_or(false)
    }

    /// The proxies whose headers say where requests come from. Those that speak the PROXY protocol pass on whatever a client
    /// wrote into its headers.
    pub(super) fn header_writers(&self) -> Result<TrustedProxies, ConfigError> {
        match self.proxy_protocol() {
            true => Ok(TrustedProxies::default()),
            false => self.trusted_proxies(),
        }
    }

    pub(crate) fn front(&self) -> Result<Front, ConfigError> {
        let connections = self.settings.max_connections.unwrap_or(MAX_CONNECTIONS);
        // A flag's range is looked at already; a file's is not.
        if !(1..=1_000_000).contains(&connections) {
            return Err(ConfigError::new(
                "max_connections must be between 1 and 1,000,000",
            ));
        }
        let proxy_protocol = self.proxy_protocol();
        if proxy_protocol && !self.trusts_proxies() {
            return Err(ConfigError::new(
                "--proxy-protocol lets nobody in but trusted proxies: name them with --trusted-proxies",
            ));
        }
        Ok(Front {
            connections: usize::try_from(connections).unwrap_or(usize::MAX),
            proxies: self.trusted_proxies()?,
            proxy_protocol,
        })
    }
}
