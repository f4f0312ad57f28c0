//! Configuration: flags, then environment variables, then `lockjar.toml`, then defaults.

mod address;
mod front;
mod passwords;
mod spans;
mod throttle;
mod tokens;

use std::path::{Path, PathBuf};
use std::time::Duration;

use lockjar::cookie::{CookieSettings, SameSite};
use lockjar::{Auth, Builder, ConfigError};
use serde::Deserialize;

use crate::database::Database;
use crate::settings::{LogFormat, LogLevel, SameSiteSetting, Settings};

const FILE: &str = "lockjar.toml";

/// The settings in force.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    settings: Settings,
    /// The file that was read, if one was.
    pub(crate) file: Option<PathBuf>,
    pub(crate) database: Database,
    /// Certificate chain and key.
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
}

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Config {
    /// Flags and environment come in `stronger`; the file is read here.
    pub(crate) fn load(stronger: Settings) -> Result<Self, ConfigError> {
        let file = match &stronger.config {
            Some(path) => Some(path.clone()),
            None => Path::new(FILE).exists().then(|| PathBuf::from(FILE)),
        };
        let weaker = file
            .as_deref()
            .map(read_file)
            .transpose()?
            .unwrap_or_default();
        let settings = stronger.or(weaker);
        let tls = tls_files(&settings)?;
        let database = Database::of(&settings)?;
        Ok(Self {
            settings,
            file,
            database,
            tls,
        })
    }

    pub(crate) fn listen(&self) -> &str {
        self.settings.listen.as_deref().unwrap_or("localhost:8000")
    }

    pub(crate) fn operations_listen(&self) -> Option<&str> {
        self.settings.operations_listen.as_deref()
    }

    pub(crate) fn log_format(&self) -> LogFormat {
        self.settings.log_format.unwrap_or(LogFormat::Text)
    }

    pub(crate) fn log_level(&self) -> LogLevel {
        self.settings.log_level.unwrap_or(LogLevel::Info)
    }

    pub(crate) fn shutdown_grace(&self) -> Duration {
        self.settings
            .shutdown_grace
            .map_or(Duration::from_secs(10), |span| span.0)
    }

    pub(crate) fn insecure_plain_http(&self) -> bool {
        self.settings.insecure_plain_http.unwrap_or(false)
    }

    pub(crate) fn trusted_origins(&self) -> &[String] {
        self.settings.trusted_origins.as_deref().unwrap_or_default()
    }

    pub(crate) fn cookie(&self) -> CookieSettings {
        let settings = &self.settings;
        CookieSettings {
            name: settings.cookie_name.clone(),
            max_age: settings.cookie_max_age.map(|span| span.0),
            path: settings.cookie_path.clone(),
            domain: settings.cookie_domain.clone(),
            same_site: match settings.cookie_same_site {
                Some(SameSiteSetting::Strict) => SameSite::Strict,
                Some(SameSiteSetting::None) => SameSite::None,
                Some(SameSiteSetting::Lax) | None => SameSite::Lax,
            },
            partitioned: settings.cookie_partitioned.unwrap_or(false),
            insecure_plain_http: self.insecure_plain_http(),
        }
    }

    /// The library's settings.
    pub(crate) fn builder(&self, port: u16) -> Result<Builder, ConfigError> {
        let mut builder = Auth::builder(&self.public_url(port)?)
            .cookie(self.cookie())
            .limits(self.limits())
            .password_policy(self.password_policy())
            .trust_proxies(self.header_writers()?)
            .per_address(self.per_address())
            .staleness(self.staleness());
        if let Some(retention) = self.settings.audit_retention {
            if retention.0 < DAY {
                return Err(ConfigError::new(
                    "the audit retention must be a day or more: what is older is deleted for good (m is minutes, M is months)",
                ));
            }
            builder = builder.audit_retention(retention.0);
        }
        builder = self.breaches(builder)?;
        if let Some(service) = &self.settings.service {
            builder = builder.service_name(service);
        }
        if let Some(on_outage) = self.settings.on_outage {
            builder = builder.on_outage(on_outage.0);
        }
        for origin in self.trusted_origins() {
            builder = builder.trust_origin(origin);
        }
        Ok(builder)
    }
}

