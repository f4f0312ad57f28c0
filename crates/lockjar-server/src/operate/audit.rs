//! `lockjar audit`

use std::collections::HashMap;
use std::net::IpAddr;
use std::process::ExitCode;
use std::str::FromStr;

use clap::Args;
use lockjar::audit::{Event, Query, Record};
use lockjar::clock::{Clock as _, SystemClock, Timestamp};
use lockjar::{Auth, ConfigError, Error, UserId};

use super::{Result, moment, open_existing};
use crate::Outcome;
use crate::config::Config;
use crate::output::say;

/// Records that are read at once.
const PAGE: u32 = 1_000;

#[derive(Args)]
pub(crate) struct AuditArguments {
    /// Only of this account
    name: Option<String>,
    /// The same by the account's id, which outlives its name
    #[arg(
        long,
        value_name = "ID",
        allow_hyphen_values = true,
        conflicts_with = "name"
    )]
    id: Option<UserId>,
    /// Only events of this kind, such as log_in_refused
    #[arg(long)]
    event: Option<Event>,
    /// Only what came from this address
    #[arg(long)]
    address: Option<IpAddr>,
    /// Only from then on: a moment such as 2026-01-31T12:00:00Z, or how long ago, such as 2h
    #[arg(long, value_name = "WHEN")]
    since: Option<Moment>,
    /// Only before then
    #[arg(long, value_name = "WHEN")]
    until: Option<Moment>,
    /// At the most so many, the latest; 0 for all
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    limit: u64,
    /// As lines of JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy)]
struct Moment(Timestamp);

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let moment = match humantime::parse_duration(text) {
            Ok(ago) => Some(SystemClock.now().before(ago)),
            Err(_) => moment::parse(text),
        };
        moment.map(Self).ok_or_else(|| {
            "write a moment such as 2026-01-31T12:00:00Z, or how long ago, such as 2h".to_owned()
        })
    }
}

pub(crate) async fn audit(config: &Config, arguments: AuditArguments) -> Outcome {
    let auth = open_existing(config).await?;
    let done = print(&auth, arguments).await;
    auth.close().await;
    done.map(|()| ExitCode::SUCCESS)
}

async fn print(auth: &Auth, arguments: AuditArguments) -> Result<()> {
    let user = match &arguments.name {
        Some(name) => Some(whose(auth, name).await?),
        None => arguments.id,
    };
    let mut query = Query {
        user,
        event: arguments.event,
        address: arguments.address,
        since: arguments.since.map(|moment| moment.0),
        until: arguments.until.map(|moment| moment.0),
        before: None,
    };
    let (mut names, mut left) = (HashMap::new(), arguments.limit);
    loop {
        let at_once = match left {
            0 => PAGE,
            left => u32::try_from(left).unwrap_or(PAGE).min(PAGE),
        };
        let page = auth.operator().audit(&query, at_once).await?;
        for (place, record) in &page {
            match arguments.json {
                true => say(serde_json::to_string(record)?)?,
                false => say(line(auth, &mut names, record).await?)?,
            }
            query.before = Some(*place);
        }
        let printed = u64::try_from(page.len())?;
        left = left.saturating_sub(printed);
        if printed < at_once.into() || (arguments.limit > 0 && left == 0) {
            return Ok(());
        }
    }
}

async fn whose(auth: &Auth, name: &str) -> Result<UserId> {
    match auth.operator().user(name).await {
        Ok(user) => Ok(user.id),
        Err(Error::NotFound) => Err(ConfigError::new(format!(
            "there is no account {name:?}; one that was deleted is found by --id, and that by `lockjar audit --event user_deleted`"
        ))
        .into()),
        Err(error) => Err(error.into()),
    }
}

/// One record on one line. Every part is an id, an address, a name that was checked, or a word of Lockjar's.
async fn line(auth: &Auth, names: &mut HashMap<UserId, String>, record: &Record) -> Result<String> {
    let user = match record.user {
        None => "-".to_owned(),
        Some(id) => match names.get(&id) {
            Some(name) => name.clone(),
            None => {
                let name = match auth.operator().user_with_id(id).await {
                    Ok(user) => user.username,
                    Err(Error::NotFound) => id.to_string(),
                    Err(error) => return Err(error.into()),
                };
                names.entry(id).or_insert(name).clone()
            }
        },
    };
    let by = if record.by_operator { "operator" } else { "-" };
    let address = record.address.map(|address| address.to_string());
    let times = (record.times > 1).then(|| format!("{} times", record.times));
    let session = record.session.map(|session| session.to_string());
    let dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    Ok(format!(
        "{}\t{}\t{user}\t{}\t{by}\t{}\t{}\t{}",
        record.at.precise(),
        record.event.name(),
        dash(address),
        dash(session),
        dash(record.request.clone()),
        [record.detail.clone(), times]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(", "),
    )
    .trim_end()
    .to_owned())
}
