//! Which passwords may be set.

use std::sync::Arc;

use lockjar::password::{Blocklist, PasswordPolicy};
use lockjar::{Builder, ConfigError};

use super::Config;
use crate::breaches::BreachApi;

impl Config {
    pub(crate) fn password_policy(&self) -> PasswordPolicy {
        let policy = PasswordPolicy::default();
        self.settings
            .password_min_length
            .map_or(policy.clone(), |length| policy.with_min_length(length))
    }

    /// What was stolen from other sites, by a file and by a service.
    pub(super) fn breaches(&self, mut builder: Builder) -> Result<Builder, ConfigError> {
        if let Some(path) = &self.settings.password_blocklist {
            let blocklist = Blocklist::open(path).map_err(|error| {
                ConfigError::new(format!(
                    "the password blocklist {} cannot be used: {error}",
                    path.display()
                ))
            })?;
            builder = builder.password_blocklist(blocklist);
        }
        if let Some(url) = &self.settings.password_breach_api {
            builder = builder.breached_passwords(Arc::new(BreachApi::new(url)?));
        }
        Ok(builder)
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::load;

    #[test]
    fn a_blocklist_that_is_none_refuses_to_start_in_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        let flag = path.display().to_string();
        let refused = || {
            let config = load(&["--password-blocklist", &flag], "").unwrap();
            config.builder(8000).map(drop).unwrap_err().to_string()
        };
        assert!(refused().contains("cannot be used: No such file"));
        std::fs::write(
            &path,
            "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:3\n".repeat(9),
        )
        .unwrap();
        assert!(refused().contains("lockjar blocklist build"));
    }

    #[test]
    fn the_service_is_asked_over_https_or_on_this_machine() {
        let said = |url: &str| {
            let file = format!("password.breach_api = \"{url}\"");
            let config = load(&[], &file).unwrap();
            config
                .builder(8000)
                .map(drop)
                .map_err(|error| error.to_string())
        };
        for url in [
            "https://hibp.example/range",
            "http://127.0.0.1:7/",
            "http://localhost:7/",
            "http://[::1]:7/range/",
        ] {
            assert_eq!(said(url), Ok(()), "{url}");
        }
        for url in [
            "http://api.pwnedpasswords.com/range/",
            "api.pwnedpasswords.com",
            "ftp://localhost/",
            "",
            "https://a.example/?x=",
        ] {
            assert!(
                said(url).unwrap_err().contains("--password-breach-api"),
                "{url}"
            );
        }
        assert!(load(&["--password-breach-api", "serve"], "").is_ok());
    }
}
