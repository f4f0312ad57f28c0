//! How often one address may fail, and whose word is taken for which address that is.

use lockjar::ConfigError;
use lockjar::address::{ForwardedHeader, TrustedProxies};
use lockjar::throttle::PerAddress;

use super::Config;
use crate::settings::ForwardedHeaderSetting;

impl Config {
    pub(crate) fn trusted_proxies(&self) -> Result<TrustedProxies, ConfigError> {
        let header = match self.settings.forwarded_header {
            Some(ForwardedHeaderSetting::Forwarded) => ForwardedHeader::Forwarded,
            Some(ForwardedHeaderSetting::XForwardedFor) | None => ForwardedHeader::XForwardedFor,
        };
        let networks = self.settings.trusted_proxies.as_deref();
        TrustedProxies::new(networks.unwrap_or_default(), header)
    }

    /// Whether somebody's word is taken.
    pub(crate) fn trusts_proxies(&self) -> bool {
        self.settings
            .trusted_proxies
            .as_ref()
            .is_some_and(|networks| !networks.is_empty())
    }

    pub(crate) fn per_address(&self) -> PerAddress {
        let default = PerAddress::default();
        PerAddress {
            failures: self.settings.throttle_failures.unwrap_or(default.failures),
            sign_ups: self.settings.throttle_sign_ups.unwrap_or(default.sign_ups),
        }
    }
}