fn read_file(path: &Path) -> Result<Settings, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        ConfigError::new(format!(
            "the configuration file {} cannot be read: {error}",
            path.display()
        ))
    })?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| wrong(path, &error))?;
    Settings::deserialize(dotted(table)).map_err(|error| wrong(path, &error))
}

/// `name` in the table `[cookie]` is the key `cookie.name`, as the settings call it.
fn dotted(table: toml::Table) -> toml::Table {
    let mut flat = toml::Table::new();
    for (key, value) in table {
        match value {
            toml::Value::Table(inner) => flat.extend(
                inner
                    .into_iter()
                    .map(|(name, value)| (format!("{key}.{name}"), value)),
            ),
            value => drop(flat.insert(key, value)),
        }
    }
    flat
}

/// What `toml` says in several lines, with a picture, in one: where and what.
fn wrong(path: &Path, error: &toml::de::Error) -> ConfigError {
    let text = error.to_string();
    let lines = text.lines().map(str::trim);
    let told: Vec<_> = lines
        .filter(|line| !line.is_empty() && !line.contains('|'))
        .collect();
    ConfigError::new(format!(
        "the configuration file {} is wrong: {}",
        path.display(),
        told.join(", ")
    ))
}

fn tls_files(settings: &Settings) -> Result<Option<(PathBuf, PathBuf)>, ConfigError> {
    match (&settings.tls_cert, &settings.tls_key) {
        (Some(cert), Some(key)) => Ok(Some((cert.clone(), key.clone()))),
        (None, None) => Ok(None),
        _ => Err(ConfigError::new(
            "--tls-cert and --tls-key go together: give both, or neither",
        )),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    pub(crate) fn load(flags: &[&str], file: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lockjar.toml");
        std::fs::write(&path, file).unwrap();
        let path = path.display().to_string();
        let arguments = [&["lockjar", "--config", &path], flags].concat();
        let cli = Cli::read(arguments).map_err(|error| error.to_string())?;
        Config::load(cli.settings).map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_flag_is_stronger_than_the_file_and_the_file_than_the_default() {
        assert_eq!(load(&[], "").unwrap().listen(), "localhost:8000");
        assert_eq!(
            load(&[], "listen = \"[::1]:1\"").unwrap().listen(),
            "[::1]:1"
        );
        assert_eq!(
            load(&["--listen", "127.0.0.1:2"], "listen = \"[::1]:1\"")
                .unwrap()
                .listen(),
            "127.0.0.1:2"
        );
        assert_eq!(
            load(&["serve", "--listen", "127.0.0.1:3"], "")
                .unwrap()
                .listen(),
            "127.0.0.1:3"
        );
    }

    #[test]
    fn every_setting_of_the_file_reaches_the_library() {
        let config = load(
            &[],
            "cookie.name = \"a\"\ncookie.max_age = \"2h\"\ncookie.path = \"/x\"\ncookie.domain = \"b.example\"\n\
             cookie.same_site = \"strict\"\ncookie.partitioned = true\nsession.idle = \"1h\"\nsession.absolute = \"2d\"\n\
             session.browser = \"3h\"\nsession.per_user = 4\npassword.min_length = 20\ninsecure_plain_http = true\n\
             trusted_origins = [\"https://c.example\"]\nshutdown_grace = \"3s\"\nlog_format = \"json\"\nlog_level = \"warn\"\n\
             service = \"S\"\npublic_url = \"https://b.example\"\ndatabase = \"sqlite://d.db\"\n",
        )
        .unwrap();
        let (cookie, limits) = (config.cookie(), config.limits());
        assert_eq!(
            (cookie.name.as_deref(), cookie.path.as_deref()),
            (Some("a"), Some("/x"))
        );
        assert_eq!(
            (cookie.max_age, cookie.domain.as_deref()),
            (Some(Duration::from_secs(7200)), Some("b.example"))
        );
        assert_eq!(
            (
                cookie.same_site,
                cookie.partitioned,
                cookie.insecure_plain_http
            ),
            (SameSite::Strict, true, true)
        );
        assert_eq!(
            (limits.idle, limits.absolute),
            (
                Duration::from_secs(3600),
                Duration::from_secs(2 * 24 * 3600)
            )
        );
        assert_eq!(
            (limits.browser, limits.per_user),
            (Duration::from_secs(3 * 3600), 4)
        );
        assert_eq!(config.password_policy().min_length(), 20);
        assert_eq!(config.trusted_origins(), ["https://c.example"]);
        assert_eq!(
            (config.shutdown_grace(), config.log_format()),
            (Duration::from_secs(3), LogFormat::Json)
        );
        assert_eq!(
            (config.log_level(), config.database.to_string().as_str()),
            (LogLevel::Warn, "sqlite://d.db")
        );
        assert_eq!(config.public_url(1).unwrap(), "https://b.example");
    }

    #[test]
    fn the_database_file_is_the_one_that_the_store_opens() {
        let file = |flags: &[&str]| {
            let database = load(flags, "").unwrap().database;
            database.file().map(Path::to_owned)
        };
        assert_eq!(file(&[]).unwrap(), Path::new("lockjar.db"));
        let spaced = file(&["--database", "sqlite:///srv/a%20b.db"]);
        assert_eq!(spaced.unwrap(), Path::new("/srv/a b.db"));
        assert_eq!(file(&["--database", "postgres://localhost/x"]), None);
    }

    #[test]
    fn the_public_url_follows_from_port_and_tls() {
        assert_eq!(
            load(&[], "").unwrap().public_url(7).unwrap(),
            "http://localhost:7"
        );
        let tls = ["--tls-cert", "c", "--tls-key", "k"];
        assert_eq!(
            load(&tls, "").unwrap().public_url(7).unwrap(),
            "https://localhost:7"
        );
        let contradiction = load(&tls, "public_url = \"http://a.example\"")
            .unwrap()
            .public_url(7);
        assert!(
            contradiction
                .unwrap_err()
                .to_string()
                .contains("plain http")
        );
    }

    #[test]
    fn mistakes_are_named_in_a_sentence() {
        for (flags, file, word) in [
            (&[][..], "lisen = \"x\"", "lisen"),
            (&[], "session.idle = \"soon\"", "duration"),
            (&[], "= nonsense", "wrong"),
            (&["--session-idle", "soon"], "", "duration"),
            (&["--tls-cert", "c"], "", "go together"),
            (&["--config", "/nowhere/lockjar.toml"], "", "cannot be"),
            (&["--database", "sqlite::memory:"], "", "lost"),
            (&[], "database = \"sqlite://a.db?mode=memory\"", "'?'"),
            (&[], "database = \"a.db\"", "sqlite://FILE"),
            (&["--database-wake-url", "postgres://a/b"], "", "PostgreSQL"),
            (&["--database-connections", "0"], "", "0 is not"),
            (&["--sessions", "redis://localhost"], "", "PostgreSQL"),
            (
                &[
                    "--database",
                    "postgres://a/b",
                    "--sessions",
                    "memcached://a",
                ],
                "",
                "redis://",
            ),
            (
                &[
                    "--database",
                    "postgres://a/b",
                    "--sessions",
                    "redis://a",
                    "--token",
                    "jwt",
                ],
                "",
                "JWTs",
            ),
            (&["--on-outage", "serve-stale"], "", "serve-stale:5m"),
        ] {
            let sentence = load(flags, file).unwrap_err();
            assert!(
                sentence.contains(word) && !sentence.contains('\n'),
                "{flags:?} {file:?}: {sentence}"
            );
        }
    }
}
