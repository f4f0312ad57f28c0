//! How long things last.

use std::time::Duration;

use lockjar::session::SessionLimits;

use super::Config;

impl Config {
    pub(crate) fn limits(&self) -> SessionLimits {
        let (default, settings) = (SessionLimits::default(), &self.settings);
        SessionLimits {
            idle: settings.session_idle.map_or(default.idle, |span| span.0),
            absolute: settings
                .session_absolute
                .map_or(default.absolute, |span| span.0),
            browser: settings
                .session_browser
                .map_or(default.browser, |span| span.0),
            per_user: settings.session_per_user.unwrap_or(default.per_user),
            ..default
        }
    }

    /// How long a node may believe what it remembers.
    pub(crate) fn staleness(&self) -> Duration {
        self.settings
            .staleness
            .map_or(Duration::from_secs(1), |span| span.0)
    }
}
