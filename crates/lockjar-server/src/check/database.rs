//! Findings in the databases that are servers: L06x, those that cannot be reached or may forget.

use lockjar::StoreError;
use lockjar::store::postgres::PostgresStore;
use lockjar::store::redis::RedisStore;

use super::Finding;
use crate::config::Config;
use crate::database::Database;

pub(super) async fn findings(config: &Config) -> Vec<Finding> {
    let Database::Postgres { settings, sessions } = &config.database else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    if let Err(error) = PostgresStore::check(settings).await {
        let remedy = "See that it runs, that its address and password are right, and that it keeps what it acknowledges";
        findings.push(Finding::serious("L060", told(settings, &error), remedy));
    }
    let checked = match sessions {
        Some(redis) => RedisStore::check(redis.clone()).await,
        None => Ok(()),
    };
    if let (Some(redis), Err(error)) = (sessions, checked) {
        let remedy = "See that it runs as a primary with appendonly yes and maxmemory-policy noeviction, and whether it wants TLS \
                      (rediss://)";
        findings.push(Finding::serious("L061", told(redis, &error), remedy));
    }
    findings
}

/// Which, and why not, on one line.
fn told(address: &dyn std::fmt::Display, error: &StoreError) -> String {
    format!("{address} cannot be used: {}", crate::sentence(error))
}
