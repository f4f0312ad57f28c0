//! The operator's commands. Each opens the database beside the server, which learns of every change within a second.

mod audit;
mod backup;
mod blocklist;
mod copy;
mod import;
mod keys;
mod moment;
mod password;
mod progress;
mod restore;
mod session;
mod user;

pub(crate) use audit::{AuditArguments, audit};
pub(crate) use backup::backup;
pub(crate) use blocklist::blocklist;
pub(crate) use copy::copy;
pub(crate) use import::{ImportArguments, import};
pub(crate) use keys::keys;
pub(crate) use password::line_of_stdin;
pub(crate) use restore::restore;
pub(crate) use session::session;
pub(crate) use user::user;

use lockjar::audit::{Event, Record};
use lockjar::clock::{Clock as _, SystemClock};
use lockjar::store::Store;
use lockjar::{Auth, ConfigError, Error, User};

use crate::config::Config;
use crate::logging;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

async fn open(config: &Config) -> Result<Auth> {
    logging::warnings(config);
    let builder = config.builder(config.listen_port())?.without_sweeping();
    Ok(builder.open_with(config.database.open().await?).await?)
}

async fn open_existing(config: &Config) -> Result<Auth> {
    must_exist(config)?;
    open(config).await
}

/// Writes down what was done to a whole store. It is done, whatever comes of this.
async fn note(store: &dyn Store, event: Event) {
    let record = Record::of_operator(event, SystemClock.now());
    if let Err(error) = store.append(&[record]).await {
        eprintln!("lockjar: this is not in the audit log: {error}");
    }
}

/// A command that looks for a database must not make one.
fn must_exist(config: &Config) -> std::result::Result<(), ConfigError> {
    let Some(path) = config.database.file().filter(|path| !path.exists()) else {
        return Ok(());
    };
    Err(ConfigError::new(format!(
        "there is no database at {}: name it with --database, or serve first",
        path.display()
    )))
}

async fn find(auth: &Auth, name: &str) -> Result<User> {
    match auth.operator().user(name).await {
        Err(Error::NotFound) => Err(ConfigError::new(format!(
            "there is no account {name:?}; see `lockjar user list`"
        ))
        .into()),
        other => Ok(other?),
    }
}
