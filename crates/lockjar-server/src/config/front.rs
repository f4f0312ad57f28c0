//! How many connections there may be, and who says where they come from.

use lockjar::ConfigError;

use super::Config;
use crate::front::{Front, MAX_CONNECTIONS};

impl Config {
    pub(crate) fn front(&self) -> Result<Front, ConfigError> {
        let connections = self.settings.max_connections.unwrap_or(MAX_CONNECTIONS);
        let proxy_protocol = self.settings.proxy_protocol.unwrap_or(false);
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
