//! What the cookie holds, and how JWTs are made.

use std::path::Path;

use lockjar::jwt::{KeyPolicy, MasterKey};
use lockjar::{Builder, ConfigError, JwtSettings, Strategy};

use super::Config;
use crate::keyfile;
use crate::settings::{HumanDuration, TokenSetting};

impl Config {
    /// What the cookie holds.
    pub(crate) fn strategy(&self) -> Strategy {
        match self.settings.token {
            Some(TokenSetting::Jwt) => Strategy::Jwt,
            Some(TokenSetting::Session) | None => Strategy::Session,
        }
    }

    /// The file with the master key.
    pub(crate) fn key_file(&self) -> &Path {
        let file = self.settings.jwt_key_file.as_deref();
        file.unwrap_or(Path::new("lockjar.key"))
    }

    fn jwt(&self, master: MasterKey) -> Result<JwtSettings, ConfigError> {
        let (given, defaults) = (&self.settings, KeyPolicy::default());
        let or = |span: Option<HumanDuration>, default| span.map_or(default, |span| span.0);
        let algorithm = given.jwt_algorithm.as_deref().map(str::parse).transpose()?;
        let secret_file = self.introspection_secret_file();
        let settings = JwtSettings::new(master);
        Ok(JwtSettings {
            keys: KeyPolicy {
                algorithm: algorithm.unwrap_or_default(),
                token_lifetime: or(given.jwt_lifetime, defaults.token_lifetime),
                jwks_max_age: or(given.jwt_jwks_max_age, defaults.jwks_max_age),
            },
            rotate_every: or(given.jwt_rotate_every, settings.rotate_every),
            audiences: given.jwt_audiences.clone().unwrap_or_default(),
            introspection_secret: secret_file
                .map(|path| keyfile::secret(path).map(Into::into))
                .transpose()?,
            ..settings
        })
    }

    /// The file with the secret of services that ask about tokens.
    pub(crate) fn introspection_secret_file(&self) -> Option<&Path> {
        self.settings.jwt_introspection_secret_file.as_deref()
    }

    /// The library's settings for JWTs.
    pub(crate) fn builder_with(
        &self,
        master: MasterKey,
        port: u16,
    ) -> Result<Builder, ConfigError> {
        Ok(self.builder(port)?.jwt(self.jwt(master)?))
    }

    /// The library's settings to be looked at and not to be opened: nothing is made.
    pub(crate) fn builder_to_check(&self, port: u16) -> Result<Builder, ConfigError> {
        match (self.strategy(), self.key_file()) {
            (Strategy::Session, _) => self.builder(port),
            (Strategy::Jwt, file) if file.exists() => self.builder_with(keyfile::read(file)?, port),
            (Strategy::Jwt, _) => self.builder_with(MasterKey::generate(), port),
        }
    }
}
