//! What a store keeps of who did what.

use async_trait::async_trait;

use super::Result;
use crate::audit::{Query, Record};
use crate::clock::Timestamp;

/// The audit log: records are added and, when they are old, deleted; none is ever changed.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Adds records, all or none.
    async fn append(&self, records: &[Record]) -> Result<()>;

    /// The records that answer a query, the latest first, and each with its place in the store, which rises.
    async fn audited(&self, query: &Query, limit: u32) -> Result<Vec<(i64, Record)>>;

    /// Deletes what is older, a bounded number at once; answers whether there may be more.
    async fn forget_audited(&self, before: Timestamp) -> Result<bool>;
}
