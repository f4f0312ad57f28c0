//! Where accounts and sessions are kept.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lockjar::store::Store;
use lockjar::store::postgres::{PostgresSettings, PostgresStore};
use lockjar::store::redis::{RedisSettings, RedisStore};
use lockjar::store::sqlite::SqliteStore;
use lockjar::{ConfigError, StoreError};

use crate::settings::{Settings, TokenSetting};

/// Where the database is unless a setting says so.
const DATABASE: &str = "sqlite://lockjar.db";

#[derive(Clone, Debug)]
pub(crate) enum Database {
    Sqlite {
        url: String,
        file: PathBuf,
    },
    Postgres {
        settings: Box<PostgresSettings>,
        /// Where sessions are, if not there too.
        sessions: Option<RedisSettings>,
    },
}

impl Database {
    pub(crate) fn of(settings: &Settings) -> Result<Self, ConfigError> {
        let url = settings.database.as_deref().unwrap_or(DATABASE);
        if url.starts_with("postgres") {
            return Self::of_postgres(postgres(url, settings)?, settings);
        }
        let only_postgres = [
            ("--sessions", settings.sessions.is_some()),
            ("--database-wake-url", settings.database_wake_url.is_some()),
            (
                "--database-connections",
                settings.database_connections.is_some(),
            ),
        ];
        if let Some((flag, _)) = only_postgres.iter().find(|(_, given)| *given) {
            return Err(ConfigError::new(format!(
                "{flag} goes with PostgreSQL: leave it out, or name a database like postgres://USER@HOST/DATABASE"
            )));
        }
        if !url.starts_with("sqlite") {
            return Err(ConfigError::new(
                "the database is neither sqlite://FILE nor postgres://USER@HOST/DATABASE: write one of them",
            ));
        }
        Ok(Self::Sqlite {
            file: SqliteStore::file(url)?,
            url: url.to_owned(),
        })
    }

    fn of_postgres(postgres: PostgresSettings, settings: &Settings) -> Result<Self, ConfigError> {
        if settings.sessions.is_some() && settings.token == Some(TokenSetting::Jwt) {
            return Err(ConfigError::new(
                "leave --sessions out where tokens are JWTs: their sessions live in the database beside the refresh tokens",
            ));
        }
        let sessions = settings.sessions.as_deref().map(RedisSettings::new);
        Ok(Self::Postgres {
            settings: Box::new(postgres),
            sessions: sessions.transpose()?,
        })
    }

    /// The file, where it is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite { file, .. } => Some(file),
            Self::Postgres { .. } => None,
        }
    }

    pub(crate) async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        match self {
            Self::Sqlite { url, .. } => Ok(Arc::new(SqliteStore::open(url).await?)),
            Self::Postgres { settings, sessions } => {
                let sql = PostgresStore::open((**settings).clone()).await?;
                match sessions {
                    None => Ok(Arc::new(sql)),
                    Some(redis) => Ok(Arc::new(RedisStore::open(redis.clone(), sql).await?)),
                }
            }
        }
    }
}

fn postgres(url: &str, settings: &Settings) -> Result<PostgresSettings, ConfigError> {
    let mut postgres = PostgresSettings::new(url)?;
    if let Some(wake) = &settings.database_wake_url {
        postgres = postgres.wake_url(wake)?;
    }
    Ok(match settings.database_connections {
        Some(connections) => postgres.connections(usize::from(connections)),
        None => postgres,
    })
}

/// For the log: without passwords.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { url, .. } => f.write_str(url),
            Self::Postgres { settings, sessions } => match sessions {
                None => settings.fmt(f),
                Some(redis) => write!(f, "{settings} with sessions in {redis}"),
            },
        }
    }
}
