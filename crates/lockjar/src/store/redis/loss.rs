//! Notices that Redis may have lost sessions. Nodes forget them then, as all others do: they could not be ended by their ids.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::timeout;

use super::link::Link;
use crate::id::SessionId;
use crate::store::Result;

/// What is there as long as nothing is lost.
const MARKER: &str = "lockjar:marker";
/// How long Redis may take to say that it is still the same. It never keeps a node from hearing what has ended.
const GLANCE: Duration = Duration::from_millis(100);

/// A run of the server, with the marker that it holds. A restart may lose the last that was written, and a failover too.
#[derive(PartialEq, Eq)]
pub(super) struct Run {
    server: String,
    marker: Vec<u8>,
}

/// Which run was seen last.
pub(super) struct Watch(Mutex<Run>);

impl Watch {
    pub(super) async fn start(link: &Link) -> Result<Self> {
        Ok(Self(Mutex::new(run(link).await?)))
    }

    /// Which run there is now, if that can be known at a glance.
    pub(super) async fn look(&self, link: &Link) -> Option<Run> {
        timeout(GLANCE, run(link)).await.ok()?.ok()
    }

    /// Whether it is another than the last, so that something may be lost. To be asked where the answer is sure to be heard,
    /// since it is given once.
    pub(super) fn is_another(&self, run: Run) -> bool {
        let mut last = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let is_another = *last != run;
        *last = run;
        is_another
    }
}

async fn run(link: &Link) -> Result<Run> {
    const DOING: &str = "asking whether Redis is still the same";
    let mut commands = redis::pipe();
    commands
        .cmd("SET")
        .arg(MARKER)
        .arg(SessionId::random().as_bytes())
        .arg("NX")
        .ignore();
    commands.cmd("GET").arg(MARKER);
    commands.cmd("INFO").arg("server");
    let (marker, info): (Vec<u8>, String) = link.ask(DOING, &commands).await?;
    let server = info.lines().find_map(|line| line.strip_prefix("run_id:"));
    Ok(Run {
        server: server.unwrap_or_default().trim_end().to_owned(),
        marker,
    })
}
