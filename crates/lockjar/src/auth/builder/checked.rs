//! Whether the settings fit together, and what follows from them.

use std::time::Duration;

use super::Builder;
use crate::auth::OnOutage;
use crate::cookie::{CookiePolicy, CookieSettings};
use crate::csrf::CsrfPolicy;
use crate::error::ConfigError;
use crate::origin::PublicUrl;

/// What follows from settings that fit together.
pub(super) struct Checked {
    pub(super) public: PublicUrl,
    pub(super) cookie: CookiePolicy,
    pub(super) refresh_cookie: Option<CookiePolicy>,
    pub(super) device_cookie: CookiePolicy,
    pub(super) csrf: CsrfPolicy,
}

impl Builder {
    pub(super) fn checked(&self) -> Result<Checked, ConfigError> {
        let public = PublicUrl::parse(&self.public_url)?;
        let (cookie, refresh_cookie) = self.cookies(&public)?;
        self.limits.check()?;
        self.argon.check()?;
        if self.staleness < Duration::from_millis(10) {
            return Err(ConfigError::new(
                "the staleness must be 10 milliseconds or more, or no session could be cached",
            ));
        }
        self.per_address.check()?;
        let device_cookie = CookiePolicy::of_device(&public, &self.cookie, &cookie)?;
        let mut csrf = CsrfPolicy::new(&public);
        for origin in &self.trusted_origins {
            csrf = csrf.trust(&PublicUrl::parse_as("trusted origin", origin)?);
        }
        if self.strict_csrf || cookie.is_sent_cross_site() {
            csrf = csrf.strict();
        }
        if self.csrf_off {
            csrf = csrf.dangerously_off();
        }
        Ok(Checked {
            public,
            cookie,
            refresh_cookie,
            device_cookie,
            csrf,
        })
    }

    /// The cookie of every request, and with the JWT strategy that of the refresh token.
    fn cookies(
        &self,
        public: &PublicUrl,
    ) -> Result<(CookiePolicy, Option<CookiePolicy>), ConfigError> {
        let Some(jwt) = &self.jwt else {
            return Ok((CookiePolicy::new(public, &self.cookie)?, None));
        };
        jwt.check(public)?;
        if self.cookie.name.is_some() {
            return Err(ConfigError::new(
                "leave the cookie's name out where tokens are JWTs: there are two, access_token and refresh_token",
            ));
        }
        // Hosts that share the access token are services that check it. What renews it for weeks is none of theirs.
        let host_only = CookieSettings {
            domain: None,
            path: None,
            ..self.cookie.clone()
        };
        let access = CookiePolicy::named(public, &self.cookie, "access_token")?;
        let refresh = CookiePolicy::named(public, &host_only, "refresh_token")?;
        Ok((access, Some(refresh)))
    }

    /// For whoever reads the log.
    pub(super) fn warn_of_dangers(&self, public: &PublicUrl) {
        for danger in self.dangers(public) {
            tracing::warn!(public_url = %public, "{danger}");
        }
    }

    /// The defences that were turned off on purpose.
    fn dangers(&self, public: &PublicUrl) -> Vec<&'static str> {
        let plain = !public.is_https() && !public.is_loopback();
        let stale = self.on_outage != OnOutage::Refuse;
        [
            (stale, "on_outage is serve-stale: while the store cannot be asked, sessions that others have ended are accepted here"),
            (plain, "insecure_plain_http is on: everyone on the way can read the cookie and be its user"),
            (self.throttle_off, "dangerously_without_throttle is on: passwords can be guessed without a limit"),
            (self.csrf_off, "dangerously_without_csrf_guard is on: every site can act in the name of its visitors"),
            (self.rules.policy.accepts_anything(), "dangerously_accept_anything is on: any password is good enough"),
        ]
        .into_iter()
        .filter_map(|(on, danger)| on.then_some(danger))
        .collect()
    }
}
