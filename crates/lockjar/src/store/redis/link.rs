//! One connection to Redis for everybody, made anew when it fails. A server that might forget what it was told, or that is told
//! by another what is true, is refused each time: after a failover it may be another one.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, FromRedisValue, Pipeline, RedisError};
use tokio::sync::Mutex;

use crate::error::StoreError;
use crate::store::Result;

/// How long an answer may take, and a new connection.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct Link {
    client: Client,
    /// With its number, so that of many who find it broken one alone replaces it.
    current: Mutex<(u64, Option<MultiplexedConnection>)>,
}

impl Link {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            current: Mutex::new((0, None)),
        }
    }

    /// Sends commands in one message. They must be such that it does no harm to send them twice.
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        doing: &'static str,
        commands: &Pipeline,
    ) -> Result<T> {
        let failed = |error: RedisError| StoreError::new(doing, error);
        let (number, connection) = self.connection(doing).await?;
        match self.try_ask(number, connection, commands).await {
            // The server was restarted, say: nobody knows before it is tried.
            Err(error) if error.is_connection_dropped() => {
                let (number, connection) = self.connection(doing).await?;
                self.try_ask(number, connection, commands)
                    .await
                    .map_err(failed)
            }
            answer => answer.map_err(failed),
        }
    }

    async fn try_ask<T: FromRedisValue>(
        &self,
        number: u64,
        mut connection: MultiplexedConnection,
        commands: &Pipeline,
    ) -> std::result::Result<T, RedisError> {
        let answer = commands.query_async(&mut connection).await;
        if let Err(error) = &answer {
            tracing::debug!(%error, "Redis did not do what it was asked");
            self.discard(number).await;
        }
        answer
    }

    async fn connection(&self, doing: &'static str) -> Result<(u64, MultiplexedConnection)> {
        let mut current = self.current.lock().await;
        if let (number, Some(connection)) = &*current {
            return Ok((*number, connection.clone()));
        }
        let connection = self.connect(doing).await?;
        *current = (current.0 + 1, Some(connection.clone()));
        Ok((current.0, connection))
    }

    async fn connect(&self, doing: &'static str) -> Result<MultiplexedConnection> {
        let failed = |error: RedisError| StoreError::new(doing, error);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let connecting = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        let mut connection = connecting.await.map_err(failed)?;
        let info: String = redis::cmd("INFO")
            .query_async(&mut connection)
            .await
            .map_err(failed)?;
        check(&info)?;
        Ok(connection)
    }

    /// An answer that did not come says nothing about the next, but the network may have forgotten the connection.
    async fn discard(&self, number: u64) {
        let mut current = self.current.lock().await;
        if current.0 == number {
            current.1 = None;
        }
    }

    pub(super) async fn close(&self) {
        self.current.lock().await.1 = None;
    }
}

/// Whether a server with this `INFO` keeps what it is told.
fn check(info: &str) -> Result<()> {
    let says = |line: &str| info.lines().any(|it| it.trim_end() == line);
    let refuse = |why: &str| Err(StoreError::unavailable(why));
    if !says("role:master") {
        return refuse("Redis is a replica here: name the primary");
    }
    if !says("maxmemory_policy:noeviction") {
        return refuse(
            "Redis may throw sessions away when its memory is full: set its maxmemory-policy to noeviction",
        );
    }
    if !says("aof_enabled:1") {
        return refuse("Redis would forget every session when it stops: set its appendonly to yes");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_may_forget_is_refused_by_name_of_the_setting() {
        let good = "# Server\r\nrole:master\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\n";
        assert!(check(good).is_ok());
        for (line, worse, word) in [
            ("role:master", "role:slave", "replica"),
            (":noeviction", ":allkeys-lru", "maxmemory-policy"),
            (":noeviction", ":volatile-ttl", "maxmemory-policy"),
            ("aof_enabled:1", "aof_enabled:0", "appendonly"),
            ("aof_enabled:1", "other:1", "appendonly"),
        ] {
            let refused = check(&good.replace(line, worse)).unwrap_err();
            assert!(refused.to_string().contains(word), "{refused}");
        }
    }
}
