//! `GET /metrics`, in Prometheus' text format. It is for operators, so only [`Auth::operations`] has it.
//!
//! [`Auth::operations`]: crate::Auth::operations

use std::fmt::Write;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;

use crate::auth::Health;
use crate::web::Mounted;

/// <https://prometheus.io/docs/instrumenting/exposition_formats/>
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) async fn metrics(State(site): State<Mounted>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, FORMAT),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, text(&site.auth.health())).into_response()
}

/// Name, what it is, value.
type Told = (&'static str, &'static str, f64);

fn gauges(health: &Health) -> [Told; 4] {
    [
        (
            "cache_trusted",
            "Whether what is remembered of sessions may be believed (1), or each check reads the store (0).",
            count(u64::from(health.cache_trusted)),
        ),
        (
            "feed_lag_seconds",
            "How long ago the last reading of the change feed began that was applied.",
            health.feed_lag.as_secs_f64(),
        ),
        (
            "sessions_cached",
            "Sessions that are remembered.",
            count(health.sessions_cached as u64),
        ),
        (
            "store_reads_under_way",
            "Reads of the store that requests wait for.",
            count(health.reads_under_way as u64),
        ),
    ]
}

fn counters(health: &Health) -> [Told; 4] {
    [
        (
            "store_reads_total",
            "Sessions read from the store.",
            count(health.reads),
        ),
        (
            "feed_beats_total",
            "Readings of the change feed.",
            count(health.beats),
        ),
        (
            "feed_failures_total",
            "Readings of the change feed that failed.",
            count(health.failed_beats),
        ),
        (
            "feed_changes_total",
            "Changes that the feed has told.",
            count(health.changes),
        ),
    ]
}

fn text(health: &Health) -> String {
    let mut text = String::new();
    let gauges = gauges(health).map(|told| ("gauge", told));
    let counters = counters(health).map(|told| ("counter", told));
    for (kind, (name, what, value)) in gauges.into_iter().chain(counters) {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "# HELP lockjar_{name} {what}\n# TYPE lockjar_{name} {kind}\nlockjar_{name} {value}"
        );
    }
    text
}

/// Prometheus has no other numbers. Up to 2⁵³ they are exact.
#[allow(clippy::cast_precision_loss)]
const fn count(number: u64) -> f64 {
    number as f64
}
